"""Clips that overlap in time are found by their sound; clips that don't, aren't."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d

import genrebench as gb
from genrebench.datasets.check.measurement import measure
from genrebench.datasets.check.overlaps import overlaps

RATE = 16_000


@pytest.fixture(scope="module")
def songs(real_data: Path) -> dict[str, np.ndarray]:
    """The first twelve seconds of FMA's clips, mono at 16 kHz."""
    result = {}
    for path in sorted((real_data / "fma" / "clips").glob("*.mp3")):
        samples, rate = soundfile.read(path, frames=13 * 44_100)
        mono = samples.mean(axis=1)
        positions = np.arange(12 * RATE) * (rate / RATE)
        result[path.stem] = np.interp(positions, np.arange(len(mono)), mono)
    return result


def cut(
    songs: dict[str, np.ndarray], folder: Path, suffix: str, starts: list[float], seconds: float = 3
) -> list[tuple[str, float]]:
    """Write segments; their song and start in seconds, in the order of the files' names."""
    meta = []
    folder.mkdir(parents=True)
    for number, (song, samples) in enumerate(songs.items()):
        for start in starts:
            segment = samples[int(start * RATE) : int((start + seconds) * RATE)]
            soundfile.write(folder / f"{number}{int(start * 1000):06d}.{suffix}", segment, RATE)
            meta.append((song, start))
    return meta


@pytest.mark.parametrize("suffix", ["wav", "ogg"])
def test_half_overlapping_segments_are_found_with_their_offset(songs, tmp_path, suffix):
    starts = [0.0, 1.5, 3.0, 4.5]
    meta = cut(songs, tmp_path / "m", suffix, starts)
    contours = [measure(path).contour for path in sorted((tmp_path / "m").iterdir())]
    found = {(pair.first, pair.second): pair for pair in overlaps(contours)}
    expected = {
        (i, j)
        for i, j in combinations(range(len(meta)), 2)
        if meta[i][0] == meta[j][0] and abs(meta[i][1] - meta[j][1]) == pytest.approx(1.5)
    }
    assert found.keys() <= expected
    assert len(found) >= 0.9 * len(expected)
    for pair in found.values():
        assert pair.offset == pytest.approx(1.5, abs=0.06)
        assert pair.seconds == pytest.approx(1.5, abs=0.15)


def test_segments_side_by_side_aren_t_found(songs, tmp_path):
    cut(songs, tmp_path / "m", "wav", [0.0, 3.0, 6.0, 9.0])
    assert list(overlaps([measure(path).contour for path in sorted((tmp_path / "m").iterdir())])) == []


def test_noise_tones_and_silence_aren_t_found(tmp_path):
    rng = np.random.default_rng(0)
    time = np.arange(3 * RATE) / RATE
    sounds = [
        *(rng.normal(0, 0.1, 3 * RATE) for _ in range(6)),
        *(0.3 * np.sin(2 * np.pi * 440 * time + phase) for phase in range(3)),
        *(np.zeros(3 * RATE) for _ in range(3)),
    ]
    contours = []
    for i, sound in enumerate(sounds):
        soundfile.write(tmp_path / f"{i}.wav", sound, RATE)
        contours.append(measure(tmp_path / f"{i}.wav").contour)
    assert list(overlaps(contours)) == []


@given(st.lists(st.integers(0, 60), max_size=6), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_pairs_are_of_two_clips_each_once(lengths, seed):
    base = np.random.default_rng(seed).integers(60, 200, size=(90, 12)).astype(np.uint8)
    contours = [base[i : i + length] for i, length in enumerate(lengths)]
    pairs = list(overlaps(contours))
    assert all(0 <= pair.first < pair.second < len(contours) for pair in pairs)
    assert len({(pair.first, pair.second) for pair in pairs}) == len(pairs)
    for pair in pairs:
        assert pair.offset == pytest.approx((pair.second - pair.first) / 20)


def test_clips_that_share_a_rhythm_but_not_the_level_aren_t_found():
    base = np.random.default_rng(0).integers(60, 200, size=(60, 12)).astype(np.uint8)
    assert list(overlaps([base, base + np.uint8(12)])) == []
    (pair,) = overlaps([base, base + np.uint8(2)])
    assert (pair.first, pair.second, pair.offset) == (0, 1, 0)


def test_clips_whose_frames_lie_between_those_of_the_other_are_found():
    """Short clips of fast changes, of which each has every second frame: hardly any agrees without interpolation."""
    found = 0
    for seed in range(30):
        fine = gaussian_filter1d(np.random.default_rng(seed).normal(size=(200, 12)), 2, axis=0, mode="wrap")
        levels = np.clip(130 + fine / fine.std() * 25, 60, 200).astype(np.uint8)[:36]
        found += len(list(overlaps([levels[::2], levels[1::2]])))
    assert found >= 4


@pytest.mark.parametrize("split", [None, "stratified"])
def test_a_folder_of_overlapping_segments(songs, tmp_path, monkeypatch, split):
    """Names say nothing; the sound does: show, check and a task group them, or tell that the split parts them."""
    monkeypatch.setenv("GENREBENCH_HOME", str(tmp_path / "home"))
    names = sorted(songs)
    rng = np.random.default_rng(1)
    for number, name in enumerate(names):
        folder = tmp_path / "music" / ("a" if number % 2 else "b")
        folder.mkdir(parents=True, exist_ok=True)
        for start in (0.0, 1.5, 3.0, 4.5):
            segment = songs[name][int(start * RATE) : int((start + 3) * RATE)]
            soundfile.write(folder / f"{''.join(rng.choice(list('bcdfgh'), 12))}.wav", segment, RATE)
    shown = gb.describe(tmp_path / "music", split=split).values
    said: list[str] = []
    task = gb.task(tmp_path / "music", split=split, say=said.append)
    findings = [f.detail for f in gb.check_dataset(tmp_path / "music", split=split).findings if f.kind == "segments"]
    for texts in (shown["warnings"], said, findings):
        assert any("for they share sound" in text for text in texts)
        assert any("scores are too good" in text for text in texts) == (split == "stratified")
    assert task.split.name == shown["split"] == (split or "artist")
    artists = {track.artist for track in task.dataset.tracks}
    assert 8 <= len(artists) <= 11
    assert task.shared_artists == 0 if split is None else task.shared_artists > 0
