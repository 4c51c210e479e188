"""Findings about genres, artists and ids."""

from __future__ import annotations

from genrebench.datasets.check.findings import Finding, remarked
from genrebench.records import Split
from genrebench.tasks.grouping import Grouped


def label_findings(grouped: Grouped, split: Split | None) -> list[Finding]:
    """Words that mean nothing, similar names, and segments of one recording."""
    remarks = [*grouped.remarks, *([] if split is None else grouped.split_remarks(split))]
    return list(map(remarked, remarks))
