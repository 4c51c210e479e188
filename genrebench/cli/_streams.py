"""The standard streams: a message that can't be written ends no training, a result that can't be written is an error."""

from __future__ import annotations

import contextlib
import io
import os
import select
import sys
from collections.abc import Iterator
from typing import Any, TextIO


class OutputError(Exception):
    """Results can't be written to stdout."""


class _Messages(io.FileIO):
    """Drops what can't be written: the disk of the log is full, or the terminal or the reader of the pipe is gone."""

    def write(self, data: Any) -> int:
        with contextlib.suppress(OSError):
            return super().write(data) or len(data)  # None: a pipe that doesn't block is full
        return len(data)


class _Results(io.FileIO):
    """Names the error of what can't be written; a reader of a pipe that has gone is no error."""

    def write(self, data: Any) -> int:
        try:
            while not (written := super().write(data)) and data:  # None: a pipe that doesn't block is full
                select.select([], [self], [])
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"can't write the results: {error.strerror or error}") from error
        return written


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Drop messages to stderr that can't be written, and open closed streams, so that no file takes their place."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
    before = sys.stdout, sys.stderr
    sys.stdout = before[0] or _text(io.FileIO(1, "w", closefd=False))
    sys.stderr = messages(before[1]) if before[1] else _text(io.FileIO(2, "w", closefd=False))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def messages(stream: TextIO) -> TextIO:
    """The stream of the same file that drops what can't be written; those of tests and notebooks stay as they are."""
    try:
        descriptor = stream.fileno() if isinstance(stream, io.TextIOWrapper) else None
    except (OSError, ValueError):
        descriptor = None
    if descriptor is None:
        return stream
    stream.flush()
    return _text(_Messages(descriptor, "w", closefd=False), stream.encoding, line_buffering=True)


@contextlib.contextmanager
def checked(stream: TextIO) -> Iterator[TextIO | None]:
    """Yield a stream of the same file that raises OutputError; None for one without a file, as in tests."""
    try:
        descriptor = os.dup(stream.fileno())
    except (OSError, ValueError, AttributeError):
        yield None
        return
    stream.flush()
    raw = _Results(descriptor, "w")
    text = _text(raw, stream.encoding, line_buffering=raw.isatty())
    try:
        yield text
        text.flush()
    finally:
        with contextlib.suppress(OSError, OutputError):
            text.close()


def _text(raw: io.FileIO, encoding: str | None = None, *, line_buffering: bool = False) -> TextIO:
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=line_buffering)
