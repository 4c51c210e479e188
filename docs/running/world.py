"""What a reader of the pages has: music in folders, some files, and an FMA of a few clips under its real names."""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

import numpy as np
import soundfile

SONGS = {0: "Morning", 3: "Evening"}
"""Clips of an artist that are in the folder of music, two that share no sound, and what they are called there."""

PER_ARTIST = 4
"""Clips of each artist of the demo."""

FMA_GENRES = ("Electronic", "Folk", "Hip-Hop", "Rock")


def write(folder: Path) -> None:
    """Write all of it, from clips of the demo."""
    import genrebench as gb

    music = gb.dataset("demo")
    by_genre: dict[str, list[Path]] = {genre: [] for genre in music.genres}
    for track in music.tracks:
        by_genre[track.genre].append(Path(track.path))
    folder.mkdir(parents=True)
    _write_music(folder / "my-music", by_genre)
    _write_fma(folder / "fma", [paths for _, paths in zip(FMA_GENRES, by_genre.values(), strict=False)])
    clips = [by_genre["Ska"][-1], by_genre["Waltz"][-1]]
    for path, name in zip(clips, ("song.mp3", "other.flac"), strict=True):
        samples, rate = soundfile.read(path)
        soundfile.write(folder / name, samples, rate)
        (folder / "fma_crowdai_test").mkdir(exist_ok=True)
        soundfile.write(folder / "fma_crowdai_test" / f"{name[:4]}.mp3", samples, rate)
    (folder / "party.m3u8").write_text("song.mp3\nother.flac\n", encoding="utf-8")


def _write_music(folder: Path, by_genre: dict[str, list[Path]]) -> None:
    for genre, paths in by_genre.items():
        (folder / genre.lower()).mkdir(parents=True)
        for artist in range(0, len(paths) // PER_ARTIST, 2):
            for number, title in SONGS.items():
                name = f"{genre} Band {artist + 1} - {title}.wav"
                shutil.copyfile(paths[artist * PER_ARTIST + number], folder / genre.lower() / name)


def _write_fma(folder: Path, by_genre: list[list[Path]]) -> None:
    """FMA's metadata and clips of 30 s, each a clip of the demo that is repeated."""
    rows, features, number = [], [], 0
    for genre, paths in zip(FMA_GENRES, by_genre, strict=True):
        for artist in range(6):
            number += 7
            part = ("training", "training", "training", "training", "validation", "test")[artist]
            subset = "large" if (genre, artist) == ("Folk", 3) else "small"  # so that fma-large has what the others lack
            rows.append([number, number, part, subset, genre])
            samples, _ = soundfile.read(paths[PER_ARTIST * artist])
            clip = folder / "fma_small" / "000" / f"{number:06d}.mp3"
            clip.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(clip, np.tile(samples, 6)[: 30 * 16000], 16000)
            spectrum = np.abs(np.fft.rfft(samples[:16384]))
            features.append([number, *np.log(spectrum[:8000].reshape(20, 400)).mean(axis=1)])
    for name in ("fma_medium", "fma_large"):
        shutil.copytree(folder / "fma_small", folder / name, copy_function=os.link)
    (folder / "fma_metadata").mkdir()
    names = [f"{i + 1:02d}" for i in range(20)]
    head = [["feature", *["mfcc"] * 20], ["statistics", *["mean"] * 20], ["number", *names], ["track_id", *[""] * 20]]
    _write_csv(folder / "fma_metadata" / "features.csv", [*head, *features])
    head = [["", "artist", "set", "set", "track"], ["", "id", "split", "subset", "genre_top"], ["track_id", "", "", "", ""]]
    _write_csv(folder / "fma_metadata" / "tracks.csv", [*head, *rows])
    genres = [[i + 1, 1, 0, genre, i + 1] for i, genre in enumerate(FMA_GENRES)]
    _write_csv(folder / "fma_metadata" / "genres.csv", [["genre_id", "#tracks", "parent", "title", "top_level"], *genres])


def _write_csv(path: Path, rows: list[list[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
