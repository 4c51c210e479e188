"""Temperatures, trust by length, and inner folds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss

from genrebench_mfcc.calibration import Answers, Scale, calibrate, join_answers, no_answers, prior_of
from genrebench_mfcc.folds import choose_folds, inner_folds

FLAT = Scale(np.full(3, 1 / 3), 10.0)


def overconfident(n=400, seed=0):
    """Labels drawn from softmax(z), and the answers softmax(2 z), which are right at a temperature of 2."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 3)) * 1.5
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(3, p=row) for row in p])
    return labels, p**2 / (p**2).sum(axis=1, keepdims=True)


def answers(labels, p, groups=None, cuts=()):
    """Whole tracks of 30 s and cuts, a pair of seconds and probabilities each."""
    groups = np.arange(len(labels)) if groups is None else groups
    seconds = np.array([np.full(len(labels), s) for s in (30.0, *(s for s, _ in cuts))])
    return Answers(labels, groups, np.array([p, *(q for _, q in cuts)]), seconds)


def best_by_search(labels, p):
    def cost(t):
        powers = p ** (1 / t)
        powers = powers / powers.sum(axis=1, keepdims=True)
        return log_loss(labels, powers, normalize=False, labels=range(p.shape[1])) + np.log(t) ** 2 / (2 * 0.3**2)

    return minimize_scalar(cost, bounds=(0.3, 4), method="bounded").x


@pytest.mark.parametrize(("n", "low", "high"), [(4000, 1.8, 2.2), (400, 1.5, 2.5), (20, 1.0, 2.0)])
def test_temperature_is_the_most_probable(n, low, high):
    labels, p = overconfident(n)
    expected = best_by_search(labels, p)
    found = calibrate(answers(labels, p, np.arange(n) % 10, [(1.0, p)]), FLAT, "validation")
    assert found.scale.temperature == pytest.approx(expected, rel=0.02)
    assert low < expected < high


def test_a_few_right_answers_dont_ask_for_certainty():
    few = answers(np.zeros(3, dtype=np.int64), np.full((3, 3), [0.6, 0.3, 0.1]), cuts=[(1.0, np.full((3, 3), 1 / 3))])
    assert calibrate(few, FLAT, "validation").scale.temperature > 0.75


def test_scale_by_hand():
    even = Scale(np.array([0.5, 0.5]), 10.0)
    p = np.array([[0.2, 0.8]])
    assert Scale(even.prior, 10.0, 0.5)(p, 10.0) == pytest.approx(np.array([[0.04, 0.64]]) / 0.68)
    assert even(p, 0.1) == pytest.approx(p)
    assert Scale(even.prior, 10.0, 4.0)(np.array([[0.0, 1.0]]), 10.0).sum() == pytest.approx(1)


def test_short_stretches_are_drawn_to_the_prior():
    prior = np.array([0.6, 0.3, 0.1])
    scale = Scale(prior, 10.0, 1.0, half_seconds=2.5)
    p = np.full((5, 3), [0.1, 0.1, 0.8])
    found = scale(p, np.array([0.0, 1e-3, 2.5, 10.0, 300.0]))
    half = p[2] ** 0.625 * prior**0.375  # 2.5 / (2.5 + 2.5) of what 10 s have, which is 10 / 12.5
    expected = [prior, prior, half / half.sum(), p[0], p[0]]
    assert found == pytest.approx(np.array(expected), abs=2e-3)


@pytest.mark.parametrize("right_from", [0.3, 1.0])
def test_trust_follows_from_the_stretches(right_from):
    labels, p = overconfident()
    sure_and_wrong = np.full((400, 3), [0.998, 0.001, 0.001])
    cuts = [(s, p if s >= right_from else sure_and_wrong) for s in (0.1, 0.3, 1.0, 3.0)]
    found = calibrate(answers(labels, p, cuts=cuts), FLAT, "validation").scale
    losses = [
        np.mean([log_loss(labels, Scale(FLAT.prior, 10.0, found.temperature, h)(q, s)) for s, q in cuts])
        for h in (found.half_seconds / 1.3, found.half_seconds, found.half_seconds * 1.3)
    ]
    assert np.argmin(losses) == 1
    assert (found.half_seconds > 1) == (right_from == 1)


def test_gain_is_measured_at_the_temperature_of_the_other_artists():
    labels, p = overconfident(60)
    groups = labels // 2 * 20 + np.arange(60) // 6  # no genre has its artists in one half of the numbers
    found = calibrate(answers(labels, p, groups, [(1.0, p)]), FLAT, "validation")
    for group in np.unique(groups):
        own = groups == group
        temperature = best_by_search(labels[~own], p[~own])
        assert found.after[own] == pytest.approx(Scale(FLAT.prior, 10.0, temperature)(p[own], 30.0), abs=0.01)
    facts = found.facts()
    assert facts["log_loss_before"] == pytest.approx(log_loss(labels, p))
    assert facts["log_loss_after"] == pytest.approx(log_loss(labels, found.after))
    assert facts["log_loss_after"] < facts["log_loss_before"]
    assert facts["value"] == found.scale.temperature and facts["half_seconds"] == found.scale.half_seconds
    assert facts["fitted_on"] == "validation" and facts["tracks"] == 60


def test_gain_where_the_artists_of_a_genre_have_numbers_of_one_parity():
    labels, p = overconfident(400)
    found = calibrate(answers(labels, p, 2 * (np.arange(400) // 8) + (labels == 0), [(1.0, p)]), FLAT, "validation")
    fitted = log_loss(labels, found.scale(p, 30.0))
    assert found.facts()["log_loss_after"] == pytest.approx(fitted, abs=0.01)


def test_nothing_to_fit_on():
    facts = calibrate(join_answers([no_answers(3, 5)]), FLAT, "validation").facts()
    assert (facts["value"], facts["fitted_on"], facts["tracks"]) == (1.0, "nothing", 0)
    assert facts["log_loss_before"] is None and facts["log_loss_after"] is None


def test_prior_knows_genres_that_training_misses():
    assert prior_of(np.array([0, 0, 2]), 4) == pytest.approx(np.array([3, 1, 2, 1]) / 7)


@pytest.mark.parametrize(
    ("artists", "fitted_on", "share"),
    [
        ([0, 0, 1, 1, 2, 2], "inner folds by artist", 1),  # of each genre
        ([0, 0, 0, 1, 1, 1], "inner folds by artist", 1),
        ([0, 0, 0, 0, 0, 0], "inner folds by track", 1),
    ],
)
def test_folds_keep_each_genre_in_training(artists, fitted_on, share):
    labels = np.repeat(np.arange(4), 6)
    groups = 10 * labels + np.tile(artists, 4)
    folds, known, name = choose_folds(labels, groups, 3, 0)
    assert name == fitted_on
    assert known.mean() == share
    for fold in range(3):
        assert set(labels[known & (folds == fold)]) <= set(labels[folds != fold])


def test_tracks_whose_genre_would_be_unknown_are_left_out():
    labels = np.repeat(np.arange(4), 6)
    groups = np.where(labels == 3, 99, np.arange(24) // 2)  # one artist made all of the last genre
    _, known, name = choose_folds(labels, groups, 3, 0)
    assert name == "inner folds by artist"
    assert np.array_equal(known, labels != 3)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_folds_of_next_to_nothing(n):
    _, known, name = choose_folds(np.arange(n), np.arange(n), 3, 0)
    assert name == "nothing"
    assert not known.any()


@given(
    groups=st.lists(st.integers(0, 12), min_size=3, max_size=60).filter(lambda g: len(set(g)) >= 3),
    seed=st.integers(0, 3),
    data=st.data(),
)
def test_inner_folds_keep_artists_together_and_are_all_used(groups, seed, data):
    labels = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(groups), max_size=len(groups))))
    folds = inner_folds(labels, np.array(groups), 3, seed)
    assert set(folds) == {0, 1, 2}
    for group in set(groups):
        assert len({f for f, g in zip(folds, groups, strict=True) if g == group}) == 1


def test_inner_folds_spread_the_genres():
    labels = np.repeat([0, 1], 30)
    folds = inner_folds(labels, np.arange(60) // 2, 3, 0)
    counts = np.array([[((folds == f) & (labels == g)).sum() for f in range(3)] for g in range(2)])
    assert counts.min() >= 8
