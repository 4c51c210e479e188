"""Time MFCC frames from mp3 against a plain loop with librosa, one core each, in one process; then training on them.

Clips are read from GENREBENCH_TEST_DATA (default ../shared/data) or from the folder given. The first clip is done once by each
side before the clock starts. The keys that begin with ``training_`` are those of frames_training.py, which says what they mean.
"""

import argparse
import os
import warnings
from pathlib import Path

import frames_training
import numpy as np
import plain
from measuring import peak_rss_mb, show, side_by_side
from threadpoolctl import threadpool_limits

from genrebench import audio
from genrebench.inputs import frames
from genrebench.plugin.contract import Frames
from genrebench.records import Excerpt

WHOLE = Excerpt(None)
CLIPS = Path(os.environ.get("GENREBENCH_TEST_DATA", Path(__file__).parents[1] / ".." / "shared" / "data")) / "fma" / "clips"


def extraction(paths, kind, deltas, repeats):
    """Seconds per clip of both sides, and how far their values are apart."""
    requested = Frames(kind, deltas=deltas, n_coefficients={"mfcc": 20, "mel": 128, "chroma": 12}[kind])
    ways = (
        lambda path: frames.compute_frames(path, requested=requested, excerpt=WHOLE),
        lambda path: plain.frames(path, kind, deltas),
        lambda path: audio.read(path, WHOLE),
    )
    (fast, slow, decode), (ours, theirs, _) = side_by_side(ways, paths, repeats)
    error = max(np.abs(a - b).max() / np.abs(b).max() for a, b in zip(ours, theirs, strict=True))
    return {"ratio": slow / fast, "ours": fast, "plain": slow, "decode": decode, "largest_error_of_full_scale": float(error)}


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, default=CLIPS, help="folder of audio files")
    parser.add_argument("--kind", choices=("mfcc", "mel", "chroma"), default="mfcc")
    parser.add_argument("--deltas", action="store_true", help="with first and second differences")
    parser.add_argument("--repeats", type=int, default=5, help="passes over the clips; each clip's fastest counts")
    parser.add_argument("--no-training", action="store_true", help="leave the training throughput out")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    paths = list(audio.find(options.clips))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with threadpool_limits(1):
            result = extraction(paths, options.kind, options.deltas, options.repeats)
        result |= {"unit": "seconds per clip", "clips": len(paths), "peak_rss_mb": peak_rss_mb()}
        if not options.no_training:
            result |= {f"training_{key}": value for key, value in frames_training.training(paths[:50]).items()}
    show(result, options.json, digits=7)


if __name__ == "__main__":
    main()
