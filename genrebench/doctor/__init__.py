"""The data doctor: what is wrong with a dataset's audio, labels and split."""

from genrebench.doctor.examination import check
from genrebench.doctor.findings import KINDS, SEVERITIES, Finding, exclusions, write_exclusions
from genrebench.doctor.relations import cut

__all__ = ["KINDS", "SEVERITIES", "Finding", "check", "cut", "exclusions", "write_exclusions"]
