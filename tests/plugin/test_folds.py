"""Inner folds that keep groups together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from genrebench.api import grouped_folds

Labels = NDArray[np.int64]
TRACKS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, max_size=60)
N_FOLDS = st.integers(2, 6)
SEEDS = st.integers(0, 50)


def split(tracks: list[tuple[int, int]]) -> tuple[Labels, Labels]:
    labels, groups = np.array(tracks).T
    return labels, groups


def groups_of(labels: Labels, groups: Labels, label: int) -> set[int]:
    return set(groups[labels == label].tolist())


@given(TRACKS, N_FOLDS, SEEDS, st.booleans())
def test_every_track_is_held_out_once_and_never_beside_its_group_in_training(
    tracks: list[tuple[int, int]], n_folds: int, seed: int, count_majority: bool
) -> None:
    labels, groups = split(tracks)
    folds = grouped_folds(labels, groups, n_folds, seed=seed, count_majority=count_majority)
    assert folds.shape == labels.shape
    assert folds.min() >= 0
    assert folds.max() < n_folds
    for fold in range(n_folds):
        assert not set(groups[folds == fold]) & set(groups[folds != fold])


@given(TRACKS, N_FOLDS, SEEDS)
def test_as_many_folds_are_used_as_there_are_groups_for(tracks: list[tuple[int, int]], n_folds: int, seed: int) -> None:
    # counted by majority, an empty fold has the fewest tracks of any label
    labels, groups = split(tracks)
    folds = grouped_folds(labels, groups, n_folds, seed=seed, count_majority=True)
    assert len(set(folds.tolist())) == min(n_folds, len(set(groups.tolist())))


@given(st.lists(st.integers(1, 6), min_size=1, max_size=30), st.integers(1, 4), N_FOLDS, SEEDS)
def test_a_label_is_spread_to_within_one_group_where_groups_have_one_label(
    sizes: list[int], n_labels: int, n_folds: int, seed: int
) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    labels = groups % n_labels
    folds = grouped_folds(labels, groups, n_folds, seed=seed)
    for label in range(n_labels):
        counts = np.bincount(folds[labels == label], minlength=n_folds)
        largest = max(sizes[label::n_labels], default=0)
        assert counts.max() - counts.min() <= largest


@given(TRACKS, N_FOLDS, SEEDS, st.booleans(), st.booleans())
def test_the_arguments_alone_decide(
    tracks: list[tuple[int, int]], n_folds: int, seed: int, split_single_groups: bool, count_majority: bool
) -> None:
    labels, groups = split(tracks)
    settings = {"split_single_groups": split_single_groups, "count_majority": count_majority}
    first = grouped_folds(labels, groups, n_folds, seed=seed, **settings)
    assert np.array_equal(grouped_folds(labels, groups, n_folds, seed=seed, **settings), first)


@given(TRACKS, N_FOLDS, SEEDS, st.booleans(), st.randoms(use_true_random=False))
def test_the_order_of_the_tracks_and_the_numbers_of_the_groups_dont_matter(
    tracks: list[tuple[int, int]], n_folds: int, seed: int, count_majority: bool, random: object
) -> None:
    labels, groups = split(tracks)
    folds = grouped_folds(labels, groups, n_folds, seed=seed, count_majority=count_majority)
    order = np.array(random.sample(range(len(labels)), len(labels)))  # type: ignore[attr-defined]
    shuffled = grouped_folds(labels[order], 10 * groups[order] - 3, n_folds, seed=seed, count_majority=count_majority)
    assert np.array_equal(shuffled, folds[order])


@given(TRACKS, N_FOLDS, SEEDS)
def test_split_single_groups_splits_nothing_but_labels_of_one_group(
    tracks: list[tuple[int, int]], n_folds: int, seed: int
) -> None:
    labels, groups = split(tracks)
    folds = grouped_folds(labels, groups, n_folds, seed=seed, split_single_groups=True)
    several = np.array([len(groups_of(labels, groups, label)) > 1 for label in labels])
    for group in np.unique(groups):
        assert len(set(folds[several & (groups == group)].tolist())) <= 1


def test_a_label_of_one_group_is_dealt_track_by_track() -> None:
    labels = np.repeat([0, 1, 2], [30, 10, 5])
    groups = np.concatenate([np.repeat(np.arange(10), 3), np.repeat(np.arange(10, 15), 2), np.full(5, 99)])
    folds = grouped_folds(labels, groups, split_single_groups=True)
    for label, n in ((0, 6), (1, 2), (2, 1)):
        assert np.bincount(folds[labels == label], minlength=5).tolist() == [n] * 5
    assert len(set(grouped_folds(labels, groups)[labels == 2])) == 1


def test_by_hand() -> None:
    # the largest group, four tracks of label 0, goes to fold 0; the next, two of label 0 and one of label 1, to fold 1
    groups = np.repeat([5, 6, 7], [4, 3, 2])
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1])
    # the last has two of label 1, of which fold 0 has none and fold 1 has one
    assert grouped_folds(labels, groups, 2).tolist() == [0, 0, 0, 0, 1, 1, 1, 0, 0]
    # counted by majority neither has any, and fold 1 is smaller
    assert grouped_folds(labels, groups, 2, count_majority=True).tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1]


def test_the_seed_orders_groups_of_one_size() -> None:
    labels, groups = np.zeros(40, dtype=np.int64), np.arange(40) // 2
    drawn = {tuple(grouped_folds(labels, groups, seed=seed)) for seed in (0, 1, [1, 1], [1, 2])}
    assert len(drawn) == 4
    # the first group in random order goes to fold 0, the second to fold 1, ...
    order = np.random.default_rng(1).permutation(20)
    expected = np.empty(20, dtype=np.int64)
    expected[order] = np.arange(20) % 5
    assert grouped_folds(labels, groups, seed=1).tolist() == np.repeat(expected, 2).tolist()


@pytest.mark.parametrize("split_single_groups", [False, True])
def test_next_to_nothing(split_single_groups: bool) -> None:
    none = np.zeros(0, dtype=np.int64)
    assert grouped_folds(none, none, split_single_groups=split_single_groups).shape == (0,)
    assert grouped_folds(np.array([3]), np.array([8]), split_single_groups=split_single_groups).tolist() == [0]


@pytest.mark.parametrize(
    ("labels", "groups", "n_folds", "message"),
    [
        ([0, 1], [0, 1, 2], 5, r"shapes \(2,\) and \(3,\)"),
        ([[0, 1]], [[0, 1]], 5, "of one length"),
        ([0, 1], [0, 1], 1, "at least 2, not 1"),
        ([0, -1], [0, 1], 2, "one is -1"),
    ],
)
def test_bad_arguments_are_named(labels: list[int], groups: list[int], n_folds: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        grouped_folds(np.array(labels), np.array(groups), n_folds)
