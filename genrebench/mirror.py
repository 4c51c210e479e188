"""Copies of files at a URL, fetched when they are used and kept within a bound.

A mirror is a folder whose name ends in `SUFFIX`. It has the URL, the copies, and what is known of each file: its version at the
URL, size and content hash. A file that isn't there yet, or was removed again for want of room, is an empty file, so that only
whoever reads it needs this module: `require` fetches it. Nothing is kept in memory, so worker processes need no word of it.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from genrebench import files
from genrebench.errors import AudioError, DataError, UsageError
from genrebench.progress import Progress

SUFFIX = ".mirror"
LIMIT = "GENREBENCH_REMOTE_GB"
"""Environment variable: GB that the copies of one mirror may take; 20 by default."""

_PART = f"{SUFFIX}{os.sep}"
_THREADS = 8
_TRIES = 3
_IN_USE = 60.0
"""Seconds after its last use in which a copy isn't removed: another process may be about to open it."""

_VERSIONS = ("ETag", "etag", "Content-MD5", "Digest", "generation", "Last-Modified", "LastModified", "last_modified", "mtime")
"""What file systems say of a file's content, the best first."""


class Known(NamedTuple):
    """What is known of a file at the URL: `version` changes with its content, as far as the server tells."""

    size: int
    version: str
    hash: str


def is_url(text: str) -> bool:
    """Whether a text is a URL, such as ``s3://bucket/music`` or ``https://host/music``; a Windows drive isn't."""
    return re.match(r"[a-z][a-z0-9+.-]+://", text) is not None


def require(path: Path) -> None:
    """Fetch a file of a mirror if it isn't there; other paths are left alone.

    Raises
    ------
    AudioError
        If there is no such file at the URL.
    DataError
        If it can't be fetched, or isn't the file any more that it was when it was fetched first.
    """
    if _PART in os.fspath(path):
        mirror, relative = _of(path)
        mirror.require(relative)


def known(path: Path) -> Known | None:
    """What is known of a file of a mirror; None for other paths and files that haven't been fetched yet."""
    if _PART not in os.fspath(path):
        return None
    mirror, relative = _of(path)
    return mirror.known(relative)


def fetch(paths: Iterable[Path], progress: Progress) -> None:
    """Fetch those of some files that haven't been fetched yet, several at a time. Raises as `require`."""
    new = [path for path in paths if _PART in os.fspath(path) and known(path) is None]
    if not new:
        return
    with ThreadPoolExecutor(_THREADS) as pool:
        try:
            for _ in progress(pool.map(require, new), "fetching audio", len(new)):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


class Mirror:
    """The files below a URL.

    Parameters
    ----------
    url : str
    folder : Path
        Of the mirror, with the suffix `SUFFIX`.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self._fetched = 0

    @property
    def files(self) -> Path:
        """Folder of the copies, named like the folder at the URL."""
        return self.folder / (re.sub(r"[^\w.-]+", "-", PurePosixPath(self.url).name) or "remote")

    @functools.cached_property
    def _system(self) -> tuple[Any, str]:
        with _explained(self.url):
            from fsspec.core import url_to_fs

            system, root = url_to_fs(self.url)
            return system, root

    def create(self) -> None:
        """Write the folder of the mirror, with its URL."""
        self.files.mkdir(parents=True, exist_ok=True)
        files.write_json(self.folder / "url.json", {"url": self.url})

    def expect(self, relative: str) -> None:
        """Make a place for a file, which is fetched when it is used."""
        path = self.files / relative
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    def refresh(self, name: str, *, needed: bool) -> Path | None:
        """Fetch a file unless the copy has the version of the URL.

        Returns
        -------
        Path or None
            None if there is no such file and it isn't `needed`.

        Raises
        ------
        DataError
            If it can't be fetched, or has changed since it was fetched first.
        """
        system, root = self._system
        url, before = f"{self.url}/{name}", self.known(name)
        with _explained(url):
            try:
                info = _tried(lambda: system.info(f"{root}/{name}"))
            except FileNotFoundError:
                if before is not None:
                    raise DataError(_changed(url)) from None
                if needed:
                    raise
                return None
        if before is None:
            self.expect(name)
            self._fetch(name)
        elif (before.size, before.version) != _version(info):
            raise DataError(_changed(url))
        self.require(name)
        return self.files / name

    def known(self, relative: str) -> Known | None:
        """What is known of a file that has been fetched."""
        with contextlib.suppress(OSError, ValueError, TypeError):
            return Known(**json.loads(self._note(relative).read_bytes()))
        return None

    def require(self, relative: str) -> None:
        """Fetch a file if it isn't there."""
        path, known = self.files / relative, self.known(relative)
        with contextlib.suppress(OSError):
            if known is not None and path.stat().st_size == known.size:
                os.utime(path)  # the copies that weren't used for longest make room for others
                return
        self._fetch(relative)

    def _fetch(self, relative: str) -> None:
        system, root = self._system
        path, url, source = self.files / relative, f"{self.url}/{relative}", f"{root}/{relative}"
        try:
            with _explained(url), files.atomic(path, durable=False) as temporary:
                info = _tried(lambda: system.info(source))
                _tried(lambda: system.get_file(source, str(temporary)))
                size, version = _version(info)
                with temporary.open("rb") as file:
                    digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
                fetched = temporary.stat().st_size
                if size not in (None, fetched):
                    raise ConnectionError(f"{fetched} of {size} bytes came")
                found, before = Known(fetched, version, digest), self.known(relative)
                if before is not None and before.hash != found.hash:
                    raise DataError(_changed(url))
        except FileNotFoundError:
            raise AudioError(f"{path}: there is no file {url}") from None
        note = self._note(relative)
        note.parent.mkdir(parents=True, exist_ok=True)
        files.write(note, json.dumps(found._asdict()).encode(), durable=False)
        self._fetched += found.size
        if self._fetched > _limit() / 10:
            self._fetched = 0
            self._make_room()

    def _make_room(self) -> None:
        """Empty the copies that weren't used for longest, until nine tenths of the limit are left."""
        copies = [(path, path.stat()) for path in self.files.rglob("*") if path.is_file()]
        excess = sum(stat.st_size for _, stat in copies) - 0.9 * _limit()
        for path, stat in sorted(copies, key=lambda copy: copy[1].st_mtime):
            if excess <= 0 or time.time() - stat.st_mtime < _IN_USE:
                return
            if path.suffix != ".csv":
                with contextlib.suppress(OSError), files.atomic(path, durable=False):
                    excess -= stat.st_size

    def _note(self, relative: str) -> Path:
        return self.folder / "known" / f"{relative}.json"


@functools.lru_cache(maxsize=64)
def _open(folder: str) -> Mirror:
    try:
        url = json.loads((Path(folder) / "url.json").read_bytes())["url"]
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError(f"{folder} is damaged; remove it with `genrebench cache clear`") from None
    return Mirror(url, Path(folder))


def _of(path: Path) -> tuple[Mirror, str]:
    """The mirror of a path, and the path below its files."""
    text = os.path.abspath(path)  # noqa: PTH100, keeps links
    folder, _, inside = text.rpartition(_PART)
    return _open(folder + SUFFIX), Path(*Path(inside).parts[1:]).as_posix()


def _limit() -> float:
    text = os.environ.get(LIMIT, "20")
    try:
        limit = float(text) * 1e9
    except ValueError:
        limit = 0.0
    if not limit > 0:
        raise UsageError(f"{LIMIT}={text!r} isn't a positive number of GB")
    return limit


def _version(info: dict[str, Any]) -> tuple[int | None, str]:
    """Size and version of a file, from what its file system says of it."""
    version = next((str(info[name]) for name in _VERSIONS if info.get(name) is not None), "")
    return info.get("size"), version


def _changed(url: str) -> str:
    return (
        f"{url} has changed since it was fetched, so scores on it don't compare with earlier ones; to take what is there now, "
        "run `genrebench cache clear`"
    )


def _tried(action: Callable[[], Any]) -> Any:
    """The result of an action, tried again after an error of the connection."""
    for pause in range(1, _TRIES):
        try:
            return action()
        except Exception as error:  # each file system has errors of its own
            if not _is_of_connection(_behind(error)):
                raise
        time.sleep(pause / 2)
    return action()


def _behind(error: Exception) -> BaseException:
    """The error of a server or connection that fsspec reports as a missing file, or the error itself."""
    cause = error.__cause__
    if isinstance(error, FileNotFoundError) and cause is not None:
        return cause if _is_of_connection(cause) or getattr(cause, "status", 404) not in (404, 410) else error
    return error


def _is_of_connection(error: BaseException) -> bool:
    names = " ".join(kind.__name__ for kind in type(error).__mro__)
    return (
        isinstance(error, ConnectionError | TimeoutError)
        or re.search("Connect|Timeout|Payload|Disconnected", names) is not None
    )


@contextlib.contextmanager
def _explained(url: str) -> Iterator[None]:
    """Turn errors of a file system into one line; a missing file stays one."""
    try:
        yield
    except (DataError, UsageError):
        raise
    except ImportError as error:
        ours = url.startswith(("s3", "http"))
        advice = "run: pip install 'genrebench[remote]'" if ours else "genrebench[remote] has packages for S3 and HTTP alone"
        raise UsageError(f"{url} can't be read ({error}); {advice}") from None
    except Exception as raised:
        cause = _behind(raised)
        if isinstance(cause, FileNotFoundError):
            raise
        why = " ".join(f"{cause}".split()) or type(cause).__name__
        status = getattr(cause, "status", None)
        if isinstance(cause, PermissionError) or status in (401, 403) or "Credential" in type(cause).__name__:
            hint = "; give credentials as for any program, such as AWS_ACCESS_KEY_ID or AWS_PROFILE, or FSSPEC_S3_ANON=true"
            raise DataError(f"no access to {url} ({why}){hint if url.startswith('s3') else ''}") from None
        if _is_of_connection(cause):
            raise DataError(f"the connection to {url} failed ({why}); try again, what was fetched is kept") from None
        if isinstance(cause, ValueError) and "Protocol not known" in str(cause):
            raise UsageError(f"{url}: no such kind of URL; use s3://, https:// or another of fsspec's") from None
        if isinstance(cause, OSError) and cause.errno is not None and cause.filename is not None:
            raise files.cache_error(cause) from None
        raise DataError(f"{url} can't be fetched ({why})") from None
