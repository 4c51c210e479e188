"""Recordings of which short clips are segments, found by their sound where no artist is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from genrebench import audio
from genrebench.datasets.check.check import measure_files
from genrebench.datasets.check.overlaps import overlaps
from genrebench.errors import AudioError
from genrebench.progress import Progress, no_progress
from genrebench.records import Dataset
from genrebench.tasks.grouping import merged, of_unknown_artist

SHORT = 20.0
"""Median length in seconds below which clips are compared: longer clips that overlap by half share ten seconds, which the
search for near-duplicates of `check` finds, and whole songs don't overlap."""

_SAMPLE = 25  # files whose length is looked at
_FEW = 50  # clips that are measured in one process, since starting others takes longer


def heard_recordings(dataset: Dataset, *, home: Path, workers: int = 1, progress: Progress = no_progress) -> dict[str, str]:
    """Find short clips of unknown artist that overlap in time.

    Parameters
    ----------
    dataset : Dataset
    home : Path
        Measurements are cached there, and shared with `check`.
    workers : int
        Number of processes.
    progress : callable

    Returns
    -------
    dict of str to str
        Name of the recording by track id, for clips that overlap with another. Empty if the artists are known, or the clips
        are not short.

    Raises
    ------
    DataError
        If the cache can't be written.
    """
    tracks = of_unknown_artist(dataset.tracks)
    paths = {track.id: track.path for track in tracks if track.path is not None and track.path.is_file()}
    if len(paths) < 2 or _typical_seconds(list(paths.values())) >= SHORT:
        return {}
    measured = measure_files(paths, home, workers if len(paths) > _FEW else 1)
    contours = {id_: one.contour for id_, one in progress(measured, "listening", len(paths)) if one.error is None}
    ids = [track.id for track in tracks if track.id in contours]
    pairs = overlaps([contours[id_] for id_ in ids])
    return merged([{ids[pair.first]: ids[pair.first], ids[pair.second]: ids[pair.first]} for pair in pairs])


def _typical_seconds(paths: Sequence[Path]) -> float:
    """Median length of some files according to their headers; infinite if none can be read."""
    lengths = []
    for path in sorted(paths)[:: max(1, len(paths) // _SAMPLE)]:
        try:
            lengths.append(audio.info(path).seconds)
        except AudioError:
            continue
    return median(lengths) if lengths else float("inf")
