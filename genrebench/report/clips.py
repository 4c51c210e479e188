"""Audio files and figures, copied into the report."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

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

    def clip(self, dataset: str, track: str) -> str | None:
        """Copy the audio of a track; returns the path relative to the report, or None without a file that browsers play."""
        file = self._audio.get(dataset, {}).get(track)
        if file is None or file.suffix.lower() not in BROWSER_FORMATS or not file.is_file():
            return None
        key = hashlib.sha256(f"{dataset}\0{track}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
        copy = self._folder / "audio" / f"{key}{file.suffix.lower()}"
        if not copy.exists():
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, copy)
        return f"audio/{copy.name}"

    def figures(self, run_folder: Path, run_id: str) -> list[tuple[str, str]]:
        """Copy the figures of a run; returns the title and relative path of each."""
        from PIL import Image

        copied = []
        for file in sorted((run_folder / "figures").glob("*.png")):
            try:
                with Image.open(file, formats=["PNG"]) as image:
                    title = str(image.info.get("Title") or file.stem.replace("-", " "))
            except OSError:
                continue  # not an image
            copy = self._folder / "runs" / run_id / file.name
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, copy)
            copied.append((title, f"{run_id}/{file.name}"))
        return copied
