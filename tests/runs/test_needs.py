"""What runs will need, beside what they then take."""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import pytest

import genrebench as gb
from genrebench.api import FeatureTable, Field, Model
from tests import tiny


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENREBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_inputs_are_counted_and_a_few_are_measured(home: Path, tmp_path: Path) -> None:
    music = tiny.write_music(tmp_path / "tones", n=10)
    runs = tmp_path / "runs"
    model = tiny.SPECS[1]
    needs = gb.needs(model, music, seeds=range(3), jobs=2, workers=2, runs=runs)
    (one,) = needs.models
    assert (one.runs, one.cached, one.missing) == (3, 4, 16)  # four were measured
    assert one.inputs_s > 0 and one.run_s is not None and needs.seconds is not None
    assert "in proportion to a trial with" in one.basis
    assert not runs.exists()
    gb.run(model, music, seeds=[0], runs=runs)
    sizes = [file.stat().st_size for file in home.glob("cache/waveforms*/**/*") if file.is_file()]
    assert len(sizes) == 20 and one.disk_mb * 1e6 == pytest.approx(sum(sizes) * 16 / 20)
    after = gb.needs(model, music, seeds=range(3), jobs=2, runs=runs)
    (one,) = after.models
    assert (one.runs, one.finished, one.cached, one.missing, one.inputs_s) == (2, 1, 20, 0, 0)
    (run,) = gb.list_runs(runs=runs)
    assert one.run_s == run.record.timings["fit_s"] + run.record.timings["predict_s"]
    assert one.memory_mb == run.record.peak_rss_mb and after.memory_mb == 2 * one.memory_mb
    assert after.seconds == pytest.approx(one.run_s)  # two runs, two at a time
    assert tiny.read_json(json.dumps(after.to_json()))["models"][0]["basis"] == "as measured in 1 run of it"


def test_a_model_that_cant_be_tried_has_no_time(home: Path, tmp_path: Path) -> None:
    class Large(tiny.Nearest):
        def fit(self, train: Any, validation: Any) -> None:
            if len(train) < 1000:
                raise ValueError("too few tracks")

    needs = gb.needs(
        tiny.spec("large", Large, FeatureTable(source="given")), tiny.write_table(tmp_path / "t"), runs=tmp_path / "r"
    )
    assert needs.models[0].run_s is None and needs.seconds is None and needs.memory_mb is None
    assert "at least" in needs.notes()[0] and "isn't known" in needs.notes()[2]


def test_a_run_on_fewer_tracks_is_scaled(home: Path, tmp_path: Path) -> None:
    model = tiny.spec("given", tiny.Nearest, FeatureTable(source="given"))
    runs = tmp_path / "runs"
    gb.run(model, tiny.write_table(tmp_path / "small", n=60), runs=runs, split="stratified")
    (run,) = gb.list_runs(runs=runs)
    large = tiny.write_table(tmp_path / "large", n=600)
    (one,) = gb.needs(model, large, runs=runs, split="stratified").models
    assert one.run_s == pytest.approx(10 * sum(run.record.timings[name] for name in ("fit_s", "predict_s")))
    assert one.basis == "scaled from a run on 48 training tracks"
    file = tmp_path / "plan.toml"
    file.write_text(f'datasets = ["{large}"]\nsplit = "stratified"\nseeds = [0, 1]\n\n[models.svm-baseline]\n')
    assert [(two.model, two.runs) for two in gb.needs(file, runs=runs).models] == [("svm-baseline", 2)]


def test_a_run_of_fewer_epochs_is_scaled(home: Path, tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Options:
        epochs: Annotated[int, Field(ge=1, description="epochs")] = 1
        width: Annotated[int, Field(ge=1, description="width")] = 1

    class Epochs(tiny.Nearest):
        def __init__(self, context: Any, options: Options) -> None:
            super().__init__(context, tiny.Options())
            context.record("epochs", min(options.epochs, 4))  # as with early stopping

    model = replace(tiny.spec("given", Epochs, FeatureTable(source="given")), options=Options)
    table, runs = tiny.write_table(tmp_path / "table", n=60), tmp_path / "runs"
    (run,) = gb.run(model, table, runs=runs, options={"epochs": 10})
    gb.run(model, table, runs=runs, options={"epochs": 5, "width": 2})
    fit, predict = (run.record.timings[name] for name in ("fit_s", "predict_s"))
    n = run.record.task.n_training
    (one,) = gb.needs(model, table, runs=runs, options={"epochs": 40}).models
    assert one.run_s == pytest.approx(10 * fit + predict)
    assert one.basis == f"scaled from a run on {n} training tracks and 4 epochs to all 40"
    (one,) = gb.needs(model, table, runs=runs, options={"epochs": 2, "width": 3}).models
    assert one.basis.endswith("to all 2, with other values of width, which aren't accounted for")


def test_too_little_memory_for_all_runs_at_once_is_said(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Noting(tiny.Nearest):
        def fit(self, train: Any, validation: Any) -> None:
            began = time.time()
            time.sleep(0.2)
            super().fit(train, validation)
            self.context.record("span", [began, time.time()])

    model = tiny.spec("noting", Noting, FeatureTable(source="given"))
    table = tiny.write_table(tmp_path / "table", n=60)
    gb.run(model, table, runs=tmp_path / "runs")
    monkeypatch.setattr("genrebench.runs.needs.available_memory", lambda: 1e6)
    said: list[str] = []
    results = gb.run(model, table, seeds=range(4), runs=tmp_path / "runs", jobs=2, say=said.append)
    assert [run.status for run in results] == ["finished"] * 4
    assert "1 of 2 runs at a time, as the free memory has no room for more" in said
    spans = sorted(run.record.facts["span"] for run in results)
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(spans))


def test_blas_has_one_thread_in_a_run_and_as_many_as_before_after_it(home: Path, tmp_path: Path) -> None:
    import threadpoolctl

    seen: list[set[int]] = []

    def threads() -> set[int]:
        return {library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"}

    class Noting(tiny.Nearest):
        def fit(self, train: Any, validation: Any) -> None:
            seen.append(threads())
            super().fit(train, validation)

    assert issubclass(Noting, Model)
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        gb.run(
            tiny.spec("noting", Noting, FeatureTable(source="given")),
            tiny.write_table(tmp_path / "table"),
            runs=tmp_path / "runs",
        )
        assert seen == [{1}] and threads() == {2}
