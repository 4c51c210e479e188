"""Units, resamples and intervals, against loops over the definition, SciPy and scikit-learn."""

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from genrebench.evaluation import metrics
from genrebench.evaluation.intervals import (
    F1Interval,
    mean_error,
    resamples,
    sampling_units,
    share_interval,
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


# ------------------------------------------------------------------ standard errors


def test_standard_errors_of_means() -> None:
    values = losses(300)
    np.testing.assert_allclose(mean_error(values[:, None], sampling_units(ALONE)), [scipy.stats.sem(values)])
    # by hand: artists of 2, 2 and 1 tracks, mean 16/5; sums of deviations 3 - 6.4, 9 - 6.4 and 4 - 3.2
    expected = np.sqrt((3.4**2 + 2.6**2 + 0.8**2) * 3 / 2) / 5
    units = sampling_units(np.array([0, 0, 1, 1, 2]))
    assert mean_error(np.array([[1.0], [2], [3], [6], [4]]), units) == pytest.approx([expected])
    # artists of 2 and 1 tracks, mean 2/3; sums of deviations 4 - 4/3 and -2 - 2/3
    units, values = sampling_units(np.array([0, 0, 1])), np.array([[1.0], [3], [-2]])
    assert mean_error(values, units) == pytest.approx([np.sqrt(2 * (8 / 3) ** 2 * 2 / 1) / 3])


# ------------------------------------------------------------------ shares


def test_shares_of_single_tracks_have_wilsons_interval() -> None:
    for right in (150, 297, 300, 0):
        hits = (np.arange(300) < right).astype(float)[:, None]
        low, high = share_interval(hits, sampling_units(ALONE))
        expected = scipy.stats.binomtest(right, 300).proportion_ci(method="wilson")
        np.testing.assert_allclose([low[0], high[0]], expected, atol=1e-3)


def test_shares_know_artists() -> None:
    hits = (np.arange(300) % 60 < 40).astype(float)[:, None]
    (low,), (high,) = share_interval(hits, sampling_units(np.arange(300) // 20))
    (alone_low,), (alone_high,) = share_interval(hits, sampling_units(ALONE))
    assert low < alone_low < alone_high < high


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_shares_of_artists_have_wilsons_interval_of_the_effective_number_of_tracks(level: float) -> None:
    hits = np.random.default_rng(2).random((600, 2)) < np.repeat(np.random.default_rng(3).random(60), 10)[:, None]
    artists = np.repeat(np.arange(60), 10)
    interval = np.stack(share_interval(hits.astype(float), sampling_units(artists), level))
    t = scipy.stats.t.ppf((1 + level) / 2, 59)
    for column, share in enumerate(hits.mean(axis=0)):
        sums = [(hits[artists == artist, column] - share).sum() for artist in range(60)]
        error = np.sqrt(60 * np.var(sums, ddof=1)) / 600
        n = share * (1 - share) / error**2
        assert n < 200  # where artists differ, their tracks are worth less

        def surplus(truth: float, share: float = share, n: float = n) -> float:
            return abs(share - truth) - t * np.sqrt(truth * (1 - truth) / n)

        ends = (scipy.optimize.brentq(surplus, *bracket) for bracket in ((0, share), (share, 1)))
        np.testing.assert_allclose(interval[:, column], list(ends), atol=1e-6)


def test_a_certain_share_is_worth_its_artists() -> None:
    # n / (n + t^2) for ten artists of three tracks, all right
    t = scipy.stats.t.ppf(0.975, 9)
    for share in (0.0, 1.0):
        (low,), (high,) = share_interval(np.full((30, 1), share), sampling_units(np.arange(30) // 3))
        certain, far = (high, 1 - low) if share else (1 - low, high)
        assert certain == pytest.approx(1)
        assert far == pytest.approx(t**2 / (10 + t**2), abs=1e-5)


@pytest.mark.parametrize("n_artists", [1, 2])
def test_shares_of_one_and_of_two_artists(n_artists: int) -> None:
    # Wilson's interval of 1/2 is 1/2 -+ t / sqrt(n + t^2) / 2; two artists of equal share are worth two tracks
    t = scipy.stats.t.ppf(0.975, 1)
    (low,), (high,) = share_interval(
        np.tile([0.0, 1.0], n_artists)[:, None], sampling_units(np.repeat(np.arange(n_artists), 2))
    )
    half_width = t / np.sqrt(n_artists + t**2) / 2
    assert (low, high) == pytest.approx((0.5 - half_width, 0.5 + half_width), rel=1e-9)


# ------------------------------------------------------------------ F1


def f1(labels: np.ndarray, answers: list[np.ndarray]) -> list[float]:
    """Macro F1 over the genres with tracks and weighted F1, by scikit-learn, mean over the seeds."""
    options = {"labels": np.unique(labels), "zero_division": 0}
    scores = [
        [sklearn.metrics.f1_score(labels, answer, average=average, **options) for average in ("macro", "weighted")]
        for answer in answers
    ]
    return [float(mean) for mean in np.mean(scores, axis=0)]


@pytest.mark.parametrize(
    ("n_artists", "skill", "seed", "level"),
    [
        (25, 0.5, 0, 0.95),
        (25, 0.5, 0, 0.8),
        (25, 0.97, 5, 0.95),  # both ends would lie above 1
        (25, 0.05, 24, 0.95),  # one would lie below 0
        (2, 0.5, 0, 0.35),
    ],
)
def test_f1_intervals_by_their_definition(n_artists: int, skill: float, seed: int, level: float) -> None:
    rng = np.random.default_rng(seed)
    artists = np.repeat(np.arange(n_artists), rng.integers(1, 5, n_artists))
    units, n = sampling_units(artists), len(artists)
    labels = rng.choice(4, size=n, p=[0.5, 0.35, 0.1, 0.05])
    answers = [np.where(rng.random(n) < skill, labels, (labels + 1) % 5) for _ in range(2)]  # genre 4 has no tracks
    interval = F1Interval(labels, answers, 5, units)
    scores = []
    for weights in resamples(units, 150):
        interval.add(weights)
    for (drawn,) in draws(units, 150, 0):
        tracks = np.concatenate([np.flatnonzero(units.codes == unit) for unit in drawn])
        scores.append(f1(labels[tracks], [answer[tracks] for answer in answers]))
    quantile = scipy.stats.t.ppf((1 + level) / 2, n_artists - 1) * np.sqrt(n_artists / (n_artists - 1))
    tail = scipy.stats.norm.cdf(-quantile)
    bias = np.mean(scores, axis=0) - f1(labels, answers)
    expected = np.quantile(scores, [tail, 1 - tail], axis=0) - 2 * bias
    np.testing.assert_allclose(interval.interval(level), np.clip(expected, 0, 1), atol=1e-6)
    assert (np.max(expected) > 1) == (skill == 0.97)
    assert (np.min(expected) < 0) == (skill == 0.05)


def test_the_f1_interval_of_one_artist_is_its_score() -> None:
    labels, answer = np.array([0, 0, 1]), np.array([0, 1, 1])
    units = sampling_units(np.zeros(3, dtype=int))
    interval = F1Interval(labels, [answer], 2, units)
    for weights in resamples(units, 50):
        interval.add(weights)
    np.testing.assert_allclose(interval.interval(), [f1(labels, [answer])] * 2)


def test_f1_intervals_are_those_of_a_loop_over_the_metrics(make_predictions: object) -> None:
    p = make_predictions(n=200, skill=1.5)
    units = sampling_units(np.full(200, -1))
    answers = p.probabilities.argmax(axis=1)
    found = F1Interval(p.labels, [answers], 3, units)
    for weights in resamples(units, 3000):
        found.add(weights)
    rng = np.random.default_rng(1)
    draws = [rng.integers(200, size=200) for _ in range(1500)]
    for i, metric in enumerate((metrics.f1_macro, metrics.f1_weighted)):
        by_loop = np.quantile([metric(p.labels[drawn], p.probabilities[drawn]) for drawn in draws], [0.025, 0.975])
        np.testing.assert_allclose([end[i] for end in found.interval()], by_loop, atol=0.012)


# ------------------------------------------------------------------ Student's quantiles


def test_students_quantiles() -> None:
    for p in (0.9, 0.975, 0.995):
        for degrees in (1, 2):
            assert t_quantile(p, degrees) == pytest.approx(scipy.stats.t.ppf(p, degrees), rel=1e-12)
    for degrees in (3, 4, 5, 10, 20, 50, 100, 200):  # the first term that the expansion leaves out is 0.73 / degrees^5
        assert abs(t_quantile(0.975, degrees) - scipy.stats.t.ppf(0.975, degrees)) < 1 / degrees**5
        assert t_quantile(0.975, degrees) == pytest.approx(scipy.stats.t.ppf(0.975, degrees), rel=2e-3)
        assert t_quantile(0.995, degrees) == pytest.approx(scipy.stats.t.ppf(0.995, degrees), rel=8e-3)
