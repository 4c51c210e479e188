"""Lengths of files by their content, kept so that a task's fingerprint doesn't have to open every file each time."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from genrebench import files, temporary
from genrebench.audio.reading import Reading
from genrebench.audio.samples import excerpt_bounds
from genrebench.errors import AudioError
from genrebench.records import Excerpt

_VERSION = 1


class Length(NamedTuple):
    """Length of a file, and how it was found.

    Parameters
    ----------
    frames, sample_rate : int
        Samples per channel, and their rate in Hz.
    as_declared : bool
        Whether its header is right, so that version 0.1.0 read the same; it believed all headers.
    """

    frames: int
    sample_rate: int
    as_declared: bool

    def change(self, excerpt: Excerpt) -> str | None:
        """What of an excerpt version 0.1.0 read otherwise, as a phrase; None if nothing."""
        if not self.as_declared:
            return "read to its true end, whatever its header says"
        taken = excerpt_bounds(self.frames, self.sample_rate, excerpt)[1]
        if excerpt.seconds is not None and taken > round(excerpt.seconds * self.sample_rate):
            return "less than half a second longer than the excerpt and taken whole"
        return None


def length_cache(home: Path) -> Path:
    """The file in genrebench's data folder `home` that caches lengths."""
    return home / "audio-lengths.json"


def lengths(paths: Mapping[str, Path], cache_file: Path) -> dict[str, Length]:
    """Length of each file by its content hash; files that can't be read are left out.

    Parameters
    ----------
    paths : mapping of str to Path
        Content hash to file.
    cache_file : Path

    Raises
    ------
    DataError
        If `cache_file` can't be written.
    """
    temporary.sweep_lock(cache_file)
    cached = _load(cache_file)
    missing = {key: path for key, path in paths.items() if key not in cached}
    if missing:
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            found = dict(zip(missing, pool.map(_length, missing.values()), strict=True))
        cached |= _saved(cache_file, {key: length for key, length in found.items() if length is not None})
    return {key: cached[key] for key in paths if key in cached}


def _length(path: Path) -> Length | None:
    try:
        with Reading(path) as reading:
            return Length(reading.frames, reading.sample_rate, reading.as_declared)
    except AudioError:
        return None


def _load(cache_file: Path) -> dict[str, Length]:
    try:
        content = json.loads(cache_file.read_text("utf-8"))
        if content["version"] != _VERSION:
            return {}
        return {key: Length(int(frames), int(rate), bool(plain)) for key, (frames, rate, plain) in content["lengths"].items()}
    except (OSError, ValueError, AttributeError, TypeError, KeyError):
        return {}  # missing or damaged: every file is opened again


def _saved(cache_file: Path, found: Mapping[str, Length]) -> dict[str, Length]:
    """Add lengths to those that other processes have saved meanwhile; all of them."""
    try:
        with temporary.locked(cache_file):
            cached = {**_load(cache_file), **found}
            files.write(cache_file, json.dumps({"version": _VERSION, "lengths": cached}).encode())
            return cached
    except OSError as error:
        raise files.home_error(cache_file, error) from None
