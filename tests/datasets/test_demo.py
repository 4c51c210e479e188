"""The demo music: the same everywhere, sound as audio, and different from genre to genre in what it claims."""

import dataclasses
import hashlib
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from genrebench import datasets
from genrebench.api import DatasetSpec
from genrebench.datasets import demo, demo_music, demo_sound
from genrebench.environment import cpus
from genrebench.errors import DataError
from genrebench.plugin.registry import Plugin, Registry, installed_plugins
from genrebench.records import Dataset, Track

# BLAKE2b over all files in order, agreed on by two processors' feature sets (with and without AVX2 and FMA).
ALL_FILES = "0efc24094d6d9f86f9d1da12eabc8386"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def music(home: Path) -> Dataset:
    return demo.load(home)


def test_is_the_same_to_the_byte_on_every_machine(music: Dataset) -> None:
    digest = hashlib.blake2b(digest_size=16)
    for track in music.tracks:
        assert track.path
        digest.update(track.path.read_bytes())
    assert digest.hexdigest() == ALL_FILES


def test_says_what_it_is(music: Dataset) -> None:
    assert music.name == "demo"
    assert music.synthetic
    assert "synthetic" in music.note
    assert music.genres == ("Fanfare", "House", "Lament", "Polka", "Rock", "Ska", "Techno", "Waltz")
    assert len({track.id for track in music.tracks}) == len(music.tracks) == 8 * 12 * 4


def test_official_split_keeps_artists_apart_and_genres_even(music: Dataset) -> None:
    parts = defaultdict(set)
    for track in music.tracks:
        parts[track.artist].add(music.official[track.id])
    assert all(len(seen) == 1 for seen in parts.values())
    counts = Counter((track.genre, music.official[track.id]) for track in music.tracks)
    for genre in music.genres:
        assert [counts[genre, part] for part in ("training", "validation", "test")] == [28, 4, 16]


def test_files_are_audible_and_not_clipped(music: Dataset) -> None:
    for track in music.tracks[::5]:
        info = soundfile.info(track.path)
        assert (info.samplerate, info.channels, info.subtype) == (44100, 1, "PCM_16")
        samples, _ = soundfile.read(track.path)
        assert len(samples) == 5 * 44100
        assert 0.45 < np.abs(samples).max() < 0.95
        seconds = samples.reshape(5, 44100)
        assert np.sqrt((seconds**2).mean(axis=1)).min() > 0.003, "a second of silence"


def test_no_two_tracks_are_alike(music: Dataset) -> None:
    assert len({hashlib.sha256(track.path.read_bytes()).digest() for track in music.tracks if track.path}) == len(music.tracks)


def test_a_second_load_reads_what_is_there(music: Dataset, home: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*")}
    assert demo.load(home).tracks == music.tracks
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*")} == before


class Interrupted:
    def __call__(self, items: Iterator[object], description: str, total: int) -> Iterator[object]:
        assert (description, total) == ("generating the demo music", 96)
        yield next(items)
        raise KeyboardInterrupt


def test_an_interrupted_build_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        demo.load(tmp_path, progress=Interrupted())
    assert list(tmp_path.iterdir()) == []


def test_resolving_the_name_shows_the_progress(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        datasets.resolve("demo", installed_plugins(), tmp_path, Interrupted())


@pytest.mark.parametrize("workers", [1, 3, None])
def test_as_many_threads_generate_it_as_there_are_workers(workers: int | None, tmp_path: Path) -> None:
    before = set(threading.enumerate())
    started: list[threading.Thread] = []

    def interrupt(items: Iterator[object], description: str, total: int) -> Iterator[object]:
        started.extend(set(threading.enumerate()) - before)
        yield next(items)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        datasets.resolve("demo", installed_plugins(), tmp_path, interrupt, workers=workers)
    assert len(started) == (workers or cpus())


def test_workers_reach_a_dataset_that_is_computed_even_without_a_progress_display(tmp_path: Path) -> None:
    calls: list[tuple[Path, int | None, list[int]]] = []

    def make(home: Path, progress: demo.Progress, workers: int | None) -> None:
        calls.append((home, workers, list(progress([1, 2], "computing", 2))))

    computed = Dataset("computed", "1", (Track("1", "waltz"),), ("waltz",))
    spec = DatasetSpec("computed", "for a test", lambda home: computed, make)
    registry = Registry()
    registry.add(Plugin("p", "p", "1"), {"dataset": [spec]})
    assert datasets.resolve("computed", registry, tmp_path, workers=3).tracks == computed.tracks
    assert calls == [(tmp_path, 3, [1, 2])]


def test_the_files_do_not_depend_on_the_number_of_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "ARTISTS_PER_GENRE", 2)  # of 12: the rest would only take longer
    files = []
    for workers in (1, 2):
        home = tmp_path / str(workers)
        demo.load(home, workers=workers)
        files.append({path.name: path.read_bytes() for path in (home / "demo-1").iterdir()})
    assert len(files[0]) == 8 * 2 * 4
    assert files[0] == files[1]


def test_a_damaged_folder_is_not_taken_for_whole(tmp_path: Path) -> None:
    folder = tmp_path / "demo-1"
    folder.mkdir()
    (folder / "house-00-0.wav").write_bytes(b"RIFF")
    with pytest.raises(KeyboardInterrupt):  # it starts to make the music again
        demo.load(tmp_path, progress=Interrupted())
    assert [path.name for path in tmp_path.iterdir()] == ["demo-1"]


def test_an_unwritable_place_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(DataError, match=r"can't write the demo music to .*home.*GENREBENCH_HOME"):
        demo.load(tmp_path / "home")


# ------------------------------------------------------------------ the music


def lead_alone(name: str) -> np.ndarray:
    style = next(style for style in demo_music.STYLES if style.name == name)
    solo = dataclasses.replace(style, kick="", snare="", hat="", bass="", chords="." * 16, progression=(0,))
    artist = demo_music.random_artist(solo, demo_sound.RandomStream(1))
    pure = demo_sound.Timbre(3.0, 1.0, 0.0, 0.005)
    artist = dataclasses.replace(artist, lead=pure, taps=((1, 0.0),), hiss=0.0, tilt=0.0, drive=0.0, swing=0.0)
    return demo_music.perform(solo, artist, demo_sound.RandomStream(2), 5.0) / 32768


@pytest.mark.parametrize(("name", "rising"), [("Fanfare", True), ("Lament", False)])
def test_fanfares_rise_and_laments_fall(name: str, rising: bool) -> None:
    samples = lead_alone(name)
    frames = np.lib.stride_tricks.sliding_window_view(samples, 4096)[::2048] * np.hanning(4096)
    pitches = np.abs(np.fft.rfft(frames, axis=1)).argmax(axis=1)
    changes = np.sign(np.diff(pitches))
    up, down = (changes > 0).sum(), (changes < 0).sum()
    assert up + down > 10
    assert (up > 2 * down) if rising else (down > 2 * up)


def test_a_swell_is_a_pluck_backwards() -> None:
    timbre = demo_sound.Timbre(1.0, 0.5, 0.0, 0.01)
    pluck, swell = (demo_sound.tone(220.0, 0.5, timbre, swell=swell) for swell in (False, True))
    half = len(pluck) // 2
    energy = [(part**2).sum() for part in (pluck[:half], pluck[half:], swell[:half], swell[half:])]
    assert energy[0] > 5 * energy[1]
    np.testing.assert_allclose(energy[:2], energy[:1:-1], rtol=0.1)


def test_tones_have_the_pitch_of_their_note() -> None:
    assert demo_sound.pitch(69) == 440.0
    sound = demo_sound.tone(440.0, 1.0, demo_sound.Timbre(1.0, 1.0, 0.0, 0.01))
    assert np.abs(np.fft.rfft(sound)).argmax() == 440


def test_random_numbers_follow_numpys_guaranteed_stream() -> None:
    raw = np.random.PCG64(np.random.SeedSequence((1, 2))).random_raw(3)
    stream = demo_sound.RandomStream(1, 2)
    assert [stream.uniform() for _ in range(3)] == [(int(word) >> 11) / 2**53 for word in raw]
    noise = demo_sound.RandomStream(3).noise(20000)
    assert -1 <= noise.min() < -0.99 < 0.99 < noise.max() < 1
    assert abs(noise.mean()) < 0.02
