"""Advice that can be followed: leaving out every track is none, and what is left has to be a data set that can be split."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from genrebench.datasets.check.findings import NOTHING_LEFT, Finding, exclusions
from genrebench.errors import DataError
from genrebench.records import Dataset, Split
from genrebench.tasks import splits
from genrebench.tasks.audit import untested

_ADVICE = {
    "missing": "the paths are relative to the dataset's folder; is a disk not connected, or the folder moved?",
    "outside": "--follow-links reads what the links lead to",
    "undecodable": "is the copy damaged, or does the format need PyAV (pip install av)?",
    "name": "rename the files, for example with convmv",
    "silent": "export the audio again",
    "features": "mend or remove such columns",
    "no-part": "give the tracks a part of the split, or choose another --split",
}


def gathered(findings: Iterable[Finding], dataset: Dataset) -> list[Finding]:
    """Replace faults of one kind that all tracks have by one finding that concerns no single track."""
    by_kind: dict[str, dict[str, Finding]] = defaultdict(dict)
    findings = list(findings)
    for finding in findings:
        if finding.track and finding.severity == "fault":
            by_kind[finding.kind].setdefault(finding.track, finding)
    n_tracks = len(dataset.tracks)
    everywhere = {kind: found for kind, found in by_kind.items() if n_tracks > 1 and len(found) == n_tracks}
    result = [f for f in findings if not (f.track and f.severity == "fault" and f.kind in everywhere)]
    for kind, found in everywhere.items():
        first = found[dataset.tracks[0].id]
        advice = _ADVICE.get(kind, "leaving them out would leave nothing")
        result.append(
            Finding("", kind, "fault", f"all {n_tracks} tracks, the first is {first.track!r}: {first.detail}; {advice}")
        )
    return result


def rest_findings(findings: Sequence[Finding], dataset: Dataset, split: Split | None) -> Iterator[Finding]:
    """Why what the list leaves can't be used: nothing is left, or the rest can't be split as the dataset was."""
    listed = {exclusion.id for exclusion in exclusions(findings)}
    kept = tuple(track for track in dataset.tracks if track.id not in listed)
    if listed and not kept:
        detail = f"each of the {len(dataset.tracks)} tracks has a fault, so a list of them would leave nothing; mend the causes"
        yield Finding("", NOTHING_LEFT, "fault", detail)
    elif listed and split is not None and split.name in splits.NAMES:
        rest = dataclasses.replace(dataset, tracks=kept)
        try:
            reason = untested(rest, splits.make_split(rest, split.name, split.seed))
        except DataError as error:
            reason = str(error)
        if reason is not None:
            yield Finding("", "no-split", "fault", f"without the {len(listed)} tracks of the list: {reason}")
