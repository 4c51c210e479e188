"""Decode, excerpt, resample: from an audio file to mono samples.

libsndfile decodes wav, flac, ogg, opus and mp3; PyAV, where the extra ``m4a`` is installed, decodes AAC in MP4. Both run in
this process and open nothing but the file that they are given.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.errors import AudioError, DataError
from genrebench.records import Excerpt

SUFFIXES = (".mp3", ".wav", ".flac", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".m4a", ".mp4")
"""Names that count as audio when a folder is searched; a file is decoded by its content, whatever its name."""

VERSION = 1
"""Raised when `read` gives other samples for the same file, so that caches notice."""

RATES = (1000, 384_000)
"""Lowest and highest sample rate that is taken for one, in Hz; a damaged header may say anything."""

_BLOCK = 1 << 21  # frames decoded at a time; after each read soundfile seeks, which costs an mp3 a quarter of a millisecond
_LOUDEST = 100.0  # 40 dB over full scale: beyond it a float file isn't scaled to [-1, 1]


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What a file says about itself.

    Parameters
    ----------
    frames : int
        Samples a channel.
    sample_rate : int
        In Hz.
    channels : int
    """

    frames: int
    sample_rate: int
    channels: int

    @property
    def seconds(self) -> float:
        """Duration."""
        return self.frames / self.sample_rate


def info(path: Path) -> AudioInfo:
    """Length, rate and channels as the file declares them, without decoding it.

    Raises
    ------
    AudioError
        If the file is missing or isn't audio that can be decoded.
    """
    if _is_mp4(path):
        return _mp4_info(path)
    with _open(path) as file:
        return AudioInfo(file.frames, _rate(path, file.samplerate), file.channels)


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
    samples, rate = _read_mp4(path, excerpt) if _is_mp4(path) else _read_sndfile(path, excerpt)
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
    import soundfile

    if _is_mp4(path):
        yield from _mp4_blocks(path)
        return
    with _open(path) as file:
        try:
            frames = max(_BLOCK // file.channels, 1)  # a file of 1,024 channels takes no more memory
            while len(samples := file.read(frames, dtype="float32", always_2d=True)):
                yield int(file.samplerate), samples
        except (soundfile.LibsndfileError, ValueError, MemoryError) as error:
            raise AudioError(f"{path}: can't be decoded as audio ({str(error).rstrip('.')})") from None


def resample(samples: NDArray[np.float32], rate: int, sample_rate: int) -> NDArray[np.float32]:
    """Band-limited resampling (soxr, high quality) to ``ceil(n * sample_rate / rate)`` samples."""
    import soxr

    length = resampled_length(len(samples), rate, sample_rate)
    converted: NDArray[np.float32] = soxr.resample(samples, rate, sample_rate, quality="HQ")
    return extended(converted[:length], length)


def extended(samples: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Samples with silence after them if they are fewer than `length`."""
    return samples if len(samples) >= length else np.pad(samples, (0, length - len(samples)))


def resampled_length(frames: int, rate: int, sample_rate: int) -> int:
    """Samples that `resample` gives for `frames` samples."""
    return -(-frames * sample_rate // rate)


def excerpt_bounds(frames: int, rate: int, excerpt: Excerpt) -> tuple[int, int]:
    """First frame and number of frames of an excerpt of a file of `frames` frames."""
    if excerpt.seconds is None:
        return 0, frames
    length = min(frames, round(excerpt.seconds * rate))
    return (frames - length) // 2, length


# ------------------------------------------------------------------ content hashes


def content_hash(path: Path) -> str:
    """BLAKE2b of a file's bytes, as 32 hexadecimal digits.

    Raises
    ------
    DataError
        If the file can't be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None


def content_hashes(paths: Sequence[Path], cache_file: Path) -> list[str]:
    """Content hashes of many files, remembered in `cache_file` so that unchanged files aren't read again.

    A file counts as unchanged while its path, size and time of modification stay the same. Several links to one file are
    read once.

    Raises
    ------
    DataError
        If a file can't be read, or if the disk refuses `cache_file`.
    """
    known = _load_hashes(cache_file)
    stamps: dict[str, tuple[int, int, int, int]] = {}
    for path in paths:
        try:
            stat = path.stat()
        except OSError as error:
            raise DataError(f"{path}: {error.strerror or error}") from None
        stamps[os.path.abspath(path)] = (stat.st_size, stat.st_mtime_ns, stat.st_dev, stat.st_ino)  # noqa: PTH100, links stay
    stale = {name: stamp for name, stamp in stamps.items() if known.get(name, [])[:2] != list(stamp[:2])}
    if stale:
        first_of = {stamp: name for name, stamp in stale.items()}
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            hashes = dict(zip(first_of, pool.map(content_hash, map(Path, first_of.values())), strict=True))
        known.update({name: [*stamp[:2], hashes[stamp]] for name, stamp in stale.items()})
        _save_hashes(cache_file, known)
    return [known[os.path.abspath(path)][2] for path in paths]  # noqa: PTH100


def _load_hashes(cache_file: Path) -> dict[str, list[Any]]:
    try:
        entries = json.loads(cache_file.read_text("utf-8"))
        return {name: entry for name, entry in entries.items() if len(entry) == 3}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}  # absent or damaged: everything is read again


def _save_hashes(cache_file: Path, known: Mapping[str, list[Any]]) -> None:
    temporary = cache_file.with_name(f".{cache_file.name}.{os.getpid()}")
    try:
        cache_file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(known), "utf-8")
        temporary.replace(cache_file)
    except OSError as error:
        raise DataError(f"can't write {cache_file}: {error.strerror or error}; free space or set GENREBENCH_HOME") from None
    finally:
        temporary.unlink(missing_ok=True)


# ------------------------------------------------------------------ libsndfile


class _Quiet:
    """Keeps the mp3 decoder, which writes about odd files to the process's stderr, from doing so; threads may overlap."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._stderr: int | None = None

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                with suppress(OSError):  # no stderr, nothing to silence
                    self._stderr = os.dup(2)
                    nothing = os.open(os.devnull, os.O_WRONLY)
                    os.dup2(nothing, 2)
                    os.close(nothing)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._stderr is not None:
                os.dup2(self._stderr, 2)
                os.close(self._stderr)
                self._stderr = None


_QUIET = _Quiet()


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    """A soundfile.SoundFile; whatever libsndfile finds wrong while it is open is an AudioError."""
    import soundfile

    try:
        if not path.is_file():
            raise AudioError(f"{path}: no such file")
        if path.stat().st_size == 0:
            raise AudioError(f"{path}: the file is empty")
        with _QUIET, soundfile.SoundFile(path) as file:
            yield file
    except (soundfile.LibsndfileError, OSError, ValueError, TypeError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "error_string", None) or error
        raise AudioError(f"{path}: can't be decoded as audio ({str(reason).rstrip('.')})") from None


def _read_sndfile(path: Path, excerpt: Excerpt) -> tuple[NDArray[np.float32], int]:
    with _open(path) as file:
        rate = _rate(path, file.samplerate)
        start, length = excerpt_bounds(file.frames, rate, excerpt)
        if start and not _reaches(file, file.frames):
            start, length = excerpt_bounds(_count(file), rate, excerpt)
        file.seek(start)
        parts = []
        while length and len(block := file.read(min(_BLOCK, length), dtype="float32", always_2d=True)):
            parts.append(_mono(block))  # no block: the file is shorter than it says
            length -= len(block)
        return _joined(parts), rate


def _rate(path: Path, rate: int) -> int:
    if not RATES[0] <= rate <= RATES[1]:
        raise AudioError(f"{path}: its sample rate is {rate} Hz, and {RATES[0]} to {RATES[1]} Hz are understood")
    return int(rate)


def _reaches(file: Any, frames: int) -> bool:
    """Whether the last declared frame is there; a truncated mp3 keeps the header of the whole one."""
    file.seek(frames - 1)
    return len(file.read(1, dtype="float32")) == 1


def _count(file: Any) -> int:
    file.seek(0)
    total = 0
    while count := len(file.read(_BLOCK, dtype="float32", always_2d=True)):
        total += count
    return total


def _mono(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of the channels; `samples` has shape (n_samples, n_channels)."""
    if samples.shape[1] == 1:
        return np.ascontiguousarray(samples[:, 0])
    mono = samples[:, 0] + samples[:, 1]  # numpy's mean over an axis as short as this is many times slower
    for channel in range(2, samples.shape[1]):
        mono += samples[:, channel]
    mono /= samples.shape[1]
    return mono


def _joined(parts: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.float32), *parts])


# ------------------------------------------------------------------ PyAV


def _is_mp4(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(12)[4:8] == b"ftyp"
    except OSError:
        return False  # the decoder will say what is wrong


def _refuse(url: str, *_: object) -> None:
    raise PermissionError(f"an audio file asked for {url!r}")


def _open_mp4(path: Path, file: Any) -> Any:
    try:
        import av
    except ImportError:
        raise AudioError(f"{path}: MP4 audio needs a further decoder: pip install 'genrebench[m4a]'") from None
    # one demuxer, fed from a file object, its own references to other files off: nothing else can be opened
    return av.open(file, format="mp4", io_open=_refuse, options={"enable_drefs": "0", "protocol_whitelist": "none"})


def _mp4_info(path: Path) -> AudioInfo:
    frames = rate = channels = 0
    for rate, block in _mp4_blocks(path):  # noqa: B007, the last rate is the file's
        frames += block.shape[0]
        channels = block.shape[1]
    if not frames:
        raise AudioError(f"{path}: holds no audio samples")
    return AudioInfo(frames, _rate(path, rate), channels)


def _mp4_blocks(path: Path) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Rate and samples, shape (n, n_channels), block by block."""
    with path.open("rb") as file:
        try:
            with _open_mp4(path, file) as container:
                import av

                to_float = av.AudioResampler(format="fltp")
                for frame in container.decode(audio=0):
                    for block in to_float.resample(frame):
                        yield block.sample_rate, block.to_ndarray().T.astype(np.float32, copy=False)
        except (ValueError, IndexError, OSError, RuntimeError) as error:  # PyAV's errors derive from these
            raise AudioError(f"{path}: can't be decoded as MP4 audio ({error})") from None


def _read_mp4(path: Path, excerpt: Excerpt) -> tuple[NDArray[np.float32], int]:
    # AAC can't be entered at an exact sample, so the file is walked through: once to count, once to cut
    found = _mp4_info(path)
    start, length = excerpt_bounds(found.frames, found.sample_rate, excerpt)
    parts, position = [], 0
    for _, block in _mp4_blocks(path):
        first, last = max(start - position, 0), min(start + length - position, len(block))
        if first < last:
            parts.append(_mono(block[first:last]))
        position += len(block)
    return _joined(parts), found.sample_rate


def find(folder: Path) -> Iterable[Path]:
    """Audio files below `folder` by name, sorted."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
