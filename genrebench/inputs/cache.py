"""The cache of computed inputs: filling it in parallel, its size, and emptying it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from genrebench import audio, files, temporary
from genrebench.errors import AudioError, DataError
from genrebench.inputs.entries import CacheFolder, Entry
from genrebench.inputs.sharing import CLAIMS, UNFINISHED, cleared, unfinished_folder
from genrebench.plugin.inputs import Clip, InputContext
from genrebench.workers import in_processes

WAIT_SECONDS = 0.1
_MAX_SERIAL_CLIPS = 3  # for so few clips, starting worker processes takes longer than the work

Compute = Callable[[Path], NDArray[Any]]
Work = Callable[[Sequence[Clip]], Generator[tuple[Clip, Entry | str], None, None]]

CHANGED = "the file has changed since its content was read first; run the command again"


SILENCE = 10 ** (-80 / 20)
"""A clip whose largest sample is below this, -80 dB of full scale, counts as silent."""


asked_only: ContextVar[bool] = ContextVar("asked_only", default=False)
"""Whether it is only asked what is missing, which `Missing` then says."""


class Missing(BaseException):
    """What is missing in a folder of the cache; no error, and so not caught with those of plugins.

    Parameters
    ----------
    folder : CacheFolder
    clips : list of Clip
    """

    def __init__(self, folder: CacheFolder, clips: list[Clip]) -> None:
        super().__init__()
        self.folder, self.clips = folder, clips


class UnusableClipsError(AudioError):
    """Some clips can't be decoded or, where such clips are refused, are silent.

    Parameters
    ----------
    message : str
    reasons : mapping of str to str
        Why, in one line without the path, by content hash.
    """

    def __init__(self, message: str, reasons: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.reasons = reasons or {}


def fill(
    folder: CacheFolder, clips: Sequence[Clip], compute: Compute, context: InputContext, description: str
) -> dict[str, int]:
    """Compute the missing entries of `clips` in parallel; clips with the same content are computed once.

    Each entry is written as soon as it is computed, so that an interrupted call can be resumed. Processes that fill the same
    folder share the work: an entry that another one is computing is waited for.

    Parameters
    ----------
    folder : CacheFolder
    clips : sequence of Clip
    compute : callable
        ``compute(path)`` returns the array; it must be picklable and decode with `genrebench.audio.read`.
    context : InputContext
    description : str
        Label of the progress display.

    Returns
    -------
    dict of str to int
        Length of each entry's first axis by content hash, in the order of first occurrence in `clips`.

    Raises
    ------
    UnusableClipsError
        If clips can't be decoded, or are silent and ``context.refuse_silence`` is true; raised after all others are done.
    DataError
        If the disk is full or can't be written.
    """

    def work(missing: Sequence[Clip]) -> Generator[tuple[Clip, Entry | str], None, None]:
        with unfinished_folder(folder.cache) as unfinished:
            workers = context.workers if len(missing) > _MAX_SERIAL_CLIPS else 1
            if workers > 1:
                _compile_librosa(folder.cache)
            one = partial(_compute_one, compute, folder, unfinished, context.refuse_silence)
            with closing(_shared(one, folder, missing, workers, context.refuse_silence)) as results:
                yield from results

    return filled(folder, clips, work, context, description)


def filled(folder: CacheFolder, clips: Sequence[Clip], work: Work, context: InputContext, description: str) -> dict[str, int]:
    """Do the `work` that is missing in a folder; see `fill` for the result and the errors.

    Parameters
    ----------
    folder, clips, context, description
        As for `fill`.
    work : callable
        ``work(missing)`` yields each of these clips, in any order, with its entry or the reason why its audio can't be used.
    """
    distinct = {clip.content_hash: clip for clip in clips}
    entries = {key: folder.find(key, with_peak=context.refuse_silence) for key in distinct}
    missing = [clip for key, clip in distinct.items() if entries[key] is None]
    if asked_only.get():
        raise Missing(folder, missing)
    reasons: dict[str, str] = {}
    if missing:
        with closing(work(missing)) as results:
            for clip, result in context.progress(results, description, len(missing)):
                if isinstance(result, Entry):
                    entries[clip.content_hash] = result
                else:
                    reasons[clip.content_hash] = result
    found = {key: entry for key, entry in entries.items() if entry is not None}
    if cancelling := [distinct[key].id for key, entry in found.items() if entry.cancels]:
        context.say(f"warning: {audio.cancelling_text(cancelling)}")
    if context.refuse_silence:
        reasons |= {key: "silent" for key, entry in found.items() if entry.peak < SILENCE}
    if reasons:
        _refuse([(distinct[key], reason) for key, reason in reasons.items()], len(clips))
    return {key: entry.length for key, entry in found.items()}


def _shared(
    one: Callable[[Clip], tuple[Clip, Entry | str | None]],
    folder: CacheFolder,
    clips: Sequence[Clip],
    workers: int,
    with_peak: bool,
) -> Generator[tuple[Clip, Entry | str], None, None]:
    """Compute the entries that no other process is computing, and wait for those that one is."""
    todo = list(clips)
    while todo:
        elsewhere = []
        with closing(in_processes(one, ((clip,) for clip in todo), workers)) as results:
            for clip, result in results:
                if result is None:
                    elsewhere.append(clip)
                else:
                    yield clip, result
        todo = elsewhere
        while todo:
            time.sleep(WAIT_SECONDS)
            waiting, todo = todo, []
            for clip in waiting:
                entry = folder.find(clip.content_hash, with_peak=with_peak)
                if entry is None:
                    todo.append(clip)
                else:
                    yield clip, entry
            if any(_is_free(folder, clip) for clip in todo):  # a process that dies or fails leaves its clips to this one
                break


def _is_free(folder: CacheFolder, clip: Clip) -> bool:
    """Whether no process is computing the entry of a clip."""
    with folder.claimed(clip.content_hash) as free:
        return free


def _compute_one(
    compute: Compute, folder: CacheFolder, unfinished: Path, with_peak: bool, clip: Clip
) -> tuple[Clip, Entry | str | None]:
    """Compute and write one entry.

    Returns
    -------
    clip : Clip
    result : Entry, str or None
        The reason if the clip's audio can't be used; None if another process is computing the entry.
    """
    with folder.claimed(clip.content_hash) as mine:
        if not mine:
            return clip, None
        entry = folder.find(clip.content_hash, with_peak=with_peak)
        if entry is not None:  # another process has computed it in the meantime
            return clip, entry
        try:
            with audio.noting() as noted:
                array = compute(clip.path)
            if audio.content_hash(clip.path) != clip.content_hash:
                return clip, CHANGED
        except AudioError as error:
            return clip, error.reason(clip.path)
        entry = folder.write(clip.content_hash, array, max(noted.peaks, default=np.nan), unfinished)
        return clip, entry._replace(cancels=noted.cancels)


def _compile_librosa(cache: Path) -> None:
    """Import librosa's compiled functions in this process before several workers do it at the same time.

    Two processes that write to numba's cache at the same time can mix up compiled functions in it, and every later process that
    uses that cache crashes.
    """
    with temporary.exclusive(cache / ".compiling.lock"):
        import librosa.core.audio
        import librosa.core.pitch
        import librosa.util.utils  # noqa: F401


def _refuse(refused: list[tuple[Clip, str]], total: int) -> NoReturn:
    clip, reason = min(refused, key=lambda item: item[0].id)
    others = f" (and {len(refused) - 1} more of {total})" if len(refused) > 1 else ""
    raise UnusableClipsError(
        f"track {clip.id}{others}: {clip.path}: {reason}; leave such tracks out with --exclude FILE, "
        "which 'genrebench data check DATASET --exclusions FILE' writes",
        {clip.content_hash: reason for clip, reason in refused},
    )


@dataclass(frozen=True)
class Size:
    """Size of an entry on disk.

    Parameters
    ----------
    bytes : int
        Per item of the array's first axis.
    max_length : float or None
        Upper bound of the length of the first axis, if there is one that no file has to be opened for.
    """

    bytes: int
    max_length: float | None = None


def require_space(folder: CacheFolder, clips: Sequence[Clip], size: Size, length: Callable[[Path], int]) -> int:
    """Bytes needed for the clips that aren't cached yet.

    Raises
    ------
    DataError
        If the disk has less free space.
    """
    missing = {clip.content_hash: clip.path for clip in clips if not folder.path(clip.content_hash).exists()}
    free = files.free_disk(folder.cache)
    if size.max_length is not None:
        needed = size.bytes * round(len(missing) * size.max_length)
        if needed <= free:
            return needed
    needed = size.bytes * sum(map(length, missing.values()))
    if needed > free:
        raise DataError(
            f"the decoded audio needs {needed / 1e9:.1f} GB of disk and {free / 1e9:.1f} GB are free; free up space, set "
            "GENREBENCH_HOME to a larger disk, lower the sample rate, or decode on each access if the model has that option"
        )
    return needed


# ------------------------------------------------------------------ for `genrebench cache`


@dataclass(frozen=True, slots=True)
class FolderInfo:
    """Size of one folder of the cache."""

    name: str
    entries: int
    bytes: int


def info(cache: Path) -> list[FolderInfo]:
    """Size of the cache by folder, without what killed processes left; folders of unfinished entries are named "unfinished"."""
    temporary.sweep(cache, UNFINISHED)
    infos = []
    for folder in sorted(path for path in cache.glob("*") if path.is_dir() and path.name != CLAIMS):
        sizes = [entry.stat().st_size for entry in folder.rglob("*") if entry.is_file()]
        infos.append(
            FolderInfo(UNFINISHED if folder.name.lstrip(".").startswith(UNFINISHED) else folder.name, len(sizes), sum(sizes))
        )
    return infos


def clear(cache: Path) -> int:
    """Remove everything from the cache; returns the number of bytes freed.

    Raises
    ------
    UsageError
        If a process uses the cache.
    """
    if not cache.is_dir():
        return 0
    with cleared(cache):
        freed = sum(folder_info.bytes for folder_info in info(cache))
        for folder in cache.glob("*"):
            if folder.is_dir():
                shutil.rmtree(folder)
    return freed
