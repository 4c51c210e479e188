"""Metrics against values worked by hand, and against scikit-learn over random input."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sklearn.calibration
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from genrebench.evaluation import metrics
from genrebench.plugin.metrics import MetricSpec

# Five genres, a to e. Nobody's track is d or e; d is predicted once, e never.
LABELS = [0, 0, 0, 1, 1, 2]
P = [
    [0.6, 0.1, 0.1, 0.1, 0.1],  # a, right
    [0.5, 0.2, 0.1, 0.1, 0.1],  # a, right
    [0.2, 0.1, 0.1, 0.5, 0.1],  # a taken for d
    [0.3, 0.3, 0.2, 0.1, 0.1],  # b taken for a, the first of two equals
    [0.1, 0.7, 0.1, 0.1, 0.0],  # b, right
    [0.25, 0.25, 0.0, 0.25, 0.25],  # c, which has no probability, taken for a, the first of four equals
]


# ------------------------------------------------------------------ by hand


def test_log_loss_by_hand() -> None:
    expected = [-math.log(0.6), -math.log(0.5), -math.log(0.2), -math.log(0.3), -math.log(0.7), 15 * math.log(10)]
    np.testing.assert_allclose(metrics.track_log_losses(LABELS, P), expected, rtol=1e-13, atol=1e-14)
    assert metrics.log_loss(LABELS, P) == pytest.approx(sum(expected) / 6, rel=1e-13)


def test_log_loss_of_uniform_and_of_certain_probabilities() -> None:
    assert metrics.log_loss([3, 0], np.full((2, 16), 1 / 16)) == pytest.approx(math.log(16), rel=1e-14)  # 2.7726
    assert metrics.log_loss([1, 0], [[0, 1], [1, 0]]) == pytest.approx(0, abs=2e-15)
    assert metrics.log_loss([0], [[0.5]]) == 0  # a single genre


def test_rows_are_clipped_to_1_then_renormalised() -> None:
    # 2 and 4 are clipped to 1, and 1 of 1 + 1 + 0.5 is 0.4; unclipped it would be 2 of 6.5
    np.testing.assert_allclose(metrics.track_log_losses([0, 2], [[2, 4, 0.5]] * 2), [-math.log(0.4), -math.log(0.2)])
    np.testing.assert_allclose(metrics.track_log_losses([0], [[0.1, 0.3]]), [math.log(4)])  # 0.1 of 0.4


def test_a_genre_without_training_tracks_costs_the_clipped_probability() -> None:
    prior = np.array([30, 20, 0]) / 50
    expected = (15 * math.log(10) - math.log(0.6)) / 2  # 1e-15 of 1, and 0.6
    assert metrics.log_loss([2, 0], [prior, prior]) == pytest.approx(expected, rel=1e-14)
    # 1e-15 of 1e-15 + 3e-15 + 1: small probabilities above the bound stay as they are
    assert metrics.log_loss([0], [[0, 3e-15, 1]]) == pytest.approx(15 * math.log(10), rel=1e-14)
    assert metrics.log_loss([1], [[0, 3e-15, 1]]) == pytest.approx(15 * math.log(10) - math.log(3), rel=1e-14)


def test_confusion_by_hand() -> None:
    expected = [[2, 0, 0, 1, 0], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0], [0] * 5, [0] * 5]
    counts = metrics.confusion(LABELS, P)
    assert counts.tolist() == expected
    assert np.issubdtype(counts.dtype, np.integer)


def test_f1_by_hand() -> None:
    # 2 TP / (2 TP + FP + FN): a 4 / (4 + 2 + 1), b 2 / (2 + 0 + 1), c 0 / (0 + 0 + 1), d 0 / (0 + 1 + 0), e nothing
    np.testing.assert_allclose(metrics.genre_f1(LABELS, P), [4 / 7, 2 / 3, 0, 0, 0], rtol=1e-15)
    assert metrics.f1_micro(LABELS, P) == 3 / 6
    assert metrics.f1_macro(LABELS, P) == pytest.approx((4 / 7 + 2 / 3 + 0) / 3, rel=1e-15)  # over a, b, c, which have tracks
    assert metrics.f1_weighted(LABELS, P) == pytest.approx((3 * 4 / 7 + 2 * 2 / 3 + 1 * 0) / 6, rel=1e-15)


def test_calibration_error_by_hand() -> None:
    # bins of width 1/15: 0.7 right, 0.6 right, 0.5 right and 0.5 wrong, 0.3 wrong, 0.25 wrong
    expected = (0.3 + 0.4 + abs(0.5 - 0.5) * 2 + 0.3 + 0.25) / 6
    assert metrics.calibration_error(LABELS, P) == pytest.approx(expected, rel=1e-14)
    # a single bin: 3 of 6 are right, mean confidence 2.85 / 6
    assert metrics.calibration_error(LABELS, P, n_bins=1) == pytest.approx(3 / 6 - 2.85 / 6, rel=1e-13)
    # three bins: 0.3 and 0.25 wrong; 0.6 and 0.5 right and 0.5 wrong; 0.7 right
    assert metrics.calibration_error(LABELS, P, n_bins=3) == pytest.approx((0.55 + (2 - 1.6) + (1 - 0.7)) / 6, rel=1e-13)


def test_calibration_bins_are_closed_above() -> None:
    # 0.6 = 9/15 shares the bin (8/15, 9/15] with 0.54: one right of two, confidences 1.14
    assert metrics.calibration_error([0, 1], [[0.6, 0.4], [0.54, 0.46]]) == pytest.approx(0.14 / 2, rel=1e-13)
    assert metrics.calibration_error([0, 1], [[1, 0], [1, 0]]) == pytest.approx(0.5)  # 1 is in the last bin
    assert metrics.calibration_error([0, 0], [[1, 0], [1, 0]]) == 0


def test_brier_score_by_hand() -> None:
    expected = [
        0.4**2 + 4 * 0.1**2,
        0.5**2 + 0.2**2 + 3 * 0.1**2,
        0.8**2 + 0.5**2 + 3 * 0.1**2,
        0.3**2 + 0.7**2 + 0.2**2 + 2 * 0.1**2,
        0.3**2 + 3 * 0.1**2,
        4 * 0.25**2 + 1,
    ]
    np.testing.assert_allclose(metrics.track_brier(LABELS, P), expected, rtol=1e-13)
    assert metrics.brier(LABELS, P) == pytest.approx(sum(expected) / 6, rel=1e-13)
    assert metrics.brier([3, 0], np.full((2, 16), 1 / 16)) == pytest.approx(15 / 16, rel=1e-14)
    assert metrics.brier([0, 0], [[0, 1], [1, 0]]) == 1  # the worst, 2, and the best, 0
    assert metrics.brier([0], [[0.1, 0.3]]) == pytest.approx(2 * 0.75**2)  # of renormalised rows


@pytest.mark.parametrize("seed", range(3))
def test_brier_score_agrees_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(4), size=50)
    labels = rng.integers(4, size=50)
    expected = sklearn.metrics.brier_score_loss(labels, p, labels=range(4))
    assert metrics.brier(labels, p) == pytest.approx(expected, rel=1e-12)


def test_evaluate_by_hand() -> None:
    assert dict(metrics.evaluate(LABELS, P)) == {
        "log_loss": metrics.log_loss(LABELS, P),
        "brier": metrics.brier(LABELS, P),
        "f1_micro": metrics.f1_micro(LABELS, P),
        "f1_macro": metrics.f1_macro(LABELS, P),
        "f1_weighted": metrics.f1_weighted(LABELS, P),
        "calibration_error": metrics.calibration_error(LABELS, P),
    }
    tracks = MetricSpec("tracks", "number of tracks", lambda labels, probabilities: len(labels))
    scores = metrics.evaluate(LABELS, P, (tracks,))
    assert scores == {"tracks": 6}
    assert type(scores["tracks"]) is float


# ------------------------------------------------------------------ against scikit-learn


@st.composite
def whole_numbers(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Labels and small whole numbers as probabilities: with ties, zeros, and genres without tracks."""
    n, k = draw(st.integers(1, 25)), draw(st.integers(2, 16))
    labels = draw(arrays.arrays(np.int64, n, elements=st.integers(0, k - 1)))
    weights = draw(arrays.arrays(np.int64, (n, k), elements=st.integers(0, 9)))
    weights[weights.sum(axis=1) == 0] = 1
    return labels, weights


@st.composite
def predictions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """The same with rows that sum to 1, or to less, or to more."""
    labels, weights = draw(whole_numbers())
    return labels, weights / draw(st.sampled_from([weights.sum(axis=1, keepdims=True), 200, 1]))


def first_largest(p: np.ndarray) -> list[int]:
    return [max(range(len(row)), key=row.__getitem__) for row in p.tolist()]  # Python's max is the first of equals


@given(predictions())
@settings(max_examples=100, deadline=None)
def test_log_loss_agrees_with_scikit_learn(sample: tuple[np.ndarray, np.ndarray]) -> None:
    labels, p = sample
    clipped = [[min(max(value, 1e-15), 1) for value in row] for row in p.tolist()]
    normal = np.array([[value / math.fsum(row) for value in row] for row in clipped])
    own = normal[np.arange(len(labels)), labels]
    np.testing.assert_allclose(metrics.track_log_losses(labels, p), [-math.log(value) for value in own], atol=1e-14)
    if kept := (own > 3e-16).nonzero()[0].tolist():  # scikit-learn clips once more, at 2.2e-16
        expected = sklearn.metrics.log_loss(labels[kept], normal[kept], labels=range(p.shape[1]))
        assert metrics.log_loss(labels[kept], p[kept]) == pytest.approx(expected, rel=1e-9)


@given(predictions())
@settings(max_examples=100, deadline=None)
def test_f1_and_confusion_agree_with_scikit_learn(sample: tuple[np.ndarray, np.ndarray]) -> None:
    labels, p = sample
    predicted, genres = first_largest(p), range(p.shape[1])

    def f1(average: str | None, of: Any) -> Any:
        return sklearn.metrics.f1_score(labels, predicted, labels=of, average=average, zero_division=0)

    np.testing.assert_array_equal(
        metrics.confusion(labels, p), sklearn.metrics.confusion_matrix(labels, predicted, labels=genres)
    )
    np.testing.assert_allclose(metrics.genre_f1(labels, p), f1(None, genres), rtol=1e-12)
    assert metrics.f1_micro(labels, p) == pytest.approx(f1("micro", genres), rel=1e-12)
    assert metrics.f1_micro(labels, p) == pytest.approx(sklearn.metrics.accuracy_score(labels, predicted), rel=1e-12)
    assert metrics.f1_macro(labels, p) == pytest.approx(f1("macro", np.unique(labels)), rel=1e-12)
    assert metrics.f1_weighted(labels, p) == pytest.approx(f1("weighted", genres), rel=1e-12)


@given(whole_numbers(), st.integers(1, 20))
@settings(max_examples=100, deadline=None)
def test_calibration_error_agrees_with_exact_fractions(sample: tuple[np.ndarray, np.ndarray], n_bins: int) -> None:
    labels, weights = sample
    surplus = [Fraction(0)] * (n_bins + 1)  # accuracy minus confidence, by the upper end of the bin
    for label, row, answer in zip(labels, weights.tolist(), first_largest(weights), strict=True):
        confidence = Fraction(max(row), sum(row))
        surplus[math.ceil(confidence * n_bins)] += int(label == answer) - confidence
    expected = float(sum(map(abs, surplus)) / len(labels))
    assert metrics.calibration_error(labels, weights, n_bins) == pytest.approx(expected, rel=1e-12, abs=1e-14)


@given(st.integers(0, 10**6), st.integers(1, 400), st.integers(2, 16))
@settings(max_examples=60, deadline=None)
def test_calibration_error_agrees_with_scikit_learn(seed: int, n: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    labels, p = rng.integers(k, size=n), rng.dirichlet(np.ones(k), size=n)
    right, confidence = np.array(first_largest(p)) == labels, np.array([max(row) for row in p.tolist()])
    accuracy, mean = sklearn.calibration.calibration_curve(right.astype(int), confidence, n_bins=15, pos_label=1)
    tracks = np.histogram(confidence, bins=15, range=(0, 1))[0]
    expected = (np.abs(accuracy - mean) * tracks[tracks > 0]).sum() / n
    assert metrics.calibration_error(labels, p) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(predictions(), st.randoms())
@settings(max_examples=50, deadline=None)
def test_scores_depend_neither_on_the_order_of_the_tracks_nor_on_their_copies(
    sample: tuple[np.ndarray, np.ndarray], random: Any
) -> None:
    labels, p = sample
    order = list(range(len(labels))) * 2
    random.shuffle(order)
    for name, score in metrics.evaluate(labels, p).items():
        assert metrics.evaluate(labels[order], p[order])[name] == pytest.approx(score, rel=1e-9, abs=1e-12)


# ------------------------------------------------------------------ malformed input

FUNCTIONS: list[Callable[[Any, Any], Any]] = [
    metrics.validate,
    metrics.log_loss,
    metrics.track_log_losses,
    metrics.brier,
    metrics.track_brier,
    metrics.confusion,
    metrics.genre_f1,
    metrics.f1_micro,
    metrics.f1_macro,
    metrics.f1_weighted,
    metrics.calibration_error,
    metrics.evaluate,
    lambda labels, probabilities: metrics.measure_more(labels, probabilities, ()),
]


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        ([0, 1], [[1, 0]], r"labels of shape \(2,\) don't fit probabilities of shape \(1, 2\)"),
        ([0], [[1, 0], [0, 1]], r"labels of shape \(1,\) don't fit"),
        ([0, 1], [0.5, 0.5], r"probabilities of shape \(2,\)"),
        ([[0], [1]], [[1, 0], [0, 1]], r"labels of shape \(2, 1\)"),
        ([0], [[[1, 0]]], r"probabilities of shape \(1, 1, 2\)"),
        (0, [1, 0], r"labels of shape \(\)"),
        ([], np.empty((0, 3)), "no track"),
        ([0.0, 1.0], [[1, 0], [0, 1]], "integers, not float64"),
        ([True, False], [[1, 0], [0, 1]], "integers, not bool"),
        (["0", "1"], [[1, 0], [0, 1]], "integers, not <U1"),
        ([0, -1], [[1, 0], [0, 1]], r"from 0 to 1, not -1 \.\. 0"),
        ([0, 2], [[1, 0], [0, 1]], r"from 0 to 1, not 0 \.\. 2"),
        ([0, 1], [[1, 0], [math.nan, 1]], "finite and not negative"),
        ([0, 1], [[1, 0], [0, math.inf]], "finite and not negative"),
        ([0, 1], [[1, 0], [-math.inf, 1]], "finite and not negative"),
        ([0, 1], [[1, 0], [-0.1, 1.1]], "finite and not negative"),
        ([0, 1], [[1, 0], [0, 0]], "row 1 are all zero"),
    ],
)
def test_malformed_input_is_refused(labels: Any, probabilities: Any, message: str) -> None:
    for function in FUNCTIONS:
        with pytest.raises(ValueError, match=message):
            function(labels, probabilities)


def test_ragged_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="inhomogeneous"):
        metrics.validate([0, 1], [[1, 0], [1]])


def test_lists_and_other_types_are_taken() -> None:
    labels, p = metrics.validate(np.array([1, 0], dtype=np.uint8), np.array([[0, 1], [1, 0]], dtype=np.float32))
    assert (labels.dtype, p.dtype) == (np.int64, np.float64)
    assert labels.tolist() == [1, 0]
    assert p.tolist() == [[0, 1], [1, 0]]


# ------------------------------------------------------------------ metrics of plugins


def test_a_metric_that_fails_costs_nothing_else() -> None:
    def broken(labels: Any, probabilities: Any) -> float:
        labels[:] = 0
        probabilities[:] = 0
        raise RuntimeError("no such genre")

    def exiting(labels: Any, probabilities: Any) -> float:
        raise SystemExit(3)

    specs = (
        *metrics.METRICS,
        MetricSpec("broken", "fails", broken),
        MetricSpec("exiting", "ends the program", exiting),
        MetricSpec("mean", "mean of all", lambda labels, probabilities: probabilities.mean() + labels.sum()),
    )
    measured, problems = metrics.measure_more(LABELS, P, specs)
    scores = {name: None if one is None else one.score for name, one in measured.items()}
    assert scores == {"broken": None, "exiting": None, "mean": pytest.approx(0.2 + 4)}  # rows of five sum to 1; the labels to 4
    assert problems == [
        "the metric 'broken' raised RuntimeError in compute: RuntimeError: no such genre",
        "the metric 'exiting' raised SystemExit in compute: SystemExit: 3",
    ]
    assert metrics.measure_more(LABELS, P, metrics.METRICS) == ({}, [])
