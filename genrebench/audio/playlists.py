"""Files named by folders and playlists (M3U)."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from genrebench.errors import UsageError
from genrebench.reading import UnsafeFileError, read_ordinary

SUFFIXES = (".m3u", ".m3u8")
"""Suffixes of playlists."""

MAX_PLAYLIST = 16 * 10**6
"""Largest size of a playlist, in bytes."""


def expand(paths: Iterable[Path], find: Callable[[Path], list[Path]]) -> list[Path]:
    """Replace folders by the audio files below them, and playlists by the files that they name, in their order.

    Parameters
    ----------
    paths : iterable of Path
    find : callable
        Returns the audio files below a folder.

    Returns
    -------
    list of Path
        Without duplicates. A file that a playlist names is listed whether it exists or not; of an address on the internet, the
        last part is its name.

    Raises
    ------
    UsageError
        If a folder has no audio files, or a playlist names none or can't be read.
    """
    found: dict[str, Path] = {}
    for path in _expand(paths, find, frozenset()):
        found.setdefault(os.path.abspath(path), path)  # noqa: PTH100, keeps links
    return list(found.values())


def _expand(paths: Iterable[Path], find: Callable[[Path], list[Path]], above: frozenset[Path]) -> Iterator[Path]:
    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112, False for a name that is too long
            files = find(path)
            if not files:
                raise UsageError(f"there are no audio files in {str(path)!r}")
            yield from files
        elif path.suffix.lower() in SUFFIXES and os.path.isfile(path):  # noqa: PTH113, as above
            if path.resolve() not in above:  # a playlist may name itself
                yield from _expand(entries(path), find, above | {path.resolve()})
        else:
            yield path


def entries(playlist: Path) -> list[Path]:
    """The files that a playlist names; relative ones are relative to its folder.

    Raises
    ------
    UsageError
        If it names none, or can't be read.
    """
    try:
        content = read_ordinary(playlist, MAX_PLAYLIST)
    except OSError as error:
        raise UsageError(f"can't read the playlist {str(playlist)!r}: {error.strerror or error}") from None
    except UnsafeFileError as error:
        raise UsageError(f"can't read the playlist {str(playlist)!r}: {error}") from None
    try:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")  # what players on Windows write into .m3u
    lines = [line.strip() for line in text.splitlines()]
    found = [_entry(line, playlist.parent) for line in lines if line and not line.startswith("#")]
    if not found:
        raise UsageError(f"the playlist {str(playlist)!r} names no file")
    return found


def _entry(line: str, folder: Path) -> Path:
    if line.lower().startswith("file://"):
        line = unquote(urlsplit(line).path)
    spellings = [line, line.replace("\\", "/"), unquote(line)]  # as it is, written on Windows, as an address
    spellings += [unicodedata.normalize(form, line) for form in ("NFC", "NFD")]
    paths = [folder / spelling for spelling in dict.fromkeys(spellings)]
    return next((path for path in paths if os.path.exists(path)), paths[0])  # noqa: PTH110, as above
