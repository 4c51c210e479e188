"""Damaged files for the tests. GENREBENCH_DAMAGED_FILES sets how many are made; the default keeps the suite quick."""

import os
from pathlib import Path

import numpy as np
import soundfile

COUNT = int(os.environ.get("GENREBENCH_DAMAGED_FILES", "400"))
FORMATS = ("wav", "flac", "mp3", "ogg")


def damage(data: bytes, rng: np.random.Generator) -> bytes:
    """One to three accidents, mostly in the header: bytes changed, a piece lost, zeroed, doubled or noise, the end lost."""
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


def whole_files(folder: Path) -> dict[str, bytes]:
    """A second of music in each format."""
    samples = 0.2 * np.random.default_rng(0).standard_normal((22050, 2)).cumsum(axis=0).clip(-2, 2)
    for suffix in FORMATS:
        soundfile.write(folder / f"a.{suffix}", samples, 22050)
    return {suffix: (folder / f"a.{suffix}").read_bytes() for suffix in FORMATS}


def damaged_files(sources: dict[str, bytes], folder: Path) -> list[Path]:
    """COUNT files, the formats in turn, each damaged in its own way."""
    paths = [folder / f"{number}.{FORMATS[number % len(FORMATS)]}" for number in range(COUNT)]
    for number, path in enumerate(paths):
        path.write_bytes(damage(sources[path.suffix[1:]], np.random.default_rng(number)))
    return paths
