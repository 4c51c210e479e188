"""A server on this machine that serves one file in all the ways in which servers fail."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Behaviour:
    """What the server does; the counters are what the tests look at."""

    content: bytes
    ranges: bool = True
    dies_after: list[int] = field(default_factory=list)  # bytes after which each of the first responses breaks off
    statuses: list[int] = field(default_factory=list)  # error statuses of the first responses
    sends_length: bool = True
    wrong_range: bool = False
    stalls: int = 0  # number of responses that stall in the middle
    piece: int = 2**16
    pause: float = 0.0
    retry_after: str | None = None
    requests: list[str | None] = field(default_factory=list)
    sent: int = 0


def _handler(behaviour: Behaviour) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            behaviour.requests.append(wanted)
            if behaviour.statuses:
                self.send_response(behaviour.statuses.pop(0))
                if behaviour.retry_after:
                    self.send_header("Retry-After", behaviour.retry_after)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start, total = 0, len(behaviour.content)
            if wanted and behaviour.ranges:
                start = int(wanted.removeprefix("bytes=").partition("-")[0])
                if start >= total:
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{total}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                if behaviour.wrong_range:
                    start = 0
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
            else:
                self.send_response(200)
            if behaviour.sends_length:
                self.send_header("Content-Length", str(total - start))
            self.end_headers()
            self._send(behaviour.content[start:])

        def _send(self, body: bytes) -> None:
            end = behaviour.dies_after.pop(0) if behaviour.dies_after else len(body)
            if behaviour.stalls:
                behaviour.stalls -= 1
                self.wfile.write(body[:1000])
                self.wfile.flush()
                time.sleep(1.0)
                return
            for position in range(0, min(end, len(body)), behaviour.piece):
                piece = body[position : min(position + behaviour.piece, end)]
                with contextlib.suppress(OSError):
                    self.wfile.write(piece)
                behaviour.sent += len(piece)
                time.sleep(behaviour.pause)
            self.close_connection = True

    return Handler


@pytest.fixture
def serve() -> Iterator[Callable[..., tuple[str, Behaviour]]]:
    """Start servers: ``serve(content, ranges=False)`` gives the URL, with a slash at its end, and the behaviour."""
    with contextlib.ExitStack() as stack:

        def start(content: bytes, **ways: Any) -> tuple[str, Behaviour]:
            behaviour = Behaviour(content, **ways)
            server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(behaviour))
            server.daemon_threads = True
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_address[1]}/", behaviour

        yield start
