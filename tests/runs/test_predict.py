"""Predictions for a person's own files, whatever state these are in."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest

from genrebench import datasets
from genrebench.plugin.contract import ModelSpec
from genrebench.plugin.registry import installed_plugins
from genrebench.runs import runner
from genrebench.runs.predict import predict, training_prior
from genrebench.runs.record import Run
from genrebench.runs.store import RunStore
from genrebench.session import Session
from genrebench.tasks.task import make_task
from tests import tiny
from tests.damage import damaged_files, some, whole_files


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return Session(home=tmp_path_factory.mktemp("home"), workers=2, registry=tiny.registry(*tiny.SPECS))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    return RunStore(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module", params=tiny.SPECS, ids=lambda spec: spec.name)
def run(request: pytest.FixtureRequest, store: RunStore, around: Session, tmp_path_factory: pytest.TempPathFactory) -> Run:
    spec: ModelSpec = request.param
    music = tiny.write_music(tmp_path_factory.mktemp("music") / "tones")
    task = make_task(datasets.resolve(str(music), installed_plugins(), around.home), around.home)
    return runner.run(tiny.job(task, spec), store, around)


def test_damaged_files_are_answered_or_get_the_prior(
    run: Run, store: RunStore, around: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary, music = tmp_path / "temporary", tmp_path / "music"
    for folder in (temporary, music):
        folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    paths = some(damaged_files(whole_files(tmp_path), music), 100)
    there = sorted(music.iterdir())
    answers = predict(run, store, paths, around)
    assert [answer.path for answer in answers] == paths
    probabilities = np.stack([answer.probabilities for answer in answers])
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    problems = [answer for answer in answers if answer.problem]
    assert 0.1 * len(paths) < len(problems) < 0.9 * len(paths), "the damage is too weak or too strong to say something"
    for answer in problems:
        assert answer.problem
        assert "\n" not in answer.problem
        assert str(music) not in answer.problem  # whoever prints it names the file
        np.testing.assert_array_equal(answer.probabilities, training_prior(run))
    assert sorted(music.iterdir()) == there
    assert [path for path in temporary.rglob("*") if path.is_file()] == []
    assert [path for path in around.home.rglob(".*") if path.is_file() and path.suffix != ".lock"] == []
