"""Each window is drawn exactly once per epoch, for any length of stretches."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrebench_cnn.windows import TrainingWindows, prediction_starts

WINDOW, HOP = 16_000, 3_840


def drawn(windows: TrainingWindows, seed: int = 0, epoch: int = 0, batch_size: int = 50) -> list[tuple[int, int]]:
    """(track, first sample) of all windows that count."""
    result = []
    for indices in windows.epoch(seed, epoch, batch_size):
        stretches = windows.stretches(indices)
        for track, start, used in zip(stretches.tracks, stretches.starts, stretches.used, strict=True):
            result += [(int(track), int(start + i * windows.hop)) for i in np.flatnonzero(used)]
    return result


def test_a_track_of_30_s_has_116_windows_at_the_reports_settings() -> None:
    for length in (1_323_000, 1_321_967):
        windows = TrainingWindows(np.array([length]), np.array([0]), 1, 44_100, 11_025, 1)
        assert drawn(windows) != sorted(drawn(windows))
        assert sorted(drawn(windows)) == [(0, 11_025 * i) for i in range(116)]


@given(lengths=st.lists(st.integers(1, 400_000), min_size=1, max_size=12), stretch=st.integers(1, 40), seed=st.integers(0, 9))
def test_every_window_is_drawn_once_per_epoch_inside_its_track(lengths: list[int], stretch: int, seed: int) -> None:
    windows = TrainingWindows(np.array(lengths), np.zeros(len(lengths), int), 1, WINDOW, HOP, stretch)
    expected = [(t, HOP * i) for t, n in enumerate(lengths) for i in range(max(1, -(-(n - WINDOW) // HOP)))]
    starts = drawn(windows, seed)
    assert sorted(starts) == expected
    assert windows.n_windows == len(expected)
    assert all(start + WINDOW <= max(WINDOW, lengths[track]) for track, start in starts)


def test_stretches_lie_inside_long_enough_tracks() -> None:
    lengths = np.array([480_000, 300_123, 100_000])
    windows = TrainingWindows(lengths, np.zeros(3, int), 1, WINDOW, HOP, 17)
    for indices in windows.epoch(0, 0, 100):
        stretches = windows.stretches(indices)
        assert (stretches.starts + windows.span <= lengths[stretches.tracks]).all()


def test_the_order_follows_from_seed_and_epoch_and_steps_are_of_equal_size() -> None:
    windows = TrainingWindows(np.full(30, 480_000), np.arange(30) % 3, 3, WINDOW, HOP, 17)
    assert drawn(windows, 1, 2) == drawn(windows, 1, 2)
    assert drawn(windows, 1, 2) != drawn(windows, 1, 3)
    assert drawn(windows, 1, 2) != drawn(windows, 2, 2)
    sizes = [windows.stretches(i).used.sum() for i in windows.epoch(0, 0, 1000)]
    assert len(sizes) == round(windows.n_windows / 1000)
    assert max(sizes) - min(sizes) <= 3 * windows.stretch


@pytest.mark.parametrize("stretch", [1, 17])
def test_balance_shortens_the_shift_of_small_genres(stretch: int) -> None:
    labels = np.array([0] * 40 + [1] * 16 + [2] * 4 + [3])
    windows = TrainingWindows(np.full(61, 480_000), labels, 4, WINDOW, HOP, stretch, balance=True)
    assert windows.per_genre[0] == windows.per_genre[1] == windows.per_genre[2] == 40 * 121
    assert windows.per_genre[3] == 12 * 121  # a shift of 320 samples is the shortest
    epochs = [drawn(windows, 0, epoch) for epoch in range(8)]
    per_genre = np.mean([np.bincount(labels[[t for t, _ in epoch]], minlength=4) for epoch in epochs], axis=0)
    np.testing.assert_allclose(per_genre, windows.per_genre, rtol=0.05)
    assert len(set(epochs[0])) == len(epochs[0])  # no window twice: the shift is shorter


def test_drawing_an_epoch_of_25000_tracks_takes_little_memory() -> None:
    tracemalloc.start()
    windows = TrainingWindows(np.full(25_000, 1_323_000), np.arange(25_000) % 16, 16, 44_100, 11_025, 1)
    for indices in windows.epoch(0, 0, 1000)[:50]:
        windows.stretches(indices)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert windows.n_windows == 2_900_000
    assert peak < 50e6


def test_balance_works_with_a_genre_without_tracks() -> None:
    windows = TrainingWindows(np.full(3, 480_000), np.array([0, 0, 2]), 3, WINDOW, HOP, 5, balance=True)
    assert windows.per_genre.tolist() == [242, 0, 242]


@pytest.mark.parametrize(
    ("seconds", "n"), [(30, 30), (29.98, 30), (29.5, 30), (29.49, 29), (30.49, 30), (6.2, 6), (6.6, 7), (0.1, 1), (0.0, 1)]
)
def test_prediction_uses_whole_windows_and_a_last_one_that_is_half_full(seconds: float, n: int) -> None:
    starts = prediction_starts(round(seconds * 44_100), 44_100, 44_100)
    assert starts.tolist() == [44_100 * i for i in range(n)]


@given(
    tracks=st.lists(st.tuples(st.integers(1, 12), st.integers(0, 3)), min_size=1, max_size=40),
    stretch=st.integers(2, 9),
    seed=st.integers(0, 9),
    batch_size=st.integers(20, 200),
)
def test_every_step_has_its_share_of_each_genre(
    tracks: list[tuple[int, int]], stretch: int, seed: int, batch_size: int
) -> None:
    seconds, labels = np.array(tracks).T
    windows = TrainingWindows(WINDOW + seconds * 16_000, labels, 4, WINDOW, HOP, stretch)
    genres = [labels[windows.stretches(step).tracks] for step in windows.epoch(seed, 0, batch_size)]
    total = np.bincount(np.concatenate(genres), minlength=4)
    for step in genres:
        share = total * len(step) / total.sum()
        assert (np.abs(np.bincount(step, minlength=4) - share) <= 5).all()


def test_long_tracks_are_spread_over_the_steps() -> None:
    windows = TrainingWindows(np.full(40, 480_000), np.arange(40) % 2, 2, WINDOW, HOP, 5)
    steps = windows.epoch(0, 0, 200)
    counts = np.stack([np.bincount(windows.stretches(step).tracks, minlength=40) for step in steps])
    assert counts.mean() == pytest.approx(1, abs=0.1)
    assert counts.max() <= 4
    assert (counts == 0).mean() < 0.3  # a plain shuffle leaves out 37 % of the tracks
