"""Tests of a difference: what each part says, and the level on populations where no single test holds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrebench.evaluation.differences import carried_by, mean_difference
from genrebench.evaluation.intervals import sampling_units
from genrebench.evaluation.significance import permutation_test
from genrebench.evaluation.variance import Trainings


@given(st.integers(6, 25), st.floats(-1.5, 1.5), st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_the_interval_and_the_tests_agree(n_artists: int, shift: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    artists = rng.integers(n_artists, size=4 * n_artists)
    units = sampling_units(artists)
    d = rng.exponential(size=4 * n_artists) - 1 + shift
    result = mean_difference(d, units, n=199)
    assert result.found == (not result.interval[0] <= 0 <= result.interval[1])
    assert result.p_value == max(result.p_values.values())
    assert result.undecided == (not result.found and min(result.p_values.values()) <= 0.05)
    mirrored = mean_difference(-d, units, n=199)
    assert mirrored.interval == pytest.approx((-result.interval[1], -result.interval[0]), abs=1e-6)
    assert mirrored.p_values == pytest.approx(result.p_values)


def test_few_units_say_nothing() -> None:
    result = mean_difference(np.ones(5), sampling_units(np.arange(5)))
    assert result.interval == (-np.inf, np.inf)
    assert not result.found
    assert result.smallest is None


def rarely_wrong(n: int, share: float, by: float, rng: np.random.Generator) -> np.ndarray:
    return np.where(rng.random(n) < share, by, -share * by / (1 - share))


@pytest.mark.parametrize("population", ["5 % of 60 artists", "75 heavy artists", "300 tracks"])
def test_false_alarms_stay_below_their_rate(population: str) -> None:
    """Equal on average. The signs alone find a difference in one of six sets of the first population."""
    rng = np.random.default_rng(1)
    found, by_signs = 0, 0
    for i in range(150):
        if population == "5 % of 60 artists":
            groups = np.arange(300) // 5
            d = rarely_wrong(60, 0.05, 5, rng)[groups] + rng.normal(0, 0.5, 300)
        elif population == "75 heavy artists":
            groups = np.repeat(np.arange(75), np.minimum(60, np.ceil(rng.pareto(1.1, 75))).astype(int).clip(1))
            d = rng.normal(size=75)[groups] + rng.normal(size=len(groups))
        else:
            groups = np.full(300, -1)
            d = rng.normal(size=300)
        result = mean_difference(d, sampling_units(groups), n=199, seed=i)
        found += result.found
        by_signs += result.p_values["signs"] <= 0.05
    assert found <= 0.09 * 150  # 5 % and more than two standard errors
    if population == "5 % of 60 artists":
        assert by_signs > 0.1 * 150


def test_a_difference_of_methods_needs_more_than_that_of_two_runs() -> None:
    d = np.random.default_rng(0).normal(0.1, 0.5, size=400)
    units = sampling_units(np.full(400, -1))
    assert mean_difference(d, units, n=499).found
    apart = Trainings.of([[0.0, 0.2], [0.1, 0.3]]).difference()
    of_methods = mean_difference(d, units, apart, n=499)
    assert not of_methods.found
    assert of_methods.smallest > mean_difference(d, units, n=499).smallest


@pytest.mark.parametrize("common", [0.0, 0.7])
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_intervals_end_where_nearly_all_variance_is_between_trainings(common: float, noise: float) -> None:
    """Such as two versions of one method: the same predictions for each seed, so no difference on any track."""
    d = common + noise * np.random.default_rng(1).normal(size=48)
    apart = Trainings.of([[0.1, 0.3], [0.1, 0.3]]).difference()
    of_methods = mean_difference(d, sampling_units(np.arange(48) // 4), apart, n=499)
    assert not of_methods.found
    low, high = of_methods.interval
    # by Cochran and Cox with one degree of freedom each
    assert low <= d.mean() - 12.7 * 0.141 and high >= d.mean() + 12.7 * 0.141
    assert all(np.isinf(end) or abs(end) < 100 for end in (low, high))
    assert low <= 0 <= high


def test_what_carries_a_difference() -> None:
    d = np.zeros(200)
    d[:2], d[2:] = 5, 0.01
    assert carried_by(d, sampling_units(np.full(200, -1))) == (pytest.approx(10 / 11.98), 2)
    share, n_top = carried_by(-d, sampling_units(np.arange(200) // 2))
    assert (share, n_top) == (pytest.approx((10 + 4 * 0.02) / 11.98), 5)
    assert carried_by(np.array([1.0, -1]), sampling_units(np.full(2, -1))) == (None, 1)
    assert carried_by(np.array([3.0, -1]), sampling_units(np.full(2, -1)))[0] == pytest.approx(1.5)


def test_signs_are_those_of_the_permutation_test() -> None:
    d, units = np.random.default_rng(4).normal(0.2, size=90), sampling_units(np.arange(90) // 3)
    assert mean_difference(d, units, n=300, seed=2).p_values["signs"] == permutation_test(d[:, None], units, n=300, seed=2)[0]


def test_the_smallest_difference_is_found_four_times_out_of_five() -> None:
    rng = np.random.default_rng(7)
    units = sampling_units(np.full(100, -1))
    smallest = np.median([mean_difference(rng.normal(size=100), units, n=499).smallest for _ in range(15)])
    found = sum(mean_difference(rng.normal(smallest, 1, 100), units, n=199, seed=i).found for i in range(150))
    assert found / 150 == pytest.approx(0.8, abs=0.12)
