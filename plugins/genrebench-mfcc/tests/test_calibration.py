"""Temperatures, trust by length, and inner folds."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss

from genrebench_mfcc.calibration import Predictions, Scale, calibrate, join_predictions, no_predictions, prior_of
from genrebench_mfcc.folds import choose_folds

FLAT = Scale(np.full(3, 1 / 3), 10.0)


def overconfident(n=400, seed=0):
    """Labels drawn from softmax(z), and the predictions softmax(2 z), which are right at a temperature of 2."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 3)) * 1.5
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(3, p=row) for row in p])
    return labels, p**2 / (p**2).sum(axis=1, keepdims=True)


def predictions(labels, p, groups=None, excerpts=()):
    """Whole tracks of 30 s and excerpts of them, one pair of seconds and probabilities per length."""
    groups = np.arange(len(labels)) if groups is None else groups
    seconds = np.array([np.full(len(labels), s) for s in (30.0, *(s for s, _ in excerpts))])
    return Predictions(labels, groups, np.array([p, *(q for _, q in excerpts)]), seconds)


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
    fitted = calibrate(predictions(labels, p, np.arange(n) % 10, [(1.0, p)]), FLAT, "validation")
    assert fitted.scale.temperature == pytest.approx(expected, rel=0.02)
    assert low < expected < high


def test_a_few_correct_predictions_dont_make_it_certain():
    few = predictions(np.zeros(3, dtype=np.int64), np.full((3, 3), [0.6, 0.3, 0.1]), excerpts=[(1.0, np.full((3, 3), 1 / 3))])
    assert calibrate(few, FLAT, "validation").scale.temperature > 0.75


def test_scale_by_hand():
    even = Scale(np.array([0.5, 0.5]), 10.0)
    p = np.array([[0.2, 0.8]])
    assert Scale(even.prior, 10.0, 0.5)(p, 10.0) == pytest.approx(np.array([[0.04, 0.64]]) / 0.68)
    assert even(p, 0.1) == pytest.approx(p)
    assert Scale(even.prior, 10.0, 4.0)(np.array([[0.0, 1.0]]), 10.0).sum() == pytest.approx(1)


def test_short_clips_are_drawn_to_the_prior():
    prior = np.array([0.6, 0.3, 0.1])
    scale = Scale(prior, 10.0, 1.0, half_seconds=2.5)
    p = np.full((5, 3), [0.1, 0.1, 0.8])
    scaled = scale(p, np.array([0.0, 1e-3, 2.5, 10.0, 300.0]))
    half = p[2] ** 0.625 * prior**0.375  # 2.5 / (2.5 + 2.5) of what 10 s have, which is 10 / 12.5
    expected = [prior, prior, half / half.sum(), p[0], p[0]]
    assert scaled == pytest.approx(np.array(expected), abs=2e-3)


@pytest.mark.parametrize("right_from", [0.3, 1.0])
def test_trust_follows_from_the_excerpts(right_from):
    labels, p = overconfident()
    sure_and_wrong = np.full((400, 3), [0.998, 0.001, 0.001])
    excerpts = [(s, p if s >= right_from else sure_and_wrong) for s in (0.1, 0.3, 1.0, 3.0)]
    fitted = calibrate(predictions(labels, p, excerpts=excerpts), FLAT, "validation").scale
    losses = [
        np.mean([log_loss(labels, Scale(FLAT.prior, 10.0, fitted.temperature, h)(q, s)) for s, q in excerpts])
        for h in (fitted.half_seconds / 1.3, fitted.half_seconds, fitted.half_seconds * 1.3)
    ]
    assert np.argmin(losses) == 1
    assert (fitted.half_seconds > 1) == (right_from == 1)


def test_improvement_is_measured_at_the_temperature_of_the_other_artists():
    labels, p = overconfident(60)
    groups = labels // 2 * 20 + np.arange(60) // 6  # no genre has its artists in one half of the numbers
    fitted = calibrate(predictions(labels, p, groups, [(1.0, p)]), FLAT, "validation")
    for group in np.unique(groups):
        own = groups == group
        temperature = best_by_search(labels[~own], p[~own])
        assert fitted.after[own] == pytest.approx(Scale(FLAT.prior, 10.0, temperature)(p[own], 30.0), abs=0.01)
    facts = fitted.facts()
    assert facts["log_loss_before"] == pytest.approx(log_loss(labels, p))
    assert facts["log_loss_cross_fitted"] == pytest.approx(log_loss(labels, fitted.after))
    assert facts["log_loss_cross_fitted"] < facts["log_loss_before"]
    assert facts["value"] == fitted.scale.temperature and facts["half_seconds"] == fitted.scale.half_seconds
    assert facts["fitted_on"] == "validation" and facts["tracks"] == 60


def test_improvement_where_the_artists_of_a_genre_have_numbers_of_one_parity():
    labels, p = overconfident(400)
    fitted = calibrate(predictions(labels, p, 2 * (np.arange(400) // 8) + (labels == 0), [(1.0, p)]), FLAT, "validation")
    assert fitted.facts()["log_loss_cross_fitted"] == pytest.approx(log_loss(labels, fitted.scale(p, 30.0)), abs=0.01)


def test_nothing_to_fit_on():
    facts = calibrate(join_predictions([no_predictions(3, 5)]), FLAT, "validation").facts()
    assert (facts["value"], facts["fitted_on"], facts["tracks"]) == (1.0, "nothing", 0)
    assert facts["log_loss_before"] is None and facts["log_loss_cross_fitted"] is None


def test_the_prior_covers_genres_without_training_tracks():
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
