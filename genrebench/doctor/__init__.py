"""The data doctor: what is wrong with a dataset's audio, labels and split."""

from genrebench.doctor.examination import check
from genrebench.doctor.findings import KINDS, SEVERITIES, Finding, exclusions, write_exclusions

__all__ = ["KINDS", "SEVERITIES", "Finding", "check", "exclusions", "write_exclusions"]
