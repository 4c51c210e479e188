"""Findings of a check, their kinds, and the list of tracks to exclude."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from genrebench import files
from genrebench.errors import StoreError
from genrebench.records import Exclusion

Severity = Literal["fault", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("fault", "warning", "note")

KINDS: dict[str, str] = {
    "no-label": "the track has no genre",
    "missing": "the file doesn't exist",
    "undecodable": "the file can't be decoded",
    "changed": "the file has changed unnoticed",
    "silent": "the clip is silent",
    "short": "shorter than most clips",
    "truncated": "the file is shorter than its header says",
    "near-silent": "the clip is almost silent",
    "clipped": "samples are clipped at full scale",
    "no-split": "the dataset can't be split",
    "odd-rate": "a different sample rate from most clips",
    "odd-channels": "a different number of channels from most clips",
    "duplicate": "the same audio as another track",
    "near-duplicate": "sounds like another track",
    "shared-artist": "an artist with tracks in several parts of the split",
    "sound-though-listed": "on the list of known-faulty tracks, but has no fault",
    "no-audio": "the dataset has no audio to check",
}
"""Kinds of finding and their meanings, in the order in which they are listed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem of a dataset, or something worth knowing about it.

    Parameters
    ----------
    track : str
        Id of the track; empty if the finding isn't about a single track.
    kind : str
        One of `KINDS`.
    severity : {"fault", "warning", "note"}
        A fault makes the track unusable or the scores wrong; a warning may do so; a note is for information.
    detail : str
        Human-readable description, with numbers.
    leave_out : bool
        Whether the track should be excluded even if the finding isn't a fault, because a duplicate of it is kept.
    """

    track: str
    kind: str
    severity: Severity
    detail: str
    leave_out: bool = False


def exclusions(findings: Iterable[Finding]) -> list[Exclusion]:
    """Tracks to exclude: those with a fault and all but one of each set of duplicates. The findings are given as the reason."""
    reasons: dict[str, list[str]] = {}
    for finding in findings:
        if (finding.severity == "fault" or finding.leave_out) and finding.track:
            reasons.setdefault(finding.track, []).append(f"{finding.kind}: {finding.detail}")
    return [Exclusion(track, "; ".join(details)) for track, details in reasons.items()]


def write_exclusions(findings: Iterable[Finding], file: Path, before: Iterable[Exclusion] = ()) -> int:
    """Write a list for ``genrebench run --exclude``: a CSV file with the columns id and reason.

    Parameters
    ----------
    findings : iterable of Finding
    file : Path
    before : iterable of Exclusion
        Tracks that were excluded from the check; they stay on the list.

    Returns
    -------
    int
        Number of tracks on the list.

    Raises
    ------
    StoreError
        If the file can't be written.
    """
    excluded = [*before, *exclusions(findings)]
    try:
        with files.atomic(file) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(("id", "reason"))
            writer.writerows((exclusion.id, exclusion.reason) for exclusion in excluded)
    except OSError as error:
        raise StoreError(f"can't write {str(file)!r}: {error.strerror or error}; choose a file in an existing folder") from None
    return len(excluded)
