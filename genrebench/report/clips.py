"""Audio files and figures, copied into the report."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from genrebench.reading import read_within

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
MAX_BYTES = 20 * 2**20
MAX_PIXELS = 25_000_000
MAX_FIGURES = 50
MAX_TITLE = 200
MAX_CAPTION = 1000
PLAIN_NAME = re.compile(r"[a-z0-9-]{1,100}\.png")
"""Names that the recorder gives; others could mean something else in a page's address."""

BROWSER_FORMATS = {".mp3", ".wav", ".ogg", ".oga", ".opus", ".flac", ".m4a"}


class Clips:
    """Copies files into the report, each at most once.

    Parameters
    ----------
    audio : mapping
        Dataset name to a mapping of track id to audio file.
    folder : Path
        Folder of the report.
    """

    def __init__(self, audio: Mapping[str, Mapping[str, Path]], folder: Path) -> None:
        self._audio = audio
        self._folder = folder
        self._used: set[str] = set()

    def clip(self, dataset: str, track: str) -> str | None:
        """Copy the audio of a track; returns the path relative to the report, or None without a file that browsers play."""
        file = self._audio.get(dataset, {}).get(track)
        if file is None or file.suffix.lower() not in BROWSER_FORMATS or not file.is_file():
            return None
        key = hashlib.sha256(f"{dataset}\0{track}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
        copy = self._folder / "audio" / f"{key}{file.suffix.lower()}"
        if not copy.exists():
            copy.parent.mkdir(exist_ok=True)
            new = copy.with_name(f"{copy.name}.{os.getpid()}")  # several processes copy the same file
            shutil.copyfile(file, new)
            new.replace(copy)
        self._used.add(f"audio/{copy.name}")
        return f"audio/{copy.name}"

    def taken(self) -> list[str]:
        """The audio files that were asked for since the last call."""
        used, self._used = sorted(self._used), set()
        return used

    @cache  # noqa: B019 - lives as long as one report is written
    def stamp(self, dataset: str) -> str:
        """Changes whenever one of the audio files of a dataset does."""
        digest = hashlib.sha256()
        for track, file in sorted(self._audio.get(dataset, {}).items()):
            with contextlib.suppress(OSError):
                stat = file.stat()
                digest.update(f"{track}\0{file}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def of(self, dataset: str) -> Mapping[str, Path]:
        """The audio files of a dataset by track."""
        return self._audio.get(dataset, {})

    def figures(self, run_folder: Path, run_id: str) -> tuple[list[tuple[str, str, str, bool]], list[str]]:
        """Copy the figures of a run.

        Returns
        -------
        figures : list of (str, str, str, bool)
            Title, caption, path relative to the folder of run pages, and whether it is much wider than high.
        problems : list of str
            One line per file that isn't copied, because it isn't a picture of a sensible size in the run's own folder.
        """
        copied, problems = [], []
        for number, file in enumerate(_pictures(run_folder / "figures"), start=1):
            if number > MAX_FIGURES:
                problems.append(f"{run_folder / 'figures'} has more than {MAX_FIGURES} figures; the others are left out")
                break
            try:
                data = read_within(run_folder, Path("figures", file.name), MAX_BYTES)
                title, caption = picture_texts(data)
            except (OSError, ValueError) as error:
                problems.append(f"{file} is left out of the report: {getattr(error, 'strerror', None) or error}")
                continue
            copy = self._folder / "runs" / run_id / (file.name if PLAIN_NAME.fullmatch(file.name) else f"figure-{number}.png")
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(data)
            width, height = size_of(data)
            copied.append((title or file.stem.replace("-", " "), caption, f"{run_id}/{copy.name}", width > 2 * height))
        return copied, problems


def _pictures(folder: Path) -> list[Path]:
    try:
        return sorted(file for file in folder.iterdir() if file.suffix == ".png")
    except OSError:  # no figures
        return []


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height of a PNG picture in pixels, as its header says."""
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def picture_texts(data: bytes) -> tuple[str, str]:
    """Return the title and the description of a PNG picture, "" where it has none.

    Raises
    ------
    ValueError
        If it isn't a PNG picture, or one that a browser would need too much memory for.
    """
    from PIL import Image

    if data[:16] != PNG or len(data) < 33:
        raise ValueError("it isn't a PNG picture")
    width, height = size_of(data)
    if width * height > MAX_PIXELS:
        raise ValueError(f"it has {width} x {height} pixels")
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            image.load()
            return str(image.info.get("Title") or "")[:MAX_TITLE], str(image.info.get("Description") or "")[:MAX_CAPTION]
    except Exception as error:  # Pillow raises errors of many kinds at damaged pictures
        raise ValueError(f"it is a damaged picture ({error})") from None
