"""Three tiny models, one for each kind of input, go the whole way; and what happens when a model misbehaves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.metrics

from genrebench import datasets
from genrebench.errors import DataError, UsageError
from genrebench.plugin.contract import Context, ModelSpec
from genrebench.plugin.hosted import checked
from genrebench.plugin.registry import installed_plugins
from genrebench.records import Task
from genrebench.runs import runner
from genrebench.runs.store import RunStore
from genrebench.session import Session
from genrebench.tasks.task import make_task
from tests import tiny


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_music(tmp_path_factory.mktemp("music") / "tones")


@pytest.fixture
def around(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return Session(home=tmp_path_factory.getbasetemp() / "runner-home")


def task_of(folder: Path, around: Session, **settings: Any) -> Task:
    return make_task(datasets.resolve(str(folder), installed_plugins(), around.home), around.home, **settings)


def test_what_a_model_can_refuse_is_refused_before_anything_runs(music: Path, around: Session, tmp_path: Path) -> None:
    def no_such_device(context: Context, options: tiny.Options) -> None:
        raise UsageError(f"device {context.device!r} is not available here")

    def never(context: Context, options: tiny.Options) -> Any:
        raise AssertionError("a model was built only to be refused")

    refused = replace(tiny.SPECS[1], check=no_such_device, build=never)
    store = RunStore(tmp_path / "runs")
    with pytest.raises(UsageError, match=r"tiny-waveform .*: device 'cuda' is not available here"):
        runner.run(tiny.job(task_of(music, around), refused), store, replace(around, device="cuda"))
    assert store.runs() == []


def test_a_fault_in_build_fails_the_run_which_keeps_its_traceback(music: Path, around: Session, tmp_path: Path) -> None:
    def broken(context: Context, options: tiny.Options) -> Any:
        raise RuntimeError("a fault of the plugin")

    store = RunStore(tmp_path / "runs")
    run = runner.run(tiny.job(task_of(music, around), replace(tiny.SPECS[1], build=broken)), store, around)
    assert run.status == "failed"
    assert "a fault of the plugin" in (store.folder(run.id) / "error.txt").read_text()


@pytest.mark.parametrize("spec", tiny.SPECS, ids=lambda spec: spec.name)
@pytest.mark.parametrize("split", ["artist", "artist-cv5", "challenge"])
def test_tiny_models_go_the_whole_way(spec: ModelSpec, split: str, music: Path, around: Session, tmp_path: Path) -> None:
    task = task_of(music, around, split=split)
    store = RunStore(tmp_path / "runs")
    run = runner.run(tiny.job(task, spec), store, around)
    assert run.status == "finished", run.error
    assert store.load(run.id) == run
    folder = store.folder(run.id)
    assert not (folder / "checkpoint").exists()
    assert run.facts["parameters"] > 0
    if split == "challenge":
        assert run.task.n_test == 0
        assert run.metrics is not None and set(run.metrics.values()) == {None}
        return
    assert run.metrics is not None and run.metrics["f1_micro"] >= 0.9
    answered = store.predictions(run)
    assert run.metrics["log_loss"] == pytest.approx(
        sklearn.metrics.log_loss(answered.labels, answered.probabilities, labels=[0, 1]), abs=1e-9
    )
    n_models = len(list(folder.glob("model/**/means.npz")))
    assert n_models == len(task.split.folds)
    if split == "artist-cv5":
        assert sorted(answered.ids) == sorted(track.id for track in task.dataset.tracks)


class Broken(tiny.Nearest):
    """Answers whatever the test wants."""

    answer: Any = None

    def predict_proba(self, inputs: Any) -> Any:
        good = super().predict_proba(inputs)
        return type(self).answer(good) if callable(type(self).answer) else type(self).answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda p: np.full_like(p, np.nan), "nan"),
        (lambda p: p[:, :1], "shape"),
        (lambda p: p[:-1], "shape"),
        (lambda p: p * 0.5, "sums to 0.5"),
        (lambda p: p - 2 * p, "negative"),
        (lambda _: "rock", "str"),
        (lambda _: None, "shape"),
    ],
)
def test_a_wrong_answer_is_a_failed_run_that_names_the_plugin(answer: Any, said: str, around: Session, tmp_path: Path) -> None:
    model = type("Broken", (Broken,), {"answer": staticmethod(answer)})
    spec = replace(tiny.spec("broken", model, tiny.FeatureTable()))
    task = task_of(tiny.write_table(tmp_path / "data"), around)
    store = RunStore(tmp_path / "runs")
    run = runner.run(tiny.job(task, spec), store, around)
    assert run.status == "failed"
    assert run.error is not None
    assert said in run.error and "broken" in run.error and "genrebench-tiny 1.0" in run.error
    assert store.load(run.id).status == "failed"
    assert not (store.folder(run.id) / "predictions.csv").exists()


def raising(error: BaseException) -> type[tiny.Nearest]:
    class Raising(tiny.Nearest):
        def fit(self, train: Any, validation: Any) -> None:
            assert self.context.checkpoints is not None
            (self.context.checkpoints / "note").write_text("kept")
            raise error

    return Raising


def test_a_plugin_that_raises_in_fit_fails_its_run(around: Session, tmp_path: Path) -> None:
    spec = tiny.spec("raising", raising(ValueError("two\nlines")), tiny.FeatureTable())
    store = RunStore(tmp_path / "runs")
    run = runner.run(tiny.job(task_of(tiny.write_table(tmp_path / "data"), around), spec), store, around)
    assert run.status == "failed"
    assert run.error == "raising (genrebench-tiny 1.0) raised ValueError in fit: ValueError: two lines"
    assert "raise error" in (store.folder(run.id) / "error.txt").read_text()


def test_ctrl_c_leaves_an_interrupted_record_and_resume_goes_on_with_it(around: Session, tmp_path: Path) -> None:
    task = task_of(tiny.write_table(tmp_path / "data", n=60), around, split="artist-cv5")
    store = RunStore(tmp_path / "runs")
    fitted: list[int] = []

    class Counting(tiny.Nearest):
        interrupt = True

        def fit(self, train: Any, validation: Any) -> None:
            if len(fitted) == 2 and Counting.interrupt:
                raise KeyboardInterrupt
            fitted.append(len(train))
            super().fit(train, validation)

    job = tiny.job(task, tiny.spec("counting", Counting, tiny.FeatureTable()))
    with pytest.raises(KeyboardInterrupt):
        runner.run(job, store, around)
    (interrupted,) = store.runs()
    assert interrupted.status == "interrupted"
    Counting.interrupt = False
    resumed = runner.run(job, store, around, resume=True)
    assert resumed.id == interrupted.id
    assert resumed.status == "finished"
    assert len(fitted) == 5  # the two folds that were done are not fitted again
    plain = runner.run(job, RunStore(tmp_path / "other"), around)
    assert resumed.metrics == plain.metrics
    again = runner.run(job, store, around, resume=True)
    assert again.id == resumed.id and len(fitted) == 10


def test_a_model_that_needs_audio_is_refused_before_a_run_begins(around: Session, tmp_path: Path) -> None:
    task = task_of(tiny.write_table(tmp_path / "data"), around)
    store = RunStore(tmp_path / "runs")
    with pytest.raises(DataError, match="audio"):
        runner.run(tiny.job(task, tiny.SPECS[1]), store, around)
    assert store.runs() == []


def test_an_unreadable_clip_is_named_before_a_run_begins(around: Session, tmp_path: Path) -> None:
    folder = tiny.write_music(tmp_path / "tones", n=3)
    (folder / "g1-1.wav").write_bytes(b"RIFF and nothing more")
    store = RunStore(tmp_path / "runs")
    with pytest.raises(DataError, match=r"g1-1\.wav.*--exclude"):
        runner.run(tiny.job(task_of(folder, around), tiny.SPECS[1]), store, around)
    assert store.runs() == []


def test_records_hold_no_home_path(around: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    spec = tiny.spec("raising", raising(ValueError(f"can't read {tmp_path}/secret")), tiny.FeatureTable())
    store = RunStore(tmp_path / "runs")
    run = runner.run(tiny.job(task_of(tiny.write_table(tmp_path / "data"), around), spec), store, around)
    for name in ("run.json", "error.txt"):
        assert str(tmp_path) not in (store.folder(run.id) / name).read_text()


def test_checked_renormalises_small_deviations() -> None:
    p = checked(np.array([[0.50004, 0.5]]), 1, 2, "m")
    assert p.sum() == pytest.approx(1, abs=1e-15)


def test_excluding_everything_is_refused(around: Session, tmp_path: Path) -> None:
    from genrebench.records import Exclusion

    folder = tiny.write_table(tmp_path / "data")
    with pytest.raises(DataError, match="no track"):
        task_of(folder, around, exclude=[Exclusion(str(i), "all") for i in range(30)])


def changes() -> Iterable[tuple[str, dict[str, Any]]]:
    from genrebench.records import Excerpt, Exclusion

    yield "split", {"split": "stratified"}
    yield "split seed", {"split": "artist", "split_seed": 1}
    yield "excerpt", {"excerpt": Excerpt(10)}
    yield "exclusion", {"exclude": [Exclusion("3", "bad")]}


@pytest.mark.parametrize(("what", "settings"), list(changes()), ids=lambda x: x if isinstance(x, str) else "")
def test_the_fingerprint_changes_with_what_matters(
    what: str, settings: dict[str, Any], around: Session, tmp_path: Path
) -> None:
    folder = tiny.write_table(tmp_path / "data")
    assert task_of(folder, around).fingerprint != task_of(folder, around, **settings).fingerprint


def test_the_fingerprint_follows_the_data_and_not_names_or_paths(around: Session, tmp_path: Path) -> None:
    first = task_of(tiny.write_table(tmp_path / "one"), around)
    moved = task_of(tiny.write_table(tmp_path / "elsewhere" / "two"), around)
    assert first.fingerprint == moved.fingerprint
    table = tmp_path / "one" / "features.csv"
    table.write_text(table.read_text().replace("\n5,", "\n5,0", 1))
    assert task_of(tmp_path / "one", around).fingerprint == first.fingerprint  # 01.5 is 1.5
    labels = tmp_path / "one" / "tracks.csv"
    labels.write_text(labels.read_text().replace("\n5,c", "\n5,b", 1))
    assert task_of(tmp_path / "one", around).fingerprint != first.fingerprint


def test_the_fingerprint_follows_the_audio(around: Session, tmp_path: Path) -> None:
    folder = tiny.write_music(tmp_path / "tones", n=4)
    before = task_of(folder, around).fingerprint
    (folder / "g0-1.wav").write_bytes((folder / "g0-2.wav").read_bytes())
    assert task_of(folder, around).fingerprint != before


def test_a_missing_audio_file_is_named(around: Session, tmp_path: Path) -> None:
    folder = tiny.write_music(tmp_path / "tones", n=4)
    (folder / "g0-1.wav").unlink()
    with pytest.raises((DataError, UsageError), match=r"g0-1"):
        task_of(folder, around)
