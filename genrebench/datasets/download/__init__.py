"""FMA from its archives: fetched where they aren't there, verified by SHA-1, unpacked with care."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import filelock

from genrebench.datasets.download.fetch import Progress, fetch, hash_file, ignore
from genrebench.datasets.download.unpack import unpack
from genrebench.errors import DataError, UsageError

BASE_URL = "https://os.unil.cloud.switch.ch/fma/"
GIB = 2**30


@dataclass(frozen=True)
class Archive:
    """An archive of FMA.

    Parameters
    ----------
    folder : str
        The one folder that it unpacks to; its file name is this and ``.zip``.
    sha1 : str
    size, unpacked : int
        In bytes, rounded up: to know beforehand whether the disk has room, and to stop what is far larger.
    files : tuple of str
        What the unpacked folder can't be without.
    """

    folder: str
    sha1: str
    size: int
    unpacked: int
    files: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.folder}.zip"


ARCHIVES: Mapping[str, Archive] = {
    archive.folder: archive
    for archive in (
        Archive(
            "fma_metadata",
            "f0df49ffe5f2a6008d7dc83c6915b31835dfe733",
            size=343 * 2**20,
            unpacked=2 * GIB,
            files=("tracks.csv", "genres.csv", "features.csv"),
        ),
        Archive("fma_small", "ade154f733639d52e35e32f5593efe5be76c6d70", size=int(7.3 * GIB), unpacked=int(7.6 * GIB)),
        Archive("fma_medium", "c67b69ea232021025fca9231fc1c7c1a063ab50b", size=int(22.6 * GIB), unpacked=int(23.5 * GIB)),
        Archive("fma_large", "497109f4dd721066b5ce5e5f250ec604dc78939e", size=94 * GIB, unpacked=97 * GIB),
    )
}
"""The archives by folder; SHA-1 from github.com/mdeff/fma."""

DATASETS = {"fma-small": "fma_small", "fma-medium": "fma_medium", "fma-large": "fma_large"}


@dataclass(frozen=True)
class Got:
    """What `get` did.

    Parameters
    ----------
    folder : Path
        Where the data lies.
    unpacked, present : tuple of str
        Folders that were unpacked now, and those that were there already.
    bytes_fetched : int
        Over the network; 0 where the archives came from a local folder.
    """

    folder: Path
    unpacked: tuple[str, ...]
    present: tuple[str, ...]
    bytes_fetched: int


def get(
    dataset: str,
    home: Path,
    *,
    metadata_only: bool = False,
    source: str | Path | None = None,
    progress: Progress = ignore,
    archives: Mapping[str, Archive] = ARCHIVES,
) -> Got:
    """Bring a dataset to this machine: metadata, and the audio of its subset.

    A folder appears under its name once it is complete; whatever interrupts, the next call goes on where this one stopped. An
    archive that was downloaded is removed when it has been unpacked, one in a local folder stays.

    Parameters
    ----------
    dataset : {"fma-small", "fma-medium", "fma-large"}
    home : Path
        The folder below which genrebench keeps data; FMA lies in its ``fma``.
    metadata_only : bool
        Without the audio: enough for models of the distributed features.
    source : str or Path, optional
        A mirror (http or https, the folder that holds the archives), or a local folder with the archives; by default FMA's
        server.
    progress : callable
        ``progress(what, done, total)`` in bytes, at most ten times a second.
    archives : mapping of str to Archive

    Returns
    -------
    Got

    Raises
    ------
    UsageError
        If the dataset can't be got, or the source isn't a mirror or a folder.
    DataError
        If the archive can't be had, isn't the one that was published, or the disk has no room.
    """
    if dataset not in DATASETS:
        raise UsageError(f"{dataset!r} can't be downloaded; there are {', '.join(DATASETS)}")
    wanted = [archives["fma_metadata"], *([] if metadata_only else [archives[DATASETS[dataset]]])]
    root = home / "fma"
    place = _place(source)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _alone(root):
            missing = [archive for archive in wanted if not _is_there(root, archive)]
            _check_space(root, missing, fetched=place if isinstance(place, Path) else None)
            fetched = sum(_bring(root, archive, place, progress) for archive in missing)
    except OSError as error:
        raise DataError(f"can't write below {root}: {error.strerror or error}; what is there is kept, run it again") from None
    return Got(
        folder=root,
        unpacked=tuple(archive.folder for archive in missing),
        present=tuple(archive.folder for archive in wanted if archive not in missing),
        bytes_fetched=fetched,
    )


def _bring(root: Path, archive: Archive, place: str | Path, progress: Progress) -> int:
    """Fetch, verify and unpack one archive; the number of bytes fetched."""
    fetched = 0
    if isinstance(place, Path):
        file = place / archive.name
        if not file.is_file():
            unpacked = (place / archive.folder).is_dir()
            step = f"move or link {place / archive.folder} to {root / archive.folder}" if unpacked else "put it there"
            raise DataError(f"{place} has no {archive.name}; {step}")
        _verify(file, archive, progress)
    else:
        file = root / archive.name
        if file.is_file():
            _verify(file, archive, progress)
        else:
            fetched = fetch(place + archive.name, file, archive.sha1, limit=2 * archive.size, progress=progress)
    unpack(file, root / archive.folder, limit=2 * archive.unpacked, progress=progress)
    if not isinstance(place, Path):
        file.unlink()
    return fetched


def _verify(file: Path, archive: Archive, progress: Progress) -> None:
    digest = hashlib.sha1(usedforsecurity=False)
    hash_file(file, digest, progress)
    if digest.hexdigest() != archive.sha1:
        raise DataError(
            f"{file} has the SHA-1 {digest.hexdigest()} where {archive.sha1} was expected; remove it and get it anew"
        )


def _is_there(root: Path, archive: Archive) -> bool:
    folder = root / archive.folder
    if not folder.is_dir():
        return False
    lacking = [name for name in archive.files if not (folder / name).is_file()]
    if lacking:
        raise DataError(f"{folder} is there but lacks {', '.join(lacking)}; move it away, then get it anew")
    return True


def _place(source: str | Path | None) -> str | Path:
    """A local folder, or a URL that ends in a slash."""
    if source is None:
        return BASE_URL
    text = str(source)
    if urlsplit(text).scheme in ("http", "https") and "://" in text:
        return text.rstrip("/") + "/"
    if "://" in text:
        raise UsageError(f"--from {text!r}: only http, https and local folders are read")
    folder = Path(text).expanduser()
    if not folder.is_dir():
        raise UsageError(f"--from {text!r} is neither a URL nor a folder")
    return folder


def _check_space(root: Path, missing: list[Archive], fetched: Path | None) -> None:
    """Refuse before the first byte where the disk has no room for the archives and what they unpack to."""
    needed = 0
    for archive in missing:
        part = root / f"{archive.folder}.part"  # what an interrupted call has unpacked
        needed += max(0, archive.unpacked - sum(file.stat().st_size for file in part.rglob("*") if file.is_file()))
        if fetched is None:
            files = [root / archive.name, root / f"{archive.name}.part"]
            needed += max(0, archive.size - max((file.stat().st_size for file in files if file.is_file()), default=0))
    free = shutil.disk_usage(root).free
    if needed > free:
        raise DataError(
            f"{root} has {free / GIB:.1f} GiB free and {needed / GIB:.1f} GiB are needed; set GENREBENCH_HOME to a larger disk"
        )


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Keep a second `get` out of the same folder; the lock goes with the process, however it ends."""
    try:
        with filelock.FileLock(root / ".lock", timeout=0):
            yield
    except filelock.Timeout:
        raise DataError(f"another genrebench is getting data into {root}; wait for it") from None
