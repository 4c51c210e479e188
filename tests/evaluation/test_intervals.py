"""Units and resamples, against loops over the definition and SciPy."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from genrebench.evaluation.intervals import (
    resamples,
    sampling_units,
)

ALONE = np.full(300, -1)


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
