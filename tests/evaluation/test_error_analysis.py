"""Errors by genre and by pair of genres, against values worked by hand and against scikit-learn over random input."""

from collections.abc import Callable

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from genrebench.evaluation import error_analysis, metrics
from genrebench.records import Predictions

LABELS = np.array([0, 0, 1, 1])
P = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.5, 0.3], [0.3, 0.3, 0.4]])  # right, a for b, right, b for c


def losses_of(*probabilities: float) -> float:
    return float(-np.log(probabilities).sum())


def predictions_of(labels: list[int], p: list[list[float]], genres: str = "abcdefgh") -> Predictions:
    n, k = len(p), len(p[0])
    return Predictions(tuple(f"t{i}" for i in range(n)), tuple(genres[:k]), np.array(labels), np.arange(n) % 2, np.array(p))


# ------------------------------------------------------------------ by genre


def test_genre_table_by_hand() -> None:
    total = losses_of(0.7, 0.1, 0.5, 0.3)
    expected = [
        # a: 2 tracks, 1 found, nothing else taken for a: F1 2 * 1 / (2 + 1)
        ("a", 2, 1, 1 / 1, 1 / 2, 2 / 3, losses_of(0.7, 0.1) / 2, losses_of(0.7, 0.1) / total),
        # b: 2 tracks, 1 found, one of a taken for b: F1 2 * 1 / (2 + 2)
        ("b", 2, 2, 1 / 2, 1 / 2, 2 / 4, losses_of(0.5, 0.3) / 2, losses_of(0.5, 0.3) / total),
        # c: no track, predicted once: neither recall nor log loss, F1 0 / (0 + 1)
        ("c", 0, 1, 0.0, None, 0.0, None, 0.0),
    ]
    keys = ("genre", "support", "predicted", "precision", "recall", "f1", "log_loss", "loss_share")
    rows = error_analysis.genre_table(LABELS, P, ("a", "b", "c"))
    none = dict.fromkeys(("precision_interval", "recall_interval", "f1_interval"))  # four tracks are too few
    assert rows == [{key: pytest.approx(value) for key, value in zip(keys, row, strict=True)} | none for row in expected]


def test_a_genre_that_nothing_defines() -> None:
    row = error_analysis.genre_table([0, 0], [[1, 0], [1, 0]], ("a", "b"))[1]
    assert (row["support"], row["precision"], row["recall"], row["f1"], row["log_loss"]) == (0, None, None, None, None)


def test_a_single_genre_has_no_share_of_no_loss() -> None:
    (row,) = error_analysis.genre_table([0], [[1]], ("a",))
    assert (row["recall"], row["log_loss"], row["loss_share"]) == (1, 0, None)


@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(2, 16))
@settings(max_examples=60, deadline=None)
def test_genre_table_agrees_with_scikit_learn(seed: int, n: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    labels, p = rng.integers(k, size=n), rng.dirichlet(np.full(k, 0.5), size=n)
    rows = error_analysis.genre_table(labels, p, [f"genre {i}" for i in range(k)])
    expected = sklearn.metrics.precision_recall_fscore_support(
        labels, [row.index(max(row)) for row in p.tolist()], labels=range(k), zero_division=np.nan
    )
    for key, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        np.testing.assert_allclose([np.nan if row[key] is None else row[key] for row in rows], values, err_msg=key)
    for i, row in enumerate(rows):
        mine = labels == i
        assert row["log_loss"] == (
            pytest.approx(sklearn.metrics.log_loss(labels[mine], p[mine], labels=range(k))) if mine.any() else None
        )
    assert sum(row["loss_share"] for row in rows) == pytest.approx(1)
    assert sum(row["predicted"] for row in rows) == n


# ------------------------------------------------------------------ confusion


def test_confusion_both_ways() -> None:
    counts = metrics.confusion(LABELS, P)
    np.testing.assert_allclose(error_analysis.normalised_confusion(counts), [[0.5, 0.5, 0], [0, 0.5, 0.5], [0, 0, 0]])
    np.testing.assert_allclose(error_analysis.normalised_confusion(counts, "predicted"), [[1, 0.5, 0], [0, 0.5, 1], [0, 0, 0]])
    never = np.array([[2, 0], [1, 0]])  # b is never predicted
    np.testing.assert_allclose(error_analysis.normalised_confusion(never, "predicted"), [[2 / 3, 0], [1 / 3, 0]])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_normalised_confusion_agrees_with_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    labels, predicted = np.array(pairs).T
    counts = metrics.confusion(labels, np.eye(6)[predicted])
    for by, normalize in (("true", "true"), ("predicted", "pred")):
        expected = sklearn.metrics.confusion_matrix(labels, predicted, labels=range(6), normalize=normalize)
        np.testing.assert_allclose(error_analysis.normalised_confusion(counts, by), expected, atol=1e-12)


# ------------------------------------------------------------------ mistakes


def test_confident_mistakes_by_hand() -> None:
    # right; then wrong with 0.6, 0.8 and 0.6: the surest first, whatever the loss; equally sure ones in the order of the tracks
    p = [[0.9, 0.1, 0], [0.6, 0.3, 0.1], [0.15, 0.05, 0.8], [0, 0.4, 0.6]]
    mistakes = error_analysis.confident_mistakes(predictions_of([0, 2, 0, 1], p))
    expected = [
        ("t2", 0, "a", "c", 0.8, 0.15, losses_of(0.15)),
        ("t1", 1, "c", "a", 0.6, 0.1, losses_of(0.1)),
        ("t3", 1, "b", "c", 0.6, 0.4, losses_of(0.4)),
    ]
    keys = ("track", "fold", "genre", "answer", "confidence", "probability", "log_loss")
    assert mistakes == [
        {key: value if isinstance(value, str) else pytest.approx(value) for key, value in zip(keys, row, strict=True)}
        for row in expected
    ]
    assert error_analysis.confident_mistakes(predictions_of([0, 2, 0, 1], p), 2) == mistakes[:2]


def test_equally_confident_mistakes_stand_in_the_order_of_the_tracks() -> None:
    p = [[0.4, 0.6], [0.2, 0.8]] * 30
    mistakes = error_analysis.confident_mistakes(predictions_of([0] * 60, p), n=60)
    assert [row["track"] for row in mistakes] == [f"t{i}" for i in (*range(1, 60, 2), *range(0, 60, 2))]


def test_confident_mistakes_are_ten_unless_told(make_predictions: Callable[..., Predictions]) -> None:
    assert len(error_analysis.confident_mistakes(make_predictions(n=60))) == 10
    assert error_analysis.confident_mistakes(make_predictions(n=60, skill=50)) == []


# ------------------------------------------------------------------ pairs


def test_pairs_by_hand() -> None:
    # a's rival is b on both tracks; b's is c on both, as the likelier of a and c
    total = losses_of(0.7, 0.1, 0.5, 0.3)
    pairs = error_analysis.pair_losses(LABELS, P, ("a", "b", "c"))
    assert pairs == [
        {"genres": ["a", "b"], "share": pytest.approx(losses_of(0.7, 0.1) / total), "confused": 1, "tracks": 2},
        {"genres": ["b", "c"], "share": pytest.approx(losses_of(0.5, 0.3) / total), "confused": 1, "tracks": 2},
    ]
    assert error_analysis.pair_losses(LABELS, P, ("a", "b", "c"), 1) == pairs[:1]


def test_pairs_count_confusions_of_both_directions() -> None:
    # a taken for c, c taken for a, and c found with a as rival; b's tie of rivals goes to the first, a
    p = [[0.2, 0.1, 0.7], [0.5, 0.2, 0.3], [0.25, 0.15, 0.6], [0.1, 0.8, 0.1]]
    total = losses_of(0.2, 0.3, 0.6, 0.8)
    assert error_analysis.pair_losses([0, 2, 2, 1], p, "abc") == [
        {"genres": ["a", "c"], "share": pytest.approx(losses_of(0.2, 0.3, 0.6) / total), "confused": 2, "tracks": 3},
        {"genres": ["a", "b"], "share": pytest.approx(losses_of(0.8) / total), "confused": 0, "tracks": 1},
    ]


def test_a_certain_right_answer_has_the_first_other_genre_as_rival() -> None:
    assert error_analysis.pair_losses([0], [[1, 0, 0]], "abc") == [
        {"genres": ["a", "b"], "share": 1, "confused": 0, "tracks": 1}
    ]


def test_ten_pairs_are_listed_unless_told_and_equal_ones_in_the_order_of_the_genres() -> None:
    # every genre of eight is once taken for every other, with the same loss
    pairs = [(i, j) for i in range(8) for j in range(8) if i != j]
    p = np.full((len(pairs), 8), 0.05)
    for row, (i, j) in zip(p, pairs, strict=True):
        row[i], row[j] = 0.2, 0.5
    labels = [i for i, _ in pairs]
    in_order = [["abcdefgh"[i], "abcdefgh"[j]] for i, j in pairs if i < j]
    rows = error_analysis.pair_losses(labels, p, "abcdefgh", n=100)
    assert [row["genres"] for row in rows] == in_order
    assert all((row["share"], row["confused"], row["tracks"]) == (pytest.approx(1 / 28), 2, 2) for row in rows)
    assert error_analysis.pair_losses(labels, p, "abcdefgh") == rows[:10]


def test_a_single_genre_has_no_pairs() -> None:
    assert error_analysis.pair_losses([0, 0], [[1], [1]], ("a",)) == []


@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(2, 8))
@settings(max_examples=60, deadline=None)
def test_shares_of_pairs_add_up(seed: int, n: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    labels, p = rng.integers(k, size=n), rng.dirichlet(np.full(k, 0.5), size=n)
    pairs = error_analysis.pair_losses(labels, p, [str(i) for i in range(k)], n=k * k)
    assert sum(pair["share"] for pair in pairs) == pytest.approx(1)
    assert sum(pair["tracks"] for pair in pairs) == n
    assert [pair["share"] for pair in pairs] == sorted((pair["share"] for pair in pairs), reverse=True)
    counts = sklearn.metrics.confusion_matrix(labels, p.argmax(axis=1), labels=range(k))
    for pair in pairs:
        i, j = map(int, pair["genres"])
        assert pair["confused"] == counts[i, j] + counts[j, i]


def test_genres_have_intervals_over_artists() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(3), size=120)
    labels = np.where(rng.random(120) < 0.6, p.argmax(axis=1), rng.integers(2, size=120))
    alone = error_analysis.genre_table(labels, p, ("a", "b", "c"))
    by_artist = error_analysis.genre_table(labels, p, ("a", "b", "c"), np.where(labels == 2, 0, 1 + np.arange(120) // 4))
    for row in alone:
        for score in ("precision", "recall", "f1"):
            low, high = row[f"{score}_interval"]
            assert 0 <= low <= row[score] <= high <= 1
    assert by_artist[2]["recall_interval"] is None  # of one artist
    assert by_artist[2]["precision_interval"] is not None
