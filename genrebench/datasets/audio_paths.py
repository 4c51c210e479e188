"""From a path as people write it in a table to the audio file on disk, inside the folder of the dataset."""

from __future__ import annotations

import contextlib
import errno
import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from genrebench.errors import DataError
from genrebench.records import Remark


class AudioPaths:
    """Finds the audio files of one dataset.

    Parameters
    ----------
    folder : Path
        The folder of the dataset.
    follow_links : bool
        Whether links may lead out of the folder.
    """

    def __init__(self, folder: Path, *, follow_links: bool = False) -> None:
        self.root = folder.resolve()
        self._follow_links = follow_links
        self._listings: dict[Path, dict[str, list[str]]] = {}

    def find(self, text: str, where: str) -> Path:
        """The file that a table names, whether it exists or not.

        The path is taken as it is written; if there is no such file, without blanks around it, with backslashes as slashes,
        and in another Unicode form.

        Parameters
        ----------
        text : str
            Relative to the folder.
        where : str
            Used in the error message: "tracks.csv, line 3".

        Raises
        ------
        DataError
            If the path is absolute, leads out of the folder by "..", or contains a control character.
        """
        spellings = dict.fromkeys((text, text.strip(), text.strip().replace("\\", "/")))
        paths = [self._below(spelling, where) for spelling in spellings]
        for path in paths:
            if os.path.lexists(path):
                return path
        return self._in_other_form(paths[-1]) or paths[-1]

    def problem(self, path: Path) -> Remark | None:
        """Why a file can't be used: it is a broken link, or a link that leads out of the folder; None if it can be used."""
        try:
            target = path.resolve()
            exists = target.exists()
        except (OSError, RuntimeError) as error:
            if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
                return Remark("missing", "fault", f"the path is too long for a file: {path.name[:40]!r}...")
            return Remark("missing", "fault", f"{path.name!r} is a link that leads back to itself")  # a circle of links
        inside = target.is_relative_to(self.root)
        if not exists and (path.is_symlink() or not inside):
            return Remark("missing", "fault", f"{path.name!r} is a broken link, to {str(target)!r}")
        if inside or self._follow_links:
            return None
        return Remark(
            "outside",
            "fault",
            f"a link that leads out of the folder, to {str(target)!r}; --follow-links reads what it leads to",
        )

    def _below(self, text: str, where: str) -> Path:
        if PurePosixPath(text).is_absolute() or PureWindowsPath(text).drive or PureWindowsPath(text).is_absolute():
            raise DataError(f"{where}: path {text!r} is absolute; write it relative to the folder")
        if any(unicodedata.category(character) == "Cc" for character in text):
            raise DataError(f"{where}: path {text!r} contains a control character; rename the file")
        relative = PurePosixPath(os.path.normpath(text))
        if relative.parts[:1] in ((), ("..",)):
            raise DataError(f"{where}: path {text!r} leads out of the folder; keep the audio inside the folder")
        return self.root / relative

    def _in_other_form(self, path: Path) -> Path | None:
        """The only file whose path is the same text in another Unicode form: a Mac decomposes names, others compose them."""
        matches = [self.root]
        for name in path.relative_to(self.root).parts:
            matches = [match for folder in matches for match in self._same_name(folder, name)]
        return matches[0] if len(matches) == 1 else None

    def _same_name(self, folder: Path, name: str) -> Iterator[Path]:
        if folder not in self._listings:
            listing: defaultdict[str, list[str]] = defaultdict(list)
            with contextlib.suppress(OSError):  # it isn't there, or can't be listed
                for entry in folder.iterdir():
                    listing[unicodedata.normalize("NFC", entry.name)].append(entry.name)
            self._listings[folder] = dict(listing)
        for found in self._listings[folder].get(unicodedata.normalize("NFC", name), ()):
            yield folder / found
