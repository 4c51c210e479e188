"""Decode, excerpt, resample: from an audio file to mono samples.

libsndfile decodes wav, flac, ogg, opus and mp3; PyAV, where the extra ``m4a`` is installed, decodes AAC in MP4. Both run in
this process and open nothing but the file that they are given.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genrebench.audio import mp4, sndfile
from genrebench.audio.hashes import content_hash, content_hashes
from genrebench.audio.samples import RATES, AudioInfo, excerpt_bounds, extended, resample, resampled_length
from genrebench.errors import AudioError
from genrebench.records import Excerpt

__all__ = [
    "RATES",
    "SUFFIXES",
    "VERSION",
    "AudioInfo",
    "blocks",
    "bounds",
    "content_hash",
    "content_hashes",
    "excerpt_bounds",
    "extended",
    "find",
    "info",
    "read",
    "resample",
    "resampled_length",
]

SUFFIXES = (".mp3", ".wav", ".flac", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".au", ".m4a", ".mp4")
"""Names that count as audio when a folder is searched; a file is decoded by its content, whatever its name."""

VERSION = 1
"""Raised when `read` gives other samples for the same file, so that caches notice."""

_LOUDEST = 100.0  # 40 dB over full scale: beyond it a float file isn't scaled to [-1, 1]


def info(path: Path) -> AudioInfo:
    """Length, rate and channels as the file declares them, without decoding it.

    Raises
    ------
    AudioError
        If the file is missing or isn't audio that can be decoded.
    """
    return mp4.info(path) if mp4.recognises(path) else sndfile.info(path)


def read(path: Path, excerpt: Excerpt, *, sample_rate: int | None = None) -> tuple[NDArray[np.float32], int]:
    """Decode the excerpt of a file.

    The excerpt is cut at the file's own rate: of n frames that the file holds, ``m = min(n, round(seconds * rate))`` frames
    from frame ``(n - m) // 2`` on. The n of an mp3 is what is left after its encoder's delay and padding are cut, where its
    header tells them; if the file is shorter than its header says, n is counted by decoding. Channels are averaged with
    equal weight, then the excerpt is resampled.

    Parameters
    ----------
    path : Path
    excerpt : Excerpt
    sample_rate : int, optional
        In Hz; the file's own rate if left out.

    Returns
    -------
    samples : ndarray of float32, shape (n_samples,)
        Full scale is [-1, 1]; a lossy or a float file may overshoot it a little, and that is kept. Resampled, n_samples is
        ``ceil(m * sample_rate / rate)``.
    rate : int
        Their rate in Hz.

    Raises
    ------
    AudioError
        If the file is missing, can't be decoded, holds no samples, or holds samples that are not numbers or are beyond
        100 times full scale.
    """
    samples, rate = mp4.read(path, excerpt) if mp4.recognises(path) else sndfile.read(path, excerpt)
    if not len(samples):
        raise AudioError(f"{path}: holds no audio samples")
    peak = float(max(samples.max(), -samples.min()))  # not a number if one of them isn't
    if not np.isfinite(peak):
        raise AudioError(f"{path}: {np.count_nonzero(~np.isfinite(samples))} samples are not finite numbers")
    if peak > _LOUDEST:
        raise AudioError(f"{path}: samples reach {peak:g}, but full scale is 1; rescale the file")
    if sample_rate is None or sample_rate == rate:
        return samples, rate
    return resample(samples, rate, sample_rate), sample_rate


def bounds(path: Path, excerpt: Excerpt) -> tuple[int, int, int]:
    """Where the excerpt that `read` decodes lies in the file, found without decoding a file that is whole.

    Returns
    -------
    start, length : int
        In frames of the file.
    rate : int
        Of the file, in Hz.

    Raises
    ------
    AudioError
        If the file is missing or isn't audio that can be decoded.
    """
    found = mp4.info(path) if mp4.recognises(path) else sndfile.counted(path)
    return *excerpt_bounds(found.frames, found.sample_rate, excerpt), found.sample_rate


def blocks(path: Path) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Decode a whole file piece by piece, so that memory doesn't grow with its length.

    Yields
    ------
    rate : int
        In Hz, the same for every piece.
    samples : ndarray of float32, shape (n_samples, n_channels)
        As the file holds them: unchecked, and valid until the next piece is asked for.

    Raises
    ------
    AudioError
        If the file is missing or can't be decoded, perhaps after some pieces.
    """
    yield from mp4.blocks(path) if mp4.recognises(path) else sndfile.blocks(path)


def find(folder: Path) -> list[Path]:
    """Audio files below `folder` by name, sorted; a link to a file that isn't there is one too, and reading it says so."""
    return sorted(path for path in folder.rglob("*") if is_audio(path) and not path.is_dir())


def is_audio(path: Path) -> bool:
    """Whether a file's name says that it is audio; hidden files aren't, which other systems leave beside the real ones."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
