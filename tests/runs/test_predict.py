"""Predictions for audio files, including damaged ones."""

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
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return Session(home=tmp_path_factory.mktemp("home"), workers=2, registry=tiny.registry(*tiny.SPECS))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    return RunStore(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module", params=tiny.SPECS, ids=lambda spec: spec.name)
def run(request: pytest.FixtureRequest, store: RunStore, session: Session, tmp_path_factory: pytest.TempPathFactory) -> Run:
    spec: ModelSpec = request.param
    music = tiny.write_music(tmp_path_factory.mktemp("music") / "tones")
    task = make_task(datasets.resolve(str(music), installed_plugins(), session.home), session.home)
    return runner.run(tiny.job(task, spec), store, session)


def test_damaged_files_are_classified_or_get_the_training_prior(
    run: Run, store: RunStore, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary, music = tmp_path / "temporary", tmp_path / "music"
    for folder in (temporary, music):
        folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    paths = some(damaged_files(whole_files(tmp_path), music), 100)
    files_before = sorted(music.iterdir())
    predictions = predict(run, store, paths, session)
    assert [prediction.path for prediction in predictions] == paths
    probabilities = np.stack([prediction.probabilities for prediction in predictions])
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    unusable = [prediction for prediction in predictions if prediction.problem]
    assert 0.1 * len(paths) < len(unusable) < 0.9 * len(paths), "the damage is too weak or too strong for this test"
    for prediction in unusable:
        assert prediction.problem
        assert "\n" not in prediction.problem
        assert str(music) not in prediction.problem  # the caller names the file
        np.testing.assert_array_equal(prediction.probabilities, training_prior(run))
    assert sorted(music.iterdir()) == files_before
    assert [path for path in temporary.rglob("*") if path.is_file()] == []
    assert [path for path in session.home.rglob(".*") if path.is_file() and path.suffix != ".lock"] == []
