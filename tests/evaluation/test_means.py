"""Intervals of means, against loops over the definition and SciPy."""

from collections.abc import Iterator

import numpy as np
import pytest
import scipy.stats

from genrebench.evaluation.clusters import Clusters
from genrebench.evaluation.intervals import Units, resamples, sampling_units
from genrebench.evaluation.means import MeanInterval, mean_interval
from genrebench.evaluation.variance import Trainings

ALONE = np.full(300, -1)


def losses(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).exponential(size=n)


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
def test_the_mean_interval_is_the_wider_of_bootstrap_t_and_student_by_definition(
    groups: np.ndarray, labels: np.ndarray | None, level: float, seed: int
) -> None:
    units = sampling_units(groups, labels)
    values = losses(39, seed=4) + (0 if labels is None else labels)
    mean, error = mean_and_error(values, units, [stratum.tolist() for stratum in units.strata])
    resampled = [mean_and_error(values, units, strata) for strata in draws(units, 400, seed)]
    ratios = [abs(its_mean - mean) / its_error for its_mean, its_error in resampled]
    bootstrap = np.quantile(ratios, level, method="higher") * error
    clusters = Clusters.of(values[:, None], np.ones((39, 1)), units)
    student = scipy.stats.t.ppf((1 + level) / 2, clusters.degrees[0]) * np.sqrt(clusters.variance[0])
    half = max(bootstrap, student)
    assert mean_interval(values, units, n=400, seed=seed, level=level) == pytest.approx((mean - half, mean + half), rel=1e-9)
    assert MeanInterval(values[:, None], units).error == pytest.approx(error, rel=1e-12)


def test_columns_have_intervals_of_their_own() -> None:
    values, units = np.stack([losses(39), losses(39, 1) ** 2], axis=1), sampling_units(GROUPS)
    interval = MeanInterval(values, units, n=300)
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
    ratios = [abs(its_mean - mean) / its_error if its_error else 0 for its_mean, its_error in resampled]
    interval = MeanInterval(values[:, None], units, n=300)
    exceeded = sum(ratio >= mean / error for ratio in ratios)
    assert interval.p_values()["bootstrap"] == pytest.approx([(1 + exceeded) / 301])


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
        interval = MeanInterval(values[:, None], sampling_units(artist), n=300, seed=i)
        (low,), (high,) = interval.interval()
        held += low <= np.exp(0.25) <= high  # the mean of this log-normal
    assert 0.92 <= held / n_sets <= 0.975  # 300 sets tell 0.95 from these


def test_a_constant_loss_is_certain() -> None:
    assert mean_interval(np.full(300, 2.5), sampling_units(ALONE)) == (2.5, 2.5)
    assert mean_interval(np.ones(3), sampling_units(np.zeros(3, dtype=int))) == (1, 1)


def test_seeds_widen_the_interval() -> None:
    values, units = losses(300), sampling_units(ALONE)
    one = mean_interval(values, units, n=500)
    assert mean_interval(values, units, Trainings.of([[1.0]]), n=500) == one
    equal = mean_interval(values, units, Trainings.of([[1.0, 1.0, 1.0]]), n=500)
    assert equal == pytest.approx(one)
    wide = mean_interval(values, units, Trainings.of([[0.9, 1.0, 1.1]]), n=500)
    # Student's interval of three trainings alone, and of the tracks alone, are narrower
    assert wide[1] - wide[0] > 2 * scipy.stats.t.ppf(0.975, 2) * 0.1 / np.sqrt(3) * 0.99
    assert wide[1] - wide[0] > one[1] - one[0]


def test_the_interval_holds_zero_if_a_test_does_not_reject_it() -> None:
    units = sampling_units(np.arange(60) // 3)
    for shift in np.linspace(0, 1, 11):
        values = losses(60, 5) - 1 + shift
        interval = MeanInterval(values[:, None], units, n=300)
        (low,), (high,) = interval.interval()
        assert (low <= 0 <= high) == (max(float(p[0]) for p in interval.p_values().values()) > 0.05)


def test_a_method_is_held_over_trainings() -> None:
    """Scores of three trainings, whose deviation is larger than that of the tracks: leaving the seeds out misses the truth."""
    rng = np.random.default_rng(1)
    units = sampling_units(np.full(200, -1))
    with_seeds, without = 0, 0
    for i in range(200):
        moved = rng.normal(0, 0.3, 3)
        values = rng.normal(size=200) + moved.mean()
        for trainings, add in ((Trainings.of([moved]), 1), (None, 0)):
            low, high = mean_interval(values, units, trainings, n=200, seed=i)
            with_seeds += add * (low <= 0 <= high)
            without += (1 - add) * (low <= 0 <= high)
    assert with_seeds >= 0.92 * 200
    assert without < 0.8 * 200


def test_the_bootstrap_knows_that_two_trainings_tell_little_of_their_variance() -> None:
    values = np.random.default_rng(6).normal(3, 0.01, size=300)
    interval = MeanInterval(values[:, None], sampling_units(ALONE), Trainings.of([[0.0, 2.0]]), n=2000)
    # nearly all variance is between two trainings: Student's t with 1 degree of freedom
    assert interval.p_values()["bootstrap"][0] == pytest.approx(2 * scipy.stats.t.sf(3, 1), abs=0.04)
