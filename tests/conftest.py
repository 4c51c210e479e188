"""Fixtures that create predictions and records of runs."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from genrebench.evaluation import metrics
from genrebench.records import Predictions
from genrebench.runs.record import Run
from genrebench.runs.serialization import record_from_json

GENRES = ("Blues", "Old-Time / Historic", "Soul, RnB")


@pytest.fixture
def make_predictions() -> Callable[..., Predictions]:
    """Create predictions of a model with a given skill: 0 is chance, larger is better."""

    def make(
        n: int = 30, skill: float = 1.0, seed: int = 0, genres: tuple[str, ...] = GENRES, per_artist: int = 0, folds: int = 1
    ) -> Predictions:
        labels = np.arange(n) % len(genres)
        logits = np.random.default_rng(seed).normal(size=(n, len(genres)))
        logits[np.arange(n), labels] += skill
        p = np.exp(logits)
        return Predictions(
            ids=tuple(f"t{i}" for i in range(n)),
            genres=genres,
            labels=labels,
            folds=np.arange(n) * folds // n,
            probabilities=p / p.sum(axis=1, keepdims=True),
            groups=np.arange(n) // per_artist if per_artist else None,
        )

    return make


@pytest.fixture
def make_run() -> Callable[..., Run]:
    """Create the record of a run in progress, on a task with three genres."""

    def make(
        run_id: str = "a-run",
        *,
        model: str = "svm",
        options: dict[str, Any] | None = None,
        seed: int = 0,
        version: str = "1",
        predictions: Predictions | None = None,
        started: str = "2026-01-01T00:00:00+00:00",
        **task: Any,
    ) -> Run:
        task_record = {
            "dataset": "music",
            "split": "artist",
            "fingerprint": "f0",
            "n_training": 60,
            "n_test": 30,
            "genres": list(predictions.genres if predictions else GENRES),
            "shared_artists": 0,
            "training_counts": [[30, 20, 10]],
        }
        record = {
            "id": run_id,
            "status": "running",
            "task": task_record | task,
            "model": {"name": model, "plugin": f"genrebench-{model}", "version": version, "options": options or {}},
            "seed": seed,
            "metrics": None,
            "timings": {"inputs_s": 1.0, "fit_s": 2.0, "predict_s": 0.5},
            "peak_rss_mb": 100.0,
            "environment": {"python": "3.11"},
            "started": started,
        }
        run = record_from_json(json.dumps(record).encode())
        if predictions is None:
            return run
        scores = metrics.evaluate(predictions.labels, predictions.probabilities)
        return replace(run, metrics=scores, metrics_version=metrics.VERSION)

    return make
