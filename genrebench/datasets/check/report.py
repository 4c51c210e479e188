"""The outcome of a check, as a person works with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genrebench.datasets.check.findings import SEVERITIES, Finding, write_exclusions
from genrebench.records import Dataset, Exclusion
from genrebench.tables import Shown, Table, frame

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("severity", "kind", "track", "detail")

NOTES = 3
"""Notes of one kind that the table shows; often all tracks have the same one."""


@dataclass(frozen=True, repr=False)
class CheckReport(Shown):
    """What a check found.

    Parameters
    ----------
    dataset : Dataset
        Without the tracks that were left out.
    findings : sequence of Finding
        Faults first.
    left_out : sequence of Exclusion
        Tracks that weren't checked.
    """

    dataset: Dataset
    findings: Sequence[Finding]
    left_out: Sequence[Exclusion] = ()

    @property
    def has_faults(self) -> bool:
        """Whether a track is faulty."""
        return any(finding.severity == "fault" for finding in self.findings)

    @property
    def counts(self) -> dict[str, int]:
        """Number of findings by severity."""
        return {severity: sum(f.severity == severity for f in self.findings) for severity in SEVERITIES}

    def write_exclusions(self, file: str | Path) -> int:
        """Write a list (id, reason) that `exclude` takes: faulty tracks, all but one of each set of copies, tracks left out.

        Returns
        -------
        int
            Number of tracks on the list.
        """
        return write_exclusions(self.findings, Path(file), self.left_out)

    def to_json(self) -> list[dict[str, Any]]:
        """The findings in JSON types."""
        return [{name: getattr(finding, name) for name in COLUMNS} for finding in self.findings]

    def to_frame(self) -> pd.DataFrame:
        """The findings as a pandas frame."""
        return frame(self.to_json())

    def to_table(self) -> Table:
        """The findings, one per row."""
        return Table.of(COLUMNS, [tuple(finding.values()) for finding in self.to_json()], text=("detail",), name="track")

    def tables(self) -> list[Table]:
        """The findings, of the notes the first few of each kind; no table if there is none."""
        if not self.findings:
            return []
        table = self.to_table()
        seen = Counter[str]()
        rows = []
        for finding, row in zip(self.findings, table.rows, strict=True):
            seen[finding.kind] += finding.severity == "note"
            if seen[finding.kind] <= NOTES:
                rows.append(row)
        return [replace(table, rows=tuple(rows))]

    def notes(self) -> list[str]:
        """The number of findings."""
        counts = ", ".join(f"{severity}s: {n}" for severity, n in self.counts.items())
        notes = Counter(finding.kind for finding in self.findings if finding.severity == "note")
        more = ", ".join(f"{n - NOTES} {kind}" for kind, n in notes.items() if n > NOTES)
        return [
            f"{len(self.dataset.tracks)} tracks; {counts}",
            *([f"notes not shown: {more}; --format csv has all"] if more else []),
        ]
