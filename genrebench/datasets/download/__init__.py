"""Getting datasets: their files are downloaded if missing, verified by checksum and unpacked safely."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from genrebench import temporary
from genrebench.datasets.download.fetch import Progress, fetch, hash_file, ignore, matches, mismatch, new_digest
from genrebench.datasets.download.unpack import unpack
from genrebench.errors import DataError, UsageError
from genrebench.files import atomic
from genrebench.plugin.datasets import Archive, DatasetSpec

GIB = 2**30


@dataclass(frozen=True)
class GetResult:
    """Result of `get`.

    Parameters
    ----------
    folder : Path
        Folder of the data.
    unpacked, present : tuple of str
        Folders and files that this call made, and those that existed already.
    bytes_fetched : int
        Downloaded bytes; 0 if the archives came from a local folder.
    """

    folder: Path
    unpacked: tuple[str, ...]
    present: tuple[str, ...]
    bytes_fetched: int


def get(
    spec: DatasetSpec,
    home: Path,
    *,
    metadata_only: bool = False,
    source: str | Path | None = None,
    progress: Progress = ignore,
) -> GetResult:
    """Download, verify and unpack the files of a dataset.

    A folder gets its final name once it is complete; after an interruption the next call resumes. A downloaded archive is
    deleted after unpacking, an archive in a local folder is kept.

    Parameters
    ----------
    spec : DatasetSpec
        With files to get.
    home : Path
        The folder in which genrebench keeps data; the files go to `DatasetSpec.folder` in it.
    metadata_only : bool
        Only the files with metadata, without audio.
    source : str or Path, optional
        URL of a mirror (http or https; the directory of the files) or a local folder with the files; by default their URLs.
    progress : callable
        ``progress(description, done, total)`` in bytes, called at most ten times per second.

    Returns
    -------
    GetResult

    Raises
    ------
    UsageError
        If the dataset has no metadata of its own, or the source is neither a URL nor a folder.
    DataError
        If a file can't be fetched or has the wrong checksum, or the disk is too small.
    """
    required = [archive for archive in spec.get if archive.metadata or not metadata_only]
    if not required:
        raise UsageError(f"{spec.name} has no metadata without its audio; leave out --metadata")
    root = home / (spec.folder or spec.name)
    location = _parse_source(source)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _locked(root):
            for archive in required:
                _remove_spent(root, archive)
            missing = [archive for archive in required if not _is_present(root, archive)]
            _check_space(root, missing, download=not isinstance(location, Path))
            fetched = sum(_fetch_and_unpack(root, archive, location, progress) for archive in missing)
    except OSError as error:
        raise DataError(
            f"can't write below {root}: {error.strerror or error}; finished files are kept: run the command again"
        ) from None
    return GetResult(
        folder=root,
        unpacked=tuple(map(_result, missing)),
        present=tuple(_result(archive) for archive in required if archive not in missing),
        bytes_fetched=fetched,
    )


def _result(archive: Archive) -> str:
    """Name of the folder or file that is left in the end."""
    return archive.folder if archive.is_packed else archive.name


def _fetch_and_unpack(root: Path, archive: Archive, location: str | Path | None, progress: Progress) -> int:
    """Fetch, verify and unpack one file; returns the number of bytes downloaded."""
    fetched = 0
    if isinstance(location, Path):
        file = location / archive.name
        if not file.is_file():
            unpacked = location / archive.folder
            is_unpacked = archive.is_packed and unpacked.is_dir()
            step = f"move or link {unpacked} to {root / archive.folder}" if is_unpacked else "copy it into that folder"
            raise DataError(f"{location} has no {archive.name}; {step}")
        _verify(file, archive, progress)
        if not archive.is_packed:
            with atomic(root / archive.name) as temporary:
                shutil.copyfile(file, temporary)
    else:
        file = root / archive.name
        if file.is_file():
            _verify(file, archive, progress)
        else:
            url = archive.url if location is None else location + archive.name
            fetched = fetch(url, file, archive.checksum, limit=2 * archive.size, progress=progress)
    if archive.is_packed and isinstance(location, Path):
        unpack(file, root / archive.folder, limit=2 * archive.unpacked, progress=progress)
    elif archive.is_packed:
        spent = _spent(root, archive)
        unpack(file, root / archive.folder, limit=2 * archive.unpacked, progress=progress, complete=lambda: file.replace(spent))
        spent.unlink()
    return fetched


def _spent(root: Path, archive: Archive) -> Path:
    """What an unpacked archive is called until it is deleted, so that the next call knows it from an archive that is kept."""
    return root / f".{archive.name}.unpacked"


def _remove_spent(root: Path, archive: Archive) -> None:
    """Delete the archive that an interrupted call had unpacked, or go on with it if its folder hadn't got its name yet."""
    spent = _spent(root, archive)
    if spent.is_file() and (root / archive.folder).is_dir():
        spent.unlink()
    elif spent.is_file():
        spent.replace(root / archive.name)


def _verify(file: Path, archive: Archive, progress: Progress) -> None:
    digest = new_digest(archive.checksum)
    hash_file(file, digest, progress)
    if not matches(digest, archive.checksum):
        raise DataError(f"{file}: {mismatch(digest, archive.checksum)}; delete it and download it again")


def _is_present(root: Path, archive: Archive) -> bool:
    folder = root / archive.folder
    if not archive.is_packed:
        return (root / archive.name).is_file()
    if not folder.is_dir():
        return False
    missing_files = [name for name in archive.files if not (folder / name).is_file()]
    if missing_files:
        raise DataError(f"{folder} exists but lacks {', '.join(missing_files)}; move it away, then run the command again")
    return True


def _parse_source(source: str | Path | None) -> str | Path | None:
    """A local folder, or a URL with a trailing slash; None where each file has its own URL."""
    if source is None:
        return None
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
        if archive.is_packed:
            part = root / f"{archive.folder}.part"  # unpacked by an interrupted call
            needed += max(0, archive.unpacked - sum(file.stat().st_size for file in part.rglob("*") if file.is_file()))
        if download or not archive.is_packed:
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
