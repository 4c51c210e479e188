"""Intervals of proportions, against binomial sums."""

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from genrebench.evaluation.intervals import sampling_units
from genrebench.evaluation.proportions import bounds, midp_interval, share_interval

ALONE = np.full(300, -1)


def midp_by_sums(hits: int, n: int, level: float) -> tuple[float, float]:
    """Ends at which the mid-p of the binomial distribution is half of 1 - level."""
    tail = (1 - level) / 2

    def above(p: float) -> float:
        of_n = scipy.stats.binom(n, p)
        return float(of_n.sf(hits) + of_n.pmf(hits) / 2) - tail

    def below(p: float) -> float:
        of_n = scipy.stats.binom(n, p)
        return float(of_n.cdf(hits) - of_n.pmf(hits) / 2) - tail

    low = scipy.optimize.brentq(above, 0, 1, xtol=1e-14) if hits else 0.0
    return low, scipy.optimize.brentq(below, 0, 1, xtol=1e-14) if hits < n else 1.0


@pytest.mark.parametrize("level", [0.95, 0.8])
@pytest.mark.parametrize(("hits", "n"), [(0, 5), (1, 5), (3, 5), (5, 5), (1, 2500), (2499, 2500), (150, 300)])
def test_whole_numbers_have_the_midp_interval_of_the_binomial_distribution(hits: int, n: int, level: float) -> None:
    low, high = midp_interval(np.array([hits / n]), np.array([float(n)]), level)
    assert (low[0], high[0]) == pytest.approx(midp_by_sums(hits, n, level), abs=1e-10)


def test_one_error_in_2500_tracks_is_no_surprise_at_an_accuracy_of_99_996_percent() -> None:
    hits = (np.arange(2500) > 0).astype(float)[:, None]
    (low,), (high,) = share_interval(hits, sampling_units(np.full(2500, -1)))
    assert low < 0.99996 < high < 1


def test_single_tracks_count_as_themselves() -> None:
    for right in (150, 297, 300, 0):
        hits = (np.arange(300) < right).astype(float)[:, None]
        low, high = share_interval(hits, sampling_units(ALONE))
        assert (low[0], high[0]) == pytest.approx(midp_by_sums(right, 300, 0.95), abs=1e-3)


def test_artists_count_as_many_tracks_as_have_the_same_variance() -> None:
    # ten artists of 30 tracks with 3, 6, ..., 30 hits: the variance of their means is 11 / 120, and t has 9 degrees
    hits = (np.arange(300) % 30 < 3 * (1 + np.arange(300) // 30)).astype(float)[:, None]
    variance = np.var(np.arange(1, 11) / 10, ddof=1) / 10
    n = 0.55 * 0.45 / variance * (scipy.stats.norm.ppf(0.975) / scipy.stats.t.ppf(0.975, 9)) ** 2
    cdf = scipy.stats.beta.cdf

    def upper_tail(p: float) -> float:
        return float(cdf(p, 0.55 * n + 1, 0.45 * n) + cdf(p, 0.55 * n, 0.45 * n + 1)) / 2

    expected = [scipy.optimize.brentq(lambda p, tail=tail: upper_tail(p) - tail, 0, 1) for tail in (0.025, 0.975)]
    found = share_interval(hits, sampling_units(np.arange(300) // 30))
    np.testing.assert_allclose(np.ravel(found), expected, atol=1e-9)


def test_a_certain_share_is_worth_its_artists() -> None:
    # half of the probability of ten hits in ten, with Student's quantile of 9 degrees
    n = 10 * (scipy.stats.norm.ppf(0.975) / scipy.stats.t.ppf(0.975, 9)) ** 2
    for share in (0.0, 1.0):
        (low,), (high,) = share_interval(np.full((30, 1), share), sampling_units(np.arange(30) // 3))
        certain, far = (high, 1 - low) if share else (1 - low, high)
        assert certain == 1
        assert far == pytest.approx(1 - 0.05 ** (1 / n), rel=1e-9)


def test_one_large_artist_counts_for_less_than_its_tracks() -> None:
    hits = (np.random.default_rng(0).random(300) < 0.7).astype(float)[:, None]
    unequal = np.minimum(np.arange(300) // 4, 40)  # the last has 140 tracks
    (low,), (high,) = share_interval(hits, sampling_units(unequal))
    (alone_low,), (alone_high,) = share_interval(hits, sampling_units(ALONE))
    assert low < alone_low < alone_high < high


def test_seeds_widen_the_interval_as_their_variance_does() -> None:
    share, none = np.array([0.7]), np.array([0.0])
    low, high = bounds(share, np.array([[0.002], [0.001]]), np.array([[50.0], [2]]), none)
    hits = (np.random.default_rng(0).random(300) < 0.7).astype(float)[:, None]
    plain = np.ravel(share_interval(hits, sampling_units(ALONE)))
    with_seeds = np.ravel(share_interval(hits, sampling_units(ALONE), seed_variance=0.002, seed_degrees=2))
    assert with_seeds[0] < plain[0] < plain[1] < with_seeds[1]
    # two degrees: t is 4.3 where the seeds carry all
    assert with_seeds[1] - with_seeds[0] > 2 * 3 * np.sqrt(0.002)
    assert low < 0.7 < high


def test_a_column_without_tracks_has_no_interval() -> None:
    hits = np.zeros((300, 2))
    members = np.array([1.0, 0.0]) * np.ones((300, 1))
    low, high = share_interval(hits, sampling_units(ALONE), members=members)
    assert np.isnan([low[1], high[1]]).all()
    assert low[0] == 0 < high[0] < 0.02


@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.integers(2, 40))
@settings(max_examples=40, deadline=None)
def test_intervals_hold_the_share_and_stay_between_0_and_1(seed: int, skill: float, n_artists: int) -> None:
    rng = np.random.default_rng(seed)
    artists = np.repeat(np.arange(n_artists), np.minimum(60, np.ceil(1 + rng.pareto(1.1, n_artists))).astype(int))
    hits = (rng.random((len(artists), 3)) < skill).astype(float)
    low, high = share_interval(hits, sampling_units(artists))
    share = hits.mean(axis=0)
    assert ((low >= 0) & (low <= share) & (share <= high) & (high <= 1)).all()
    wide_low, wide_high = share_interval(hits, sampling_units(artists), 0.99)
    assert ((wide_low <= low) & (wide_high >= high)).all()


@given(st.integers(0, 2**32 - 1), st.integers(3, 20))
@settings(max_examples=20, deadline=None)
def test_more_artists_of_the_same_kind_narrow_the_interval(seed: int, n_artists: int) -> None:
    rng = np.random.default_rng(seed)
    hits = (rng.random(5 * n_artists) < 0.6).astype(float)
    artists = np.arange(5 * n_artists) // 5
    low, high = share_interval(hits[:, None], sampling_units(artists))
    copies = np.tile(hits, 4)[:, None]
    narrow_low, narrow_high = share_interval(
        copies, sampling_units(np.concatenate([artists + i * n_artists for i in range(4)]))
    )
    assert narrow_high - narrow_low < high - low
