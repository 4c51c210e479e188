"""Pairwise coupling, against cases with a known solution and the linear system of the optimum."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from genrebench_svm.coupling import couple
from genrebench_svm.probabilities import agree

PAIRS = arrays(float, st.tuples(st.integers(1, 5), st.just(6)), elements=st.floats(0, 1))


def test_two_classes_keep_their_probability():
    assert couple(np.array([[0.2], [0.9]]), 2) == pytest.approx(np.array([[0.2, 0.8], [0.9, 0.1]]), abs=0.005)
    assert couple(np.array([[0.2], [0.9]]), 2, 1e-12) == pytest.approx(np.array([[0.2, 0.8], [0.9, 0.1]]))


def test_consistent_pairs_give_their_probabilities_back():
    p = np.array([[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1]])
    i, j = np.triu_indices(4, 1)
    assert couple(p[:, i] / (p[:, i] + p[:, j]), 4, 1e-12) == pytest.approx(p, abs=1e-9)


def test_by_hand():
    # r12 = r23 = r31 = 0.8: nobody is ahead
    assert couple(np.array([[0.8, 0.2, 0.8]]), 3, 1e-12) == pytest.approx(np.full((1, 3), 1 / 3))


@given(PAIRS)
def test_solves_the_optimality_conditions(r):
    p = couple(r, 4, 1e-12)
    assert p.sum(axis=1) == pytest.approx(1.0)
    assert (p >= 0).all()
    inner = np.clip(r, 0.01, 0.99)
    for row, p in zip(inner, couple(inner, 4, 1e-12), strict=True):
        full = np.zeros((4, 4))
        full[np.triu_indices(4, 1)] = row
        full += np.tril(1 - full.T, -1)
        q = -full.T * full
        np.fill_diagonal(q, (full**2).sum(axis=0))
        system = np.block([[q, np.ones((4, 1))], [np.ones((1, 4)), np.zeros((1, 1))]])
        assert p == pytest.approx(np.linalg.solve(system, [0, 0, 0, 0, 1])[:4], abs=1e-6)


@given(arrays(float, (4, 5), elements=st.floats(0.001, 1)), st.lists(st.integers(0, 4), min_size=4, max_size=4))
def test_agree_makes_the_winner_the_largest_and_moves_nothing_else(raw, winners):
    p = raw / raw.sum(axis=1, keepdims=True)
    result = agree(p, np.array(winners))
    assert (result.argmax(axis=1) == winners).all()
    assert result.sum(axis=1) == pytest.approx(1.0)
    for before, after, winner in zip(p, result, winners, strict=True):
        if before.argmax() == winner:
            assert (after == before).all()
        below = before < before[winner]
        assert after[below] == pytest.approx(before[below])


def test_agree_by_hand():
    assert agree(np.array([[0.5, 0.3, 0.2]]), np.array([1])) == pytest.approx(np.array([[0.4, 0.4, 0.2]]))
    assert agree(np.array([[0.5, 0.3, 0.2]]), np.array([2])) == pytest.approx(np.array([[0.35, 0.3, 0.35]]))
    assert agree(np.array([[0.5, 0.4, 0.1]]), np.array([2])) == pytest.approx(np.full((1, 3), 1 / 3))
