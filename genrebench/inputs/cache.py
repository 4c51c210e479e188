"""Computed inputs on disk: one .npy file a clip, found by the content of the audio and by what was computed of it.

An entry is written under another name and then moved into its place, so that there are whole entries and no others. The
folders are named after what they hold: ``waveforms-44100hz-30s-v1.1/3f/3fa9...npy``.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench import audio
from genrebench.errors import AudioError, DataError
from genrebench.plugin.inputs import Clip, InputContext

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
    def of(cls, context: InputContext, *what: object, version: int) -> Shelf:
        """The shelf for `what`, computed of the context's excerpt."""
        excerpt = "whole" if context.excerpt.seconds is None else f"{context.excerpt}s"
        return cls(context.cache, "-".join(map(str, [*what, excerpt, f"v{audio.VERSION}.{version}"])))

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


def fill(shelf: Shelf, clips: Sequence[Clip], compute: Compute, context: InputContext, description: str) -> dict[str, int]:
    """Compute the entries of `clips` that aren't there yet, in parallel; clips of the same content are computed once.

    Each entry is kept as soon as it is done: an interrupted call resumes where it was.

    Parameters
    ----------
    shelf : Shelf
    clips : sequence of Clip
    compute : callable
        ``compute(path)`` gives the array; it has to be picklable.
    context : InputContext
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
            workers = context.workers if len(missing) > _ALONE else 1
            if workers > 1:
                _compile_librosa(shelf.cache)
            with closing(_run(jobs, workers)) as results:
                for clip, result in context.progress(results, description, len(missing)):
                    if isinstance(result, int):
                        lengths[clip.content_hash] = result
                    else:
                        failed.append((clip, result))
    if failed:
        _blame(failed, len(clips))
    return {key: length for key, length in lengths.items() if length is not None}


def _compile_librosa(cache: Path) -> None:
    """Have librosa compile what it compiles on import, before several workers do.

    Two processes that fill numba's cache at the same time can leave compiled functions in it under each other's names, and
    every later process of that installation then crashes.
    """
    import filelock

    with filelock.FileLock(cache / ".compiling.lock"):
        import librosa.core.audio
        import librosa.core.pitch
        import librosa.util.utils  # noqa: F401


def _run(jobs: Iterable[tuple[Any, ...]], workers: int) -> Generator[tuple[Clip, int | str], None, None]:
    if workers == 1:
        yield from (_compute_one(*job) for job in jobs)
        return
    from joblib import Parallel, delayed

    results = Parallel(n_jobs=workers, return_as="generator_unordered")(delayed(_compute_one)(*job) for job in jobs)
    try:
        yield from results
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # joblib's, that unfinished work is lost when the user interrupts
            results.close()


def _blame(failed: list[tuple[Clip, str]], total: int) -> None:
    failed.sort(key=lambda item: item[0].id)
    clip, reason = failed[0]
    others = f" (and {len(failed) - 1} more of {total})" if len(failed) > 1 else ""
    raise AudioError(
        f"track {clip.id}{others}: {reason}; leave such tracks out with --exclude FILE, "
        "which 'genrebench data check DATASET --exclusions FILE' writes"
    )


@contextmanager
def _temporary_folder(cache: Path) -> Iterator[Path]:
    """A folder inside the cache, on its disk, for entries that aren't finished; gone at the end, with what is in it."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=cache))
    except OSError as error:
        raise DataError(f"can't write to the cache at {cache}: {error.strerror or error}") from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
