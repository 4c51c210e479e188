"""Complete runs of tiny models, one for each kind of input, and runs of models that fail."""

from __future__ import annotations

import errno
import json
import os
import random
import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
from matplotlib.figure import Figure
from PIL import Image

from genrebench import datasets, files
from genrebench.errors import DataError, PluginError, StoreError, UsageError
from genrebench.plugin.contract import Context, ModelSpec
from genrebench.plugin.hosted import checked
from genrebench.plugin.metrics import MetricSpec
from genrebench.plugin.registry import Plugin, installed_plugins
from genrebench.records import Task
from genrebench.runs import runner
from genrebench.runs.log import logging_to
from genrebench.runs.store import RunStore
from genrebench.session import Session
from genrebench.tasks.task import make_task
from tests import tiny


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_music(tmp_path_factory.mktemp("music") / "tones")


@pytest.fixture
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return Session(home=tmp_path_factory.getbasetemp() / "runner-home")


def task_of(folder: Path, session: Session, **settings: Any) -> Task:
    return make_task(datasets.resolve(str(folder), installed_plugins(), session.home), session.home, **settings)


def test_the_check_of_a_model_is_called_before_anything_runs(music: Path, session: Session, tmp_path: Path) -> None:
    def no_such_device(context: Context, options: tiny.Options) -> None:
        raise UsageError(f"device {context.device!r} is not available here")

    def never(context: Context, options: tiny.Options) -> Any:
        raise AssertionError("the model was built although its check failed")

    spec = replace(tiny.SPECS[1], check=no_such_device, build=never)
    store = RunStore(tmp_path / "runs")
    with pytest.raises(UsageError, match=r"tiny-waveform .*: device 'cuda' is not available here"):
        runner.run(tiny.job(task_of(music, session), spec), store, replace(session, device="cuda"))
    assert store.runs() == []


def test_a_model_that_ignores_the_device_says_so(music: Path, session: Session, tmp_path: Path) -> None:
    class OnTheGpu(tiny.Spectrum):
        def __init__(self, context: Context, options: tiny.Options) -> None:
            super().__init__(context, options)
            context.record("device", context.device)

    class Fitted(tiny.Spectrum):
        def fit(self, train: Any, validation: Any) -> None:
            said.append("fits")
            super().fit(train, validation)

    said: list[str] = []
    heeding = tiny.spec("heeding", OnTheGpu, tiny.SPECS[1].inputs(None))
    task = task_of(music, session)
    ignoring = tiny.spec("ignoring", Fitted, tiny.SPECS[1].inputs(None))
    for device, spec in (("cuda:1", ignoring), ("auto", ignoring), ("cpu", ignoring), ("cuda:1", heeding)):
        run = runner.run(tiny.job(task, spec), RunStore(tmp_path / "runs"), replace(session, device=device, say=said.append))
        assert run.status == "finished"
    warning = "warning: ignoring ignores --device cuda:1: it asks for none, so it runs on the CPU"
    assert [line for line in said if "device" in line] == [warning]
    assert said.index(warning) < said.index("fits")
    for device in ("cuda:x", "gpu", "cuda:", "cpu:1"):
        with pytest.raises(UsageError, match=device):
            replace(session, device=device)


def test_metrics_whose_name_is_taken_stop_no_run(music: Path, session: Session, tmp_path: Path) -> None:
    clashing = tiny.registry()
    for plugin, name in (("first", "twin"), ("second", "twin"), ("third", "brier"), ("fourth", "own")):
        clashing.add(Plugin(plugin, plugin, "1"), {"metric": [MetricSpec(name, "s", lambda labels, probabilities: 7.0)]})
    store = RunStore(tmp_path / "runs")
    run = runner.run(tiny.job(task_of(music, session), tiny.SPECS[1]), store, replace(session, registry=clashing))
    assert run.status == "finished" and run.metrics is not None
    assert run.metrics["own"] == 7 and "twin" not in run.metrics and run.metrics["brier"] < 2


def test_an_unknown_input_is_an_error_before_anything_runs(music: Path, session: Session, tmp_path: Path) -> None:
    class Unknown:
        pass

    def never(context: Context, options: tiny.Options) -> Any:
        raise AssertionError("the model was built")

    store = RunStore(tmp_path / "runs")
    task = task_of(music, session)
    with pytest.raises(PluginError, match="requests Unknown, which isn't a registered input"):
        tiny.job(task, replace(tiny.spec("unknown", tiny.Nearest, Unknown()), build=never)).check(session)
    assert store.runs() == []


def test_an_error_in_build_fails_the_run_and_the_traceback_is_saved(music: Path, session: Session, tmp_path: Path) -> None:
    def broken(context: Context, options: tiny.Options) -> Any:
        raise RuntimeError("an error of the plugin")

    store = RunStore(tmp_path / "runs")
    run = runner.run(tiny.job(task_of(music, session), replace(tiny.SPECS[1], build=broken)), store, session)
    assert run.status == "failed"
    assert "an error of the plugin" in (store.folder(run.id) / "error.txt").read_text()


@pytest.mark.parametrize("spec", tiny.SPECS, ids=lambda spec: spec.name)
@pytest.mark.parametrize("split", ["artist", "artist-cv5", "challenge"])
def test_complete_runs(spec: ModelSpec, split: str, music: Path, session: Session, tmp_path: Path) -> None:
    task = task_of(music, session, split=split)
    store = RunStore(tmp_path / "runs")
    run = runner.run(tiny.job(task, spec), store, session)
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
    predictions = store.predictions(run)
    assert run.metrics["log_loss"] == pytest.approx(
        sklearn.metrics.log_loss(predictions.labels, predictions.probabilities, labels=[0, 1]), abs=1e-9
    )
    n_models = len(list(folder.glob("model/**/means.npz")))
    assert n_models == len(task.split.folds)
    if split == "artist-cv5":
        assert sorted(predictions.ids) == sorted(track.id for track in task.dataset.tracks)


def test_facts_of_all_folds_and_captions_of_figures_are_kept(session: Session, tmp_path: Path) -> None:
    class Drawing(tiny.Nearest):
        def fit(self, train: Any, validation: Any) -> None:
            super().fit(train, validation)
            self.context.record("training", len(train))

        def figures(self) -> dict[str, Figure]:
            figure = Figure(figsize=(1, 1))
            figure.set_label("What one sees.")
            return {"A figure": figure}

    task = task_of(tiny.write_table(tmp_path / "data", n=60), session, split="artist-cv5")
    store = RunStore(tmp_path / "runs")
    run = runner.run(tiny.job(task, tiny.spec("drawing", Drawing, tiny.FeatureTable())), store, session)
    sizes = {str(number): len(fold.training) for number, fold in enumerate(task.split.folds, start=1)}
    assert run.facts["by_fold"]["training"] == sizes
    assert run.facts["training"] == sizes["5"]
    with Image.open(store.folder(run.id) / "figures" / "a-figure.png") as picture:
        assert (picture.info["Title"], picture.info["Description"]) == ("A figure", "What one sees.")


class Broken(tiny.Nearest):
    """Returns invalid probabilities, computed from valid ones by `change`."""

    change: Callable[[Any], Any]

    def predict_proba(self, inputs: Any) -> Any:
        return type(self).change(super().predict_proba(inputs))


@pytest.mark.parametrize(
    ("change", "message"),
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
def test_invalid_probabilities_fail_the_run_with_an_error_that_names_the_plugin(
    change: Any, message: str, session: Session, tmp_path: Path
) -> None:
    model = type("Broken", (Broken,), {"change": staticmethod(change)})
    spec = replace(tiny.spec("broken", model, tiny.FeatureTable()))
    task = task_of(tiny.write_table(tmp_path / "data"), session)
    store = RunStore(tmp_path / "runs")
    run = runner.run(tiny.job(task, spec), store, session)
    assert run.status == "failed"
    assert run.error is not None
    assert message in run.error and "broken" in run.error and "genrebench-tiny 1.0" in run.error
    assert store.load(run.id).status == "failed"
    assert not (store.folder(run.id) / "predictions.csv").exists()


def raising(error: BaseException) -> type[tiny.Nearest]:
    class Raising(tiny.Nearest):
        def fit(self, train: Any, validation: Any) -> None:
            assert self.context.checkpoints is not None
            (self.context.checkpoints / "note").write_text("kept")
            raise error

    return Raising


def test_an_exception_in_fit_fails_the_run(session: Session, tmp_path: Path) -> None:
    spec = tiny.spec("raising", raising(ValueError("two\nlines")), tiny.FeatureTable())
    store = RunStore(tmp_path / "runs")
    run = runner.run(tiny.job(task_of(tiny.write_table(tmp_path / "data"), session), spec), store, session)
    assert run.status == "failed"
    assert run.error == "raising (genrebench-tiny 1.0) raised ValueError in fit: ValueError: two lines"
    assert "raise error" in (store.folder(run.id) / "error.txt").read_text()


def test_an_interrupted_run_is_recorded_and_can_be_resumed(session: Session, tmp_path: Path) -> None:
    task = task_of(tiny.write_table(tmp_path / "data", n=60), session, split="artist-cv5")
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
        runner.run(job, store, session)
    (interrupted,) = store.runs()
    assert interrupted.status == "interrupted"
    Counting.interrupt = False
    resumed = runner.run(job, store, session, resume=True)
    assert resumed.id == interrupted.id
    assert resumed.status == "finished"
    assert len(fitted) == 5  # the two finished folds aren't fitted again
    uninterrupted = runner.run(job, RunStore(tmp_path / "other"), session)
    assert resumed.metrics == uninterrupted.metrics
    again = runner.run(job, store, session, resume=True)
    assert again.id == resumed.id and len(fitted) == 10


def test_a_damaged_fold_is_fitted_again(session: Session, tmp_path: Path) -> None:
    task = task_of(tiny.write_table(tmp_path / "data", n=60), session, split="artist-cv5")
    store = RunStore(tmp_path / "runs")
    fitted: list[int] = []

    class Counting(tiny.Nearest):
        def fit(self, train: Any, validation: Any) -> None:
            if len(fitted) == 3:
                fitted.append(0)
                raise KeyboardInterrupt
            fitted.append(len(train))
            super().fit(train, validation)

    job = tiny.job(task, tiny.spec("counting", Counting, tiny.FeatureTable()))
    with pytest.raises(KeyboardInterrupt):
        runner.run(job, store, session)
    checkpoint = store.folder(store.runs()[0].id) / "checkpoint"
    (checkpoint / "fold-0.npz").write_bytes(b"no archive")
    (checkpoint / "fold-1.npz").write_bytes((checkpoint / "fold-2.npz").read_bytes()[:50])
    resumed = runner.run(job, store, session, resume=True)
    assert len(fitted[4:]) == 4  # folds 1, 2, 4 and 5
    assert resumed.metrics == runner.run(job, RunStore(tmp_path / "other"), session).metrics


def test_a_run_that_cannot_be_locked_is_an_error(session: Session, tmp_path: Path) -> None:
    class Interrupted(tiny.Nearest):
        def fit(self, train: Any, validation: Any) -> None:
            raise KeyboardInterrupt

    store = RunStore(tmp_path / "runs")
    spec = tiny.spec("interrupted", Interrupted, tiny.FeatureTable())
    job = tiny.job(task_of(tiny.write_table(tmp_path / "data"), session), spec)
    with pytest.raises(KeyboardInterrupt):
        runner.run(job, store, session)
    lock = store.folder(store.runs()[0].id) / ".lock"
    lock.unlink(missing_ok=True)
    lock.mkdir()  # no permission of root's is denied, but a folder can't be opened as a file
    with pytest.raises(StoreError, match="can't be written: Is a directory; fix the permissions"):
        runner.run(job, store, session, resume=True)


def test_a_resumed_run_of_0_1_0_keeps_its_curves(session: Session, tmp_path: Path) -> None:
    class Interrupted(tiny.Nearest):
        interrupt = True

        def fit(self, train: Any, validation: Any) -> None:
            self.context.log(1 if Interrupted.interrupt else 2, {"loss": 0.5})
            if Interrupted.interrupt:
                raise KeyboardInterrupt

        def predict_proba(self, inputs: Any) -> Any:
            return np.full((len(inputs), self.n), 1 / self.n)

        def save(self, folder: Path) -> None:
            pass

    store = RunStore(tmp_path / "runs")
    spec = tiny.spec("interrupted", Interrupted, tiny.FeatureTable())
    job = tiny.job(task_of(tiny.write_table(tmp_path / "data"), session), spec)
    with pytest.raises(KeyboardInterrupt):
        runner.run(job, store, session)
    (run,) = store.runs()
    folder = store.folder(run.id)
    (folder / "curves.jsonl").unlink()  # as 0.1.0 left it: the curves are in run.json
    points = [{"fold": 0, "epoch": 1, "loss": 0.5}]
    (folder / "run.json").write_text(json.dumps(json.loads((folder / "run.json").read_text()) | {"curves": points}))
    Interrupted.interrupt = False
    resumed = runner.run(job, store, session, resume=True)
    assert (resumed.id, resumed.status) == (run.id, "finished")
    assert store.curves(resumed) == (*points, {"fold": 0, "epoch": 2, "loss": 0.5})


def test_missing_audio_is_an_error_before_a_run_begins(session: Session, tmp_path: Path) -> None:
    task = task_of(tiny.write_table(tmp_path / "data"), session)
    store = RunStore(tmp_path / "runs")
    with pytest.raises(DataError, match="audio"):
        runner.run(tiny.job(task, tiny.SPECS[1]), store, session)
    assert store.runs() == []


def test_a_run_whose_inputs_cannot_be_made_fails_with_its_record_and_log(session: Session, tmp_path: Path) -> None:
    folder = tiny.write_music(tmp_path / "tones", n=3)
    (folder / "g1-1.wav").write_bytes(b"RIFF and nothing more")
    store = RunStore(tmp_path / "runs")
    run = runner.run(tiny.job(task_of(folder, session), tiny.SPECS[1]), store, session)
    assert (run.status, store.load(run.id).status) == ("failed", "failed")
    assert run.error is not None and "g1-1.wav" in run.error and "--exclude" in run.error
    assert f"run {run.id}" in (store.folder(run.id) / "log.txt").read_text()


def test_records_contain_no_home_folder(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    spec = tiny.spec("raising", raising(ValueError(f"can't read {tmp_path}/secret")), tiny.FeatureTable())
    store = RunStore(tmp_path / "runs")
    run = runner.run(tiny.job(task_of(tiny.write_table(tmp_path / "data"), session), spec), store, session)
    for name in ("run.json", "error.txt"):
        assert str(tmp_path) not in (store.folder(run.id) / name).read_text()


def test_checked_renormalises_small_deviations() -> None:
    p = checked(np.array([[0.50004, 0.5]]), 1, 2, "m")
    assert p.sum() == pytest.approx(1, abs=1e-15)


def test_excluding_all_tracks_is_an_error(session: Session, tmp_path: Path) -> None:
    from genrebench.records import Exclusion

    folder = tiny.write_table(tmp_path / "data")
    with pytest.raises(DataError, match="no track"):
        task_of(folder, session, exclude=[Exclusion(str(i), "all") for i in range(30)])


def task_changes() -> Iterable[tuple[str, dict[str, Any]]]:
    from genrebench.records import Excerpt, Exclusion

    yield "split", {"split": "stratified"}
    yield "split seed", {"split": "artist", "split_seed": 1}
    yield "excerpt", {"excerpt": Excerpt(10)}
    yield "exclusion", {"exclude": [Exclusion("3", "bad")]}


@pytest.mark.parametrize(("name", "settings"), list(task_changes()), ids=lambda x: x if isinstance(x, str) else "")
def test_the_fingerprint_changes_with_split_excerpt_and_exclusions(
    name: str, settings: dict[str, Any], session: Session, tmp_path: Path
) -> None:
    folder = tiny.write_table(tmp_path / "data")
    assert task_of(folder, session).fingerprint != task_of(folder, session, **settings).fingerprint


def test_the_fingerprint_depends_on_the_data_not_on_names_or_paths(session: Session, tmp_path: Path) -> None:
    first = task_of(tiny.write_table(tmp_path / "one"), session)
    moved = task_of(tiny.write_table(tmp_path / "elsewhere" / "two"), session)
    assert first.fingerprint == moved.fingerprint
    table = tmp_path / "one" / "features.csv"
    table.write_text(table.read_text().replace("\n5,", "\n5,0", 1))
    assert task_of(tmp_path / "one", session).fingerprint == first.fingerprint  # 01.5 is 1.5
    labels = tmp_path / "one" / "tracks.csv"
    labels.write_text(labels.read_text().replace("\n5,c", "\n5,b", 1))
    assert task_of(tmp_path / "one", session).fingerprint != first.fingerprint


def test_the_fingerprint_depends_on_the_audio(session: Session, tmp_path: Path) -> None:
    folder = tiny.write_music(tmp_path / "tones", n=4)
    before = task_of(folder, session).fingerprint
    (folder / "g0-1.wav").write_bytes((folder / "g0-2.wav").read_bytes())
    assert task_of(folder, session).fingerprint != before


def test_a_missing_audio_file_is_named(session: Session, tmp_path: Path) -> None:
    folder = tiny.write_music(tmp_path / "tones", n=4)
    (folder / "g0-1.wav").unlink()
    with pytest.raises((DataError, UsageError), match=r"g0-1"):
        task_of(folder, session)


class Checkpointing(tiny.Nearest):
    """Writes a checkpoint before it is disturbed."""

    def fit(self, train: Any, validation: Any) -> None:
        (self.context.checkpoints / "epoch-1").write_text("a night's work")
        super().fit(train, validation)


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.ESTALE, errno.EACCES])
def test_no_error_of_the_disk_deletes_a_checkpoint(
    code: int, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, said = RunStore(tmp_path / "runs"), []
    spec = tiny.spec("checkpointing", Checkpointing, tiny.FeatureTable())
    job = tiny.job(task_of(tiny.write_table(tmp_path / "data"), session), spec)
    real = Path.write_bytes

    def failing(path: Path, data: bytes) -> int:
        if any(store.root.glob("*/checkpoint/*/epoch-1")):
            raise OSError(code, "the disk refuses")
        return real(path, data)

    monkeypatch.setattr(files, "_PAUSES", (0.0, 0.0))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", failing)
        run = runner.run(job, store, replace(session, say=said.append))
    assert run.status == "failed"
    assert any("the disk refuses" in text for text in said)
    assert next(store.root.glob("*/checkpoint/*/epoch-1")).read_text() == "a night's work"
    resumed = runner.run(job, store, session, resume=True)
    assert (resumed.id, resumed.status) == (run.id, "finished")


def test_a_single_error_of_the_disk_is_passed_over(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RunStore(tmp_path / "runs")
    job = tiny.job(task_of(tiny.write_table(tmp_path / "data"), session), tiny.spec("tiny", tiny.Nearest, tiny.FeatureTable()))
    real, calls = os.fsync, iter(range(1000))

    def failing(descriptor: int) -> None:
        if next(calls) % 3 == 1:
            raise OSError(errno.EIO, "no")
        real(descriptor)

    monkeypatch.setattr(files, "_PAUSES", (0.0, 0.0))
    monkeypatch.setattr(os, "fsync", failing)
    assert runner.run(job, store, session).status == "finished"


def test_what_a_plugin_changes_is_put_back_and_its_warnings_are_in_the_log(session: Session, tmp_path: Path) -> None:
    class Meddling(tiny.Nearest):
        def fit(self, train: Any, validation: Any) -> None:
            os.chdir(tmp_path)
            os.environ["MEDDLING"] = "1"
            random.seed(1)
            np.random.seed(1)  # noqa: NPY002
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                warnings.warn("this library is out of date", stacklevel=1)
            super().fit(train, validation)

    folder, state, numbers = Path.cwd(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    store = RunStore(Path(os.path.relpath(tmp_path / "runs")))
    spec = tiny.spec("meddling", Meddling, tiny.FeatureTable())
    run = runner.run(tiny.job(task_of(tiny.write_table(tmp_path / "data"), session), spec), store, session)
    assert run.status == "finished"
    assert Path.cwd() == folder
    assert "MEDDLING" not in os.environ
    assert random.getstate() == state
    assert np.random.get_state()[1].tolist() == numbers  # noqa: NPY002
    log = (tmp_path / "runs" / run.id / "log.txt").read_text()
    assert "UserWarning: this library is out of date" in log
    assert f"numpy {np.__version__}" in log


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_a_log_on_a_full_disk_stops_nothing(session: Session, tmp_path: Path) -> None:
    (tmp_path / "log.txt").symlink_to("/dev/full")
    said: list[str] = []
    with logging_to(tmp_path, replace(session, say=said.append)) as logged:
        logged.say("trained for a night")
    assert said == ["trained for a night"]


def test_a_run_in_use_is_neither_removed_nor_resumed(session: Session, tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    task = task_of(tiny.write_table(tmp_path / "data"), session)
    refused: list[str] = []

    class Looking(tiny.Nearest):
        def fit(self, train: Any, validation: Any) -> None:
            (run,) = store.runs()
            for attempt in (lambda: store.remove(run.id), lambda: runner.run(job, store, session, resume=True)):
                with pytest.raises(UsageError, match="in use by another process") as error:
                    attempt()
                refused.append(str(error.value))
            super().fit(train, validation)

    job = tiny.job(task, tiny.spec("looking", Looking, tiny.FeatureTable()))
    assert runner.run(job, store, session).status == "finished"
    assert len(refused) == 2


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"PK\x03\x04",
        b"\x00" * 400,
        {"temperature": np.nan},
        {"temperature": np.inf},
        {"temperature": -1.0},
        {"temperature": 1e-300},
        {"temperature": "warm"},
        {"probabilities": -1.0},
        {"probabilities": np.nan},
    ],
)
def test_a_fold_of_the_wrong_shape_or_a_damaged_one_is_fitted_again(
    damage: bytes | dict[str, Any], session: Session, tmp_path: Path
) -> None:
    class Stopping(tiny.Nearest):
        fits = 0

        def fit(self, train: Any, validation: Any) -> None:
            Stopping.fits += 1
            if Stopping.fits == 3:
                raise KeyboardInterrupt
            super().fit(train, validation)

    store = RunStore(tmp_path / "runs")
    task = task_of(tiny.write_table(tmp_path / "data"), session, split="artist-cv5")
    job = tiny.job(task, tiny.spec("stopping", Stopping, tiny.FeatureTable()))
    with pytest.raises(KeyboardInterrupt):
        runner.run(job, store, session)
    first, second = sorted(store.root.glob("*/checkpoint/fold-*.npz"))
    if isinstance(damage, bytes):
        first.write_bytes(damage)
    else:
        with np.load(first) as saved:
            parts = dict(saved)
        for name, value in damage.items():
            parts[name] = np.full(parts[name].shape, value)
        np.savez(first, **parts)
    np.savez(second, probabilities=np.zeros((1, 1)), temperature=1.0)
    assert runner.run(job, store, session, resume=True).status == "finished"
    assert Stopping.fits == 3 + 5
