"""Units, resamples and intervals, against loops over the definition, SciPy and scikit-learn."""

from collections.abc import Iterator

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from genrebench.evaluation.intervals import (
    MeanInterval,
    Units,
    mean_error,
    mean_interval,
    resamples,
    sampling_units,
    t_quantile,
)

ALONE = np.full(300, -1)


def losses(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).exponential(size=n)


# ------------------------------------------------------------------ units and resamples


def test_unknown_artists_are_units_of_their_own() -> None:
    units = sampling_units(np.array([5, -1, 5, 2, -1]))
    assert len(units) == 4
    assert units.codes[0] == units.codes[2]
    assert sorted(units.sizes) == [1, 1, 1, 2]
    np.testing.assert_array_equal(np.sort(units.sums(np.array([1.0, 2, 4, 8, 16]))), [2, 5, 8, 16])
    assert len(sampling_units(np.array([-1, 3]))) == 2


def test_sums_stand_in_the_order_of_the_units() -> None:
    values = np.array([[1.0, 10], [2, 20], [4, 40], [8, 80]])
    for groups, expected in (([2, 0, 1, 3], [2, 4, 1, 8]), ([7, 3, 7, 3], [10, 5]), ([-1, 0, 0, -1], [6, 1, 8])):
        units = sampling_units(np.array(groups))
        assert units.sums(values).tolist() == [[value, 10 * value] for value in expected]
        assert units.sums(np.ones(4)).tolist() == units.sizes.tolist()


def test_genres_of_five_tracks_are_strata_and_smaller_ones_share_one() -> None:
    labels = np.repeat([0, 1, 2, 3], [4, 5, 6, 3])
    strata = sampling_units(np.full(18, -1), labels).strata
    assert [stratum.tolist() for stratum in strata] == [[*range(4), *range(15, 18)], [*range(4, 9)], [*range(9, 15)]]
    for known in (np.arange(18), np.where(np.arange(18) < 9, 0, -1)):  # all artists, or some
        units = sampling_units(known, labels)
        assert [stratum.tolist() for stratum in units.strata] == [list(range(len(units)))]


def test_resamples_keep_the_genre_counts_only_without_artists() -> None:
    labels = np.repeat([0, 1, 2, 3], [50, 30, 3, 2])
    for weights in resamples(sampling_units(np.full(85, -1), labels), 200):
        np.testing.assert_array_equal(weights @ (labels == 0), 50)
        np.testing.assert_array_equal(weights @ (labels == 1), 30)
        np.testing.assert_array_equal(weights @ (labels >= 2), 5)  # small genres are drawn together
    assert len(sampling_units(np.arange(85) // 2, labels).strata) == 1


@given(st.lists(st.integers(-1, 5), min_size=1, max_size=40), st.integers(1, 50))
@settings(max_examples=40, deadline=None)
def test_resamples_draw_as_many_units_as_there_are(groups: list[int], n: int) -> None:
    units = sampling_units(np.array(groups))
    weights = np.concatenate(list(resamples(units, n)))
    assert weights.shape == (n, len(units))
    assert (weights.sum(axis=1) == len(units)).all()
    np.testing.assert_array_equal(weights, np.concatenate(list(resamples(units, n))))


def test_each_unit_is_drawn_as_often_as_any() -> None:
    weights = np.concatenate(list(resamples(sampling_units(np.full(10, -1)))))
    assert len(weights) == 10_000
    # binomial with 10 draws at 1/10: mean 1, variance 0.9, covariance -0.1; the bounds are five standard errors
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.05)
    covariance = np.cov(weights.T)
    np.testing.assert_allclose(np.diag(covariance), 0.9, atol=0.08)
    np.testing.assert_allclose(covariance[~np.eye(10, dtype=bool)], -0.1, atol=0.05)


def test_units_are_drawn_by_numpys_generator() -> None:
    units = sampling_units(np.full(14, -1), np.repeat([0, 1], [8, 6]))
    rng = np.random.default_rng(5)
    first, second = rng.integers(8, size=(20, 8), dtype=np.int32), 8 + rng.integers(6, size=(20, 6), dtype=np.int32)
    drawn = np.concatenate([first, second], axis=1).tolist()
    assert next(resamples(units, 20, seed=5)).tolist() == [[row.count(unit) for unit in range(14)] for row in drawn]


def test_resamples_of_many_units_come_in_blocks_and_follow_the_seed() -> None:
    units = sampling_units(np.full(3000, -1))
    blocks = list(resamples(units, 2000, seed=1))
    assert len(blocks) > 1
    assert sum(map(len, blocks)) == 2000
    first, second, third = (next(resamples(units, 5, seed)) for seed in (1, 2, 1))
    assert (first == third).all()
    assert (first != second).any()


# ------------------------------------------------------------------ means


def draws(units: Units, n: int, seed: int) -> Iterator[list[list[int]]]:
    """The units of each resample, by stratum, each as often as it is drawn."""
    for weights in resamples(units, n, seed):
        for row in weights.astype(int):
            yield [[unit for unit in stratum for _ in range(row[unit])] for stratum in units.strata]


def mean_and_error(values: np.ndarray, units: Units, strata: list[list[int]]) -> tuple[float, float]:
    """Mean over the tracks of the drawn units, and its linearised standard error, by the definition."""
    tracks = {unit: values[units.codes == unit] for stratum in strata for unit in stratum}
    drawn = np.concatenate([tracks[unit] for stratum in strata for unit in stratum])
    mean = drawn.mean()
    # the variance of a sum of m independent residuals is m times theirs
    residuals = [np.array([(tracks[unit] - mean).sum() for unit in stratum]) for stratum in strata]
    variance = sum(len(of_stratum) * of_stratum.var(ddof=1) for of_stratum in residuals if len(of_stratum) > 1)
    constant = len(set(drawn.tolist())) == 1
    return mean, 0.0 if constant else np.sqrt(variance) / len(drawn)


GROUPS = np.repeat(np.arange(12), [1, 2, 3, 4, 5, 6, 6, 5, 1, 3, 2, 1])


@pytest.mark.parametrize(
    ("groups", "labels"),
    [
        (GROUPS, None),  # artists of many sizes
        (np.full(39, -1), None),  # tracks
        (np.full(39, -1), np.repeat([0, 1, 2, 3], [8, 12, 16, 3])),  # tracks drawn by genre
    ],
)
@pytest.mark.parametrize(("level", "seed"), [(0.95, 0), (0.8, 3)])
def test_the_mean_interval_is_the_bootstrap_t_by_its_definition(
    groups: np.ndarray, labels: np.ndarray | None, level: float, seed: int
) -> None:
    units = sampling_units(groups, labels)
    values = losses(39, seed=4) + (0 if labels is None else labels)
    mean, error = mean_and_error(values, units, [stratum.tolist() for stratum in units.strata])
    resampled = [mean_and_error(values, units, strata) for strata in draws(units, 400, seed)]
    ratios = [(its_mean - mean) / its_error for its_mean, its_error in resampled]
    low, high = np.quantile(ratios, [(1 - level) / 2, (1 + level) / 2])
    expected = (mean - high * error, mean - low * error)
    assert mean_interval(values, units, n=400, seed=seed, level=level) == pytest.approx(expected, rel=1e-9)
    assert MeanInterval(values[:, None], units).error == pytest.approx(error, rel=1e-12)


def test_columns_have_intervals_of_their_own() -> None:
    values, units = np.stack([losses(39), losses(39, 1) ** 2], axis=1), sampling_units(GROUPS)
    interval = MeanInterval(values, units)
    for weights in resamples(units, 300):
        interval.add(weights)
    for column, ends in enumerate(zip(*interval.interval(), strict=True)):
        assert ends == pytest.approx(mean_interval(values[:, column], units, n=300))


def test_a_mean_interval_takes_10000_resamples_and_95_percent_unless_told() -> None:
    values, units = losses(39), sampling_units(GROUPS)
    assert mean_interval(values, units) == mean_interval(values, units, n=10_000, seed=0, level=0.95)


def test_resamples_of_equal_values_say_nothing_about_the_scale() -> None:
    values = np.array([0.1] * 5 + [0.9])  # a third of the resamples miss the last
    units = sampling_units(np.arange(6))
    mean, error = mean_and_error(values, units, [list(range(6))])
    resampled = [mean_and_error(values, units, strata) for strata in draws(units, 300, 0)]
    ratios = [(its_mean - mean) / its_error if its_error else 0 for its_mean, its_error in resampled]
    for level in (0.95, 0.5, 0.1):
        low, high = np.quantile(ratios, [(1 - level) / 2, (1 + level) / 2])
        expected = (mean - high * error, mean - low * error)
        assert mean_interval(values, units, n=300, level=level) == pytest.approx(expected, rel=1e-9)


def test_of_symmetric_values_the_interval_is_students() -> None:
    values = np.random.default_rng(0).normal(size=300)
    low, high = mean_interval(values, sampling_units(ALONE))
    expected = scipy.stats.t.interval(0.95, 299, values.mean(), values.std(ddof=1) / np.sqrt(300))
    np.testing.assert_allclose([low, high], expected, atol=0.006)


def test_copies_of_a_track_add_no_certainty() -> None:
    values = losses(60)
    alone = mean_interval(values, sampling_units(np.arange(60)))
    copied = mean_interval(np.repeat(values, 5), sampling_units(np.repeat(np.arange(60), 5)))
    np.testing.assert_allclose(copied, alone, rtol=1e-9)


def test_strata_that_explain_the_losses_narrow_the_interval() -> None:
    labels = np.arange(300) % 3
    values = labels + 0.1 * losses(300)
    plain = mean_interval(values, sampling_units(ALONE))
    stratified = mean_interval(values, sampling_units(ALONE, labels))
    assert stratified[1] - stratified[0] < 0.3 * (plain[1] - plain[0])


@pytest.mark.parametrize("per_artist", [1, 10])
def test_intervals_hold_the_truth(per_artist: int) -> None:
    rng = np.random.default_rng(0)
    n_sets, held = 300, 0
    artist = np.arange(300) // per_artist
    for i in range(n_sets):
        values = np.exp(0.5 * rng.normal(size=artist[-1] + 1)[artist] + 0.5 * rng.normal(size=300))
        interval = MeanInterval(values[:, None], sampling_units(artist))
        for weights in resamples(interval.units, 300, i):
            interval.add(weights)
        (low,), (high,) = interval.interval()
        held += low <= np.exp(0.25) <= high  # the mean of this log-normal
    assert 0.92 <= held / n_sets <= 0.975  # 300 sets tell 0.95 from these


def test_a_constant_loss_is_certain() -> None:
    assert mean_interval(np.full(300, 2.5), sampling_units(ALONE)) == (2.5, 2.5)
    assert mean_interval(np.ones(3), sampling_units(np.zeros(3, dtype=int))) == (1, 1)


def test_standard_errors_of_means() -> None:
    values = losses(300)
    np.testing.assert_allclose(mean_error(values[:, None], sampling_units(ALONE)), [scipy.stats.sem(values)])
    # by hand: artists of 2, 2 and 1 tracks, mean 16/5; sums of deviations 3 - 6.4, 9 - 6.4 and 4 - 3.2
    expected = np.sqrt((3.4**2 + 2.6**2 + 0.8**2) * 3 / 2) / 5
    units = sampling_units(np.array([0, 0, 1, 1, 2]))
    assert mean_error(np.array([[1.0], [2], [3], [6], [4]]), units) == pytest.approx([expected])
    # artists of 2 and 1 tracks, mean 2/3; sums of deviations 4 - 4/3 and -2 - 2/3
    units, values = sampling_units(np.array([0, 0, 1])), np.array([[1.0], [3], [-2]])
    for error in (mean_error(values, units), MeanInterval(values, units).error):
        assert error == pytest.approx([np.sqrt(2 * (8 / 3) ** 2 * 2 / 1) / 3])


# ------------------------------------------------------------------ Student's quantiles


def test_students_quantiles() -> None:
    for p in (0.9, 0.975, 0.995):
        for degrees in (1, 2):
            assert t_quantile(p, degrees) == pytest.approx(scipy.stats.t.ppf(p, degrees), rel=1e-12)
    for degrees in (3, 4, 5, 10, 20, 50, 100, 200):  # the first term that the expansion leaves out is 0.73 / degrees^5
        assert abs(t_quantile(0.975, degrees) - scipy.stats.t.ppf(0.975, degrees)) < 1 / degrees**5
        assert t_quantile(0.975, degrees) == pytest.approx(scipy.stats.t.ppf(0.975, degrees), rel=2e-3)
        assert t_quantile(0.995, degrees) == pytest.approx(scipy.stats.t.ppf(0.995, degrees), rel=8e-3)
