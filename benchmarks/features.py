"""Time the extraction of the 518 columns against the plain way with librosa, on the same clips, from mp3.

Clips are read from GENREBENCH_TEST_DATA (default ../shared/data) or from the folder given. One core each, then two cores each,
side by side in one process; the first clip is done once by each side before the clock starts.
"""

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np
import plain
from joblib import Parallel, delayed
from measuring import peak_rss_mb, show, side_by_side
from threadpoolctl import threadpool_limits

from genrebench import audio
from genrebench.inputs import features
from genrebench.records import Excerpt

WHOLE = Excerpt(None)
CLIPS = Path(os.environ.get("GENREBENCH_TEST_DATA", Path(__file__).parents[1] / ".." / "shared" / "data")) / "fma" / "clips"


def ours(path):
    """Our 518 columns, on one core."""
    with threadpool_limits(1):
        return features.compute_features(path, excerpt=WHOLE)


def theirs(path):
    """The plain 518 columns, on one core."""
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        return plain.features(path).to_numpy()


def decoded(path):
    """The samples alone: the floor of any extractor."""
    return audio.read(path, WHOLE)


def seconds_on_two_cores(compute, paths, repeats):
    """Best mean time over a few passes."""
    workers = 2
    parallel = Parallel(n_jobs=workers)
    parallel(delayed(compute)(path) for path in paths[:1] * workers)
    best = np.inf
    for _ in range(repeats):
        begun = time.perf_counter()
        parallel(delayed(compute)(path) for path in paths)
        best = min(best, time.perf_counter() - begun)
    return best / len(paths)


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, default=CLIPS, help="folder of audio files")
    parser.add_argument("--repeats", type=int, default=2, help="passes over the clips; each clip's fastest counts")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    paths = list(audio.find(options.clips))
    result = {"unit": "seconds per clip", "clips": len(paths)}
    (fast, slow, decode), (values, expected, _) = side_by_side((ours, theirs, decoded), paths, options.repeats)
    values, expected = np.array(values), np.array(expected)
    result |= {"ratio": slow / fast, "ours": fast, "plain": slow, "decode": decode}
    fast, slow = (seconds_on_two_cores(compute, paths, options.repeats) for compute in (ours, theirs))
    result |= {"ratio_two_cores": slow / fast, "ours_two_cores": fast, "plain_two_cores": slow}
    result["largest_relative_error"] = float(np.max(np.abs(values - expected) / np.maximum(np.abs(expected), 1e-3)))
    result["peak_rss_mb"] = peak_rss_mb()
    show(result, options.json, digits=6)


if __name__ == "__main__":
    main()
