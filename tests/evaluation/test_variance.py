"""Variance of means and Student's tests of sums of variances, against hand calculation and SciPy."""

import numpy as np
import pytest
import scipy.stats

from genrebench.evaluation.clusters import kurtosis_degrees
from genrebench.evaluation.intervals import sampling_units
from genrebench.evaluation.variance import (
    Trainings,
    critical_value,
    effective_units,
    mean_variance,
    two_sided_p,
)


def test_equal_artists_have_the_variance_of_their_means() -> None:
    values = np.random.default_rng(0).normal(size=(60, 2))
    (first, second), degrees = mean_variance(values, sampling_units(np.arange(60) // 5))
    means = values.reshape(12, 5, 2).mean(axis=1)
    assert (first, second) == pytest.approx(tuple(means.var(axis=0, ddof=1) / 12))
    assert (degrees <= 11).all()
    single, _ = mean_variance(values, sampling_units(np.full(60, -1)))
    assert single == pytest.approx(values.var(axis=0, ddof=1) / 60)


def test_unequal_artists_by_hand() -> None:
    # artists of 1, 1 and 4 tracks, means 0, 6 and 3, mean of all tracks 3; the four tracks deviate by 1, -1, 1, -1
    values, units = np.array([[0.0], [6], [4], [2], [4], [2]]), sampling_units(np.array([0, 1, 2, 2, 2, 2]))
    robust = ((-3) ** 2 + 3**2 + 0) * 3 / 2 / 36
    sigma2 = 4 / (6 - 3)
    tau2 = (9 + 9 + 0) / 2 - sigma2 * (1 + 1 + 1 / 4) / 3
    components = (tau2 * (1 + 1 + 16) + sigma2 * 6) / 36
    assert components > robust
    (variance,), (degrees,) = mean_variance(values, units)
    assert variance == pytest.approx(components)
    assert degrees == pytest.approx(min(2 * 18**2 / (2 * 81 - 18**2 / 3), 2))
    # eight artists of one track at 0, and two of five tracks at 1 and -1: the large ones are unlike the small ones
    units = sampling_units(np.repeat(np.arange(10), [1] * 8 + [5, 5]))
    (variance,), _ = mean_variance(np.repeat([0.0, 1, -1], [8, 5, 5])[:, None], units)
    assert variance == pytest.approx(50 * 10 / 9 / 18**2)


def test_strata_have_variances_of_their_own() -> None:
    labels = np.repeat([0, 1], [10, 20])
    values = (10.0 * labels + np.random.default_rng(1).normal(size=30))[:, None]
    (variance,), _ = mean_variance(values, sampling_units(np.full(30, -1), labels))
    expected = (10 * values[:10].var(ddof=1) + 20 * values[10:].var(ddof=1)) / 900
    assert variance == pytest.approx(expected)


def test_degrees_of_freedom_follow_the_kurtosis() -> None:
    assert kurtosis_degrees(np.ones((7, 1)) * [[1], [-1], [1], [-1], [1], [-1], [1]], 7) == pytest.approx([6])  # at most m - 1
    one_large = np.array([[1000.0], *[[1e-3]] * 99])
    assert kurtosis_degrees(one_large, 100) == pytest.approx([2 / (1 - 1 / 100)], rel=1e-3)
    (_, (degrees,)) = mean_variance(one_large, sampling_units(np.full(100, -1)))
    assert degrees == pytest.approx(2 / (1 - 1 / 100), rel=0.03)  # not 99
    normal = np.random.default_rng(2).normal(size=(4000, 1))
    assert kurtosis_degrees(normal, 4000)[0] == pytest.approx(3999, rel=0.15)


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
    assert critical_value(np.zeros((2, 3)), np.ones((2, 3)), 0.95).tolist() == [0, 0, 0]


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
