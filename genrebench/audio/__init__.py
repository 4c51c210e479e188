"""From an audio file to mono samples: decoding, excerpts, resampling.

libsndfile decodes wav, flac, ogg, opus and mp3; PyAV, if installed (``pip install av``), decodes what libsndfile doesn't know,
such as AAC. Both run in this process and open no file other than the one they are given. What a header says of the length isn't
believed: see `genrebench.audio.parts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.hashes import content_hash, content_hashes, hash_cache, rehash
from genrebench.audio.lengths import Length, length_cache, lengths
from genrebench.audio.reading import Reading
from genrebench.audio.samples import (
    RATES,
    AudioInfo,
    cancel,
    cancelling_text,
    choose_channel,
    excerpt_bounds,
    extended,
    resample,
    resampled_length,
)
from genrebench.audio.search import SUFFIXES, Found, find, is_audio, is_skipped, search
from genrebench.errors import AudioError
from genrebench.records import Excerpt

__all__ = [
    "RATES",
    "SUFFIXES",
    "VERSION",
    "AudioInfo",
    "Found",
    "Length",
    "Noted",
    "Reading",
    "blocks",
    "bounds",
    "cancel",
    "cancelling_text",
    "choose_channel",
    "content_hash",
    "content_hashes",
    "excerpt_bounds",
    "extended",
    "find",
    "glance",
    "hash_cache",
    "info",
    "is_audio",
    "is_skipped",
    "length_cache",
    "lengths",
    "noting",
    "read",
    "rehash",
    "resample",
    "resampled_length",
    "search",
]

VERSION = 2
"""Bumped when `read` returns different samples for the same file, so that cached inputs are recomputed."""

_MAX_PEAK = 100.0  # 40 dB above full scale: a float file louder than this isn't scaled to [-1, 1]


@dataclass
class Noted:
    """What `read` noticed.

    Parameters
    ----------
    peaks : list of float
        Largest sample of each excerpt before resampling, 1 at full scale.
    cancels : bool
        Whether the channels of an excerpt cancel in their mean, so that one of them was used.
    """

    peaks: list[float] = field(default_factory=list)
    cancels: bool = False


_NOTED: ContextVar[Noted | None] = ContextVar("noted", default=None)


def info(path: Path) -> AudioInfo:
    """Length, sample rate and channels. The length is what can be decoded, whatever the file's header says.

    Raises
    ------
    AudioError
        If the file is missing or isn't audio that can be decoded, or a part of it can't be; the message says how much.
    """
    with Reading(path) as reading:
        return AudioInfo(reading.frames, reading.sample_rate, reading.channels)


def glance(path: Path) -> tuple[AudioInfo, bool]:
    """As `info`, and whether the channels cancel in their mean during the second in the middle of the file."""
    with Reading(path) as reading:
        return AudioInfo(reading.frames, reading.sample_rate, reading.channels), reading.cancels(Excerpt(1.0))


def read(path: Path, excerpt: Excerpt, *, sample_rate: int | None = None) -> tuple[NDArray[np.float32], int]:
    """Decode an excerpt of a file to mono.

    The excerpt is cut at the file's own sample rate: of n frames in the file, ``m = min(n, round(seconds * rate))`` frames
    starting at frame ``(n - m) // 2``; a file that is longer by less than half a second is taken whole. For an mp3, n excludes
    the encoder delay and padding if the header states them. If the file is shorter than its header says, n is counted by
    decoding. Channels are averaged with equal weight, or the first loud one is taken where they cancel in the mean, as
    left = -right does. Then the excerpt is resampled.

    Parameters
    ----------
    path : Path
    excerpt : Excerpt
    sample_rate : int, optional
        In Hz; by default the file's own rate.

    Returns
    -------
    samples : ndarray of float32, shape (n_samples,)
        Full scale is [-1, 1]; lossy and float files may slightly exceed it and are not clipped. After resampling, n_samples
        is ``ceil(m * sample_rate / rate)``.
    rate : int
        Sample rate of `samples`, in Hz.

    Raises
    ------
    AudioError
        If the file is missing, can't be decoded, is empty, or has samples that aren't finite or exceed 100 times full scale.
    """
    with Reading(path) as reading:
        samples, rate, cancels = reading.read(excerpt), reading.sample_rate, reading.used_one_channel
    if not len(samples):
        raise AudioError(f"{path}: contains no audio samples")
    peak = float(max(samples.max(), -samples.min()))  # NaN if any sample is NaN
    if not np.isfinite(peak):
        raise AudioError(f"{path}: {np.count_nonzero(~np.isfinite(samples))} samples are not finite numbers")
    if peak > _MAX_PEAK:
        raise AudioError(f"{path}: samples reach {peak:g}, but full scale is 1; rescale the file")
    if (noted := _NOTED.get()) is not None:
        noted.peaks.append(peak)
        noted.cancels |= cancels
    if sample_rate is None or sample_rate == rate:
        return samples, rate
    return resample(samples, rate, sample_rate), sample_rate


@contextmanager
def noting() -> Iterator[Noted]:
    """Note what `read` notices in the body, for whoever calls a function that decodes and returns something else.

    Yields
    ------
    Noted
    """
    noted = Noted()
    token = _NOTED.set(noted)
    try:
        yield noted
    finally:
        _NOTED.reset(token)


def bounds(path: Path, excerpt: Excerpt) -> tuple[int, int, int]:
    """Position of the excerpt that `read` decodes, found without decoding the file unless it is truncated or can't seek.

    Returns
    -------
    start, length : int
        In frames of the file.
    rate : int
        The file's sample rate, in Hz.

    Raises
    ------
    AudioError
        If the file is missing or isn't audio that can be decoded.
    """
    with Reading(path) as reading:
        return *reading.bounds(excerpt), reading.sample_rate


def blocks(path: Path) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Decode a whole file block by block, so that memory use doesn't grow with its length.

    Yields
    ------
    rate : int
        In Hz, the same for every block.
    samples : ndarray of float32, shape (n_samples, n_channels)
        As decoded, without checks; valid until the next block is requested. Files that were joined may differ in channels.

    Raises
    ------
    AudioError
        If the file is missing or can't be decoded; possibly only after some blocks.
    """
    with Reading(path) as reading:
        yield from reading.blocks()
