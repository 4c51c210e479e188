"""Recording of one fold of a run, in a process of its own: nothing of the run's record is written there.

What belongs into the record is kept in a file of the fold, which the run takes over when it goes on; see `take_over`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from genrebench.environment import PeakMemory
from genrebench.jsontypes import plain
from genrebench.plugin.isolation import undisturbed
from genrebench.reading import read_json
from genrebench.runs.log import logging_to
from genrebench.runs.observed import Observers
from genrebench.runs.record import Run
from genrebench.runs.recorder import BY_FOLD, FoldOutput, Recorder
from genrebench.runs.store import CHECKPOINT, RunStore, locked
from genrebench.session import Session


class FoldRecorder(Recorder):
    """Keeps what one fold of a run gives, while other processes work on others.

    Parameters
    ----------
    run : Run
        A run that has begun in the store.
    number : int
        Of the fold.
    store : RunStore
    session : Session
    """

    def __init__(self, run: Run, number: int, store: RunStore, session: Session) -> None:
        super().__init__(dataclasses.replace(run, facts={}, timings={}, peak_rss_mb=None), store, session)
        self.number = number
        self._curve: list[tuple[int, Mapping[str, float]]] = []

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Lock the fold while the body works on it. Errors are raised, and recorded by the run, which tries the fold again.

        Raises
        ------
        RunInUseError
            If another process has locked the fold.
        """
        place = self._subfolder(CHECKPOINT, f".fold-{self.number}")
        with locked(place), logging_to(self.folder, self.session, self.run.model.plugin) as self.session:
            self.observers = Observers(self.session.say)
            with PeakMemory() as memory, undisturbed():
                self._memory = memory
                yield

    def save(self, **changes: Any) -> None:
        """Note changes of the record."""
        self.run = dataclasses.replace(self.run, **changes)

    def save_output(self, number: int, output: FoldOutput) -> FoldOutput:
        """Save what belongs into the record, and then the output, which tells that the fold is complete."""
        noted = {
            "facts": self.run.facts,
            "timings": self.run.timings,
            "peak_rss_mb": round(self._memory.peak_mb, 1),
            "curve": self._curve,
        }
        self.store.write_part(_file(self.folder, number), json.dumps(plain(noted)).encode())
        return super().save_output(number, output)

    def log_point(self, fold: int, epoch: int, values: Mapping[str, float]) -> None:  # noqa: ARG002 - it is this fold
        """Note a point of the training curves."""
        self._curve.append((int(epoch), {name: float(value) for name, value in values.items()}))

    def _spared(self) -> list[list[Path]]:
        """Nothing, as other folds are in progress."""
        return []


def take_over(recorder: Recorder, number: int) -> None:
    """Take what a `FoldRecorder` has kept of a complete fold into the record of its run."""
    file = _file(recorder.folder, number)
    try:
        noted = read_json(file)
        facts, timings, curve = dict(noted["facts"]), dict(noted["timings"]), list(noted["curve"])
        peak = float(noted["peak_rss_mb"])
    except (OSError, ValueError, KeyError, TypeError):  # the run did the fold itself
        return
    for epoch, values in curve:
        recorder.log_point(number, epoch, values)
    run = recorder.run
    sums = {name: run.timings.get(name, 0.0) + float(timings.get(name, 0.0)) for name in {**run.timings, **timings}}
    by_fold = dict(run.facts.get(BY_FOLD, {}))
    for name, values in dict(facts.pop(BY_FOLD, {})).items():
        by_fold[name] = {**by_fold.get(name, {}), **values}
    merged = {**run.facts, **facts} | ({BY_FOLD: by_fold} if by_fold else {})
    recorder.save(facts=merged, timings=sums, peak_rss_mb=max(peak, run.peak_rss_mb or 0.0))
    file.unlink()


def _file(folder: Path, number: int) -> Path:
    return folder / CHECKPOINT / f"noted-{number}.json"
