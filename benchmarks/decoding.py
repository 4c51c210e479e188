"""Time the decoding of audio files to mono against a plain `soundfile.read` of the same stretch, on the same files.

Files are read from GENREBENCH_TEST_DATA (default ../shared/data) or from the folder given: whole, and an excerpt, for which the
plain way believes the header and seeks; ours counts the length, and begins to decode a little earlier.
"""

import argparse
import os
from pathlib import Path

import soundfile
from measuring import peak_rss_mb, show, side_by_side

from genrebench import audio
from genrebench.records import Excerpt

CLIPS = Path(os.environ.get("GENREBENCH_TEST_DATA", Path(__file__).parents[1] / ".." / "shared" / "data")) / "fma" / "clips"


def plain(path, seconds=None):
    """Mono samples of the whole file, or of its middle."""
    with soundfile.SoundFile(path) as file:
        frames = file.frames
        if seconds is not None:
            frames = min(frames, round(seconds * file.samplerate))
            file.seek((file.frames - frames) // 2)
        return file.read(frames, dtype="float32", always_2d=True).mean(axis=1)


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, default=CLIPS, help="folder of audio files")
    parser.add_argument("--seconds", type=float, default=10, help="length of the excerpt")
    parser.add_argument("--repeats", type=int, default=7, help="passes over the files; each file's fastest counts")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    paths = list(audio.find(options.clips))
    ways = (
        lambda path: audio.read(path, Excerpt(None)),
        plain,
        lambda path: audio.read(path, Excerpt(options.seconds)),
        lambda path: plain(path, options.seconds),
        audio.info,
    )
    (whole, plain_whole, excerpt, plain_excerpt, length), _ = side_by_side(ways, paths, options.repeats)
    result = {
        "ratio": plain_whole / whole,
        "ours": whole,
        "plain": plain_whole,
        "unit": "seconds per file",
        "files": len(paths),
    }
    result |= {"ratio_excerpt": plain_excerpt / excerpt, "ours_excerpt": excerpt, "plain_excerpt": plain_excerpt}
    result |= {"length": length, "peak_rss_mb": peak_rss_mb()}
    show(result, options.json, digits=6)


if __name__ == "__main__":
    main()
