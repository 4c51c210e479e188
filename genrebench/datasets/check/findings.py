"""Findings of a check, their kinds, and the list of tracks to exclude."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from genrebench import files
from genrebench.errors import StoreError
from genrebench.records import Exclusion, Remark
from genrebench.tables import spreadsheet_cell

Severity = Literal["fault", "warning", "note"]
NOTHING_LEFT = "nothing-left"

SEVERITIES: tuple[Severity, ...] = ("fault", "warning", "note")

KINDS: dict[str, str] = {
    "no-label": "the track has no genre",
    "no-part": "the official split has no part for the track",
    "missing": "the file doesn't exist",
    "outside": "the file is a link that leads out of the folder",
    "name": "the file's name isn't UTF-8 or can't be printed",
    "features": "no given features, or none that can be used",
    "undecodable": "the file can't be decoded",
    "changed": "the file has changed unnoticed",
    "silent": "the clip is silent",
    "short": "shorter than most clips",
    "truncated": "the file is shorter than its header says",
    "near-silent": "the clip is almost silent",
    "cancelling": "the channels cancel in their mean, so one of them is used",
    "clipped": "samples are clipped at full scale",
    "no-split": "the dataset can't be split",
    NOTHING_LEFT: "each track has a fault",
    "empty-genre": "a folder for a genre has no audio that is read",
    "left-out": "files or folders that aren't read",
    "several-genres": "several genres in one cell",
    "twin-names": "names that differ only in their Unicode form",
    "layout": "how the folders were understood",
    "placeholder": "a genre or an artist whose name means nothing, such as 'unknown'",
    "similar-labels": "genres or artists that differ by case, hyphens or blanks only",
    "ids": "ids of the tracks and of the given features that don't meet",
    "feature-value": "a given feature value that is infinite or too large to calculate with",
    "segments": "tracks that are segments of one recording, by their names or their sound",
    "two-genres": "one recording with two genres",
    "odd-rate": "a different sample rate from most clips",
    "odd-channels": "a different number of channels from most clips",
    "duplicate": "the same audio or the same feature values as another track",
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


def remarked(remark: Remark, track: str = "") -> Finding:
    """A remark about a dataset, or about one of its tracks, as a finding."""
    return Finding(track, remark.kind, remark.severity, remark.detail)


def exclusions(findings: Iterable[Finding]) -> list[Exclusion]:
    """Tracks to exclude: those with a fault and all but one of each set of duplicates. The findings are given as the reason.

    There are none if that would be all tracks.
    """
    reasons: dict[str, list[str]] = {}
    for finding in findings:
        if finding.kind == NOTHING_LEFT and not finding.track:
            return []
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
            writer.writerows((exclusion.id, spreadsheet_cell(exclusion.reason)) for exclusion in excluded)
    except OSError as error:
        raise StoreError(f"can't write {str(file)!r}: {error.strerror or error}; choose a file in an existing folder") from None
    return len(excluded)
