"""Download one file over HTTP, resuming after interruptions, and verify its checksum.

Pooch, which is fine for small files, starts over when a transfer breaks off; for 22 GiB that can take days. So this module
uses `requests` with its own retry loop.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from genrebench.errors import DataError

if TYPE_CHECKING:
    import requests

Progress = Callable[[str, int, int | None], None]
"""``progress(description, done, total)`` in bytes; total is None if unknown."""

CHUNK = 2**18
ATTEMPTS = 5
"""Number of consecutive failures without a new byte after which the transfer is given up."""

RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
MAX_PAUSE_S = 60.0


def ignore(description: str, done: int, total: int | None) -> None:
    """A `Progress` that shows nothing."""


class _Interrupted(Exception):  # noqa: N818 - a state of the transfer, not an error for the user
    """The transfer broke off and may be retried, after `pause` seconds if the server asks for that."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


def fetch(
    url: str,
    target: Path,
    checksum: str,
    *,
    limit: int | None = None,
    progress: Progress = ignore,
    pause: Callable[[float], None] = time.sleep,
    timeout: tuple[float, float] = (15.0, 60.0),
) -> int:
    """Download a file.

    The bytes received so far are kept in ``<target>.part``, even if the process ends, and aren't downloaded again unless the
    server doesn't support ranges. `target` appears when the file is complete and verified.

    Parameters
    ----------
    url : str
    target : Path
    checksum : str
        As in `genrebench.plugin.datasets.Archive`.
    limit : int, optional
        Maximum size in bytes; a larger file is rejected.
    progress : callable
    pause : callable
        Called with seconds between attempts; sleeps.
    timeout : tuple of float
        Seconds to wait for the connection, and for data.

    Returns
    -------
    int
        Bytes downloaded, including those downloaded twice.

    Raises
    ------
    DataError
        If the server refuses, keeps failing, or sends the wrong file.
    """
    import requests

    part = target.with_name(f"{target.name}.part")
    with requests.Session() as session, part.open("a+b") as file:
        transfer = _Transfer(
            session, url, file, partial(new_digest, checksum), _throttled(progress, target.name), limit, timeout
        )
        transfer.resume()
        failures, best = 0, transfer.done
        while not matches(transfer.digest, checksum):  # an earlier process may have received all of it
            try:
                transfer.attempt()
                break
            except _Interrupted as error:
                failures = 0 if transfer.done > best else failures + 1
                best = max(best, transfer.done)
                if failures >= ATTEMPTS:
                    raise DataError(
                        f"{url}: {error}, {failures} times in a row; {transfer.done:,} bytes are kept: run the command again "
                        "to resume, or name a mirror with --from"
                    ) from None
                pause(min(error.pause if error.pause is not None else 2.0**failures, MAX_PAUSE_S))
    if not matches(transfer.digest, checksum):
        part.unlink()
        raise DataError(
            f"{url}: {mismatch(transfer.digest, checksum)}; the download was deleted: run the command again, "
            "or name a mirror with --from"
        )
    part.replace(target)
    return transfer.fetched


def new_digest(checksum: str) -> hashlib._Hash:
    """A hash of the kind of a checksum."""
    return hashlib.new(checksum.partition(":")[0], usedforsecurity=False)


def matches(digest: hashlib._Hash, checksum: str) -> bool:
    """Whether what was hashed has the checksum."""
    return digest.hexdigest() == checksum.partition(":")[2]


def mismatch(digest: hashlib._Hash, checksum: str) -> str:
    """How what was hashed differs from the checksum, in words."""
    kind, _, expected = checksum.partition(":")
    name = kind.upper().replace("SHA", "SHA-")
    return f"{name} is {digest.hexdigest()}, expected {expected}"


def hash_file(file: Path, digest: hashlib._Hash, progress: Progress = ignore) -> None:
    """Update a hash with a file's content."""
    total, done = file.stat().st_size, 0
    report = _throttled(progress, f"verifying {file.name}")
    with file.open("rb") as stream:
        while chunk := stream.read(4 * CHUNK):
            digest.update(chunk)
            done += len(chunk)
            report(done, total)


class _Transfer:
    """A download in progress: the bytes received so far and their hash."""

    def __init__(
        self,
        session: requests.Session,
        url: str,
        file: BinaryIO,
        new_digest: Callable[[], hashlib._Hash],
        progress: Callable[[int, int | None], None],
        limit: int | None,
        timeout: tuple[float, float],
    ) -> None:
        self.session, self.url, self.file, self.new_digest, self.progress, self.limit, self.timeout = (
            session,
            url,
            file,
            new_digest,
            progress,
            limit,
            timeout,
        )
        self.digest = self.new_digest()
        self.done = self.fetched = 0

    def resume(self) -> None:
        """Continue from the bytes that an earlier process received."""
        self.file.seek(0)
        while chunk := self.file.read(4 * CHUNK):
            self.digest.update(chunk)
            self.done += len(chunk)

    def restart(self) -> None:
        """Discard the bytes received so far."""
        self.file.truncate(0)
        self.digest = self.new_digest()
        self.done = 0

    def attempt(self) -> None:
        """Request the rest of the file and read to its end; raises `_Interrupted` if the transfer breaks off."""
        import requests
        from urllib3.exceptions import HTTPError

        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={self.done}-"} if self.done else {})
        try:
            with self.session.get(self.url, headers=headers, stream=True, timeout=self.timeout) as response:
                if not self._accept(response):
                    return
                total = self._total(response)
                while chunk := response.raw.read1(CHUNK):
                    self._keep(chunk, total)
        except (requests.exceptions.SSLError, requests.TooManyRedirects, requests.exceptions.InvalidURL) as error:
            raise DataError(f"{self.url}: {_reason(error)}; name a mirror with --from") from None
        except (requests.RequestException, HTTPError) as error:
            raise _Interrupted(_reason(error)) from None
        if total is not None and self.done < total:
            raise _Interrupted(f"the connection closed after {self.done:,} of {total:,} bytes")

    def _accept(self, response: requests.Response) -> bool:
        """Whether the response body is to be read; False if the file was complete already."""
        status = response.status_code
        if status == 206:
            if _range(response)[0] != self.done:
                self.restart()
                raise _Interrupted("the server sent a different range than requested")
            return True
        if status == 200:
            if self.done:  # the server doesn't support ranges
                self.restart()
            return True
        if status == 416:
            if _range(response)[1] == self.done:
                return False
            self.restart()
            raise _Interrupted("the server's file is shorter than the bytes received so far")
        if status in RETRIED_STATUSES:
            raise _Interrupted(f"HTTP status {status}", pause=_seconds(response.headers.get("Retry-After")))
        raise DataError(f"{self.url}: HTTP status {status} ({response.reason}); name a mirror with --from")

    def _total(self, response: requests.Response) -> int | None:
        length = response.headers.get("Content-Length", "")
        total = self.done + int(length) if length.isdigit() else None
        if self.limit is not None and total is not None and total > self.limit:
            raise DataError(f"{self.url} has {total:,} bytes, expected at most {self.limit:,}; name a mirror with --from")
        return total

    def _keep(self, chunk: bytes, total: int | None) -> None:
        try:
            self.file.write(chunk)
        except OSError as error:
            free = shutil.disk_usage(Path(self.file.name).parent).free
            raise DataError(
                f"can't write {self.file.name} ({error.strerror}; {free:,} bytes free); free up space and run the command "
                "again to resume"
            ) from None
        self.digest.update(chunk)
        self.done += len(chunk)
        self.fetched += len(chunk)
        if self.limit is not None and self.done > self.limit:
            self.restart()
            raise DataError(f"{self.url} sends more than the expected {self.limit:,} bytes; name a mirror with --from")
        self.progress(self.done, total)


def _range(response: requests.Response) -> tuple[int | None, int | None]:
    """First byte and total size in a Content-Range header: ``bytes 5-9/10`` or ``bytes */10``."""
    unit, _, rest = response.headers.get("Content-Range", "").partition(" ")
    span, _, total = rest.partition("/")
    first = span.partition("-")[0]
    if unit != "bytes":
        return None, None
    return int(first) if first.isdigit() else None, int(total) if total.isdigit() else None


def _seconds(text: str | None) -> float | None:
    """Seconds in a Retry-After header; its other form, a date, is ignored."""
    with contextlib.suppress(ValueError):
        return max(0.0, float(text or ""))
    return None


def _reason(error: Exception) -> str:
    """The innermost cause in a few words; the libraries wrap errors several times."""
    inner = error.args[0] if error.args and isinstance(error.args[0], Exception) else error
    inner = getattr(inner, "reason", None) or inner
    return " ".join(str(inner).split())[:200] or type(error).__name__


def _throttled(progress: Progress, description: str, every: float = 0.1) -> Callable[[int, int | None], None]:
    """Report progress at most ten times per second, and at the end."""
    last = 0.0

    def report(done: int, total: int | None) -> None:
        nonlocal last
        now = time.monotonic()
        if done == total or now - last >= every:
            last = now
            progress(description, done, total)

    return report
