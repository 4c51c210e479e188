"""What `data check` promises: it says whatever makes `run` refuse, and after its list the run goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import genrebench as gb
from genrebench.api import FeatureTable, GenrebenchError, ModelSpec, Waveforms
from genrebench.datasets.check.report import CheckReport
from genrebench.datasets.exclusions import read_exclusions
from genrebench.runs.result import RunResult
from tests import tiny

SOUND: ModelSpec = tiny.spec("tiny-sound", tiny.Spectrum, Waveforms(sample_rate=8000))
TABLE: ModelSpec = tiny.spec("tiny-table", tiny.Nearest, FeatureTable())


@dataclass(frozen=True)
class Outcome:
    """What became of a dataset.

    Parameters
    ----------
    report : CheckReport or None
        None if the check refuses, as the run does.
    listed : set of str
        Ids on the list of the check.
    run : RunResult or None
        The run after the list; None if it is refused, for a reason that the check gives.
    refusal : str
        Why the run without the list is refused; empty if it isn't.
    said : list of str
        Messages of the run.
    """

    report: CheckReport | None
    listed: set[str]
    run: RunResult | None
    refusal: str
    said: list[str]

    def kinds(self, track: str = "") -> set[str]:
        """Kinds of the findings about a track, or of those that concern no single track."""
        return set() if self.report is None else {f.kind for f in self.report.findings if f.track == track}


def check_and_run(folder: Path, place: Path, *, model: ModelSpec = SOUND, **options: Any) -> Outcome:
    """Check a dataset, and run a model on it without and with the list that the check writes.

    Both are printable on one line if they refuse. If the run is refused although the list is obeyed, or without a list, the
    check has to have said why.
    """
    refusal = _run(model, folder, place, lambda _: None, options)[1]
    assert refusal.isprintable()
    try:
        report = gb.check_dataset(folder, workers=1, **options)
    except GenrebenchError as error:
        assert str(error) == refusal, "check and run refuse for different reasons"
        return Outcome(None, set(), None, refusal, [])
    assert all(f.detail.isprintable() and f.track.isprintable() for f in report.findings), report.findings
    details = " ".join(f.detail for f in report.findings)
    if refusal:
        assert report.has_faults or "no-split" in {f.kind for f in report.findings}, f"nothing found, but run: {refusal}"
    report.write_exclusions(place / "list.csv")
    listed = {line.id for line in read_exclusions(place / "list.csv")}
    assert len(listed) < len(report.dataset.tracks), "the advice is to leave out all tracks"
    said: list[str] = []
    run, error = _run(model, folder, place, said.append, {**options, "exclude": place / "list.csv"})
    if run is None:
        general = [f for f in report.findings if not f.track and f.severity in ("fault", "warning")]
        assert any(_told(error, f.detail) for f in general), f"not told: {error}; told: {details}"
        return Outcome(report, listed, None, refusal, said)
    return Outcome(report, listed, run, refusal, said)


def _run(
    model: ModelSpec, folder: Path, place: Path, say: Callable[[str], None], options: dict[str, Any]
) -> tuple[RunResult | None, str]:
    """The run, or why it was refused or failed."""
    try:
        (run,) = gb.run(model, folder, runs=place / "runs", workers=1, say=say, **options)
    except GenrebenchError as error:
        return None, str(error)
    return (run, "") if run.status == "finished" else (None, run.record.error or "failed")


def _told(error: str, detail: str) -> bool:
    """Whether a finding gives the reason of an error: the words of one are in the other."""
    words = {word for word in error.split(": ", 1)[-1].split() if len(word) > 3}
    return error in detail or detail in error or len(words & set(detail.split())) >= 0.4 * len(words)
