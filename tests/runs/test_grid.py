"""Runs at the same time: the same results as one after the other, whatever happens to some of the runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import genrebench as gb
from genrebench.api import FeatureTable
from genrebench.errors import UsageError
from genrebench.runs.result import RunResults
from tests import tiny

GIVEN = FeatureTable(source="given")


def models(marks: Path) -> list[Any]:
    """A model that works, one that fails, one whose process is killed in its first run, and one that is always killed."""

    class Failing(tiny.Nearest):
        def fit(self, train: Any, validation: Any) -> None:
            raise ValueError("the loss is nan")

    class KilledOnce(tiny.Nearest):
        def fit(self, train: Any, validation: Any) -> None:
            if not (marks / "killed").exists():
                (marks / "killed").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            super().fit(train, validation)

    class Killed(tiny.Nearest):
        def fit(self, train: Any, validation: Any) -> None:
            os.kill(os.getpid(), signal.SIGKILL)

    classes = {"works": tiny.Nearest, "fails": Failing, "killed-once": KilledOnce, "killed": Killed}
    return [tiny.spec(name, model, GIVEN) for name, model in classes.items()]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_table(tmp_path_factory.mktemp("grid") / "music", n=60)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENREBENCH_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def at_once(table: Path, home: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunResults, list[str], list[str]]:
    """The runs of all the models with two seeds, what was said, and the ids in the order in which they ended."""
    folder = tmp_path_factory.mktemp("runs")
    said: list[str] = []
    ended: list[str] = []
    results = gb.run(
        models(folder),
        table,
        split="artist-cv5",
        seeds=[0, 1],
        runs=folder / "runs",
        jobs=2,
        workers=2,
        say=said.append,
        each=lambda result: ended.append(result.id),
    )
    return results, said, ended


def test_runs_at_the_same_time_are_those_one_after_the_other(at_once: Any, table: Path, tmp_path: Path) -> None:
    results, _, _ = at_once
    alone = gb.run(models(tmp_path)[0], table, split="artist-cv5", seeds=[0, 1], runs=tmp_path / "runs")
    for one, other in zip(results, alone, strict=False):
        assert (one.record.model.name, one.record.seed, one.status) == ("works", other.record.seed, "finished")
        assert (one.folder / "predictions.csv").read_bytes() == (other.folder / "predictions.csv").read_bytes()
        assert (one.folder / "model" / "fold-4" / "means.npz").exists()
        assert one.curves == other.curves


def test_neither_a_failing_nor_a_killed_run_stops_the_others(at_once: Any) -> None:
    results, said, ended = at_once
    status = {(run.record.model.name, run.record.seed): (run.status, run.record.error) for run in results}
    assert list(status) == [(name, seed) for name in ("works", "fails", "killed-once", "killed") for seed in (0, 1)]
    for name, (state, error) in {key[0]: value for key, value in status.items()}.items():
        assert state == ("finished" if name in ("works", "killed-once") else "failed")
        assert ("nan" in error if name == "fails" else "was killed" in error) if state == "failed" else error is None
    assert sorted(ended) == sorted(run.id for run in results)
    assert len(list(results[0].folder.parent.glob("[a-z]*"))) == len(results)  # no run was begun twice
    assert any(line.startswith("8 of 8: run ") for line in said)
    assert any("the loss is nan" in line for line in said)


def test_folds_of_one_run_are_done_at_the_same_time(table: Path, home: Any, tmp_path: Path) -> None:
    class Noting(tiny.Nearest):
        def fit(self, train: Any, validation: Any) -> None:
            super().fit(train, validation)
            self.context.record("process", os.getpid())

    settings: dict[str, Any] = {"split": "artist-cv5", "seed": 0}
    (alone,) = gb.run(tiny.spec("noting", Noting, GIVEN), table, runs=tmp_path / "alone", **settings)
    (run,) = gb.run(tiny.spec("noting", Noting, GIVEN), table, runs=tmp_path / "at-once", jobs=2, workers=2, **settings)
    for file in ("predictions.csv", *(f"model/fold-{number}/means.npz" for number in range(5))):
        assert (run.folder / file).read_bytes() == (alone.folder / file).read_bytes()
    assert run.curves == alone.curves
    facts, facts_alone = (dict(one.record.facts) | {"by_fold": dict(one.record.facts["by_fold"])} for one in (run, alone))
    assert facts.pop("process") != facts_alone.pop("process") == os.getpid()
    assert list(facts["by_fold"].pop("process")) == list(facts_alone["by_fold"].pop("process")) == list("12345")
    assert facts == facts_alone
    assert run.record.timings["fit_s"] > 0 and not (run.folder / "checkpoint").exists()
    (failing,) = gb.run(
        models(tmp_path)[1], table, runs=tmp_path / "at-once", jobs=2, workers=2, say=lambda _: None, **settings
    )
    assert failing.status == "failed" and "the loss is nan" in (failing.record.error or "")


def test_what_can_t_be_sent_to_a_process_is_refused_before_anything_runs(table: Path, home: Any, tmp_path: Path) -> None:
    import threading

    lock = threading.Lock()
    model = tiny.spec("holds-a-lock", tiny.Nearest, GIVEN)
    object.__setattr__(model, "build", lambda context, options: lock)
    with pytest.raises(UsageError, match=r"can't be sent to other processes.*jobs=1"):
        gb.run(model, table, seeds=range(2), runs=tmp_path / "runs", jobs=2)
    assert not list((tmp_path / "runs").glob("[a-z]*"))
    with pytest.raises(UsageError, match="0 isn't a valid number of jobs"):
        gb.run(model, table, runs=tmp_path / "runs", jobs=0)


SLOW = """
import time
from pathlib import Path
from genrebench.api import FeatureTable, Model, ModelSpec, hookimpl
import numpy as np

class Slow(Model):
    def __init__(self, context, options):
        self.context = context
    def fit(self, train, validation):
        here = self.context.checkpoints
        if not (here / "half").exists():
            (here / "half").touch()
            time.sleep(0 if Path("go").exists() else 100)
        self.context.record("continued", True)
    def predict_proba(self, inputs):
        return np.full((len(inputs), len(self.context.genres)), 1 / len(self.context.genres))
    def save(self, folder): (folder / "x").touch()
    def load(self, folder): pass

@hookimpl
def genrebench_models():
    return [ModelSpec("slow", "waits", Slow, lambda options: FeatureTable(source="given"))]
"""


@pytest.mark.skipif(os.name == "nt", reason="a signal for one process")
def test_ctrl_c_ends_all_processes_and_resume_goes_on(table: Path, home: Any, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    command = [sys.executable, "-c", "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"]
    command[-1] += "from genrebench.cli import entry; entry()"
    command += ["run", "./slow.py", "--dataset", str(table), "--seeds", "0..2", "--jobs", "2"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while len(list(tmp_path.glob("runs/*/checkpoint/*/half"))) < 2 and process.poll() is None and time.monotonic() < end:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert "--resume" in told and "Traceback" not in told
    interrupted = gb.list_runs(runs=tmp_path / "runs")
    assert [run.status for run in interrupted] == ["interrupted"] * 2
    (tmp_path / "go").touch()
    again = subprocess.run([*command, "--resume"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert again.returncode == 0, again.stderr
    runs = gb.list_runs(runs=tmp_path / "runs")
    assert sorted(run.record.seed for run in runs) == [0, 1, 2]
    assert {run.status for run in runs} == {"finished"}
    assert {run.id for run in interrupted} < {run.id for run in runs}


def test_a_model_that_ends_each_process_before_its_run_begins_has_failed(table: Path, home: Any, tmp_path: Path) -> None:
    owner = os.getpid()

    class Deadly:
        def __reduce__(self) -> Any:
            return _end, (owner,)

    model = replace(tiny.spec("deadly", tiny.Nearest, GIVEN), build=partial(_build, Deadly()))
    runs = gb.run([model, tiny.spec("plain", tiny.Nearest, GIVEN)], table, runs=tmp_path / "runs", jobs=2, say=lambda _: None)
    assert {run.status for run in runs} == {"failed"}  # what the processes get is one packet
    assert all("was killed" in (run.record.error or "") for run in runs)


def _build(_: Any, context: Any, options: Any) -> Any:
    return tiny.Nearest(context, options)


def _end(owner: int) -> None:
    if os.getpid() != owner:
        os.kill(os.getpid(), signal.SIGKILL)
