"""Searching a folder for audio files, with everything that isn't one, so that nothing is left out unseen."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = (".mp3", ".wav", ".flac", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".au", ".m4a", ".mp4")
"""Suffixes of files that count as audio when a folder is searched. Decoding depends on a file's content, not on its name."""

SYSTEM_FOLDERS = frozenset(
    {
        "__macosx",
        "__pycache__",
        "$recycle.bin",
        "recycler",
        "recycled",
        "system volume information",
        "found.000",
        "@eadir",
        "@recycle",
        "@recently-snapshot",
        "@tmp",
        "#recycle",
        "#snapshot",
        "~snapshot",
        "lost+found",
        "lost.dir",
        "network trash folder",
        "temporary items",
        "thevolumesettingsfolder",
        "node_modules",
    }
)
"""Names of folders that systems and network drives put among a user's own, in lower case."""


@dataclass(frozen=True)
class Found:
    """What is in a folder, at any depth; each list is sorted by path.

    Parameters
    ----------
    audio : tuple of Path
        Files with an audio suffix; broken links are included, reading one raises.
    links : frozenset of Path
        Those of `audio` that are links.
    folders : tuple of Path
        Folders that were searched, without the first.
    others : tuple of Path
        Visible files without an audio suffix.
    hidden_audio : tuple of Path
        Hidden files with an audio suffix, such as macOS's ``._`` files.
    skipped : tuple of Path
        Hidden folders and those of the system, which aren't searched.
    not_followed : tuple of Path
        Links to folders that weren't followed, and those that lead back to a folder above.
    broken : tuple of Path
        Links without an audio suffix that lead nowhere.
    unreadable : tuple of Path
        Folders that can't be listed.
    """

    audio: tuple[Path, ...]
    links: frozenset[Path]
    folders: tuple[Path, ...]
    others: tuple[Path, ...]
    hidden_audio: tuple[Path, ...]
    skipped: tuple[Path, ...]
    not_followed: tuple[Path, ...]
    broken: tuple[Path, ...]
    unreadable: tuple[Path, ...]


def search(folder: Path, follow: Callable[[Path], bool] = lambda _: False) -> Found:
    """Search a folder at any depth.

    Parameters
    ----------
    folder : Path
    follow : callable
        Called with each link to a folder: whether it is searched as well. A link to a folder above itself never is.
    """
    lists: dict[str, list[Path]] = {name: [] for name in Found.__dataclass_fields__}
    for kind, path in _walk(folder, follow, ()):
        lists[kind].append(path)
    return Found(
        **{name: frozenset(paths) if name == "links" else tuple(sorted(paths)) for name, paths in lists.items()}  # type: ignore[arg-type]
    )


def find(folder: Path) -> list[Path]:
    """Audio files below `folder`, recognised by suffix and sorted by path. Broken links are included; reading one raises.

    Hidden folders and those of the system are skipped, links to folders aren't followed.
    """
    return list(search(folder).audio)


def is_audio(path: Path) -> bool:
    """Whether a file has an audio suffix. Hidden files (such as macOS's ``._`` files) don't count."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def is_skipped(name: str) -> bool:
    """Whether a folder of this name is hidden or of the system."""
    return name.startswith(".") or name.casefold() in SYSTEM_FOLDERS


def _walk(folder: Path, follow: Callable[[Path], bool], above: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    """Each entry with the name of the list in `Found` that it belongs to; `above` are the real paths of the folders above."""
    above = (*above, os.path.realpath(folder))
    try:
        with os.scandir(folder) as entries:
            content = list(entries)
    except OSError:
        yield "unreadable", folder
        return
    for entry in content:
        path = folder / entry.name
        if _is_folder(entry):
            if is_skipped(entry.name):
                yield "skipped", path
            elif entry.is_symlink() and (not follow(path) or os.path.realpath(path) in above):
                yield "not_followed", path
            else:
                yield "folders", path
                yield from _walk(path, follow, above)
        elif entry.name.startswith("."):
            if Path(entry.name).suffix.lower() in SUFFIXES:
                yield "hidden_audio", path
        elif is_audio(path):
            yield "audio", path
            if entry.is_symlink():
                yield "links", path
        elif entry.is_symlink() and not path.exists():
            yield "broken", path
        else:
            yield "others", path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder or a link to one; a link that leads in a circle is neither."""
    try:
        return entry.is_dir()
    except OSError:
        return False
