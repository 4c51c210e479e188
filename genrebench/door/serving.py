"""A report in the browser of this computer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from http.server import ThreadingHTTPServer


@dataclass(frozen=True)
class ServedReport:
    """A report that is served.

    Parameters
    ----------
    server : ThreadingHTTPServer
    """

    server: ThreadingHTTPServer

    @property
    def address(self) -> str:
        """Where the browser finds it."""
        return f"http://127.0.0.1:{self.server.server_address[1]}/"

    def forever(self) -> None:
        """Answer requests until Ctrl-C."""
        self.server.serve_forever()


@contextlib.contextmanager
def serve_report(out: str | Path = "report", port: int = 8000) -> Iterator[ServedReport]:
    """Serve a report on this computer, and to no other one, while the body runs.

    Parameters
    ----------
    out : path
        Folder of the report, which may be written, or written again, in the meantime.
    port : int
        0 for any free one.

    Raises
    ------
    UsageError
        If the port is taken.
    """
    from genrebench.report.serve import serving

    with serving(Path(out), port) as server:
        yield ServedReport(server)
