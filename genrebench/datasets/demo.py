"""demo: synthetic music that is generated locally, so that a first run needs no download.

Eight genres with twelve artists each, four tracks per artist, five seconds per track. The music is determined by a seed: every
machine generates the same files to the byte (`demo_sound` explains how) and so the same fingerprint. Scores on it say nothing
about real music; they are marked as synthetic wherever they are shown.
"""

from __future__ import annotations

import contextlib
import shutil
import time
import wave
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from genrebench import files
from genrebench.datasets import demo_music
from genrebench.datasets.demo_sound import RATE, RandomStream
from genrebench.environment import cpus
from genrebench.errors import DataError
from genrebench.progress import no_progress
from genrebench.records import Dataset, Track

VERSION = "demo-1"
SEED = 20180123
ARTISTS_PER_GENRE = 12
TRACKS_PER_ARTIST = 4
SECONDS = 5.0

# One part per artist. Of the twelve rotations, this one was chosen by the accuracy of the reference SVM (0.66 to 0.86 over the
# rotations, 0.75 here; random artist splits average 0.70), so that demo is neither too easy nor too hard.
_PART_OF_ARTIST = ("training",) * 3 + ("validation",) + ("test",) * 4 + ("training",) * 4
_WAV_HEADER_BYTES = 44
_STALE_SECONDS = 24 * 3600.0

Progress = Callable[..., Iterable[Any]]


def load(home: Path, *, workers: int | None = None, progress: Progress = no_progress) -> Dataset:
    """Load the demo music; the first call generates it.

    Parameters
    ----------
    home : Path
        The folder in which genrebench keeps data; the music goes to its subfolder ``demo-1``, about 170 MB.
    workers : int or None
        Number of threads that generate the music; None for one per processor. The files don't depend on it.
    progress : callable
        As in `genrebench.plugin.contract.Context`.

    Returns
    -------
    Dataset
        With an official split by artist: in each genre 7 artists for training, 1 for validation, 4 for test.

    Raises
    ------
    DataError
        If the music can't be written.
    """
    folder = home / VERSION
    tracks, official = _tracks_and_split(folder)
    if not _is_complete(tracks):
        try:
            _generate(folder, workers, progress)
        except OSError as error:
            raise DataError(f"can't write the demo music to {folder}: {error}; free up space or set GENREBENCH_HOME") from error
    return Dataset(
        name="demo",
        version=VERSION,
        tracks=tracks,
        genres=tuple(sorted(style.name for style in demo_music.STYLES)),
        official=official,
        synthetic=True,
        note="synthetic music, composed and rendered by genrebench from a seed; no human author, no rights reserved",
    )


def _tracks_and_split(folder: Path) -> tuple[tuple[Track, ...], dict[str, str]]:
    """All tracks, and the part of each in the official split by track id."""
    tracks, official = [], {}
    for style in demo_music.STYLES:
        for artist in range(ARTISTS_PER_GENRE):
            name = f"{style.name.lower()}-{artist:02d}"
            for number in range(TRACKS_PER_ARTIST):
                track = Track(f"{name}-{number}", style.name, name, folder / f"{name}-{number}.wav")
                tracks.append(track)
                official[track.id] = _PART_OF_ARTIST[artist]
    return tuple(tracks), official


def _is_complete(tracks: Iterable[Track]) -> bool:
    """Whether all files exist and have their full length."""
    size = _WAV_HEADER_BYTES + 2 * int(SECONDS * RATE)
    try:
        return all(track.path is not None and track.path.stat().st_size == size for track in tracks)
    except OSError:
        return False


def _generate(folder: Path, workers: int | None, progress: Progress) -> None:
    """Generate all files in a hidden folder and rename it to `folder` when it is complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(folder)
    hidden = files.beside(folder)
    hidden.mkdir()
    # threads are enough: NumPy releases the GIL while it computes a note
    pool = ThreadPoolExecutor(workers or cpus())
    try:
        artists = [(style, artist) for style in range(len(demo_music.STYLES)) for artist in range(ARTISTS_PER_GENRE)]
        done = as_completed([pool.submit(write_artist, style, artist, hidden) for style, artist in artists])
        for written in progress(done, "generating the demo music", len(artists)):
            written.result()
        if not _is_complete(_tracks_and_split(folder)[0]):  # another process may have generated it in the meantime
            _install(hidden, folder)
    finally:
        pool.shutdown(cancel_futures=True)
        shutil.rmtree(hidden, ignore_errors=True)


def write_artist(style: int, artist: int, folder: Path) -> None:
    """Generate the tracks of one artist and write them as 16-bit mono wav files.

    Parameters
    ----------
    style : int
        Index into `demo_music.STYLES`.
    artist : int
        0 to 11.
    folder : Path
        Where to write the files.
    """
    genre = demo_music.STYLES[style]
    performer = demo_music.random_artist(genre, RandomStream(SEED, style, artist))
    for number in range(TRACKS_PER_ARTIST):
        samples = demo_music.perform(genre, performer, RandomStream(SEED, style, artist, number + 1), SECONDS)
        with wave.open(str(folder / f"{genre.name.lower()}-{artist:02d}-{number}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(samples.astype("<i2").tobytes())


def _install(hidden: Path, folder: Path) -> None:
    """Rename `hidden` to `folder`, replacing an incomplete one."""
    old = files.beside(folder)
    with contextlib.suppress(FileNotFoundError):
        folder.rename(old)
    hidden.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _remove_stale(folder: Path) -> None:
    """Remove hidden folders that a killed process left behind."""
    for stale in folder.parent.glob(f".{folder.name}-*"):
        with contextlib.suppress(OSError):
            if time.time() - stale.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(stale, ignore_errors=True)
