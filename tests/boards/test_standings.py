"""Metrics of plugins that are means over tracks: what a board says of them is what it says of the log loss."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench.boards.board import boards
from genrebench.boards.columns import BoardMetrics
from genrebench.boards.compare import compare_named
from genrebench.boards.rows import Board
from genrebench.evaluation.metrics import track_log_losses
from genrebench.plugin.metrics import MetricSpec
from genrebench.plugin.registry import Plugin, Registered
from genrebench.runs.store import RunStore

PLUGIN = Plugin("theirs", "their-metrics", "1.0")


def gain(labels: Any, probabilities: Any) -> Any:
    return -track_log_losses(labels, probabilities)


def share(labels: Any, probabilities: Any) -> float:
    return float(probabilities.max(axis=1).mean())


SPECS = (
    MetricSpec("loss", "the log loss", track_log_losses, True, "lower", (0, np.inf)),
    MetricSpec("gain", "its negative", gain, True, "higher", (-np.inf, 0)),
    MetricSpec("neither", "the log loss without a direction", track_log_losses, True),
    MetricSpec("confidence", "of the whole", share, range=(0, 1)),
)
METRICS = BoardMetrics(tuple(Registered(spec, PLUGIN) for spec in SPECS))


@pytest.fixture(autouse=True)
def _no_cache_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENREBENCH_HOME", str(tmp_path / "home"))


@pytest.fixture
def store(tmp_path: Path, make_run: Callable[..., Any], make_predictions: Callable[..., Any]) -> RunStore:
    """Three models on tracks of fifteen artists, one of them with two seeds."""
    store = RunStore(tmp_path / "runs")
    for name, skill, seed in (("good", 5.0, 0), ("fair", 2.0, 1), ("fair", 2.0, 2), ("poor", 1.5, 3)):
        predictions = make_predictions(skill=skill, seed=seed, per_artist=2)
        run = make_run(f"{name}-{seed}", model=name, seed=seed, predictions=predictions)
        store.begin(run)
        store.finish(run, predictions)
    return store


def board_of(store: RunStore) -> Board:
    (board,), problems = boards(store, metrics=METRICS)
    assert problems == []
    return board


def test_the_log_loss_as_a_plugin_s_metric_has_the_standing_of_the_log_loss(store: RunStore) -> None:
    for _ in range(2):  # computed, and from the cache
        for row in board_of(store).rows:
            loss, gained, neither = (row.by_metric[name] for name in ("loss", "gain", "neither"))
            assert row.scores["loss"] == pytest.approx(row.scores["log_loss"], abs=1e-12)
            assert loss.interval == pytest.approx(row.intervals["log_loss"], abs=1e-9)
            assert (loss.rank, loss.rank_interval) == (row.rank, row.rank_interval)
            assert (set(loss.tied_with), loss.may_be_best) == (set(row.tied_with), row.may_be_best)
            assert gained.interval is not None and loss.interval is not None
            assert gained.interval == pytest.approx((-loss.interval[1], -loss.interval[0]), abs=1e-9)
            assert (gained.rank, gained.rank_interval, gained.may_be_best) == (row.rank, row.rank_interval, row.may_be_best)
            assert set(gained.tied_with) == set(neither.tied_with) == set(row.tied_with)
            assert (neither.rank, neither.rank_interval, neither.may_be_best) == (None, None, None)
            assert "confidence" not in row.by_metric
            assert 1 / 3 <= row.scores["confidence"] <= 1


def test_intervals_end_where_the_range_does(store: RunStore) -> None:
    spec = MetricSpec("loss", "s", track_log_losses, True, "lower", (0, 1e9))
    board = boards(store, metrics=BoardMetrics((Registered(spec, PLUGIN),)))[0][0]
    narrow = boards(store, metrics=BoardMetrics((Registered(MetricSpec("right", "s", right, True, "higher", (0, 1)), PLUGIN),)))
    for row in board.rows:
        low, high = row.by_metric["loss"].interval or (np.nan, np.nan)
        assert 0 <= low <= row.scores["loss"] <= high
    for row in narrow[0][0].rows:
        low, high = row.by_metric["right"].interval or (np.nan, np.nan)
        assert 0 <= low <= row.scores["right"] <= high <= 1
        assert row.scores["right"] == pytest.approx(row.scores["f1_micro"])


def right(labels: Any, probabilities: Any) -> Any:
    return probabilities.argmax(axis=1) == labels


def test_compare_tests_it_as_it_tests_the_log_loss(store: RunStore) -> None:
    found = compare_named(store, "good", "fair", metrics=METRICS)
    assert found.metrics["loss"]["difference"] == pytest.approx(found.difference)
    assert found.metrics["loss"]["interval"] == pytest.approx(list(found.interval))
    assert found.metrics["loss"]["p_value"] == pytest.approx(found.p_value)
    assert found.metrics["gain"]["difference"] == pytest.approx(-found.difference)
    assert found.metrics["confidence"]["p_value"] is None


def test_scores_come_from_the_predictions_whatever_the_record_says(
    tmp_path: Path, make_run: Callable[..., Any], make_predictions: Callable[..., Any]
) -> None:
    from dataclasses import replace

    store = RunStore(tmp_path / "edited")
    predictions = make_predictions()
    run = make_run("edited", predictions=predictions)
    run = replace(run, metrics={**run.metrics, "gain": 99.0, "gone": 3.0})
    store.begin(run)
    store.finish(run, predictions)
    (row, *_) = [row for row in board_of(store).rows if row.runs]
    assert row.scores["gain"] == pytest.approx(-row.scores["log_loss"])
    assert row.scores["gone"] == 3.0  # of a plugin that isn't installed, as recorded
