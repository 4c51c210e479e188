"""Variances over units, against plain loops and textbook formulas."""

import numpy as np
import pytest
import scipy.stats

from genrebench.evaluation.clusters import (
    Clusters,
    correlations,
    kurtosis_degrees,
    seed_variance,
)
from genrebench.evaluation.intervals import sampling_units

ARTISTS = np.repeat(np.arange(7), [1, 1, 2, 3, 5, 8, 20])


def clusters(values: np.ndarray, members: np.ndarray | None = None) -> Clusters:
    return Clusters.of(values, np.ones_like(values) if members is None else members, sampling_units(ARTISTS))


@pytest.fixture
def values() -> np.ndarray:
    """Two columns in which artists differ, and one in which they don't."""
    rng = np.random.default_rng(3)
    return (rng.normal(size=(40, 3)) + [1, 2, 0] * rng.normal(size=(7, 3))[ARTISTS]) * [1, 3, 1]


def test_the_robust_variance_by_a_loop(values: np.ndarray) -> None:
    expected = []
    for column in values.T:
        sums = [(column - column.mean())[artist == ARTISTS].sum() for artist in range(7)]
        expected.append(7 / 6 * sum(s**2 for s in sums) / 40**2)
    np.testing.assert_allclose(clusters(values).robust, expected)
    # by hand: artists of 2, 2 and 1 tracks, mean 16/5; sums of deviations 3 - 6.4, 9 - 6.4 and 4 - 3.2
    five = Clusters.of(np.array([[1.0], [2], [3], [6], [4]]), np.ones((5, 1)), sampling_units(np.array([0, 0, 1, 1, 2])))
    assert five.robust == pytest.approx([(3.4**2 + 2.6**2 + 0.8**2) * 3 / 2 / 25])


def test_the_components_are_those_of_an_analysis_of_variance(values: np.ndarray) -> None:
    between, within = clusters(values).components
    for i, column in enumerate(values.T):
        of_artist = [column[artist == ARTISTS] for artist in range(7)]
        inside = sum(((one - one.mean()) ** 2).sum() for one in of_artist) / (40 - 7)
        means = np.array([one.mean() for one in of_artist])
        assert within[i] == pytest.approx(inside)
        outside = means.var(ddof=1) - inside * np.mean([1 / len(one) for one in of_artist])
        assert between[i] == pytest.approx(max(outside, 0))
        sizes = np.array([len(one) for one in of_artist])
        expected = (between[i] * (sizes**2).sum() + inside * 40) / 40**2
        assert clusters(values).exchangeable[i] == pytest.approx(expected)
    np.testing.assert_array_equal(clusters(values).variance, np.maximum(clusters(values).robust, clusters(values).exchangeable))


def test_unequal_artists_by_hand() -> None:
    # artists of 1, 1 and 4 tracks, means 0, 6 and 3; the four tracks deviate by 1, -1, 1, -1
    of_three = Clusters.of(
        np.array([[0.0], [6], [4], [2], [4], [2]]), np.ones((6, 1)), sampling_units(np.array([0, 1, 2, 2, 2, 2]))
    )
    assert of_three.ratio == pytest.approx([3])
    robust = ((-3) ** 2 + 3**2 + 0) * 3 / 2 / 36
    sigma2 = 4 / (6 - 3)
    tau2 = (9 + 9 + 0) / 2 - sigma2 * (1 + 1 + 1 / 4) / 3
    components = (tau2 * (1 + 1 + 16) + sigma2 * 6) / 36
    assert components > robust
    assert of_three.variance == pytest.approx([components])
    assert of_three.degrees == pytest.approx([min(2 * 18**2 / (2 * 81 - 18**2 / 3), 2)])
    # eight artists of one track at 0, and two of five tracks at 1 and -1: the large ones are unlike the small ones
    units = sampling_units(np.repeat(np.arange(10), [1] * 8 + [5, 5]))
    large_unlike = Clusters.of(np.repeat([0.0, 1, -1], [8, 5, 5])[:, None], np.ones((18, 1)), units)
    assert large_unlike.variance == pytest.approx([50 * 10 / 9 / 18**2])


def test_a_column_of_few_units_takes_their_correlation_from_all() -> None:
    # an artist's four tracks are all right or all wrong, but for those of the first, who alone has tracks of the second column
    hits = np.repeat(np.arange(10) % 2, 4).astype(float)
    hits[:4] = [1, 0, 1, 0]
    members = np.zeros((40, 2))
    members[:, 0] = members[:4, 1] = 1
    both = Clusters.of(hits[:, None] * members, members, sampling_units(np.arange(40) // 4))
    between, within = both.components
    common = (between @ [40, 4]) / ((between + within) @ [40, 4])
    assert both.pooled[1] == pytest.approx(0.25 * ((1 - common) / 4 + common))
    assert both.pooled[1] > 2 * both.variance[1]
    assert both.pooled[0] == pytest.approx(both.variance[0])


def test_members_are_a_population_of_their_own(values: np.ndarray) -> None:
    members = np.random.default_rng(1).random((40, 1)) < 0.6
    of_members = clusters(values[:, :1] * members, members.astype(float))
    kept = members[:, 0]
    alone = Clusters.of(values[kept, :1], np.ones((kept.sum(), 1)), sampling_units(ARTISTS[kept]))
    for name in ("ratio", "total", "n_units", "worth", "robust", "exchangeable", "degrees"):
        np.testing.assert_allclose(getattr(of_members, name), getattr(alone, name), err_msg=name)


def test_single_tracks_have_the_variance_of_a_mean(values: np.ndarray) -> None:
    alone = Clusters.of(values, np.ones_like(values), sampling_units(np.full(40, -1)))
    np.testing.assert_allclose(alone.variance, scipy.stats.sem(values) ** 2)
    assert (alone.degrees <= 39).all()
    assert (alone.share_degrees > 1e6).all()  # binomial: the variance follows from the share
    assert (clusters(values).share_degrees == clusters(values).degrees).all()


def test_strata_take_out_what_differs_between_them() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [30, 50])
    values = 10.0 * labels[:, None] + rng.normal(size=(80, 1))
    stratified = Clusters.of(values, np.ones_like(values), sampling_units(np.full(80, -1), labels)).variance
    expected = sum(n * values[labels == label].var(ddof=1) for label, n in ((0, 30), (1, 50))) / 80**2
    assert stratified == pytest.approx(expected)


def test_equal_units_are_worth_their_number_and_unequal_ones_fewer() -> None:
    values = np.ones((40, 1))
    assert Clusters.of(values, values, sampling_units(np.arange(40) // 4)).worth == pytest.approx([10])
    sizes = np.array([1, 1, 2, 3, 5, 8, 20])
    assert clusters(values).worth == pytest.approx([40**2 / (sizes**2).sum()])


def test_degrees_of_normal_numbers_are_many_and_one_large_number_leaves_one() -> None:
    assert kurtosis_degrees(np.array([[1.0], [-1.0]] * 5), 10) == pytest.approx([9])
    large = np.array([[9.0], *[[-1.0]] * 9])
    by_hand = 2 * 90**2 / (9**4 + 9 - 90**2 / 10)
    assert kurtosis_degrees(large, 10) == pytest.approx([by_hand])
    assert kurtosis_degrees(np.array([[1.0], [0.0], [0.0]]), 3) == pytest.approx([2])
    assert kurtosis_degrees(np.zeros((3, 1)), 3) == pytest.approx([2])


def test_seeds_add_the_variance_of_their_mean() -> None:
    variance, degrees = seed_variance([[1.0, 2.0], [3.0, 2.0], [8.0, 2.0]])
    np.testing.assert_allclose(variance, [13 / 3, 0])
    assert degrees == 2
    variance, degrees = seed_variance([[1.0, 2.0]])
    assert variance.tolist() == [0, 0]
    assert degrees == 0


def test_correlations_are_those_of_numpy(values: np.ndarray) -> None:
    centred = values - values.mean(axis=0)
    np.testing.assert_allclose(correlations(centred), np.corrcoef(values.T))
    assert correlations(np.array([[1.0, 0], [-1, 0]])).tolist() == [[1, 0], [0, 1]]
