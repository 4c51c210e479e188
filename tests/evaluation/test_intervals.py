import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from genrebench.evaluation import metrics
from genrebench.evaluation.intervals import (
    F1Interval,
    MeanInterval,
    mean_interval,
    resamples,
    sampling_units,
    share_interval,
    t_quantile,
)

ALONE = np.full(300, -1)


def losses(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).exponential(size=n)


def test_unknown_artists_are_units_of_their_own() -> None:
    units = sampling_units(np.array([5, -1, 5, 2, -1]))
    assert len(units) == 4
    assert units.codes[0] == units.codes[2]
    assert sorted(units.sizes) == [1, 1, 1, 2]
    np.testing.assert_array_equal(np.sort(units.sums(np.array([1.0, 2, 4, 8, 16]))), [2, 5, 8, 16])


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


def test_students_quantiles() -> None:
    for degrees in (1, 2, 3, 4, 5, 10, 30, 1000):
        assert t_quantile(0.975, degrees) == pytest.approx(scipy.stats.t.ppf(0.975, degrees), rel=5e-3)
