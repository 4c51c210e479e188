"""The cache of computed inputs: one .npy file per clip, keyed by the content of the audio and the parameters of the input.

Entries are written atomically: to a temporary file that is then renamed. Folders are named after the parameters of their
entries: ``waveforms-44100hz-30s-v1.1/3f/3fa9...npy``.
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

_TEMPORARY_PREFIX = "unfinished-"
_MAX_SERIAL_CLIPS = 3  # for so few clips, starting worker processes takes longer than the work

Compute = Callable[[Path], NDArray[Any]]


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
        return cls(context.cache, "-".join(map(str, [*parameters, excerpt, f"v{audio.VERSION}.{version}"])))

    def path(self, content_hash: str) -> Path:
        """Path of the entry for a content hash."""
        return self.cache / self.name / content_hash[:2] / f"{content_hash}.npy"

    def open(self, content_hash: str) -> NDArray[Any] | None:
        """The entry, memory-mapped; None if it is missing or damaged."""
        try:
            return np.load(self.path(content_hash), mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
        except (OSError, ValueError, EOFError, SyntaxError):  # missing, truncated, or not an array
            return None

    def length(self, content_hash: str) -> int | None:
        """Length of an entry's first axis; None if the entry is missing or damaged."""
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
            f"can't write to the cache ({error.strerror or error}); free up space, run `genrebench cache clear`, or set "
            "GENREBENCH_HOME to a larger disk"
        ) from None


def _compute_one(compute: Compute, clip: Clip, target: Path, temporary: Path) -> tuple[Clip, int | str]:
    """Compute and write one entry; returns its length, or the error message if the clip's audio can't be used."""
    try:
        array = compute(clip.path)
    except AudioError as error:
        return clip, str(error)
    _write(target, array, temporary)
    return clip, len(array)


def fill(
    folder: CacheFolder, clips: Sequence[Clip], compute: Compute, context: InputContext, description: str
) -> dict[str, int]:
    """Compute the missing entries of `clips` in parallel; clips with the same content are computed once.

    Each entry is written as soon as it is computed, so that an interrupted call can be resumed.

    Parameters
    ----------
    folder : CacheFolder
    clips : sequence of Clip
    compute : callable
        ``compute(path)`` returns the array; it must be picklable.
    context : InputContext
    description : str
        Label of the progress display.

    Returns
    -------
    dict of str to int
        Length of each entry's first axis by content hash, in the order of first occurrence in `clips`.

    Raises
    ------
    AudioError
        If clips can't be decoded; raised after all others are done, for the first of them.
    DataError
        If the disk is full or can't be written.
    """
    distinct = {clip.content_hash: clip for clip in clips}
    lengths = {key: folder.length(key) for key in distinct}
    missing = [clip for key, clip in distinct.items() if lengths[key] is None]
    failed = []
    if missing:
        with _temporary_folder(folder.cache) as temporary:
            jobs = ((compute, clip, folder.path(clip.content_hash), temporary) for clip in missing)
            workers = context.workers if len(missing) > _MAX_SERIAL_CLIPS else 1
            if workers > 1:
                _compile_librosa(folder.cache)
            with closing(_run(jobs, workers)) as results:
                for clip, result in context.progress(results, description, len(missing)):
                    if isinstance(result, int):
                        lengths[clip.content_hash] = result
                    else:
                        failed.append((clip, result))
    if failed:
        _raise_first_failure(failed, len(clips))
    return {key: length for key, length in lengths.items() if length is not None}


def _compile_librosa(cache: Path) -> None:
    """Import librosa's compiled functions in this process before several workers do it at the same time.

    Two processes that write to numba's cache at the same time can mix up compiled functions in it, and every later process that
    uses that cache crashes.
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
            warnings.simplefilter("ignore", UserWarning)  # joblib warns about unfinished work on interruption
            results.close()


def _raise_first_failure(failed: list[tuple[Clip, str]], total: int) -> None:
    failed.sort(key=lambda item: item[0].id)
    clip, reason = failed[0]
    others = f" (and {len(failed) - 1} more of {total})" if len(failed) > 1 else ""
    raise AudioError(
        f"track {clip.id}{others}: {reason}; leave such tracks out with --exclude FILE, "
        "which 'genrebench data check DATASET --exclusions FILE' writes"
    )


@contextmanager
def _temporary_folder(cache: Path) -> Iterator[Path]:
    """A folder inside the cache, and so on the same disk, for unfinished entries; removed with its content at the end."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=_TEMPORARY_PREFIX, dir=cache))
    except OSError as error:
        raise DataError(f"can't write to the cache at {cache}: {error.strerror or error}") from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_space(cache: Path) -> int:
    """Free bytes on the disk of `cache`, a folder that may not exist yet."""
    absolute = cache.absolute()
    return shutil.disk_usage(next(folder for folder in (absolute, *absolute.parents) if folder.exists())).free


def require_space(cache: Path, needed: int) -> None:
    """Raise `DataError` if the disk of `cache` has less than `needed` free bytes."""
    free = free_space(cache)
    if needed > free:
        raise DataError(
            f"the decoded audio needs {needed / 1e9:.1f} GB of disk and {free / 1e9:.1f} GB are free; free up space, set "
            "GENREBENCH_HOME to a larger disk, lower the sample rate, or decode on each access if the model has that option"
        )


# ------------------------------------------------------------------ for `genrebench cache`


@dataclass(frozen=True, slots=True)
class FolderInfo:
    """Size of one folder of the cache."""

    name: str
    entries: int
    bytes: int


def info(cache: Path) -> list[FolderInfo]:
    """Size of the cache by folder; folders of unfinished entries that a killed process left are named "unfinished"."""
    infos = []
    for folder in sorted(path for path in cache.glob("*") if path.is_dir()):
        sizes = [entry.stat().st_size for entry in folder.rglob("*") if entry.is_file()]
        infos.append(
            FolderInfo("unfinished" if folder.name.startswith(_TEMPORARY_PREFIX) else folder.name, len(sizes), sum(sizes))
        )
    return infos


def clear(cache: Path) -> int:
    """Remove everything from the cache; returns the number of bytes freed."""
    freed = sum(folder_info.bytes for folder_info in info(cache))
    for folder in cache.glob("*"):
        if folder.is_dir():
            shutil.rmtree(folder)
    return freed
