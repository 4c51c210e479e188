"""Entries of the cache: one .npy file per clip, keyed by the content of the audio and the parameters of the input.

Folders are named after the parameters of their entries: ``waveforms-44100hz-30s-v1.1/3f/3fa9...npy``. An entry holds a second
array, the peak of the audio that the first was computed from: a silent clip is then known without decoding it again.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from genrebench import audio, files
from genrebench.inputs.sharing import claimed
from genrebench.plugin.inputs import InputContext


class Entry(NamedTuple):
    """What there is to know of an entry without reading it.

    Parameters
    ----------
    length : int
        Length of the array's first axis.
    peak : float32
        Largest sample of the clip's excerpt before resampling, 1 at full scale; NaN if it wasn't asked for.
    cancels : bool
        Whether the channels cancel in their mean, so that one of them was used; known only of an entry that is new.
    """

    length: int
    peak: np.float32 = np.float32(np.nan)
    cancels: bool = False


@dataclass(frozen=True)
class CacheFolder:
    """The cache entries of one input: its parameters are in the folder's name, the content hash of the audio in an entry's.

    Parameters
    ----------
    cache : Path
        Root folder of the cache.
    name : str
        Kind of input, with all parameters and a version: "features-30s-v1.1".
    """

    cache: Path
    name: str

    @classmethod
    def of(cls, context: InputContext, *parameters: object, version: int) -> CacheFolder:
        """The folder for an input with the given parameters, computed from the context's excerpt."""
        excerpt = "whole" if context.excerpt.seconds is None else f"{context.excerpt}s"
        if context.excerpt.seconds is not None and not context.excerpt.slack:  # for predictions of a run of version 0.1.0
            excerpt += "-exactly"
        return cls(context.cache, "-".join(map(str, [*parameters, excerpt, f"v{audio.VERSION}.{version}"])))

    def path(self, content_hash: str) -> Path:
        """Path of the entry for a content hash."""
        return self.cache / self.name / content_hash[:2] / f"{content_hash}.npy"

    def claimed(self, content_hash: str) -> contextlib.AbstractContextManager[bool]:
        """Claim an entry while the body runs; see `genrebench.inputs.sharing.claimed`."""
        return claimed(self.cache, f"{self.name}-{content_hash}")

    def open(self, content_hash: str) -> np.memmap[Any, np.dtype[Any]] | None:
        """The array of an entry, memory-mapped; None if the entry is missing or damaged."""
        try:
            # of a Path, NumPy would resolve each folder, which takes as long as all the rest
            return np.load(str(self.path(content_hash)), mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
        except (OSError, ValueError, EOFError, SyntaxError):  # missing, truncated, or not an array
            return None

    def find(self, content_hash: str, *, with_peak: bool = False) -> Entry | None:
        """Length of an entry and, if asked for, its peak; None if the entry is missing or damaged, or lacks the peak."""
        array = self.open(content_hash)
        if array is None or not with_peak:
            return None if array is None else Entry(len(array))
        try:
            with self.path(content_hash).open("rb") as file:
                file.seek(array.offset + array.nbytes)
                return Entry(len(array), np.float32(np.lib.format.read_array(file, allow_pickle=False)))
        except (OSError, ValueError):  # version 0.1.0 wrote no peak
            return None

    def write(self, content_hash: str, array: NDArray[Any], peak: float, temporary: Path) -> Entry:
        """Write an entry atomically: to a file in the folder `temporary`, on the same disk, which is then renamed.

        Raises
        ------
        DataError
            If the disk is full or can't be written.
        """
        path = self.path(content_hash)
        unfinished = temporary / path.name
        entry = Entry(len(array), np.float32(peak))

        def once() -> None:
            with unfinished.open("wb") as file:
                np.save(file, array, allow_pickle=False)
                np.save(file, entry.peak, allow_pickle=False)
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished.replace(path)

        try:
            files.retried(once)
        except OSError as error:
            with contextlib.suppress(OSError):  # the disk may refuse this too; the folder is removed in the end
                unfinished.unlink(missing_ok=True)
            raise files.cache_error(error) from None
        return entry
