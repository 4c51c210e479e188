"""Temperatures and inner folds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss

from genrebench_mfcc.calibration import best_temperature, calibrate, inner_folds, tempered


def overconfident(n=400, seed=0):
    """Labels drawn from softmax(z), and the answers softmax(2 z), which are right at a temperature of 2."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 3)) * 1.5
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(3, p=row) for row in p])
    return labels, p**2 / (p**2).sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("n", "low", "high"), [(4000, 1.8, 2.2), (400, 1.5, 2.5), (20, 1.0, 2.0)])
def test_temperature_is_the_most_probable(n, low, high):
    labels, p = overconfident(n)

    def cost(t):
        powers = p ** (1 / t)
        return log_loss(labels, powers / powers.sum(axis=1, keepdims=True), normalize=False) + np.log(t) ** 2 / (2 * 0.3**2)

    expected = minimize_scalar(cost, bounds=(0.3, 4), method="bounded").x
    assert best_temperature(labels, p) == pytest.approx(expected, rel=0.02)
    assert low < expected < high


def test_a_few_right_answers_dont_ask_for_certainty():
    assert best_temperature(np.zeros(3, dtype=np.int64), np.full((3, 2), [0.7, 0.3])) > 0.75


def test_tempered_by_hand():
    assert tempered(np.array([[0.2, 0.8]]), 0.5) == pytest.approx(np.array([[0.04, 0.64]]) / 0.68)
    assert tempered(np.array([[0.2, 0.8]]), 1.0) == pytest.approx(np.array([[0.2, 0.8]]))
    assert tempered(np.array([[0.0, 1.0]]), 4.0).sum() == pytest.approx(1)


def test_gain_is_measured_on_the_other_half_of_the_artists():
    labels, p = overconfident()
    groups = np.arange(len(labels)) // 4
    found = calibrate(labels, p, groups, "validation")
    half = groups % 2 == 0
    crossed = np.empty_like(p)
    for part in (half, ~half):
        crossed[part] = tempered(p[part], best_temperature(labels[~part], p[~part]))
    assert found.before == pytest.approx(log_loss(labels, p))
    assert found.after == pytest.approx(log_loss(labels, crossed))
    assert found.after < found.before
    assert found.facts() == {
        "value": found.temperature,
        "fitted_on": "validation",
        "tracks": 400,
        "log_loss_before": found.before,
        "log_loss_after": found.after,
    }


def test_nothing_to_fit_on():
    none = np.zeros(0, dtype=np.int64)
    found = calibrate(none, np.zeros((0, 3)), none, "validation")
    assert (found.temperature, found.fitted_on, found.before, found.after) == (1.0, "nothing", None, None)


@given(
    groups=st.lists(st.integers(0, 12), min_size=3, max_size=60).filter(lambda g: len(set(g)) >= 3),
    seed=st.integers(0, 3),
    data=st.data(),
)
def test_inner_folds_keep_artists_together_and_are_all_used(groups, seed, data):
    labels = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(groups), max_size=len(groups))))
    folds = inner_folds(labels, np.array(groups), 3, seed)
    assert set(folds) == {0, 1, 2}
    for group in set(groups):
        assert len({f for f, g in zip(folds, groups, strict=True) if g == group}) == 1


def test_inner_folds_spread_the_genres():
    labels = np.repeat([0, 1], 30)
    folds = inner_folds(labels, np.arange(60) // 2, 3, 0)
    counts = np.array([[((folds == f) & (labels == g)).sum() for f in range(3)] for g in range(2)])
    assert counts.min() >= 8
