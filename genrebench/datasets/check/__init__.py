"""Checking a dataset: problems with its audio, labels and split."""

from genrebench.datasets.check.check import check
from genrebench.datasets.check.duplicates import cut
from genrebench.datasets.check.findings import KINDS, SEVERITIES, Finding, exclusions, write_exclusions
from genrebench.datasets.check.labels import label_findings
from genrebench.datasets.check.listening import heard_recordings

__all__ = [
    "KINDS",
    "SEVERITIES",
    "Finding",
    "check",
    "cut",
    "exclusions",
    "heard_recordings",
    "label_findings",
    "write_exclusions",
]
