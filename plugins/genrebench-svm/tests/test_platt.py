"""The sigmoid fit, against scipy's minimiser and values worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from genrebench_svm.platt import fit_sigmoid, sigmoid


def objective(v, d, positive, slope=0.0, strength=0.0):
    n1, n0 = positive.sum(), (~positive).sum()
    t = np.where(positive, (n1 + 1) / (n1 + 2), 1 / (n0 + 2))
    p = 1 / (1 + np.exp(v[0] * d + v[1]))
    return -(t * np.log(p) + (1 - t) * np.log(1 - p)).sum() + strength / 2 * ((v[0] - slope) ** 2 + v[1] ** 2)


@pytest.mark.parametrize(("slope", "strength"), [(0.0, 0.0), (-2.0, 3.0)])
def test_is_the_minimum(slope, strength):
    rng = np.random.default_rng(0)
    positive = rng.random(200) < 0.3
    d = np.where(positive, 0.7, -0.7) + rng.normal(size=200)
    expected = minimize(objective, [-1.0, 0.0], args=(d, positive, slope, strength), tol=1e-12).x
    assert fit_sigmoid(d, positive, slope, strength) == pytest.approx(expected, abs=1e-5)


def test_by_hand():
    # targets 2/3 and 1/3 at d = 1 and -1 are met exactly by 1 / (1 + exp(-d ln 2))
    assert fit_sigmoid(np.array([1.0, -1.0]), np.array([True, False])) == pytest.approx((-np.log(2), 0.0), abs=1e-5)


def test_without_evidence_it_stays_at_the_prior():
    assert fit_sigmoid(np.empty(0), np.empty(0, dtype=bool), -2.0, 1.0) == pytest.approx((-2.0, 0.0))
    # uninformative values: the base rate, smoothed
    a, b = fit_sigmoid(np.zeros(10), np.arange(10) < 3)
    assert a == 0.0
    assert 1 / (1 + np.exp(b)) == pytest.approx((3 * 4 / 5 + 7 * 1 / 9) / 10, abs=1e-5)


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.booleans()), min_size=1, max_size=30))
def test_stays_finite(rows):
    d, positive = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    assert np.isfinite(fit_sigmoid(d, positive)).all()
    assert np.isfinite(fit_sigmoid(d, positive, -1.0, 1.0)).all()


def test_sigmoid_does_not_overflow():
    assert sigmoid(np.array([-1e4, 0.0, 1e4])) == pytest.approx([1.0, 0.5, 0.0])
