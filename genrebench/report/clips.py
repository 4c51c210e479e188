"""Audio and images that pages show, copied into the report."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

PLAYABLE = {".mp3", ".wav", ".ogg", ".oga", ".opus", ".flac", ".m4a"}


class Clips:
    """Copies what is asked for, once.

    Parameters
    ----------
    audio : mapping
        Dataset name to a mapping of track id to audio file.
    folder : Path
        The report's.
    """

    def __init__(self, audio: Mapping[str, Mapping[str, Path]], folder: Path) -> None:
        self._audio = audio
        self._folder = folder

    def clip(self, dataset: str, track: str) -> str | None:
        """Address of a track's copy, relative to the report; None where there is no file that a browser plays."""
        file = self._audio.get(dataset, {}).get(track)
        if file is None or file.suffix.lower() not in PLAYABLE or not file.is_file():
            return None
        key = hashlib.sha256(f"{dataset}\0{track}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
        copy = self._folder / "audio" / f"{key}{file.suffix.lower()}"
        if not copy.exists():
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, copy)
        return f"audio/{copy.name}"

    def figures(self, run_folder: Path, run_id: str) -> list[tuple[str, str]]:
        """Title and address of each figure that a run left."""
        from PIL import Image

        found = []
        for file in sorted((run_folder / "figures").glob("*.png")):
            try:
                with Image.open(file, formats=["PNG"]) as image:
                    title = str(image.info.get("Title") or file.stem.replace("-", " "))
            except OSError:
                continue  # not an image
            copy = self._folder / "runs" / run_id / file.name
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, copy)
            found.append((title, f"{run_id}/{file.name}"))
        return found
