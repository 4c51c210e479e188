"""Check a dataset: decode every clip, look for problems in each, and collect all findings."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import median

from genrebench import audio
from genrebench.datasets import fma
from genrebench.datasets.check import duplicates
from genrebench.datasets.check.advice import gathered, rest_findings
from genrebench.datasets.check.findings import KINDS, SEVERITIES, Finding, Severity, remarked
from genrebench.datasets.check.given_features import load_given, usable_findings, value_findings
from genrebench.datasets.check.measurement import SILENT_PEAK, Measurement, MeasurementCache, measure_all
from genrebench.errors import DataError
from genrebench.progress import Progress, no_progress
from genrebench.records import Dataset, Split, Track

NEAR_SILENT_RMS = 1e-3
"""Root mean square level below which a clip is reported as near-silent."""
MAX_SILENT_SHARE = 0.8
"""Share of silent frames above which a clip is reported as near-silent."""
MAX_CLIPPED_SHARE = 1e-3
"""Share of samples in runs at full scale above which a clip is reported as clipped."""
SHORT, TOO_SHORT = 0.9, 0.5
"""Fractions of the typical length (the dataset's median, at most 30 s) below which a clip is reported as short. Where all clips
should be equally long, as FMA's are, that is a warning, and below the second a fault; music of one's own differs: a note."""
NEEDED_SECONDS = 1.0
"""Length below which a clip is a fault anywhere: a window of the reference networks."""
MAX_MISSING_SECONDS = 0.05
"""Difference between declared and decoded length above which a file is reported as truncated."""

_MAX_TYPICAL_SECONDS = 30.0
_FILES_PER_CHUNK = 512  # content hashes are saved after each chunk


def check(
    dataset: Dataset,
    split: Split | None = None,
    *,
    home: Path,
    workers: int = 1,
    progress: Progress = no_progress,
    before: Iterable[Finding] = (),
    rehash: bool = False,
) -> list[Finding]:
    """Decode every clip of a dataset and report problems.

    Measurements are cached in `home` by file content, so that an interrupted check resumes and a repeated one only reads the
    cache. Memory use is a few kilobytes per clip.

    Parameters
    ----------
    dataset : Dataset
        If no track has a genre, the dataset is assumed to be unlabelled on purpose; otherwise a track without one is a fault.
    split : Split or None
        If given, duplicates and artists in more than one part are reported as well.
    home : Path
        The folder in which genrebench keeps data and caches.
    workers : int
        Number of processes. With more than one, a file that crashes the decoder is reported and doesn't end the check.
    progress : callable
        As in `genrebench.plugin.contract.Context`.
    before : iterable of Finding
        Earlier findings to include in the result; see `cut`.
    rehash : bool
        Read all files again, and report those that have changed unnoticed since they were hashed.

    Returns
    -------
    list of Finding
        Faults, then warnings, then notes; within each by kind, then in the dataset's order.

    Raises
    ------
    DataError
        If the cache can't be written.
    """
    changed = list(_changed_findings(dataset.tracks, home, progress)) if rehash else []
    usable = [track for track in dataset.tracks if track.id not in dataset.unusable]
    measured, findings = _measure_tracks(usable, home, workers, progress, "checking")
    if dataset.load_features is None:
        findings = [_nothing_to_learn_from(finding) if finding.kind == "no-audio" else finding for finding in findings]
    findings += [*changed, *before]
    findings += _reading_findings(dataset)
    given, unread = load_given(dataset)
    findings += unread
    if given is not None:
        findings += usable_findings(dataset, given)
    findings += _label_findings(dataset)
    typical = _TypicalClip(measured.values(), are_cut=_fma_audio_folder(dataset) is not None)
    for track in dataset.tracks:
        if track.id in measured:
            findings += clip_findings(track.id, measured[track.id], typical)
    if dataset.faulty:
        findings = [_with_list_status(finding) for finding in findings]
        findings += _known_faulty_findings(dataset, home, workers, progress, typical)
    faulty = {finding.track for finding in findings if finding.severity == "fault"}
    findings += duplicates.duplicate_findings(dataset.tracks, measured, split, faulty)
    if given is not None:
        findings += value_findings(dataset, given, split, faulty)
    findings += duplicates.shared_artist_findings(dataset, split)
    findings = gathered(findings, dataset)
    findings += list(rest_findings(findings, dataset, split))
    order = {track.id: position for position, track in enumerate(dataset.tracks)}
    kinds = list(KINDS)
    return sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), kinds.index(f.kind), order.get(f.track, -1)))


# ------------------------------------------------------------------ content hashes


def _changed_findings(tracks: Sequence[Track], home: Path, progress: Progress) -> Iterator[Finding]:
    """Tracks whose files have another content than their cached hash says."""
    paths = [
        track.path for track in tracks if track.path is not None and os.access(track.path, os.R_OK) and track.path.is_file()
    ]
    changed = set(audio.rehash(paths, audio.hash_cache(home), progress))
    for track in tracks:
        if track.path in changed:
            detail = "the content changed, but not the size and times; runs since then have the fingerprint of the old content"
            yield Finding(track.id, "changed", "warning", detail)


# ------------------------------------------------------------------ decoding


def _measure_tracks(
    tracks: Sequence[Track], home: Path, workers: int, progress: Progress, description: str
) -> tuple[dict[str, Measurement], list[Finding]]:
    """Measurements by track id, and findings for the tracks whose file is missing or can't be read."""
    if tracks and all(track.path is None for track in tracks):
        return {}, [Finding("", "no-audio", "note", f"none of the {len(tracks)} tracks has an audio file")]
    findings = []
    paths: dict[str, Path] = {}
    for track in tracks:
        if track.path is not None and track.path.is_file():
            paths[track.id] = track.path
        else:
            findings.append(Finding(track.id, "missing", "fault", f"no file {track.path.name!r}" if track.path else "no path"))
    measurements = measure_files(paths, home, workers)
    measured: dict[str, Measurement] = dict(progress(measurements, description, len(paths)))
    for track in tracks:
        error = measured[track.id].error if track.id in measured else None
        if error is not None:
            findings.append(Finding(track.id, "undecodable", "fault", error))
            del measured[track.id]
    return measured, findings


def _nothing_to_learn_from(no_audio: Finding) -> Finding:
    detail = (
        f"{no_audio.detail}, and there are no given features, so no model can be run; add a column 'path' to tracks.csv, or a "
        "features.csv"
    )
    return replace(no_audio, severity="fault", detail=detail)


def measure_files(paths: Mapping[str, Path], home: Path, workers: int) -> Iterator[tuple[str, Measurement]]:
    """Measure in chunks, so that little is lost on interruption; tracks with identical files share a measurement."""
    cache = MeasurementCache(home / "cache")
    remaining = iter(paths.items())
    while chunk := dict(islice(remaining, _FILES_PER_CHUNK)):
        hashes, unreadable = _content_hashes(chunk, home)
        yield from unreadable.items()
        ids_by_hash = defaultdict(list)
        for track, content_hash in hashes.items():
            ids_by_hash[content_hash].append(track)
        contents = {content_hash: paths[ids[0]] for content_hash, ids in ids_by_hash.items()}
        for content_hash, measurement in measure_all(contents, cache, workers):
            for track in ids_by_hash[content_hash]:
                yield track, measurement


def _content_hashes(paths: Mapping[str, Path], home: Path) -> tuple[dict[str, str], dict[str, Measurement]]:
    """Content hashes by track id, and error measurements for the files that can't be read."""
    try:
        return dict(zip(paths, audio.content_hashes(list(paths.values()), audio.hash_cache(home)), strict=True)), {}
    except DataError:
        hashes, unreadable = {}, {}
        for track, path in paths.items():
            try:
                hashes[track] = audio.content_hash(path)
            except DataError as error:
                unreadable[track] = Measurement(error=str(error).removeprefix(f"{path}: "))
        if not unreadable:
            raise  # no audio file is unreadable: the hash cache couldn't be written
        return hashes, unreadable


# ------------------------------------------------------------------ reading, labels


def _reading_findings(dataset: Dataset) -> Iterator[Finding]:
    """What was noticed while the dataset was read."""
    yield from map(remarked, dataset.remarks)
    ids = {track.id for track in dataset.tracks}
    yield from (remarked(remark, id_) for id_, remark in dataset.unusable.items() if id_ in ids)


def _label_findings(dataset: Dataset) -> Iterator[Finding]:
    """Tracks without a genre, including those that the dataset itself left out for that reason."""
    unlabelled = [track.id for track in dataset.tracks if not track.genre.strip()]
    if unlabelled and len(unlabelled) == len(dataset.tracks):
        detail = f"none of the {len(unlabelled)} tracks has a genre: there is nothing to train on, only to predict"
        yield Finding("", "no-label", "warning", detail)
    else:
        yield from (Finding(id_, "no-label", "fault", "no genre") for id_ in unlabelled)
    yield from (Finding(id_, "no-label", "note", "no genre, so it isn't part of any task") for id_ in dataset.unlabelled)


# ------------------------------------------------------------------ single clips


class _TypicalClip:
    """Typical length, sample rate and number of channels of a dataset's clips; and whether all were cut to one length."""

    def __init__(self, measured: Iterable[Measurement], *, are_cut: bool) -> None:
        self.are_cut = are_cut
        clips = list(measured)
        self.seconds = min(median(m.seconds for m in clips), _MAX_TYPICAL_SECONDS) if clips else 0.0
        self.sample_rate = Counter(m.sample_rate for m in clips).most_common(1)[0][0] if clips else 0
        self.channels = Counter(m.channels for m in clips).most_common(1)[0][0] if clips else 0


def clip_findings(track: str, m: Measurement, typical: _TypicalClip) -> Iterator[Finding]:
    """Problems of a single decoded clip."""
    if m.peak <= SILENT_PEAK:
        yield Finding(track, "silent", "fault", f"peak {m.peak:.1e} of full scale in {m.seconds:.1f} s")
    elif m.rms < NEAR_SILENT_RMS:
        yield Finding(track, "near-silent", "warning", f"mean level {m.rms:.1e} of full scale")
    elif m.silent > MAX_SILENT_SHARE:
        yield Finding(track, "near-silent", "warning", f"{m.silent:.0%} of the clip is silent")
    yield from _short_findings(track, m.seconds, typical)
    missing = (m.declared_frames - m.frames) / m.sample_rate
    if missing > MAX_MISSING_SECONDS:
        detail = f"{missing:.1f} s of the {m.seconds + missing:.1f} s declared in the header are missing"
        yield Finding(track, "truncated", "warning", detail)
    if m.cancels:
        detail = f"the channels cancel in their mean (left = -right?; peak {m.peak:.2g}): one channel is used"
        yield Finding(track, "cancelling", "warning", detail)
    if m.clipped > MAX_CLIPPED_SHARE:
        yield Finding(track, "clipped", "warning", f"{m.clipped:.1%} of the samples are clipped at full scale")
    if m.sample_rate != typical.sample_rate:
        yield Finding(track, "odd-rate", "note", f"{m.sample_rate} Hz; most clips have {typical.sample_rate} Hz")
    if m.channels != typical.channels:
        yield Finding(track, "odd-channels", "note", f"channels: {m.channels}; most clips have {typical.channels}")


def _short_findings(track: str, seconds: float, typical: _TypicalClip) -> Iterator[Finding]:
    if seconds < NEEDED_SECONDS:
        yield Finding(track, "short", "fault", f"{seconds:.2f} s; models need at least {NEEDED_SECONDS:.0f} s")
    elif seconds < SHORT * typical.seconds:
        severity: Severity = "note" if not typical.are_cut else "fault" if seconds < TOO_SHORT * typical.seconds else "warning"
        yield Finding(track, "short", severity, f"{seconds:.1f} s; the typical length is {typical.seconds:.1f} s")


# ------------------------------------------------------------------ the list of known-faulty tracks


def _with_list_status(finding: Finding) -> Finding:
    """Add to a fault that the track isn't on the list of known-faulty tracks, which the dataset has left out already."""
    if finding.severity != "fault" or not finding.track:
        return finding
    return replace(finding, detail=f"{finding.detail}; not on the list of known-faulty tracks")


def _known_faulty_findings(
    dataset: Dataset, home: Path, workers: int, progress: Progress, typical: _TypicalClip
) -> Iterator[Finding]:
    """Tracks that are on the list of known-faulty tracks but have no fault."""
    root = _fma_audio_folder(dataset)
    if root is None:
        return
    reasons = {exclusion.id: exclusion.reason for exclusion in dataset.faulty}
    tracks = [Track(id_, "", None, root / fma.clip_path(id_)) for id_ in reasons]
    measured, _ = _measure_tracks(tracks, home, workers, progress, "checking known-faulty tracks")
    for id_, measurement in measured.items():
        if not any(finding.severity == "fault" for finding in clip_findings(id_, measurement, typical)):
            detail = f"listed as: {reasons[id_]}; but it has {measurement.seconds:.1f} s of audio"
            yield Finding(id_, "sound-though-listed", "note", detail)


def _fma_audio_folder(dataset: Dataset) -> Path | None:
    """The folder of FMA's clips, derived from a track's path; None if the path isn't structured like FMA's."""
    for track in dataset.tracks[:1]:
        if track.path is not None and track.id.isdecimal() and track.path.parts[-2:] == fma.clip_path(track.id).parts:
            return track.path.parents[1]
    return None
