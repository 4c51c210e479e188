"""Measurements of a clip's audio: one pass over the file in bounded memory, cached by file content."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench import audio, files
from genrebench.errors import AudioError
from genrebench.workers import WorkerDiedError, in_processes

VERSION = 2
"""Bumped when the measurement of the same audio changes, so that cached ones are recomputed."""

BANDS = 12
FRAMES_PER_SECOND = 20
SILENT_PEAK = 2.0**-14
"""Peak up to which a clip is silent: two steps of 16 bits."""
SILENT_FRAME_RMS = 1e-3
"""Root mean square below which a frame counts as silent: 60 dB below full scale."""

_MIN_HZ, _MAX_HZ = 100.0, 3500.0  # covered by every sample rate from 8 kHz up
_MAX_CONTOUR_FRAMES = 120 * FRAMES_PER_SECOND
_FULL_SCALE = 0.999
_MAX_PEAK = 100.0


@dataclass(frozen=True, slots=True)
class Measurement:
    """Measurements of one audio file.

    Parameters
    ----------
    error : str or None
        Why the file can't be decoded, in which case the other values are empty.
    frames, declared_frames : int
        Samples per channel: decoded, and declared in the file's header.
    sample_rate, channels : int
        The sample rate is in Hz.
    peak, rms : float
        Relative to full scale 1: the peak over all channels, and the root mean square of their mean.
    clipped : float
        Share of the samples that are in runs of three or more at full scale.
    silent : float
        Share of silent frames; a frame is 0.1 s long.
    digest : str
        Hash of the sample rate and the decoded audio, averaged over channels, in 16 bits: the same for lossless copies.
    contour : ndarray of uint8, shape (n_frames, 12)
        Energy in twelve bands from 100 Hz to 3.5 kHz, 20 frames per second, in steps of 2/3 dB above -120 dB, for the first
        two minutes.
    cancels : bool
        Whether the channels cancel in their mean; one of them was measured instead.
    """

    error: str | None = None
    frames: int = 0
    declared_frames: int = 0
    sample_rate: int = 0
    channels: int = 0
    peak: float = 0.0
    rms: float = 0.0
    clipped: float = 0.0
    silent: float = 0.0
    digest: str = ""
    contour: NDArray[np.uint8] = field(default_factory=lambda: np.empty((0, BANDS), np.uint8))
    cancels: bool = False

    @property
    def seconds(self) -> float:
        """Duration of the decoded audio."""
        return self.frames / self.sample_rate if self.sample_rate else 0.0


def measure(path: Path) -> Measurement:
    """Decode and measure a file; if it can't be decoded, the measurement says why."""
    try:
        with audio.Reading(path) as reading:
            measured, channel = _measured(reading)
            return replace(_measured(reading, channel)[0], cancels=True) if measured.cancels else measured
    except AudioError as error:
        return Measurement(error=error.reason(path))


def _measured(reading: audio.Reading, channel: int | None = None) -> tuple[Measurement, int]:
    """The measurement with the channels averaged, or of one of them; and the one to take if they cancel."""
    digest = hashlib.blake2b(digest_size=16)
    frames = channels = rate = at_full_scale = values = 0
    peak = squares = 0.0
    powers = np.zeros(1)
    contour: _Contour | None = None
    declared = reading.declared  # asked first: FFmpeg counts by decoding, and keeps what is then read
    blocks = reading.blocks()
    for rate, samples in blocks:
        if contour is None:
            channels = samples.shape[1]
            contour = _Contour(rate)
            digest.update(str(rate).encode())
        loud = np.abs(samples)
        loudest = float(loud.max())
        if not np.isfinite(loudest):
            count = _count_not_finite(samples) + sum(_count_not_finite(rest) for _, rest in blocks)
            raise AudioError(f"{count} samples are not finite numbers")
        if loudest > _MAX_PEAK:
            raise AudioError(f"samples reach {loudest:g}, but full scale is 1; rescale the file")
        peak = max(peak, loudest)
        hot = loud >= _FULL_SCALE
        at_full_scale += _count_in_runs(hot)
        mono = (
            samples.mean(axis=1, dtype=np.float64)
            if channel is None
            else samples[:, min(channel, samples.shape[1] - 1)].astype(np.float64)
        )
        if samples.shape[1] == channels:  # of joined files, those with as many channels as the first
            powers = powers + np.einsum("ij,ij->j", samples, samples, dtype=np.float64)
        digest.update(np.rint(np.clip(mono, -1.0, 1.0) * 32767).astype("<i2").tobytes())
        squares += float(mono @ mono)
        contour.add(mono)
        frames += len(samples)
        values += samples.size
    if contour is None:
        raise AudioError("contains no audio samples")
    measured = Measurement(
        frames=frames,
        declared_frames=declared,
        sample_rate=rate,
        channels=channels,
        peak=peak,
        rms=float(np.sqrt(squares / frames)),
        clipped=at_full_scale / values,
        silent=contour.silent_share(),
        digest=digest.hexdigest(),
        contour=contour.values(),
        cancels=channels > 1 and audio.cancel(squares, powers),
    )
    return measured, audio.choose_channel(powers)


def _count_not_finite(samples: NDArray[np.float32]) -> int:
    """Number of samples that aren't finite in some channel."""
    return int(np.count_nonzero(~np.isfinite(samples).all(axis=1)))


def _count_in_runs(hot: NDArray[np.bool_]) -> int:
    """Number of true values in runs of three or more; `hot` has shape (n_samples, n_channels)."""
    if len(hot) < 3 or not hot.any():
        return 0
    middle = hot[:-2] & hot[1:-1] & hot[2:]
    member = np.zeros_like(hot)
    for shift in range(3):
        member[shift : len(hot) - 2 + shift] |= middle
    return int(np.count_nonzero(member))


class _Contour:
    """Band energies of 0.1 s frames with a hop of 0.05 s, computed from a stream of mono samples."""

    def __init__(self, rate: int) -> None:
        self._hop = min(max(rate // FRAMES_PER_SECOND, 1), 1 << 16)  # a damaged header may claim any rate
        self._length = 2 * self._hop
        self._has_bands = 2 * _MAX_HZ <= rate <= 1_000_000
        self._window = np.hanning(self._length)
        edges = np.geomspace(_MIN_HZ, _MAX_HZ, BANDS + 1) * self._length / max(rate, 1)
        self._edges = np.rint(edges).astype(np.int64)
        self._rest = np.empty(0)
        self._bands: list[NDArray[np.uint8]] = []
        self._frames = self._silent = 0

    def add(self, mono: NDArray[np.float64]) -> None:
        """Add the next samples of the stream."""
        self._rest = np.concatenate([self._rest, mono])
        count = (len(self._rest) - self._length) // self._hop + 1
        if count <= 0:
            return
        framed = np.lib.stride_tricks.sliding_window_view(self._rest, self._length)[:: self._hop][:count]
        self._silent += int(np.count_nonzero(np.sqrt((framed**2).mean(axis=1)) < SILENT_FRAME_RMS))
        if self._has_bands and self._frames < _MAX_CONTOUR_FRAMES:
            power = np.abs(np.fft.rfft(framed * self._window, axis=1)) ** 2
            energy = np.add.reduceat(power[:, : self._edges[-1]], self._edges[:-1], axis=1) / self._length
            decibels = 10 * np.log10(np.maximum(energy, 1e-12))
            self._bands.append(np.clip((decibels + 120) * 1.5, 0, 255).astype(np.uint8))
        self._frames += count
        self._rest = self._rest[count * self._hop :]

    def silent_share(self) -> float:
        """Share of the frames below -60 dB; 0 if there is no complete frame."""
        return self._silent / self._frames if self._frames else 0.0

    def values(self) -> NDArray[np.uint8]:
        """The contour so far."""
        return np.concatenate([np.empty((0, BANDS), np.uint8), *self._bands])[:_MAX_CONTOUR_FRAMES]


# ------------------------------------------------------------------ the cache


@dataclass(frozen=True)
class MeasurementCache:
    """Measurements on disk: a small JSON file per audio file, named after its content hash.

    Parameters
    ----------
    folder : Path
        Root folder of genrebench's cache.
    """

    folder: Path

    def path(self, content_hash: str) -> Path:
        """Path of the measurement for a content hash."""
        return self.folder / f"check-v{audio.VERSION}.{VERSION}" / content_hash[:2] / f"{content_hash}.json"

    def get(self, content_hash: str) -> Measurement | None:
        """Read a measurement; None if it is missing or damaged."""
        try:
            values: dict[str, Any] = json.loads(self.path(content_hash).read_text("utf-8"))
            contour = np.frombuffer(base64.b64decode(values.pop("contour")), np.uint8).reshape(-1, BANDS)
            return Measurement(**values, contour=contour)
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def put(self, content_hash: str, measurement: Measurement) -> None:
        """Write a measurement. Decoding errors aren't cached, as a decoder may be installed later."""
        if measurement.error is not None:
            return
        values = asdict(replace(measurement, contour=np.empty((0, BANDS), np.uint8)))
        values["contour"] = base64.b64encode(measurement.contour.tobytes()).decode()
        target = self.path(content_hash)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with files.atomic(target, durable=False) as temporary:
                temporary.write_text(json.dumps(values), "utf-8")
        except OSError as error:
            raise files.cache_error(error) from None


def _measure_one(path: Path, content_hash: str) -> tuple[str, Measurement]:
    return content_hash, measure(path)


def measure_all(contents: dict[str, Path], cache: MeasurementCache, workers: int) -> Iterator[tuple[str, Measurement]]:
    """Measure files in parallel, in order of completion; measurements in the cache are read from there.

    Each is in the cache before it is yielded. If `workers` is above 1, a file that crashes the decoder is reported like one
    that can't be decoded.

    Parameters
    ----------
    contents : dict
        Content hash to file.
    cache : MeasurementCache
    workers : int
        Number of processes.

    Yields
    ------
    content_hash : str
    measurement : Measurement
    """
    unmeasured: dict[str, Path] = {}
    for content_hash, path in contents.items():
        cached = cache.get(content_hash)
        if cached is None:
            unmeasured[content_hash] = path
        else:
            yield content_hash, cached
    if not unmeasured:
        return
    # this process writes to the cache: a worker may be killed in the middle of it, as those of an interrupted check are
    with closing(_measured_all(unmeasured, workers)) as results:
        for content_hash, measurement in results:
            cache.put(content_hash, measurement)
            yield content_hash, measurement


def _measured_all(contents: dict[str, Path], workers: int) -> Generator[tuple[str, Measurement], None, None]:
    rest = dict(contents)
    try:
        with closing(_in_processes(rest, workers, attempts=2)) as results:
            for content_hash, measurement in results:
                del rest[content_hash]
                yield content_hash, measurement
    except WorkerDiedError:
        for content_hash, path in rest.items():
            try:
                yield from _in_processes({content_hash: path}, 2, attempts=1)
            except WorkerDiedError:
                yield content_hash, Measurement(error="the decoder crashed")


def _in_processes(contents: dict[str, Path], workers: int, *, attempts: int) -> Generator[tuple[str, Measurement], None, None]:
    calls = [(path, content_hash) for content_hash, path in contents.items()]
    return in_processes(_measure_one, calls, workers, attempts=attempts)
