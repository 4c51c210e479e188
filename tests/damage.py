"""Damaged files for the tests. GENREBENCH_DAMAGED_FILES sets the number of files per test; the default keeps the tests fast."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import soundfile
from numpy.typing import NDArray

T = TypeVar("T")
_COUNT_SETTING = os.environ.get("GENREBENCH_DAMAGED_FILES")
COUNT = int(_COUNT_SETTING or 400)
FORMATS = ("wav", "flac", "mp3", "ogg", *(["m4a"] if find_spec("av") else []))


def some(files: list[T], few: int) -> list[T]:
    """Return the first few files, for slow tests, or all files if GENREBENCH_DAMAGED_FILES is set."""
    return files if _COUNT_SETTING else files[:few]


def damage(data: bytes, rng: np.random.Generator) -> bytes:
    """Damage one to three places, mostly in the header: bytes changed, removed, zeroed, duplicated, randomised or cut off."""
    out = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        size = max(len(out), 1)
        reach = min(size, 256) if rng.random() < 0.6 else size
        start = int(rng.integers(reach))
        stop = min(size, start + int(rng.integers(1, 1 + rng.choice([4, 64, size]))))
        match rng.integers(6):
            case 0:
                for position in rng.integers(reach, size=rng.integers(1, 8)):
                    out[position : position + 1] = bytes([rng.integers(256)])
            case 1:
                del out[start:stop]
            case 2:
                out[start:stop] = bytes(stop - start)
            case 3:
                out[start:start] = out[start:stop]
            case 4:
                out[start:stop] = rng.bytes(stop - start)
            case 5:
                del out[int(rng.integers(size)) :]
    return bytes(out)


def whole_files(folder: Path, seconds: int = 1) -> dict[str, bytes]:
    """Write noise in each format, and return the content by format."""
    samples = 0.2 * np.random.default_rng(0).standard_normal((seconds * 22050, 2)).cumsum(axis=0).clip(-2, 2)
    for suffix in FORMATS:
        (write_m4a if suffix == "m4a" else soundfile.write)(folder / f"a.{suffix}", samples, 22050)
    return {suffix: (folder / f"a.{suffix}").read_bytes() for suffix in FORMATS}


def write_m4a(path: Path, samples: NDArray[Any], rate: int) -> None:
    """Write AAC in MP4 with PyAV; `samples` has shape (n_samples, n_channels)."""
    import av

    layout = "mono" if samples.shape[1] == 1 else "stereo"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T, np.float32), format="fltp", layout=layout)
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def damaged_files(sources: dict[str, bytes], folder: Path) -> list[Path]:
    """Write COUNT files, cycling through the formats, each with different damage."""
    paths = [folder / f"{number}.{FORMATS[number % len(FORMATS)]}" for number in range(COUNT)]
    for number, path in enumerate(paths):
        path.write_bytes(damage(sources[path.suffix[1:]], np.random.default_rng(number)))
    return paths
