"""Computed inputs on disk: one .npy file a clip, found by the content of the audio and by what was computed of it.

An entry is written under another name and then moved into its place, so that there are whole entries and no others. The
folders are named after what they hold: ``waveforms-44100hz-30s-v1.1/3f/3fa9...npy``.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench import audio
from genrebench.contract import Clip, LazyInputs, Workshop
from genrebench.errors import AudioError, DataError

_TEMPORARY = "unfinished-"
_ALONE = 3  # up to so many clips, starting worker processes takes longer than the work

Compute = Callable[[Path], NDArray[Any]]


@dataclass(frozen=True)
class Shelf:
    """The entries of one kind: what was computed is in the shelf's name, of which audio in the entry's.

    Parameters
    ----------
    cache : Path
        Folder of the whole cache.
    name : str
        What was computed, with every parameter and a version: "features-30s-v1.1".
    """

    cache: Path
    name: str

    @classmethod
    def of(cls, workshop: Workshop, *what: object, version: int) -> Shelf:
        """The shelf for `what`, computed of the workshop's excerpt."""
        excerpt = "whole" if workshop.excerpt.seconds is None else f"{workshop.excerpt}s"
        return cls(workshop.cache, "-".join(map(str, [*what, excerpt, f"v{audio.VERSION}.{version}"])))

    def path(self, content_hash: str) -> Path:
        """Where the entry of some audio stands."""
        return self.cache / self.name / content_hash[:2] / f"{content_hash}.npy"

    def open(self, content_hash: str) -> NDArray[Any] | None:
        """The entry, memory-mapped; None if it is absent or damaged."""
        try:
            return np.load(self.path(content_hash), mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
        except (OSError, ValueError, EOFError, SyntaxError):  # absent, cut off, or not an array
            return None

    def length(self, content_hash: str) -> int | None:
        """Length of an entry's first axis; None if the entry is absent or damaged."""
        array = self.open(content_hash)
        return None if array is None else len(array)


def _write(path: Path, array: NDArray[Any], temporary: Path) -> None:
    unfinished = temporary / path.name
    try:
        with unfinished.open("wb") as file:
            np.save(file, array, allow_pickle=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise DataError(
            f"can't write to the cache ({error.strerror or error}); free space, run `genrebench cache clear`, or set "
            "GENREBENCH_HOME to a larger disk"
        ) from None


def _compute_one(compute: Compute, clip: Clip, target: Path, temporary: Path) -> tuple[Clip, int | str]:
    """Compute and write one entry; its length, or the reason where the clip's audio can't be used."""
    try:
        array = compute(clip.path)
    except AudioError as error:
        return clip, str(error)
    _write(target, array, temporary)
    return clip, len(array)


def fill(shelf: Shelf, clips: Sequence[Clip], compute: Compute, workshop: Workshop, description: str) -> dict[str, int]:
    """Compute the entries of `clips` that aren't there yet, in parallel; clips of the same content are computed once.

    Each entry is kept as soon as it is done: an interrupted call resumes where it was.

    Parameters
    ----------
    shelf : Shelf
    clips : sequence of Clip
    compute : callable
        ``compute(path)`` gives the array; it has to be picklable.
    workshop : Workshop
    description : str
        What is being done, for the progress display.

    Returns
    -------
    dict of str to int
        Length of each entry's first axis, by content hash, in the order in which the clips first show it.

    Raises
    ------
    AudioError
        After all the other clips are done, if some can't be decoded; it names the first.
    DataError
        If the disk is full or refuses to be written.
    """
    distinct = {clip.content_hash: clip for clip in clips}
    lengths = {key: shelf.length(key) for key in distinct}
    missing = [clip for key, clip in distinct.items() if lengths[key] is None]
    failed = []
    if missing:
        with _temporary_folder(shelf.cache) as temporary:
            jobs = ((compute, clip, shelf.path(clip.content_hash), temporary) for clip in missing)
            results = _run(jobs, workshop.workers if len(missing) > _ALONE else 1)
            for clip, result in workshop.progress(results, description, len(missing)):
                if isinstance(result, int):
                    lengths[clip.content_hash] = result
                else:
                    failed.append((clip, result))
    if failed:
        _blame(failed, len(clips))
    return {key: length for key, length in lengths.items() if length is not None}


def _run(jobs: Iterable[tuple[Any, ...]], workers: int) -> Iterator[tuple[Clip, int | str]]:
    if workers == 1:
        return (_compute_one(*job) for job in jobs)
    from joblib import Parallel, delayed

    results: Iterator[tuple[Clip, int | str]] = Parallel(n_jobs=workers, return_as="generator_unordered")(
        delayed(_compute_one)(*job) for job in jobs
    )
    return results


def _blame(failed: list[tuple[Clip, str]], total: int) -> None:
    failed.sort(key=lambda item: item[0].id)
    clip, reason = failed[0]
    others = f" (and {len(failed) - 1} more of {total})" if len(failed) > 1 else ""
    raise AudioError(f"track {clip.id}{others}: {reason}; leave such tracks out with --exclude FILE")


class _temporary_folder:  # noqa: N801, used as a function
    """A folder inside the cache, on its disk, for entries that aren't finished; gone at the end, with what is in it."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache

    def __enter__(self) -> Path:
        try:
            self._cache.mkdir(parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=self._cache))
        except OSError as error:
            raise DataError(f"can't write to the cache at {self._cache}: {error.strerror or error}") from None
        return self._folder

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def free_space(cache: Path) -> int:
    """Bytes left on the disk of `cache`, which needn't exist yet."""
    absolute = cache.absolute()
    return shutil.disk_usage(next(folder for folder in (absolute, *absolute.parents) if folder.exists())).free


def require_space(cache: Path, needed: int) -> None:
    """Raise `DataError` if the disk of `cache` has less than `needed` bytes left."""
    free = free_space(cache)
    if needed > free:
        raise DataError(
            f"the decoded audio needs {needed / 1e9:.1f} GB of disk and {free / 1e9:.1f} GB are free; free space, set "
            "GENREBENCH_HOME to a larger disk, lower the sample rate, or decode at each access if the model offers it"
        )


class CachedArrays(LazyInputs):
    """Entries of a shelf as a lazy sequence; memory holds a number or two a track.

    Parameters
    ----------
    shelf : Shelf
    content_hashes : list of str
        Of the distinct clips.
    lengths : ndarray of int64, shape (n_distinct,)
    rows : ndarray of int64, shape (n_tracks,)
        For each track the index of its clip among the distinct ones.
    scale : float
        Factor from what is stored to what is read.
    """

    def __init__(
        self, shelf: Shelf, content_hashes: list[str], lengths: NDArray[np.int64], rows: NDArray[np.int64], scale: float
    ) -> None:
        self._shelf, self._hashes, self._lengths, self._rows, self._scale = shelf, content_hashes, lengths, rows, scale

    @classmethod
    def of(cls, shelf: Shelf, clips: Sequence[Clip], lengths: Mapping[str, int], scale: float = 1.0) -> CachedArrays:
        """The entries of `clips`, whose lengths `fill` has returned."""
        index = {key: i for i, key in enumerate(lengths)}
        rows = np.array([index[clip.content_hash] for clip in clips], dtype=np.int64)
        return cls(shelf, list(lengths), np.array(list(lengths.values()), dtype=np.int64), rows, scale)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Samples or frames a track, shape (n_tracks,)."""
        return self._lengths[self._rows]

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, index: int, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Part of one track, from the disk."""
        part = _present(self._shelf, self._hashes[self._rows[index]])[start:stop]
        values: NDArray[np.float32] = np.array(part, dtype=np.float32)
        if self._scale != 1.0:
            values *= np.float32(self._scale)
        return values

    def subset(self, indices: Iterable[int]) -> CachedArrays:
        """Some of the tracks, sharing everything but the row numbers."""
        rows = self._rows[np.fromiter(indices, np.int64)]
        return CachedArrays(self._shelf, self._hashes, self._lengths, rows, self._scale)


def _present(shelf: Shelf, content_hash: str) -> NDArray[Any]:
    array = shelf.open(content_hash)
    if array is None:
        raise DataError(f"{shelf.path(content_hash)} has vanished from the cache or is damaged; run the command again")
    return array


# ------------------------------------------------------------------ for `genrebench cache`


@dataclass(frozen=True, slots=True)
class ShelfInfo:
    """How much of the cache one kind of input takes."""

    name: str
    entries: int
    bytes: int


def info(cache: Path) -> list[ShelfInfo]:
    """What is in the cache, by kind; what a killed process left unfinished is a kind of its own."""
    found = []
    for folder in sorted(path for path in cache.glob("*") if path.is_dir()):
        sizes = [entry.stat().st_size for entry in folder.rglob("*") if entry.is_file()]
        found.append(ShelfInfo("unfinished" if folder.name.startswith(_TEMPORARY) else folder.name, len(sizes), sum(sizes)))
    return found


def clear(cache: Path) -> int:
    """Remove everything in the cache; the number of bytes that were freed."""
    freed = sum(shelf.bytes for shelf in info(cache))
    for folder in cache.glob("*"):
        if folder.is_dir():
            shutil.rmtree(folder)
    return freed
