import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from genrebench.evaluation import calibration, error_analysis, metrics

LABELS = np.array([0, 0, 1, 1])
P = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.5, 0.3], [0.3, 0.3, 0.4]])


def test_genre_table_agrees_with_scikit_learn(make_predictions: object) -> None:
    p = make_predictions(n=90, skill=1)
    rows = error_analysis.genre_table(p.labels, p.probabilities, p.genres)
    expected = sklearn.metrics.precision_recall_fscore_support(p.labels, p.probabilities.argmax(axis=1))
    for key, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        np.testing.assert_allclose([row[key] for row in rows], values)
    for i, row in enumerate(rows):
        mine = p.labels == i
        assert row["log_loss"] == pytest.approx(
            sklearn.metrics.log_loss(p.labels[mine], p.probabilities[mine], labels=[0, 1, 2])
        )
    assert sum(row["loss_share"] for row in rows) == pytest.approx(1)


def test_a_genre_that_nothing_defines() -> None:
    row = error_analysis.genre_table([0, 0], [[1, 0], [1, 0]], ("a", "b"))[1]
    assert (row["support"], row["precision"], row["recall"], row["f1"], row["log_loss"]) == (0, None, None, None, None)


def test_confusion_both_ways() -> None:
    counts = metrics.confusion(LABELS, P)
    np.testing.assert_allclose(error_analysis.normalised_confusion(counts), [[0.5, 0.5, 0], [0, 0.5, 0.5], [0, 0, 0]])
    np.testing.assert_allclose(error_analysis.normalised_confusion(counts, "predicted"), [[1, 0.5, 0], [0, 0.5, 1], [0, 0, 0]])


def test_confident_mistakes(make_predictions: object) -> None:
    p = make_predictions(n=60)
    rows = error_analysis.confident_mistakes(p, 5)
    assert len(rows) == 5
    assert all(row["genre"] != row["answer"] for row in rows)
    assert [row["confidence"] for row in rows] == sorted((row["confidence"] for row in rows), reverse=True)
    assert error_analysis.confident_mistakes(make_predictions(n=60, skill=50)) == []


def test_pairs_by_hand() -> None:
    first, second = error_analysis.pair_losses(LABELS, P, ("a", "b", "c"))
    total = -np.log([0.7, 0.1, 0.5, 0.3]).sum()
    assert first["genres"] == ["a", "b"]  # the two tracks of a, whose rival is b
    assert first["share"] == pytest.approx(-np.log([0.7, 0.1]).sum() / total)
    assert (first["confused"], first["tracks"]) == (1, 2)
    assert second["genres"] == ["b", "c"]
    assert second["tracks"] == 2
    assert second["confused"] == 1


def test_reliability_adds_up_to_the_calibration_error(make_predictions: object) -> None:
    p = make_predictions(n=200, skill=1)
    bins = calibration.reliability(p.labels, p.probabilities)
    assert sum(b["tracks"] for b in bins) == 200
    assert all(b["low"] < b["confidence"] <= b["high"] for b in bins)
    error = sum(b["tracks"] / 200 * abs(b["accuracy"] - b["confidence"]) for b in bins)
    assert error == pytest.approx(metrics.calibration_error(p.labels, p.probabilities))


@given(st.floats(0.3, 4))
@settings(max_examples=15, deadline=None)
def test_temperature_is_found_again(temperature: float) -> None:
    rng = np.random.default_rng(0)
    true = rng.dirichlet(np.ones(4), size=4000)
    labels = (true.cumsum(axis=1) > rng.random((4000, 1))).argmax(axis=1)
    bent = calibration.apply_temperature(true, 1 / temperature)
    assert calibration.fit_temperature(labels, bent) == pytest.approx(temperature, rel=0.1)
    np.testing.assert_allclose(calibration.apply_temperature(bent, 1), bent, atol=1e-12)


def test_what_scaling_would_gain(make_predictions: object) -> None:
    from dataclasses import replace

    p = make_predictions(n=600, skill=1.5, per_artist=3)
    sharp = replace(p, probabilities=calibration.apply_temperature(p.probabilities, 0.3))
    gain = calibration.temperature_gain(sharp)
    assert gain["gain"] > 0.1
    assert gain["temperature"] > 2
    assert gain["log_loss"] == pytest.approx(metrics.log_loss(sharp.labels, sharp.probabilities))
    assert calibration.temperature_gain(make_predictions(n=3)) == {}
