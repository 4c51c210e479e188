"""Observers: MLflow's sqlite store and TensorBoard's files are read back; the docs' example runs; faulty ones stop nothing."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import genrebench as gb
from genrebench.api import ModelSpec, Observer, ObserverSpec, UsageError
from genrebench.cli.main import main
from genrebench.plugin.registry import Plugin, installed_plugins
from tests import tiny

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "observer.md"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A folder with data, in which the tiny models and the docs' example are installed."""
    tiny.write_table(tmp_path / "table")
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
    monkeypatch.syspath_prepend(str(tiny.install_plugin(tmp_path / "site", "lines-plugin", code)))
    monkeypatch.chdir(tmp_path)
    installed_plugins.cache_clear()
    installed_plugins().add(tiny.PLUGIN, {"model": [MODEL, FAILING]})
    yield tmp_path
    installed_plugins.cache_clear()


def needed(module: str) -> None:
    """Skip where an extra isn't installed; CI has it."""
    if os.environ.get("CI") == "true":
        __import__(module)
    pytest.importorskip(module)


class Epochs(tiny.Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        for epoch in (1, 2, 3):
            self.context.log(epoch, {"loss": 1 / epoch, "f1 (macro)": 0.25 * epoch})


class Failing(tiny.Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        self.context.log(1, {"loss": 2.0})
        raise ZeroDivisionError("no")


def _table(_: Any) -> Any:
    from genrebench.api import FeatureTable

    return FeatureTable()


MODEL = ModelSpec("epochs", "s", Epochs, _table, tiny.Options)
FAILING = ModelSpec("failing", "s", Failing, _table, tiny.Options)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # of MLflow's and SQLAlchemy's own
def test_runs_are_in_mlflows_sqlite_store(place: Path) -> None:
    needed("mlflow")
    uri = f"sqlite:///{place / 'tracking.db'}"
    arguments = ["--dataset", "./table", "--observe", "mlflow", "--set", f"mlflow.uri={uri}", "--set", "sharpness=2"]
    assert main(["run", "epochs", "failing", *arguments]) == 1
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("genrebench")
    by_name = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    results = {result.record.model.name: result for result in gb.list_runs()}
    done, failed = (by_name[results[name].id] for name in ("epochs", "failing"))
    assert done.info.status == "FINISHED" and failed.info.status == "FAILED"
    assert "ZeroDivisionError" in failed.data.tags["genrebench.error"]
    assert done.data.params == {
        "model": "epochs",
        "dataset": "table",
        "split": "artist",
        "seed": "0",
        "option.sharpness": "2.0",
    }
    assert done.data.tags["genrebench.task"] == results["epochs"].record.task.fingerprint
    assert done.data.metrics["log_loss"] == pytest.approx(results["epochs"].metrics["log_loss"])
    curve = client.get_metric_history(done.info.run_id, "fold-0/f1 _macro_")
    assert [(point.step, point.value) for point in sorted(curve, key=lambda point: point.step)] == [
        (1, 0.25),
        (2, 0.5),
        (3, 0.75),
    ]


def test_runs_are_in_tensorboards_files(place: Path) -> None:
    needed("tensorboard")
    assert main(["run", "epochs", "failing", "--dataset", "./table", "--observe", "tensorboard"]) == 1
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    results = {result.record.model.name: result for result in gb.list_runs()}
    events = {name: EventAccumulator(str(place / "tensorboard" / result.id)).Reload() for name, result in results.items()}
    curve = events["epochs"].Scalars("fold-0/loss")
    assert [point.step for point in curve] == [1, 2, 3]
    assert [point.value for point in curve] == pytest.approx([1, 1 / 2, 1 / 3])
    assert events["epochs"].Scalars("scores/log_loss")[0].value == pytest.approx(results["epochs"].metrics["log_loss"])
    about = events["epochs"].Tensors("genrebench")[0].tensor_proto.string_val[0].decode()
    assert results["epochs"].record.task.fingerprint in about
    assert b"ZeroDivisionError" in events["failing"].Tensors("error")[0].tensor_proto.string_val[0]


def test_the_example_of_the_docs_is_told_of_everything(place: Path) -> None:
    arguments = ["--dataset", "./table", "--seeds", "0,1", "--observe", "lines", "--set", "lines.file=log.jsonl"]
    assert main(["run", "epochs", "failing", *arguments]) == 1
    lines = [json.loads(line) for line in (place / "log.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == [
        *(["started", "epoch", "epoch", "epoch", "epoch", "finished"] * 2),
        *(["started", "epoch", "failed"] * 2),
    ]
    assert [line["epoch"] for line in lines[1:5]] == [1, 1, 2, 3]
    assert {line["status"] for line in lines if line["event"] == "failed"} == {"failed"}


class Faulty(Observer):
    def __init__(self, where: str, error: BaseException | None = None) -> None:
        self.where, self.error, self.calls = where, error, list[str]()

    def _called(self, what: str) -> None:
        self.calls.append(what)
        if what == self.where and self.error is not None:
            raise self.error

    def started(self, record: Mapping[str, Any]) -> None:
        self._called("started")

    def epoch(self, fold: int, epoch: int, values: Mapping[str, float]) -> None:
        self._called("epoch")

    def finished(self, record: Mapping[str, Any]) -> None:
        self._called("finished")


@pytest.mark.parametrize("error", [ValueError("odd"), SystemExit(3), MemoryError()], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("where", ["started", "epoch", "finished"])
def test_an_observer_that_raises_is_reported_once_and_stops_nothing(where: str, error: Any, place: Path) -> None:
    said: list[str] = []
    faulty, other = Faulty(where, error), Faulty("never")
    (result,) = gb.run("epochs", "./table", observe=[faulty, other], say=said.append)
    assert result.status == "finished"
    assert len([text for text in said if "the observer Faulty failed" in text]) == 1
    assert faulty.calls[-1] == where and faulty.calls.count(where) == 1
    assert other.calls == ["started", "epoch", "epoch", "epoch", "epoch", "finished"]


def test_an_interrupted_run_has_failed(place: Path) -> None:
    class Interrupting(Observer):
        def epoch(self, fold: int, epoch: int, values: Mapping[str, float]) -> None:
            raise KeyboardInterrupt

    class Noting(Observer):
        status = ""

        def failed(self, record: Mapping[str, Any]) -> None:
            self.status = record["status"]

    noting = Noting()
    with pytest.raises(KeyboardInterrupt):
        gb.run("epochs", "./table", observe=[noting, Interrupting()], say=lambda _: None)
    assert noting.status == "interrupted"


def nothing_needed(_: Any) -> Any:
    raise UsageError("pip install what-is-missing")


@pytest.mark.parametrize(
    ("observe", "options", "said"),
    [
        ("mlfow", {}, "no observer 'mlfow'; did you mean mlflow"),
        (3, {}, "isn't an observer"),
        ([3], {}, "isn't an observer"),
        ("missing", {}, r"the observer missing \(odd 1\): pip install what-is-missing"),
        ("raising", {}, "raised ZeroDivisionError in make"),
        ("none", {}, "make returned NoneType"),
        ("lines", {"lines": {"colour": 1}}, "lines has no option 'colour'"),
    ],
)
def test_an_observer_that_cant_be_made_is_refused_before_any_work(observe: Any, options: Any, said: str, place: Path) -> None:
    def raising(_: Any) -> Any:
        return 1 / 0

    specs = [
        ObserverSpec("missing", "s", nothing_needed),
        ObserverSpec("raising", "s", raising),
        ObserverSpec("none", "s", lambda _: None),  # type: ignore[arg-type, return-value]
    ]
    installed_plugins().add(Plugin("odd", "odd", "1"), {"observer": specs})
    with pytest.raises(gb.GenrebenchError, match=said):
        gb.run("epochs", "./table", observe=observe, options=options)
    assert not (place / "runs").exists()
