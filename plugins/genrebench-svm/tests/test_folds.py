"""Inner folds."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold

from genrebench_svm.folds import grouped_folds, libsvm_folds, libsvm_permutation, stratified_folds

LABELS = st.lists(st.integers(0, 3), min_size=1, max_size=60).map(np.array)


@pytest.mark.parametrize("n", [1, 2, 7, 1000])
def test_permutation_is_the_one_that_scikit_learn_draws(n):
    newrand = pytest.importorskip("sklearn.svm._newrand")
    newrand.set_seed_wrap(42)
    order = list(range(n))
    for i in range(n):
        j = i + newrand.bounded_rand_int_wrap(n - i)
        order[i], order[j] = order[j], order[i]
    assert libsvm_permutation(42, n).tolist() == order


@given(st.integers(0, 2**31 - 2), st.integers(1, 200))
def test_libsvm_folds_are_of_equal_size(seed, n):
    sizes = np.bincount(libsvm_folds(seed, n), minlength=5)
    assert sizes.max() - sizes.min() <= 1


@given(LABELS.filter(lambda labels: np.bincount(labels).max() >= 5))
def test_stratified_folds_are_scikit_learns(labels):
    folds = stratified_folds(labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # small classes are meant here
        for fold, (_, test) in enumerate(StratifiedKFold(5).split(labels, labels)):
            assert np.flatnonzero(folds == fold).tolist() == test.tolist()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, max_size=60), st.integers(0, 5))
def test_groups_stay_together(rows, seed):
    labels, groups = np.array(rows).T
    folds = grouped_folds(labels, groups, np.random.default_rng(seed))
    assert set(folds.tolist()) <= set(range(5))
    alone = {c for c in set(labels.tolist()) if len(set(groups[labels == c].tolist())) == 1}
    for group in set(groups.tolist()):
        mine = (groups == group) & ~np.isin(labels, list(alone))
        assert len(set(folds[mine].tolist())) <= 1
    again = grouped_folds(labels, groups, np.random.default_rng(seed))
    assert (folds == again).all()


def test_classes_are_spread_and_a_lonely_class_is_dealt_one_by_one():
    labels = np.repeat([0, 1, 2], [30, 10, 5])
    groups = np.concatenate([np.repeat(np.arange(10), 3), np.repeat(np.arange(10, 15), 2), np.full(5, 99)])
    folds = grouped_folds(labels, groups, np.random.default_rng(0))
    for c, n in ((0, 6), (1, 2), (2, 1)):
        assert np.bincount(folds[labels == c], minlength=5).tolist() == [n] * 5
