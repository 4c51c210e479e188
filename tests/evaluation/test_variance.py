"""Variance of means and Student's tests of sums of variances, against hand calculation and SciPy."""

import numpy as np
import pytest
import scipy.stats

from genrebench.evaluation.intervals import sampling_units
from genrebench.evaluation.variance import (
    Trainings,
    critical_value,
    effective_units,
    two_sided_p,
)


def test_trainings() -> None:
    both = Trainings.of([[1.0, 2, 3], [5.0]])
    assert both.variance.tolist() == [[1 / 3, 0]]
    assert both.degrees.tolist() == [[2, 0]]
    assert both.difference().variance.tolist() == [[1 / 3], [0]]
    assert both.difference().total.tolist() == [1 / 3]
    deviation, variance = both.draws(40_000, np.random.default_rng(0))
    assert deviation.var(axis=0) == pytest.approx([1 / 3, 0], rel=0.03)
    assert variance.mean(axis=0) == pytest.approx([1 / 3, 0], rel=0.03)
    assert variance.var(axis=0) == pytest.approx([2 / 9 / 2, 0], rel=0.06)  # of chi-square: 2 V^2 / degrees


def test_one_variance_is_students_test() -> None:
    t = np.array([0.5, 2.0, 12.0])
    for degrees in (1.0, 4.0, 300.0):
        ones = np.ones((1, 3))
        assert two_sided_p(t, ones, degrees * ones) == pytest.approx(2 * scipy.stats.t.sf(t, degrees))
        assert critical_value(ones, degrees * ones, 0.95) == pytest.approx(scipy.stats.t.ppf(0.975, degrees))


def test_quantiles_are_weighted_by_the_variances() -> None:
    variances, degrees = np.array([[1.0], [3.0], [0.0]]), np.array([[100.0], [2], [1]])
    expected = 0.25 * scipy.stats.t.ppf(0.95, 100) + 0.75 * scipy.stats.t.ppf(0.95, 2)
    assert critical_value(variances, degrees, 0.9) == pytest.approx([expected])
    for level in (0.5, 0.9, 0.99999):
        assert two_sided_p(critical_value(variances, degrees, level), variances, degrees) == pytest.approx([1 - level])
    # without any variance, the first estimate counts
    nothing = critical_value(np.zeros((2, 3)), np.array([[5.0] * 3, [1] * 3]), 0.95)
    assert nothing == pytest.approx([scipy.stats.t.ppf(0.975, 5)] * 3)
    assert two_sided_p(np.array([0.0, np.inf]), np.zeros((1, 2)), np.full((1, 2), 5)) == pytest.approx([1, 0])


@pytest.mark.parametrize(("n_trainings", "ratio"), [(2, 3.0), (2, 30.0), (3, 1.0), (3, 10.0), (5, 3.0)])
def test_few_trainings_keep_the_level(n_trainings: int, ratio: float) -> None:
    """Means over units with error 1, and over trainings with `ratio` times its variance."""
    rng = np.random.default_rng(3)
    n, k = 20_000, n_trainings - 1
    d = rng.normal(size=n) * np.sqrt(1 + ratio)
    variances = np.stack([rng.chisquare(300, n) / 300, ratio * rng.chisquare(k, n) / k])
    degrees = np.stack([np.full(n, 300.0), np.full(n, float(k))])
    missed = (two_sided_p(np.abs(d) / np.sqrt(variances.sum(axis=0)), variances, degrees) <= 0.05).mean()
    assert 0.02 <= missed <= 0.065


def test_effective_units() -> None:
    assert effective_units(sampling_units(np.arange(40) // 4).sizes) == pytest.approx(10)
    assert effective_units(sampling_units(np.array([0, 0, 0, 1])).sizes) == pytest.approx(16 / 10)
