"""demo: synthetic music that is made on the spot, so that a first run needs no download.

Eight genres, each with twelve artists of four tracks of five seconds. The music follows from a seed: every machine makes the
same files to the byte (`demo_sound` says why), and so gets the same fingerprint. No result on it says anything about music
that people made; wherever its scores are shown, they are marked as synthetic.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import wave
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from genrebench import files
from genrebench.datasets import demo_music
from genrebench.datasets.demo_sound import RATE, Dice
from genrebench.errors import DataError
from genrebench.records import Dataset, Track

VERSION = "demo-1"
SEED = 20180123
ARTISTS = 12
TRACKS = 4
SECONDS = 5.0

# One an artist. This of the twelve rotations was chosen after a look at the reference SVM's accuracy on each (0.66 .. 0.86,
# here 0.75; random artist splits average 0.70), so that demo is neither too easy nor too hard.
_PARTS = ("training",) * 3 + ("validation",) + ("test",) * 4 + ("training",) * 4
_WAV_HEADER = 44
_STALE = 24 * 3600.0

Progress = Callable[..., Iterable[Any]]


def load(home: Path, *, workers: int | None = None, progress: Progress | None = None) -> Dataset:
    """Give the demo music; the first call makes it.

    Parameters
    ----------
    home : Path
        The folder below which genrebench keeps data; the music stands in its subfolder ``demo-1``, about 170 MB.
    workers : int or None
        Threads that make it; None takes one a core.
    progress : callable or None
        As in `genrebench.plugin.contract.Context`.

    Returns
    -------
    Dataset
        With an official split by artist: 7 artists of each genre train, 1 validates, 4 test.

    Raises
    ------
    DataError
        If the disk refuses to take the music.
    """
    folder = home / VERSION
    tracks, official = _contents(folder)
    if not _is_whole(tracks):
        try:
            _make(folder, workers, progress)
        except OSError as error:
            raise DataError(f"can't write the demo music to {folder}: {error}; make room or set GENREBENCH_HOME") from error
    return Dataset(
        name="demo",
        version=VERSION,
        tracks=tracks,
        genres=tuple(sorted(style.name for style in demo_music.STYLES)),
        official=official,
        synthetic=True,
        note="synthetic music, composed and played by genrebench from a seed; no human made it, free of rights",
    )


def _contents(folder: Path) -> tuple[tuple[Track, ...], dict[str, str]]:
    """Give all tracks, and the part of each in the official split."""
    tracks, official = [], {}
    for style in demo_music.STYLES:
        for artist in range(ARTISTS):
            name = f"{style.name.lower()}-{artist:02d}"
            for number in range(TRACKS):
                track = Track(f"{name}-{number}", style.name, name, folder / f"{name}-{number}.wav")
                tracks.append(track)
                official[track.id] = _PARTS[artist]
    return tuple(tracks), official


def _is_whole(tracks: Iterable[Track]) -> bool:
    """Whether all files are there in full length."""
    size = _WAV_HEADER + 2 * int(SECONDS * RATE)
    try:
        return all(track.path is not None and track.path.stat().st_size == size for track in tracks)
    except OSError:
        return False


def _make(folder: Path, workers: int | None, progress: Progress | None) -> None:
    """Make all files in a hidden folder that takes the place of `folder` when it is whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    hidden = files.beside(folder)
    hidden.mkdir()
    # threads are enough: NumPy lets go of the interpreter for the length of a note
    pool = ThreadPoolExecutor(workers or os.cpu_count() or 1)
    try:
        artists = [(style, artist) for style in range(len(demo_music.STYLES)) for artist in range(ARTISTS)]
        done = as_completed([pool.submit(record_artist, style, artist, hidden) for style, artist in artists])
        for recorded in progress(done, "making the demo music", len(artists)) if progress else done:
            recorded.result()
        if not _is_whole(_contents(folder)[0]):  # another process may have made it meanwhile
            _install(hidden, folder)
    finally:
        pool.shutdown(cancel_futures=True)
        shutil.rmtree(hidden, ignore_errors=True)


def record_artist(style: int, artist: int, folder: Path) -> None:
    """Write the tracks of one artist as 16-bit mono wav files.

    Parameters
    ----------
    style : int
        Index into `demo_music.STYLES`.
    artist : int
        0 .. 11.
    folder : Path
        Where the files go.
    """
    played = demo_music.STYLES[style]
    sound = demo_music.invent_artist(played, Dice(SEED, style, artist))
    for number in range(TRACKS):
        samples = demo_music.perform(played, sound, Dice(SEED, style, artist, number + 1), SECONDS)
        with wave.open(str(folder / f"{played.name.lower()}-{artist:02d}-{number}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(samples.astype("<i2").tobytes())


def _install(hidden: Path, folder: Path) -> None:
    """Move the whole folder to its name; what was there is damaged."""
    old = files.beside(folder)
    with contextlib.suppress(FileNotFoundError):
        folder.rename(old)
    hidden.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Remove what a killed process left behind."""
    for stale in folder.parent.glob(f".{folder.name}-*"):
        with contextlib.suppress(OSError):
            if time.time() - stale.stat().st_mtime > _STALE:
                shutil.rmtree(stale, ignore_errors=True)
