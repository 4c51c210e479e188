"""The examination of a dataset: decode every clip, then judge each by itself, and bring together all that was found."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from genrebench import audio
from genrebench.datasets import fma
from genrebench.datasets.check import duplicates as relations
from genrebench.datasets.check.findings import KINDS, SEVERITIES, Finding, Severity
from genrebench.datasets.check.measurement import SILENT_PEAK, Measurement, Shelf, measure_all
from genrebench.errors import DataError
from genrebench.records import Dataset, Split, Track

NEAR_SILENT_RMS = 1e-3
MOSTLY_SILENT = 0.8
"""Share of silent frames from which a clip is reported."""
CLIPPED = 1e-3
"""Share of samples in runs at full scale from which a clip is reported."""
SHORT, TOO_SHORT = 0.9, 0.5
"""Shares of the usual length (the dataset's median, or 30 s where that is longer) below which a clip is short, and a fault."""
LOST = 0.05
"""Seconds that may be missing at a file's end."""

_CLIP = 30.0
_CHUNK = 512  # files between two saves of the content hashes

Progress = Callable[..., Iterable[Any]]


def check(
    dataset: Dataset,
    split: Split | None = None,
    *,
    home: Path,
    workers: int = 1,
    progress: Progress | None = None,
    before: Iterable[Finding] = (),
) -> list[Finding]:
    """Decode every clip of a dataset and report what is wrong.

    What was measured is kept below `home` by the content of the files, so that an interrupted check resumes and a second one
    reads. Memory is bounded by a few kilobytes a clip.

    Parameters
    ----------
    dataset : Dataset
        A dataset no track of which has a genre is taken to be meant so; else a track without one is a fault.
    split : Split or None
        With it, tracks and artists in more than one part are reported too.
    home : Path
        The folder below which genrebench keeps data and caches.
    workers : int
        Processes. With more than one, a file that crashes the decoder is reported and stops nothing.
    progress : callable or None
        As in `genrebench.plugin.contract.Context`.
    before : iterable of Finding
        What was found already, to be listed among the rest; see `cut`.

    Returns
    -------
    list of Finding
        Faults first, then warnings, then notes; by kind, then in the dataset's order.

    Raises
    ------
    DataError
        If the disk refuses the cache.
    """
    measured, findings = _examine(dataset.tracks, home, workers, progress, "checking")
    findings += before
    findings += _without_label(dataset)
    usual = _Usual(measured.values())
    for track in dataset.tracks:
        if track.id in measured:
            findings += judge(track.id, measured[track.id], usual)
    if dataset.faulty:
        findings = [_compare_with_list(finding) for finding in findings]
        findings += _listed(dataset, home, workers, progress, usual)
    faulty = {finding.track for finding in findings if finding.severity == "fault"}
    findings += relations.copies(dataset.tracks, measured, split, faulty)
    findings += relations.shared_artists(dataset, split)
    order = {track.id: position for position, track in enumerate(dataset.tracks)}
    kinds = list(KINDS)
    return sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), kinds.index(f.kind), order.get(f.track, -1)))


# ------------------------------------------------------------------ decoding


def _examine(
    tracks: Sequence[Track], home: Path, workers: int, progress: Progress | None, description: str
) -> tuple[dict[str, Measurement], list[Finding]]:
    """Measurement of each track that has a file, and findings of those that have none or whose file can't be read."""
    if tracks and all(track.path is None for track in tracks):
        return {}, [Finding("", "no-audio", "note", f"no track of {len(tracks)} has an audio file to check")]
    findings = []
    paths: dict[str, Path] = {}
    for track in tracks:
        if track.path is not None and track.path.is_file():
            paths[track.id] = track.path
        else:
            findings.append(Finding(track.id, "missing", "fault", f"no file {track.path.name!r}" if track.path else "no path"))
    walk = _measure(paths, home, workers)
    found: dict[str, Measurement] = dict(progress(walk, description, len(paths)) if progress else walk)
    for track in tracks:
        error = found[track.id].error if track.id in found else None
        if error is not None:
            findings.append(Finding(track.id, "undecodable", "fault", error))
            del found[track.id]
    return found, findings


def _measure(paths: Mapping[str, Path], home: Path, workers: int) -> Iterator[tuple[str, Measurement]]:
    """Measure chunk by chunk, so that an interruption loses little; tracks of the same content share a measurement."""
    shelf = Shelf(home / "cache")
    rest = iter(paths.items())
    while chunk := dict(islice(rest, _CHUNK)):
        hashes, unreadable = _content_hashes(chunk, home)
        yield from unreadable.items()
        tracks = defaultdict(list)
        for track, content_hash in hashes.items():
            tracks[content_hash].append(track)
        contents = {content_hash: paths[ids[0]] for content_hash, ids in tracks.items()}
        for content_hash, measurement in measure_all(contents, shelf, workers):
            for track in tracks[content_hash]:
                yield track, measurement


def _content_hashes(paths: Mapping[str, Path], home: Path) -> tuple[dict[str, str], dict[str, Measurement]]:
    """Content hashes, and what to say of the files that can't be read."""
    remembered = home / "audio-hashes.json"
    try:
        return dict(zip(paths, audio.content_hashes(list(paths.values()), remembered), strict=True)), {}
    except DataError:
        hashes, unreadable = {}, {}
        for track, path in paths.items():
            try:
                hashes[track] = audio.content_hash(path)
            except DataError as error:
                unreadable[track] = Measurement(error=str(error).removeprefix(f"{path}: "))
        if not unreadable:
            raise  # it was the disk that refused the file of hashes
        return hashes, unreadable


# ------------------------------------------------------------------ labels


def _without_label(dataset: Dataset) -> Iterator[Finding]:
    """Report the tracks that have no genre, and those that the dataset left out for that."""
    unlabelled = [track.id for track in dataset.tracks if not track.genre.strip()]
    if unlabelled and len(unlabelled) == len(dataset.tracks):
        yield Finding("", "no-label", "note", f"no track of {len(unlabelled)} has a genre")
    else:
        yield from (Finding(id_, "no-label", "fault", "no genre") for id_ in unlabelled)
    yield from (Finding(id_, "no-label", "note", "no genre, so it is in no task") for id_ in dataset.unlabelled)


# ------------------------------------------------------------------ each clip by itself


class _Usual:
    """What most clips of a dataset have in common."""

    def __init__(self, measured: Iterable[Measurement]) -> None:
        found = list(measured)
        self.seconds = min(median(m.seconds for m in found), _CLIP) if found else 0.0
        self.sample_rate = Counter(m.sample_rate for m in found).most_common(1)[0][0] if found else 0
        self.channels = Counter(m.channels for m in found).most_common(1)[0][0] if found else 0


def judge(track: str, m: Measurement, usual: _Usual) -> Iterator[Finding]:
    """Say what is wrong with one clip that was decoded."""
    if m.peak <= SILENT_PEAK:
        yield Finding(track, "silent", "fault", f"peak {m.peak:.1e} of full scale in {m.seconds:.1f} s")
    elif m.rms < NEAR_SILENT_RMS:
        yield Finding(track, "near-silent", "warning", f"mean level {m.rms:.1e} of full scale")
    elif m.silent > MOSTLY_SILENT:
        yield Finding(track, "near-silent", "warning", f"{m.silent:.0%} of it is silence")
    if m.seconds < SHORT * usual.seconds:
        severity: Severity = "fault" if m.seconds < TOO_SHORT * usual.seconds else "warning"
        yield Finding(track, "short", severity, f"{m.seconds:.1f} s, where {usual.seconds:.1f} s are usual")
    lost = (m.declared_frames - m.frames) / m.sample_rate
    if lost > LOST:
        yield Finding(track, "truncated", "warning", f"{lost:.1f} s of the {m.seconds + lost:.1f} s in its header are missing")
    if m.clipped > CLIPPED:
        yield Finding(track, "clipped", "warning", f"{m.clipped:.1%} of its samples stand at full scale")
    if m.sample_rate != usual.sample_rate:
        yield Finding(track, "odd-rate", "note", f"{m.sample_rate} Hz, most have {usual.sample_rate} Hz")
    if m.channels != usual.channels:
        yield Finding(track, "odd-channels", "note", f"{m.channels}, most have {usual.channels}")


# ------------------------------------------------------------------ against the list of known-faulty tracks


def _compare_with_list(finding: Finding) -> Finding:
    """Add to a fault of a track that the list of known-faulty tracks doesn't have it; those on it aren't among the tracks."""
    if finding.severity != "fault" or not finding.track:
        return finding
    return replace(finding, detail=f"{finding.detail}; not on the list of known-faulty tracks")


def _listed(dataset: Dataset, home: Path, workers: int, progress: Progress | None, usual: _Usual) -> Iterator[Finding]:
    """Find tracks that are known to be faulty and aren't."""
    root = _fma_root(dataset)
    if root is None:
        return
    reasons = {exclusion.id: exclusion.reason for exclusion in dataset.faulty}
    tracks = [Track(id_, "", None, root / fma.clip_path(id_)) for id_ in reasons]
    measured, _ = _examine(tracks, home, workers, progress, "checking known-faulty tracks")
    for id_, measurement in measured.items():
        if not any(finding.severity == "fault" for finding in judge(id_, measurement, usual)):
            detail = f"listed as: {reasons[id_]}; here it has {measurement.seconds:.1f} s of audio"
            yield Finding(id_, "sound-though-listed", "note", detail)


def _fma_root(dataset: Dataset) -> Path | None:
    """The folder of FMA's clips, from where the tracks of a dataset lie; None if they don't lie as FMA's do."""
    for track in dataset.tracks[:1]:
        if track.path is not None and track.id.isdecimal() and track.path.parts[-2:] == fma.clip_path(track.id).parts:
            return track.path.parents[1]
    return None
