"""Intervals of F1 and its averages."""

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from genrebench.evaluation.f1 import F1, MIN_GENRE_UNITS, genre_intervals, scarce_genres
from genrebench.evaluation.intervals import Units, sampling_units
from genrebench.evaluation.proportions import share_interval

SHARES = np.array([0.5, 0.3, 0.15, 0.05])


def made(
    seed: int, n_artists: int = 60, skill: float = 0.6, n_seeds: int = 1, training: float = 0.0, heavy: bool = False
) -> tuple[np.ndarray, list[np.ndarray], Units]:
    """Labels, predictions and artists, some of which are harder than others."""
    rng = np.random.default_rng(seed)
    sizes = np.ceil(rng.pareto(1.1, n_artists)).clip(1, 60).astype(int) if heavy else rng.integers(1, 6, n_artists)
    artists = np.repeat(np.arange(n_artists), sizes)
    labels = rng.choice(4, n_artists, p=SHARES)[artists]
    ease = skill + 0.2 * rng.normal(size=n_artists)[artists]
    predicted = [
        np.where(rng.random(len(labels)) < ease + training * rng.normal(), labels, rng.choice(4, len(labels), p=SHARES))
        for _ in range(n_seeds)
    ]
    return labels, predicted, sampling_units(artists)


def scores(labels: np.ndarray, predicted: list[np.ndarray], average: str | None) -> np.ndarray:
    options = {"labels": np.unique(labels) if average else range(4), "zero_division": 0}
    return np.mean([sklearn.metrics.f1_score(labels, one, average=average, **options) for one in predicted], axis=0)


def quick_f1(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """F1 by genre, for many resamples."""
    hits = np.bincount(labels[labels == predicted], minlength=4)
    return 2 * hits / np.maximum(np.bincount(labels, minlength=4) + np.bincount(predicted, minlength=4), 1)


def test_two_genres_that_are_all_right_or_wrong_by_artist_have_the_interval_of_their_share() -> None:
    # F1 of genre 0 is 2 J / (1 + J), where J is the share of hits among the tracks that are of it or predicted as it
    labels = np.repeat([0, 1], [40, 60])
    predicted = np.where(np.arange(100) % 10 < 7, labels, 1 - labels)
    units = sampling_units(np.arange(100) // 5)
    union = (labels == 0) | (predicted == 0)
    low, high = share_interval((labels == predicted)[union, None].astype(float), sampling_units(np.arange(100)[union] // 5))
    found_low, found_high = F1(labels, [predicted], 2, units).genres()
    pooled = [2 * end[0] / (1 + end[0]) for end in (low, high)]
    # never narrower; wider where the other genre says that tracks of an artist are alike
    assert found_low[0] <= pooled[0] + 1e-9
    assert found_high[0] >= pooled[1] - 1e-9
    assert (found_low[0], found_high[0]) == pytest.approx(pooled, abs=0.03)


def test_single_tracks_of_a_genre_have_the_binomial_interval() -> None:
    labels = np.repeat([0, 1], [8, 192])
    predicted = labels.copy()
    predicted[[0, 1, 2]] = 1
    low, high = F1(labels, [predicted], 2, sampling_units(np.full(200, -1))).genres()
    # 5 of 8 hits, worth one track less as their variance is estimated: half-way between the tails of Clopper and Pearson
    n, cdf = 7, scipy.stats.beta.cdf
    for end, tail in ((low[0], 0.025), (high[0], 0.975)):
        share = end / (2 - end)
        assert (cdf(share, 5 / 8 * n + 1, 3 / 8 * n) + cdf(share, 5 / 8 * n, 3 / 8 * n + 1)) / 2 == pytest.approx(
            tail, abs=1e-9
        )


def test_genres_of_too_few_artists_have_no_interval() -> None:
    labels, artists = np.repeat([0, 1, 2], [40, 40, 12]), np.concatenate([np.arange(80) // 4, 20 + np.arange(12) // 6])
    units = sampling_units(artists)
    intervals = genre_intervals(labels, [labels], 4, units)
    assert MIN_GENRE_UNITS == 3
    for score in ("precision", "recall", "f1"):
        assert [end is None for end in intervals[score]] == [False, False, True, True]
    assert scarce_genres(labels, 4, units) == []
    one_artist = sampling_units(np.where(labels == 2, 99, artists))
    assert scarce_genres(labels, 4, one_artist) == [2]


def test_precision_and_recall_are_shares_of_predicted_and_of_true_tracks() -> None:
    labels, (predicted,), units = made(3)
    intervals = genre_intervals(labels, [predicted], 4, units)
    for genre in range(3):
        hits = (labels == predicted)[:, None].astype(float)
        for score, members in (("precision", predicted == genre), ("recall", labels == genre)):
            low, high = share_interval(hits[members], sampling_units(units.codes[members]))
            # a genre takes its correlation within artists from all genres where its own is smaller
            assert intervals[score][genre][0] <= low[0] + 1e-9
            assert intervals[score][genre][1] >= high[0] - 1e-9
            assert intervals[score][genre] == pytest.approx((low[0], high[0]), abs=0.06)


def test_macro_f1_of_single_tracks_is_about_a_bootstraps() -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice(4, 800, p=SHARES)
    predicted = np.where(rng.random(800) < 0.6, labels, rng.choice(4, 800))
    f1 = F1(labels, [predicted], 4, sampling_units(np.full(800, -1)))
    resampled = []
    for drawn in rng.integers(800, size=(2000, 800)):
        of_genres = quick_f1(labels[drawn], predicted[drawn])
        resampled.append((of_genres.mean(), of_genres @ np.bincount(labels[drawn], minlength=4) / 800))
    for column, interval in enumerate((f1.macro(), f1.weighted())):
        expected = np.quantile(np.array(resampled)[:, column], [0.025, 0.975])
        np.testing.assert_allclose(interval, expected, atol=0.014)


def test_the_bias_is_that_of_resamples() -> None:
    labels, predicted, units = made(5, n_artists=25)
    rng = np.random.default_rng(0)
    tracks = [np.flatnonzero(units.codes == unit) for unit in range(len(units))]
    resampled = []
    for _ in range(4000):
        drawn = np.concatenate([tracks[unit] for unit in rng.integers(len(units), size=len(units))])
        resampled.append(quick_f1(labels[drawn], predicted[0][drawn]))
    bias = np.mean(resampled, axis=0) - scores(labels, predicted, None)
    # resamples of m units have (m - 1) / m of the bias
    np.testing.assert_allclose(F1(labels, predicted, 4, units).bias[:3] * 24 / 25, bias[:3], atol=0.006)


def test_the_order_of_the_seeds_does_not_matter() -> None:
    labels, predicted, units = made(4, n_seeds=3, training=0.2)
    (low, high), (same_low, same_high) = (F1(labels, order, 4, units).genres() for order in (predicted, predicted[::-1]))
    assert low == pytest.approx(same_low, abs=1e-12)
    assert high == pytest.approx(same_high, abs=1e-12)


def test_seeds_that_differ_widen_all_intervals() -> None:
    labels, (predicted, _), units = made(1, n_seeds=2)
    worse = np.where(np.arange(len(labels)) % 3 == 0, (labels + 1) % 4, predicted)
    alike = F1(labels, [predicted, predicted, predicted], 4, units)
    unlike = F1(labels, [predicted, predicted, worse], 4, units)
    assert alike.macro() == pytest.approx(F1(labels, [predicted], 4, units).macro())
    for of in (F1.macro, F1.weighted):
        widths = [np.ptp(of(f1)) for f1 in (alike, unlike)]
        assert widths[1] > widths[0] + 0.1
    low, high = (unlike.genres()[i] - alike.genres()[i] for i in (0, 1))
    assert (low[:3] < 0).all()
    assert (high[:3] - low[:3] > 0.02).all()


@pytest.mark.parametrize("k", [2, 3, 5])
def test_where_only_seeds_vary_averages_have_students_interval_with_their_degrees(k: int) -> None:
    rng = np.random.default_rng(3)
    labels = rng.choice(4, 4000)
    rates = 0.5 + 0.1 * np.linspace(-1, 1, k) / np.sqrt(k)
    predicted = [np.where(rng.random(4000) < rate, labels, (labels + 1) % 4) for rate in rates]
    f1 = F1(labels, predicted, 4, sampling_units(np.full(4000, -1)))
    by_seed = [scores(labels, [one], "macro") for one in predicted]
    half = scipy.stats.t.ppf(0.975, k - 1) * np.std(by_seed, ddof=1) / np.sqrt(k)
    low, high = f1.macro()
    assert high - low == pytest.approx(2 * half, rel=0.15) if k > 2 else (low, high) == (0, 1)


def test_all_right_says_how_sure_and_no_more() -> None:
    labels, _, units = made(0)
    f1 = F1(labels, [labels], 4, units)
    for low, high in (f1.macro(), f1.weighted()):
        assert high == 1
        assert 0.5 < low < 0.99


@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.integers(1, 3), st.booleans())
@settings(max_examples=40, deadline=None)
def test_intervals_hold_the_score_and_stay_between_0_and_1(seed: int, skill: float, n_seeds: int, heavy: bool) -> None:
    labels, predicted, units = made(seed, 30, skill, n_seeds, 0.1, heavy)
    f1 = F1(labels, predicted, 4, units)
    for average, (low, high) in (("macro", f1.macro()), ("weighted", f1.weighted())):
        assert 0 <= low <= scores(labels, predicted, average) + 1e-9
        assert scores(labels, predicted, average) - 1e-9 <= high <= 1
    low, high = f1.genres()
    known = ~np.isnan(low)
    of_genre = scores(labels, predicted, None)
    assert ((low >= 0) & (low <= of_genre + 1e-9) & (of_genre - 1e-9 <= high) & (high <= 1))[known].all()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_the_order_of_genres_and_of_tracks_says_nothing(seed: int) -> None:
    labels, predicted, units = made(seed, 30, n_seeds=2)
    rng = np.random.default_rng(seed)
    names, tracks = rng.permutation(4), rng.permutation(len(labels))
    f1 = F1(labels, predicted, 4, units)
    other = F1(names[labels[tracks]], [names[one[tracks]] for one in predicted], 4, sampling_units(units.codes[tracks]))
    assert other.macro() == pytest.approx(f1.macro(), abs=1e-9)
    assert other.weighted() == pytest.approx(f1.weighted(), abs=1e-9)
    np.testing.assert_allclose(np.array(other.genres())[:, names], np.array(f1.genres()), atol=1e-9)


def test_intervals_hold_the_truth_for_heavy_artists() -> None:
    truth = np.zeros((4, 4))
    for seed in range(2000):
        labels, (predicted,), _ = made(seed, 40, heavy=True)
        truth += np.bincount(4 * labels + predicted, minlength=16).reshape(4, 4)
    f1 = 2 * np.diag(truth) / (truth.sum(axis=0) + truth.sum(axis=1))
    held, n = 0, 0
    for seed in range(10_000, 10_250):
        labels, predicted, units = made(seed, 40, heavy=True)
        if not scarce_genres(labels, 4, units):
            low, high = F1(labels, predicted, 4, units).macro()
            held, n = held + (low <= f1[np.unique(labels)].mean() <= high), n + 1
    assert n > 100
    assert held / n > 0.92


def test_macro_f1_holds_the_truth_where_large_artists_are_easier() -> None:
    # of 16 artists per genre, so all genres are low together in a set that lacks large artists
    def drawn(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        sizes = np.ceil(rng.pareto(1.1, 128)).clip(1, 60).astype(int)
        artists = np.repeat(np.arange(128), sizes)
        labels = (np.arange(128) % 8)[artists]
        chance = 1 / (1 + np.exp(-0.5 * rng.normal(size=128) - 0.8 * np.log(sizes)))[artists]
        return artists, labels, np.where(rng.random(len(labels)) < chance, labels, rng.integers(0, 8, len(labels)))

    rng, truth = np.random.default_rng(0), np.zeros((8, 8))
    for _ in range(3000):
        _, labels, predicted = drawn(rng)
        truth += np.bincount(8 * labels + predicted, minlength=64).reshape(8, 8)
    value = (2 * np.diag(truth) / (truth.sum(axis=0) + truth.sum(axis=1))).mean()
    held = []
    for _ in range(300):
        artists, labels, predicted = drawn(rng)
        low, high = F1(labels, [predicted], 8, sampling_units(artists)).macro()
        held.append(low <= value <= high)
    assert np.mean(held) > 0.93


def test_macro_f1_of_single_tracks_by_its_definition() -> None:
    rng = np.random.default_rng(4)
    labels = rng.choice(3, 90, p=[0.6, 0.3, 0.1])
    predicted = np.where(rng.random(90) < 0.7, labels, rng.choice(4, 90))  # genre 3 has no tracks
    true, positive = (one[:, None] == np.arange(3) for one in (labels, predicted))
    hits, union = true & positive, true | positive
    share = hits.sum(axis=0) / union.sum(axis=0)
    f1 = 2 * share / (1 + share)
    residuals = (2 / (1 + share) ** 2 * (hits - share * union) / union.sum(axis=0)) / 3
    rho = np.corrcoef(residuals.T)
    total = residuals.sum(axis=1)
    degrees = min(89, 2 * (total**2).sum() ** 2 / ((total**4).sum() - (total**2).sum() ** 2 / 90))
    t_by_z = scipy.stats.t.ppf(0.975, degrees) / scipy.stats.norm.ppf(0.975)
    both = true.astype(float) + positive
    of_genres = [
        -90 / 89 * sum((2 * hits[i, g] - f1[g] * both[i, g]) * both[i, g] for i in range(90)) / both[:, g].sum() ** 2
        for g in range(3)
    ]
    bias = np.mean(of_genres)
    assert abs(bias) > 1e-4
    cdf, ends = scipy.stats.beta.cdf, []
    for tail in (0.025, 0.975):
        bounds = []
        for p, n in zip(share, union.sum(axis=0) - 1, strict=True):

            def surplus(x: float, p: float = p, n: int = n, tail: float = tail) -> float:
                return float(cdf(x, p * n + 1, (1 - p) * n) + cdf(x, p * n, (1 - p) * n + 1)) / 2 - tail

            end = scipy.optimize.brentq(surplus, 0, 1)
            bounds.append(2 * end / (1 + end))
        far = (np.array(bounds) - f1) / 3
        ends.append(f1.mean() + np.sign(tail - 0.5) * t_by_z * np.sqrt(far @ rho @ far))
    expected = ends[0] - max(bias, 0), ends[1] - min(bias, 0)
    assert F1(labels, [predicted], 4, sampling_units(np.full(90, -1))).macro() == pytest.approx(expected, abs=1e-8)


def test_how_many_tracks_a_genre_has_is_uncertain_too() -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice(2, 400)
    predicted = np.where((labels == 0) | (rng.random(400) < 0.15), labels, 2 + rng.choice(2, 400))  # F1 of 1 and of 0.3
    weighted = [
        quick_f1(labels[drawn], predicted[drawn]) @ np.bincount(labels[drawn], minlength=4) / 400
        for drawn in rng.integers(400, size=(2000, 400))
    ]
    interval = F1(labels, [predicted], 4, sampling_units(np.full(400, -1))).weighted()
    np.testing.assert_allclose(interval, np.quantile(weighted, [0.025, 0.975]), atol=0.01)


def test_seeds_are_part_of_precision_and_recall() -> None:
    labels, predicted, units = made(2, 300, n_seeds=3, training=0.2)
    f1 = F1(labels, predicted, 4, units)
    for score in ("precision", "recall"):
        expected = [
            getattr(sklearn.metrics, f"{score}_score")(labels, one, average=None, labels=range(4), zero_division=0)
            for one in predicted
        ]
        np.testing.assert_allclose(getattr(f1, f"{score}_by_seed"), expected)
        deviation = np.std(expected, axis=0, ddof=1) / np.sqrt(3)
        low, high = np.array(genre_intervals(labels, predicted, 4, units)[score], dtype=float).T
        # two degrees of freedom: at least 4.3 standard errors either way where seeds differ much
        assert (high - low > 2 * 2.5 * deviation)[:2].all()
