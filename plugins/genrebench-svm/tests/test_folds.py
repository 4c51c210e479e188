"""The folds that libsvm and scikit-learn draw."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold

from genrebench_svm.folds import libsvm_folds, libsvm_permutation, stratified_folds

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
        warnings.simplefilter("ignore", UserWarning)  # classes with fewer tracks than folds
        for fold, (_, test) in enumerate(StratifiedKFold(5).split(labels, labels)):
            assert np.flatnonzero(folds == fold).tolist() == test.tolist()
