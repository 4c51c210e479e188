"""Reliability and temperature scaling, against values worked by hand, scikit-learn and SciPy's optimiser."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import scipy.optimize
import scipy.special
import sklearn.calibration
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from genrebench.evaluation import calibration
from genrebench.records import Predictions


def random_predictions(seed: int, n: int = 60, k: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Labels that are often the likeliest genre, and overconfident probabilities."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % k
    logits = rng.normal(size=(n, k)) * 3
    logits[np.arange(n), labels] += 2
    return labels, scipy.special.softmax(logits, axis=1)


def best_temperature(labels: np.ndarray, p: np.ndarray) -> float:
    """Minimise scikit-learn's log loss of SciPy's softmax over the logarithm of the temperature."""

    def loss(log_temperature: float) -> float:
        scaled = scipy.special.softmax(np.log(p) / np.exp(log_temperature), axis=1)
        return sklearn.metrics.log_loss(labels, scaled, labels=range(p.shape[1]))

    bounds = (np.log(0.05), np.log(20))
    return float(np.exp(scipy.optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-9}).x))


# ------------------------------------------------------------------ reliability


def test_equal_bins_by_hand() -> None:
    confidence = [0.95, 0.9, 0.85, 0.8, 0.7, 0.65, 0.6, 0.55]
    p = [[c, 1 - c] for c in confidence]
    low, high = calibration.equal_bins([0, 0, 0, 1, 0, 1, 1, 1], p)
    assert (low["tracks"], low["low"], low["high"], low["accuracy"]) == (4, 0.55, 0.7, 0.25)
    assert (high["tracks"], high["low"], high["high"], high["accuracy"]) == (4, 0.8, 0.95, 0.75)
    assert high["confidence"] == pytest.approx(0.875)
    assert high["interval"][0] < 0.75 < high["interval"][1]
    assert calibration.equal_bins([0, 1, 0], [[0.6, 0.4]] * 3) == []  # too few to say anything


@pytest.mark.parametrize(("artists", "told"), [([0, 0, 0, 0], False), ([0, 0, 1, 1], False), ([0, 1, 2, 2], True)])
def test_tracks_of_one_or_two_artists_have_no_interval(artists: list[int], told: bool) -> None:
    p = [[c, 1 - c] for c in (0.95, 0.9, 0.85, 0.8, 0.7, 0.65, 0.6, 0.55)]
    low, high = calibration.equal_bins([0, 0, 0, 1, 0, 1, 1, 1], p, np.array([5, 6, 7, 8, *artists]))
    assert high["interval"] is not None
    assert (low["interval"] is not None) == told


@given(st.integers(0, 10**6), st.integers(1, 300), st.integers(2, 16), st.booleans())
@settings(max_examples=40, deadline=None)
def test_equal_bins_have_about_equal_counts_and_never_a_few_tracks(seed: int, n: int, k: int, coarse: bool) -> None:
    rng = np.random.default_rng(seed)
    labels, p = rng.integers(k, size=n), rng.dirichlet(np.ones(k), size=n)
    if coarse:  # many tracks of the same confidence
        p = np.eye(k)[rng.integers(k, size=n)] * 0.5 + 0.5 / k
    bins = calibration.equal_bins(labels, p, rng.integers(-1, 40, size=n))
    assert sum(b["tracks"] for b in bins) == (n if n >= calibration.MIN_BIN else 0)
    assert all(b["tracks"] >= calibration.MIN_BIN for b in bins)
    if not coarse and bins:
        assert max(b["tracks"] for b in bins) - min(b["tracks"] for b in bins) <= calibration.MIN_BIN
        assert len(bins) == min(calibration.MAX_BINS, n // calibration.MIN_BIN)
    right, confidence = p.argmax(axis=1) == labels, p.max(axis=1)
    for b in bins:
        inside = (confidence >= b["low"]) & (confidence <= b["high"])  # no confidence is in two bins
        assert (inside.sum(), right[inside].mean()) == (b["tracks"], pytest.approx(b["accuracy"]))
        assert b["interval"] is None or b["interval"][0] <= b["accuracy"] <= b["interval"][1]


# ------------------------------------------------------------------ temperature


def test_temperature_by_hand() -> None:
    # the square root of 0.64 : 0.36 is 0.8 : 0.6; its square is 0.4096 : 0.1296
    np.testing.assert_allclose(calibration.apply_temperature([[0.64, 0.36]], 2), [[4 / 7, 3 / 7]])
    np.testing.assert_allclose(calibration.apply_temperature([[0.64, 0.36]], 0.5), [[256 / 337, 81 / 337]])
    np.testing.assert_allclose(calibration.apply_temperature([[6.4, 0.25, 0.16]], 2), [[1 / 1.9, 0.5 / 1.9, 0.4 / 1.9]])
    # a probability of 0 counts as 1e-15: its fifth root is 1e-3
    np.testing.assert_allclose(calibration.apply_temperature([[1, 0]], 5), [[1 / 1.001, 0.001 / 1.001]], rtol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_the_fitted_temperature_is_that_of_an_optimiser(seed: int) -> None:
    labels, p = random_predictions(seed)
    for bent in (p, scipy.special.softmax(np.log(p) / 3, axis=1)):
        assert calibration.fit_temperature(labels, bent) == pytest.approx(best_temperature(labels, bent), rel=1e-6)
    clipped = np.minimum(1.5 * p, 1)
    assert calibration.fit_temperature(labels, 1.5 * p) == pytest.approx(best_temperature(labels, clipped), rel=1e-6)


def test_the_fitted_temperature_by_hand() -> None:
    # 3 of 4 right at 0.9 : 0.1. The best is 0.75 : 0.25, so ln 9 / T = ln 3 and T = 2; of 0.6 : 0.4, T = ln 1.5 / ln 3
    p = np.array([[0.9, 0.1]] * 4)
    assert calibration.fit_temperature([0, 0, 0, 1], p) == pytest.approx(2, rel=1e-13)
    p = np.array([[0.6, 0.4]] * 4)
    assert calibration.fit_temperature([0, 0, 0, 1], p) == pytest.approx(np.log(1.5) / np.log(3), rel=1e-13)
    p = np.array([[1.8, 0.2]] * 4)  # 1.8 counts as 1
    assert calibration.fit_temperature([0, 0, 0, 1], p) == pytest.approx(np.log(5) / np.log(3), rel=1e-13)


def test_each_fold_has_its_temperature() -> None:
    labels, p = random_predictions(4)
    folds = np.arange(len(labels)) % 3
    ids = tuple(map(str, range(len(labels))))
    scaled = calibration.scaled_by_fold(Predictions(ids, tuple("abcd"), labels, folds, p), [0.5, 1.0, 3.0]).probabilities
    for row, fold in enumerate(folds):
        assert scaled[row] == pytest.approx(scipy.special.softmax(np.log(p[row]) / (0.5, 1.0, 3.0)[fold]))


def test_the_fitted_temperature_has_bounds() -> None:
    p = np.array([[0.6, 0.4]] * 4)
    assert calibration.fit_temperature([0, 0, 0, 0], p) == pytest.approx(0.05)
    assert calibration.fit_temperature([1, 1, 1, 1], p) == pytest.approx(20)


@given(st.floats(0.3, 4))
@settings(max_examples=15, deadline=None)
def test_temperature_is_found_again(temperature: float) -> None:
    rng = np.random.default_rng(0)
    true = rng.dirichlet(np.ones(4), size=4000)
    labels = (true.cumsum(axis=1) > rng.random((4000, 1))).argmax(axis=1)
    bent = calibration.apply_temperature(true, 1 / temperature)
    assert calibration.fit_temperature(labels, bent) == pytest.approx(temperature, rel=0.1)
    np.testing.assert_allclose(calibration.apply_temperature(bent, 1), bent, atol=1e-12)


# ------------------------------------------------------------------ what scaling would gain


def gain_of(half: np.ndarray, labels: np.ndarray, p: np.ndarray) -> float:
    """The gain if the tracks of `half` and the others are scaled by each other's temperature."""
    scaled = p.copy()
    for tested in (half, ~half):
        temperature = best_temperature(labels[~tested], p[~tested])
        scaled[tested] = scipy.special.softmax(np.log(p[tested]) / temperature, axis=1)
    before, after = (sklearn.metrics.log_loss(labels, q, labels=range(p.shape[1])) for q in (p, scaled))
    return float(before - after)


def predictions_of(labels: np.ndarray, p: np.ndarray, groups: list[int]) -> Predictions:
    n, k = p.shape
    return Predictions(
        tuple(map(str, range(n))), tuple(map(str, range(k))), labels, np.zeros(n, dtype=int), p, np.array(groups)
    )


@pytest.mark.parametrize(
    ("groups", "artists"),
    [
        ([7] * 12 + [2] * 12 + [3] * 20 + [4] * 16, [7] * 12 + [2] * 12 + [3] * 20 + [4] * 16),
        ([-1] * 2 + [1] * 20 + [0] * 38, [8, 9] + [1] * 20 + [0] * 38),  # each track of an unknown artist stands alone
    ],
)
def test_the_gain_is_that_of_one_way_to_halve_the_artists(groups: list[int], artists: list[int]) -> None:
    labels, p = random_predictions(5)
    predictions = predictions_of(labels, p, groups)
    possible = [gain_of(np.isin(artists, half), labels, p) for half in combinations(set(artists), 2)]
    gains = set()
    for seed in range(12):
        gain = calibration.temperature_gain(predictions, seed)
        assert gain["log_loss"] == pytest.approx(sklearn.metrics.log_loss(labels, p))
        assert gain["gain"] == pytest.approx(gain["log_loss"] - gain["log_loss_scaled"])
        assert gain["temperature"] == pytest.approx(best_temperature(labels, p), rel=1e-6)
        assert np.isclose(possible, gain["gain"], rtol=1e-6).any()
        gains.add(round(gain["gain"], 6))
    assert len(gains) == 3  # four artists are halved in three ways, and seeds choose among them
    assert calibration.temperature_gain(predictions) == calibration.temperature_gain(predictions, 0)


def test_of_five_artists_the_first_two_in_random_order_are_a_half() -> None:
    labels, p = random_predictions(6)
    artists = np.repeat(np.arange(5), 12)
    for seed in range(3):
        place = np.random.default_rng(seed).permutation(5)
        gain = calibration.temperature_gain(predictions_of(labels, p, artists.tolist()), seed)["gain"]
        assert gain == pytest.approx(gain_of(place[artists] < 2, labels, p), rel=1e-6)


def test_overconfidence_is_worth_scaling(make_predictions: Callable[..., Predictions]) -> None:
    p = make_predictions(n=600, skill=1.5, per_artist=3)
    sharp = replace(p, probabilities=calibration.apply_temperature(p.probabilities, 0.3))
    gain = calibration.temperature_gain(sharp)
    assert gain["gain"] > 0.1
    assert gain["temperature"] > 2


def test_fewer_than_four_artists_or_tracks_say_nothing(make_predictions: Callable[..., Predictions]) -> None:
    assert calibration.temperature_gain(make_predictions(n=3)) == {}
    assert calibration.temperature_gain(make_predictions(n=9, per_artist=3)) == {}
    assert calibration.temperature_gain(make_predictions(n=4)) != {}
