"""A report on the loopback address: for this computer only, with ranges, so that browsers can seek in audio."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from genrebench.errors import UsageError

HOST = "127.0.0.1"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_BLOCK = 2**16


@contextmanager
def serving(folder: Path, port: int) -> Iterator[ThreadingHTTPServer]:
    """Serve a report while the body runs; ``serve_forever`` of the server does the work.

    Only files inside the folder are served, to requests that were meant for this server: a page of another host whose name was
    made to mean this computer (DNS rebinding) is refused by its Host header.

    Parameters
    ----------
    folder : Path
    port : int
        0 for any free one.

    Raises
    ------
    UsageError
        If the port is taken.
    """
    root = folder.resolve()

    class Handler(_Handler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(root))

    try:
        server = ThreadingHTTPServer((HOST, port), Handler)
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"port {port} can't be used: {getattr(error, 'strerror', None) or error}; choose another one"
        ) from None
    with server:
        yield server


class _Handler(SimpleHTTPRequestHandler):
    """GET and HEAD of files, whole or a range of them."""

    protocol_version = "HTTP/1.1"
    server_version = "genrebench"
    sys_version = ""
    timeout = 60
    _left: int | None = None

    def send_head(self) -> Any:
        """Answer with the head of a response; returns the open file, at the first byte that is asked for."""
        self._left = None
        address: Any = self.server.server_address
        if self.headers.get("Host") not in {f"{name}:{address[1]}" for name in (HOST, "localhost")}:
            return self.send_error(HTTPStatus.FORBIDDEN, "only for this computer")
        file = self._file()
        if file is None:
            return self.send_error(HTTPStatus.NOT_FOUND)
        try:
            stream = file.open("rb")
        except OSError:
            return self.send_error(HTTPStatus.NOT_FOUND)
        size = os.fstat(stream.fileno()).st_size
        first, last = 0, size - 1
        asked = _RANGE.fullmatch(self.headers.get("Range", "").strip())
        if asked and any(asked.groups()):
            start, end = asked.groups()
            first = int(start) if start else max(0, size - int(end))
            last = min(int(end), size - 1) if start and end else size - 1
            if first > last:
                stream.close()
                self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
                self.send_header("Content-Range", f"bytes */{size}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return None
            self.send_response(HTTPStatus.PARTIAL_CONTENT)
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        else:
            self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", self.guess_type(file))
        self.send_header("Content-Length", str(last - first + 1))
        for name, value in (("Accept-Ranges", "bytes"), ("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-cache")):
            self.send_header(name, value)
        self.end_headers()
        stream.seek(first)
        self._left = last - first + 1
        return stream

    def copyfile(self, source: Any, outputfile: Any) -> None:
        """Write as many bytes as the head says; a browser that has heard enough may hang up."""
        try:
            while self._left and (block := source.read(min(_BLOCK, self._left))):
                outputfile.write(block)
                self._left -= len(block)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing of requests."""

    def _file(self) -> Path | None:
        """The file that the address means; None if there is none in the folder."""
        root = Path(self.directory)
        name = unquote(urlsplit(self.path).path).lstrip("/")
        try:
            file = (root / (name if name and not name.endswith("/") else f"{name}index.html")).resolve()
            inside = file.is_relative_to(root) and file.is_file()
        except (OSError, ValueError):  # a null character, a link to itself
            return None
        hidden = any(part.startswith(".") for part in file.relative_to(root).parts) if inside else True
        return None if hidden else file
