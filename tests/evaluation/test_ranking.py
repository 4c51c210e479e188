"""Ranks of many models: level for the whole board, and what follows from the pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrebench.evaluation.intervals import sampling_units
from genrebench.evaluation.ranking import rank_models
from genrebench.evaluation.variance import Trainings


def made(n_tracks: int, offsets: list[float], seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.exponential(size=(n_tracks, 1)) + np.array(offsets) + rng.normal(0, 0.3, (n_tracks, len(offsets)))


def test_clear_orders_have_single_ranks() -> None:
    ranking = rank_models(made(300, [0.0, 2, 1, 3]), sampling_units(np.full(300, -1)), Trainings.none(4))
    assert ranking.low.tolist() == ranking.high.tolist() == [1, 3, 2, 4]
    assert ranking.may_be_best.tolist() == [True, False, False, False]
    assert not ranking.tied.any()
    assert ranking.smallest == pytest.approx(2.8 * 0.3 * np.sqrt(2 / 300), rel=0.1)


def test_equal_models_share_all_ranks() -> None:
    losses = made(200, [0.0, 0.0, 0.0, 5.0], seed=1)
    ranking = rank_models(losses, sampling_units(np.full(200, -1)), Trainings.none(4))
    assert [(low, high) for low, high in zip(ranking.low, ranking.high, strict=True)] == [(1, 3)] * 3 + [(4, 4)]
    assert ranking.tied.sum() == 6
    assert ranking.may_be_best.tolist() == [True, True, True, False]


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=6), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_ranks_follow_from_the_pairs(offsets: list[float], seed: int) -> None:
    losses = made(60, offsets, seed)
    ranking = rank_models(losses, sampling_units(np.arange(60) // 3), Trainings.none(len(offsets)), n=200)
    means = losses.mean(axis=0)
    apart = ~ranking.tied
    for j in range(len(offsets)):
        assert ranking.low[j] == 1 + sum(apart[j, i] and means[i] < means[j] for i in range(len(offsets)) if i != j)
        assert ranking.high[j] == len(offsets) - sum(apart[j, i] and means[i] > means[j] for i in range(len(offsets)) if i != j)
    assert ranking.may_be_best[means.argmin()]
    np.testing.assert_array_equal(ranking.tied, ranking.tied.T)


@pytest.mark.parametrize("artists", [False, True])
def test_a_board_of_equal_models_is_rarely_told_apart(artists: bool) -> None:
    rng = np.random.default_rng(2)
    boards = 120
    apart = 0
    for i in range(boards):
        groups = np.arange(150) // 5 if artists else np.full(150, -1)
        shared = rng.normal(size=(30, 12))[np.arange(150) // 5] if artists else 0
        losses = rng.normal(size=(150, 12)) + shared
        apart += (~rank_models(losses, sampling_units(groups), Trainings.none(12), n=299, seed=i).tied).sum() > 12
    assert apart <= 0.1 * boards


def test_seeds_keep_equal_methods_together() -> None:
    rng = np.random.default_rng(3)
    with_seeds, without = 0, 0
    for i in range(60):
        moved = rng.normal(0, 0.2, (6, 3))
        losses = rng.normal(size=(400, 6)) + moved.mean(axis=1)
        units = sampling_units(np.full(400, -1))
        with_seeds += (rank_models(losses, units, Trainings.of(list(moved)), n=299, seed=i).low > 1).any()
        without += (rank_models(losses, units, Trainings.none(6), n=299, seed=i).low > 1).any()
    assert with_seeds <= 0.12 * 60
    assert without > 0.4 * 60


def test_too_few_units_or_models() -> None:
    ranking = rank_models(made(5, [0.0, 9]), sampling_units(np.full(5, -1)), Trainings.none(2))
    assert ranking.low.tolist() == [1, 1]
    assert ranking.high.tolist() == [2, 2]
    assert ranking.may_be_best.all()
    assert ranking.smallest is None
    one = rank_models(made(50, [0.0]), sampling_units(np.full(50, -1)), Trainings.none(1))
    assert (one.low.tolist(), one.high.tolist(), one.may_be_best.tolist()) == ([1], [1], [True])


def test_identical_models_are_tied() -> None:
    losses = made(50, [0.0, 1.0])[:, [0, 0, 1]]
    ranking = rank_models(losses, sampling_units(np.full(50, -1)), Trainings.none(3))
    assert ranking.tied[0, 1]
    assert not ranking.tied[0, 2]
