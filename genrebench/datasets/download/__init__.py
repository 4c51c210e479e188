"""Getting FMA: its archives are downloaded if missing, verified by SHA-1 and unpacked safely."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from genrebench import temporary
from genrebench.datasets.download.fetch import Progress, fetch, hash_file, ignore
from genrebench.datasets.download.unpack import unpack
from genrebench.errors import DataError, UsageError

BASE_URL = "https://os.unil.cloud.switch.ch/fma/"
GIB = 2**30


@dataclass(frozen=True)
class Archive:
    """One of FMA's archives.

    Parameters
    ----------
    folder : str
        The single folder that it unpacks to; the file name is this plus ``.zip``.
    sha1 : str
    size, unpacked : int
        In bytes, rounded up: to check the disk space beforehand and to reject files that are far too large.
    files : tuple of str
        Files that the unpacked folder must contain.
    """

    folder: str
    sha1: str
    size: int
    unpacked: int
    files: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """File name of the archive."""
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
"""The archives by folder name; SHA-1 from github.com/mdeff/fma."""

DATASETS = {"fma-small": "fma_small", "fma-medium": "fma_medium", "fma-large": "fma_large"}


@dataclass(frozen=True)
class GetResult:
    """Result of `get`.

    Parameters
    ----------
    folder : Path
        Folder of the data.
    unpacked, present : tuple of str
        Folders that were unpacked by this call, and those that existed already.
    bytes_fetched : int
        Downloaded bytes; 0 if the archives came from a local folder.
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
) -> GetResult:
    """Download and unpack a dataset: the metadata and the audio of its subset.

    A folder gets its final name once it is complete; after an interruption the next call resumes. A downloaded archive is
    deleted after unpacking, an archive in a local folder is kept.

    Parameters
    ----------
    dataset : {"fma-small", "fma-medium", "fma-large"}
    home : Path
        The folder in which genrebench keeps data; FMA goes to its subfolder ``fma``.
    metadata_only : bool
        Skip the audio; enough for models that use the distributed features.
    source : str or Path, optional
        URL of a mirror (http or https; the directory of the archives) or a local folder with the archives; by default FMA's
        server.
    progress : callable
        ``progress(description, done, total)`` in bytes, called at most ten times per second.
    archives : mapping of str to Archive

    Returns
    -------
    GetResult

    Raises
    ------
    UsageError
        If the dataset can't be downloaded, or the source is neither a URL nor a folder.
    DataError
        If an archive can't be fetched or has the wrong checksum, or the disk is too small.
    """
    if dataset not in DATASETS:
        raise UsageError(f"{dataset!r} can't be downloaded; choose one of {', '.join(DATASETS)}")
    required = [archives["fma_metadata"], *([] if metadata_only else [archives[DATASETS[dataset]]])]
    root = home / "fma"
    location = _parse_source(source)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _locked(root):
            missing = [archive for archive in required if not _is_present(root, archive)]
            _check_space(root, missing, download=not isinstance(location, Path))
            fetched = sum(_fetch_and_unpack(root, archive, location, progress) for archive in missing)
    except OSError as error:
        raise DataError(
            f"can't write below {root}: {error.strerror or error}; finished files are kept: run the command again"
        ) from None
    return GetResult(
        folder=root,
        unpacked=tuple(archive.folder for archive in missing),
        present=tuple(archive.folder for archive in required if archive not in missing),
        bytes_fetched=fetched,
    )


def _fetch_and_unpack(root: Path, archive: Archive, location: str | Path, progress: Progress) -> int:
    """Fetch, verify and unpack one archive; returns the number of bytes downloaded."""
    fetched = 0
    if isinstance(location, Path):
        file = location / archive.name
        if not file.is_file():
            unpacked = location / archive.folder
            step = f"move or link {unpacked} to {root / archive.folder}" if unpacked.is_dir() else "copy it into that folder"
            raise DataError(f"{location} has no {archive.name}; {step}")
        _verify(file, archive, progress)
    else:
        file = root / archive.name
        if file.is_file():
            _verify(file, archive, progress)
        else:
            fetched = fetch(location + archive.name, file, archive.sha1, limit=2 * archive.size, progress=progress)
    unpack(file, root / archive.folder, limit=2 * archive.unpacked, progress=progress)
    if not isinstance(location, Path):
        file.unlink()
    return fetched


def _verify(file: Path, archive: Archive, progress: Progress) -> None:
    digest = hashlib.sha1(usedforsecurity=False)
    hash_file(file, digest, progress)
    if digest.hexdigest() != archive.sha1:
        raise DataError(f"{file} has the SHA-1 {digest.hexdigest()}, expected {archive.sha1}; delete it and download it again")


def _is_present(root: Path, archive: Archive) -> bool:
    folder = root / archive.folder
    if not folder.is_dir():
        return False
    missing_files = [name for name in archive.files if not (folder / name).is_file()]
    if missing_files:
        raise DataError(f"{folder} exists but lacks {', '.join(missing_files)}; move it away, then run the command again")
    return True


def _parse_source(source: str | Path | None) -> str | Path:
    """A local folder, or a URL with a trailing slash."""
    if source is None:
        return BASE_URL
    text = str(source)
    if urlsplit(text).scheme in ("http", "https") and "://" in text:
        return text.rstrip("/") + "/"
    if "://" in text:
        raise UsageError(f"--from {text!r}: only http, https and local folders are supported")
    folder = Path(text).expanduser()
    if not folder.is_dir():
        raise UsageError(f"--from {text!r} is neither a URL nor a folder")
    return folder


def _check_space(root: Path, missing: list[Archive], *, download: bool) -> None:
    """Raise `DataError` if the disk has no room for the unpacked files and, with `download`, for the archives."""
    needed = 0
    for archive in missing:
        part = root / f"{archive.folder}.part"  # unpacked by an interrupted call
        needed += max(0, archive.unpacked - sum(file.stat().st_size for file in part.rglob("*") if file.is_file()))
        if download:
            files = [root / archive.name, root / f"{archive.name}.part"]
            needed += max(0, archive.size - max((file.stat().st_size for file in files if file.is_file()), default=0))
    free = shutil.disk_usage(root).free
    if needed > free:
        raise DataError(
            f"{root} has {free / GIB:.1f} GiB free and {needed / GIB:.1f} GiB are needed; set GENREBENCH_HOME to a larger disk"
        )


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Prevent a second `get` into the same folder; the lock is released when the process ends, however it ends."""
    with temporary.exclusive(root / ".lock", wait=False) as held:
        if not held:
            raise DataError(f"another genrebench process is downloading to {root}; wait for it to finish")
        yield
