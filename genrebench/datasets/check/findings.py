"""What the doctor says: findings, their kinds, and the list of tracks to leave out."""

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
    "missing": "there is no file",
    "undecodable": "the file can't be decoded",
    "silent": "there is nothing to hear",
    "short": "shorter than the others",
    "truncated": "the file ends before its header says",
    "near-silent": "hardly anything to hear",
    "clipped": "samples are cut off at full scale",
    "no-split": "the dataset can't be split as it is",
    "odd-rate": "another sample rate than most",
    "odd-channels": "another number of channels than most",
    "duplicate": "the same audio as another track's",
    "near-duplicate": "sounds like another track",
    "shared-artist": "an artist with tracks in several parts of the split",
    "sound-though-listed": "on the list of known-faulty tracks, but nothing is wrong with it",
    "no-audio": "the dataset has no audio that could be checked",
}
"""Kinds of finding and what each means, in the order in which they are listed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a dataset, or worth knowing.

    Parameters
    ----------
    track : str
        Id of the track; empty where it concerns no single one.
    kind : str
        One of `KINDS`.
    severity : {"fault", "warning", "note"}
        A fault makes the track unusable or scores wrong, a warning may, a note is for information.
    detail : str
        What was found, for people, with numbers.
    leave_out : bool
        Whether the track belongs on the list of exclusions though it is no fault: another that is kept holds the same music.
    """

    track: str
    kind: str
    severity: Severity
    detail: str
    leave_out: bool = False


def exclusions(findings: Iterable[Finding]) -> list[Exclusion]:
    """Tracks with a fault and all but one of those that hold the same music, each once, with what was found as the reason."""
    reasons: dict[str, list[str]] = {}
    for finding in findings:
        if (finding.severity == "fault" or finding.leave_out) and finding.track:
            reasons.setdefault(finding.track, []).append(f"{finding.kind}: {finding.detail}")
    return [Exclusion(track, "; ".join(found)) for track, found in reasons.items()]


def write_exclusions(findings: Iterable[Finding], file: Path, before: Iterable[Exclusion] = ()) -> int:
    """Write the list that ``genrebench run --exclude`` takes: a CSV of id and reason.

    Parameters
    ----------
    findings : iterable of Finding
    file : Path
    before : iterable of Exclusion
        What was left out of the check already, and stays on the list.

    Returns
    -------
    int
        Number of tracks on it.

    Raises
    ------
    StoreError
        If the file can't be written.
    """
    listed = [*before, *exclusions(findings)]
    try:
        with files.atomic(file) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(("id", "reason"))
            writer.writerows((exclusion.id, exclusion.reason) for exclusion in listed)
    except OSError as error:
        raise StoreError(f"can't write {str(file)!r}: {error.strerror or error}; name a file in a folder that exists") from None
    return len(listed)
