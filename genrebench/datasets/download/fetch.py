"""Fetch one file over HTTP, resumed as often as it takes, verified by its SHA-1.

Pooch, which fetches small files well, starts over where a transfer breaks; on 22 GiB that is days. So `requests` does the
transfer and the loop around it is ours.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from genrebench.errors import DataError

if TYPE_CHECKING:
    import requests

Progress = Callable[[str, int, int | None], None]
"""``progress(what, done, total)``: bytes done, and bytes in total where that is known."""

CHUNK = 2**18
ATTEMPTS = 5
"""So many failures in a row, none of which brought a new byte, end the transfer."""

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
LONGEST_PAUSE_S = 60.0


def ignore(what: str, done: int, total: int | None) -> None:
    """Progress that nobody watches."""


class _Broken(Exception):  # noqa: N818 - a state of the transfer, not an error for the user
    """The transfer broke and may be tried again, after `pause` seconds where the server asks for that."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


def fetch(
    url: str,
    target: Path,
    sha1: str,
    *,
    limit: int | None = None,
    progress: Progress = ignore,
    pause: Callable[[float], None] = time.sleep,
    timeout: tuple[float, float] = (15.0, 60.0),
) -> int:
    """Fetch a file.

    What has arrived stays in ``<target>.part``, also when the process ends, and isn't fetched again unless the server can't
    send ranges. `target` appears when all of it is there and verified.

    Parameters
    ----------
    url : str
    target : Path
    sha1 : str
        Hexadecimal.
    limit : int, optional
        More bytes than this are not the file that was meant.
    progress : callable
    pause : callable
        Sleeps between attempts.
    timeout : tuple of float
        Seconds to connect, and between two bytes.

    Returns
    -------
    int
        Bytes fetched, those that had to be fetched twice included.

    Raises
    ------
    DataError
        If the server refuses the file, keeps failing, or sends another file.
    """
    import requests

    part = target.with_name(f"{target.name}.part")
    with requests.Session() as session, part.open("a+b") as file:
        transfer = _Transfer(session, url, file, _quiet(progress, target.name), limit, timeout)
        transfer.resume()
        failures, best = 0, transfer.done
        while transfer.digest.hexdigest() != sha1:  # an earlier process may have fetched all of it
            try:
                transfer.attempt()
                break
            except _Broken as error:
                failures = 0 if transfer.done > best else failures + 1
                best = max(best, transfer.done)
                if failures >= ATTEMPTS:
                    raise DataError(
                        f"{url}: {error}, {failures} times in a row; {transfer.done:,} bytes are kept: run it again to go on, "
                        "or name a mirror with --from"
                    ) from None
                pause(min(error.pause if error.pause is not None else 2.0**failures, LONGEST_PAUSE_S))
    found = transfer.digest.hexdigest()
    if found != sha1:
        part.unlink()
        raise DataError(
            f"{url}: SHA-1 is {found} where {sha1} was expected; what was fetched is removed: run it again, "
            "or name a mirror with --from"
        )
    part.replace(target)
    return transfer.fetched


def hash_file(file: Path, digest: hashlib._Hash, progress: Progress = ignore) -> None:
    """Feed a file to a hash."""
    total, done = file.stat().st_size, 0
    watched = _quiet(progress, f"verifying {file.name}")
    with file.open("rb") as stream:
        while chunk := stream.read(4 * CHUNK):
            digest.update(chunk)
            done += len(chunk)
            watched(done, total)


class _Transfer:
    """The bytes that have arrived, their hash, and how to get the next ones."""

    def __init__(
        self,
        session: requests.Session,
        url: str,
        file: BinaryIO,
        progress: Callable[[int, int | None], None],
        limit: int | None,
        timeout: tuple[float, float],
    ) -> None:
        self.session, self.url, self.file, self.progress, self.limit, self.timeout = (
            session,
            url,
            file,
            progress,
            limit,
            timeout,
        )
        self.digest = hashlib.sha1(usedforsecurity=False)
        self.done = self.fetched = 0

    def resume(self) -> None:
        """Take up what an earlier process left."""
        self.file.seek(0)
        while chunk := self.file.read(4 * CHUNK):
            self.digest.update(chunk)
            self.done += len(chunk)

    def restart(self) -> None:
        """Throw away what has arrived."""
        self.file.truncate(0)
        self.digest = hashlib.sha1(usedforsecurity=False)
        self.done = 0

    def attempt(self) -> None:
        """Ask for the rest of the file and read until its end; `_Broken` where that ends too early."""
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
            raise _Broken(_reason(error)) from None
        if total is not None and self.done < total:
            raise _Broken(f"the connection closed after {self.done:,} of {total:,} bytes")

    def _accept(self, response: requests.Response) -> bool:
        """Whether the body is to be read; False where all of it has arrived before."""
        status = response.status_code
        if status == 206:
            if _range(response)[0] != self.done:
                self.restart()
                raise _Broken("the server sent another range than the one asked for")
            return True
        if status == 200:
            if self.done:  # it can't send ranges
                self.restart()
            return True
        if status == 416:
            if _range(response)[1] == self.done:
                return False
            self.restart()
            raise _Broken("the server's file is shorter than what was fetched before")
        if status in RETRIED:
            raise _Broken(f"HTTP status {status}", pause=_seconds(response.headers.get("Retry-After")))
        raise DataError(f"{self.url}: HTTP status {status} ({response.reason}); name a mirror with --from")

    def _total(self, response: requests.Response) -> int | None:
        length = response.headers.get("Content-Length", "")
        total = self.done + int(length) if length.isdigit() else None
        if self.limit is not None and total is not None and total > self.limit:
            raise DataError(
                f"{self.url} has {total:,} bytes where at most {self.limit:,} were expected; name a mirror with --from"
            )
        return total

    def _keep(self, chunk: bytes, total: int | None) -> None:
        try:
            self.file.write(chunk)
        except OSError as error:
            free = shutil.disk_usage(Path(self.file.name).parent).free
            raise DataError(
                f"can't write {self.file.name} ({error.strerror}; {free:,} bytes free); make room and run it again to go on"
            ) from None
        self.digest.update(chunk)
        self.done += len(chunk)
        self.fetched += len(chunk)
        if self.limit is not None and self.done > self.limit:
            self.restart()
            raise DataError(
                f"{self.url} sends more than the {self.limit:,} bytes that were expected; name a mirror with --from"
            )
        self.progress(self.done, total)


def _range(response: requests.Response) -> tuple[int | None, int | None]:
    """First byte and total of a Content-Range: ``bytes 5-9/10`` or ``bytes */10``."""
    unit, _, rest = response.headers.get("Content-Range", "").partition(" ")
    span, _, total = rest.partition("/")
    first = span.partition("-")[0]
    if unit != "bytes":
        return None, None
    return int(first) if first.isdigit() else None, int(total) if total.isdigit() else None


def _seconds(text: str | None) -> float | None:
    """Seconds of a Retry-After; its other form, a date, is left alone."""
    with contextlib.suppress(ValueError):
        return max(0.0, float(text or ""))
    return None


def _reason(error: Exception) -> str:
    """The innermost cause in a few words: the libraries wrap it several times."""
    inner = error.args[0] if error.args and isinstance(error.args[0], Exception) else error
    inner = getattr(inner, "reason", None) or inner
    return " ".join(str(inner).split())[:200] or type(error).__name__


def _quiet(progress: Progress, what: str, every: float = 0.1) -> Callable[[int, int | None], None]:
    """Pass progress on ten times a second at most, and at the end."""
    last = 0.0

    def tell(done: int, total: int | None) -> None:
        nonlocal last
        now = time.monotonic()
        if done == total or now - last >= every:
            last = now
            progress(what, done, total)

    return tell
