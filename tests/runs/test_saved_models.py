"""Fitted models on a disk that refuses: they are saved again, or the run goes on without them."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench import datasets, files
from genrebench.errors import StoreError
from genrebench.plugin.registry import installed_plugins
from genrebench.records import Task
from genrebench.runs import runner
from genrebench.runs.predict import require_model
from genrebench.runs.record import Run
from genrebench.runs.store import RunStore
from genrebench.session import Session
from genrebench.tasks.task import make_task
from tests import tiny


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setattr(files, "_PAUSES", (0.0, 0.0))
    return Session(home=tmp_path / "home")


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def task_of(folder: Path, session: Session, **settings: Any) -> Task:
    return make_task(datasets.resolve(str(folder), installed_plugins(), session.home), session.home, **settings)


def refusing(code: int, when: Callable[[int], bool]) -> type[tiny.Nearest]:
    """A model whose `when(n)`-th saving fails after half of a file."""
    calls = iter(range(1, 1000))

    class Refused(tiny.Nearest):
        def save(self, folder: Path) -> None:
            assert not any(folder.iterdir())
            if when(next(calls)):
                (folder / "half").write_bytes(b"half")
                raise OSError(code, "the disk refuses")
            super().save(folder)

    return Refused


def run(model: type[tiny.Nearest], task: Task, store: RunStore, session: Session, **how: Any) -> tuple[Run, list[str]]:
    said: list[str] = []
    job = tiny.job(task, tiny.spec("refused", model, tiny.FeatureTable()))
    return runner.run(job, store, replace(session, say=said.append), **how), said


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.ESTALE, errno.EACCES])
def test_a_model_is_saved_again(code: int, store: RunStore, session: Session, tmp_path: Path) -> None:
    task = task_of(tiny.write_table(tmp_path / "data"), session)
    done, said = run(refusing(code, lambda n: n == 1), task, store, session)
    assert done.status == "finished"
    assert names(store.folder(done.id) / "model") == ["columns.json", "means.npz"]
    assert not any("warning" in text for text in said)
    require_model(done, store.folder(done.id))


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_a_run_is_scored_without_its_model(code: int, store: RunStore, session: Session, tmp_path: Path) -> None:
    task = task_of(tiny.write_table(tmp_path / "data"), session)
    sound, _ = run(tiny.Nearest, task, store, session)
    done, said = run(refusing(code, lambda n: True), task, store, session)
    assert (done.status, done.metrics) == ("finished", sound.metrics)
    assert [text for text in said if "warning" in text and "the disk refuses" in text]
    assert [name for name in names(store.folder(done.id)) if "model" in name or "half" in name] == []
    with pytest.raises(StoreError, match=r"has no fitted model \(.*the disk refuses.*\); repeat it"):
        require_model(done, store.folder(done.id))


def test_a_fold_without_its_model_is_repeated_on_resume(store: RunStore, session: Session, tmp_path: Path) -> None:
    task = task_of(tiny.write_table(tmp_path / "data"), session, split="artist-cv5")

    class Interrupted(refusing(errno.EIO, lambda n: n <= len(files._PAUSES) + 1)):  # type: ignore[misc]
        fitted = 0

        def fit(self, train: Any, validation: Any) -> None:
            Interrupted.fitted += 1
            if Interrupted.fitted == 3:
                raise KeyboardInterrupt
            super().fit(train, validation)

    with pytest.raises(KeyboardInterrupt):
        run(Interrupted, task, store, session)
    (begun,) = store.runs()
    assert "model_error" in begun.facts
    assert names(store.folder(begun.id) / "model") == ["columns.json", "fold-1"]
    done, _ = run(Interrupted, task, store, session, resume=True)
    assert (done.id, done.status, Interrupted.fitted) == (begun.id, "finished", 7)  # not the second fold again
    assert "model_error" not in done.facts
    assert names(store.folder(begun.id) / "model") == ["columns.json", *(f"fold-{number}" for number in range(5))]
    undisturbed, _ = run(tiny.Nearest, task, store, session)
    assert np.array_equal(store.predictions(done).probabilities, store.predictions(undisturbed).probabilities)


@pytest.mark.parametrize(("times", "kept"), [(1, True), (2, False)])
def test_a_full_disk_costs_figures_first_and_then_the_model_but_not_in_silence(
    times: int, kept: bool, store: RunStore, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full when the model is saved and the output of its fold is not."""
    task = task_of(tiny.write_table(tmp_path / "data"), session)
    sound, _ = run(tiny.Nearest, task, store, session)
    real, failures = RunStore.write_part, iter([True] * times)

    def full(self: RunStore, file: Path, content: bytes) -> None:
        if file.name == "fold-0.npz" and next(failures, False):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self, file, content)

    monkeypatch.setattr(RunStore, "write_part", full)
    done, said = run(tiny.Nearest, task, store, session)
    assert (done.status, done.metrics) == ("finished", sound.metrics)
    assert (store.folder(done.id) / "model").exists() == kept
    if kept:
        require_model(done, store.folder(done.id))
    else:
        assert f"warning: the disk is full; {done.id}/model was removed" in said
        with pytest.raises(StoreError, match=r"has no fitted model \(it was removed from a full disk\); repeat it"):
            require_model(done, store.folder(done.id))
