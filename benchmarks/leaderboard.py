"""Intervals and ties of a board, against a loop over scikit-learn's metrics.

The plain way draws tracks and calls `log_loss` and `f1_score` of each model on them, resample by resample. It is timed on a few
resamples of a few models and scaled to all of them; the ties aren't even asked of it.

    benchmarks/leaderboard.py [--json] [--models 20] [--tracks 35000]
    benchmarks/leaderboard.py --runs 2000 [--json] [--seeds 5] [--tracks 2500]

With --runs it makes so many runs on disk, and times `genrebench leaderboard` on them: without its cache, and with it.
"""

import argparse
import time

import numpy as np
from made_runs import board_of_many, made_predictions
from measuring import peak_rss_mb, show

from genrebench.boards.uncertainty import board_units, row_intervals
from genrebench.evaluation import metrics
from genrebench.evaluation.ranking import rank_models
from genrebench.evaluation.variance import Trainings
from genrebench.records import Predictions
from genrebench.runs.scored import score


def ours(predictions: list[Predictions], n_resamples: int) -> np.ndarray:
    """Intervals of all scores of all models, and which of them are tied."""
    scored = [[score(one)] for one in predictions]
    intervals = row_intervals(scored, len(predictions[0].genres), "official", n_resamples)
    losses = np.stack([one.losses for (one,) in scored], axis=1)
    rank_models(losses, board_units(scored[0][0], "official"), Trainings.none(len(scored)))
    return np.array([row["log_loss"] for row in intervals])


def plain(predictions: list[Predictions], n_resamples: int, seed: int = 0) -> np.ndarray:
    """The same scores by a loop."""
    from sklearn.metrics import f1_score, log_loss

    rng = np.random.default_rng(seed)
    columns = np.arange(len(predictions[0].genres))
    n = len(predictions[0].labels)
    scores = np.empty((n_resamples, len(predictions), 4))
    for i in range(n_resamples):
        drawn = rng.integers(n, size=n)
        for j, one in enumerate(predictions):
            y, p = one.labels[drawn], one.probabilities[drawn]
            guess = p.argmax(axis=1)
            scores[i, j, 0] = log_loss(y, p, labels=columns)
            scores[i, j, 1:] = [f1_score(y, guess, average=a) for a in ("micro", "macro", "weighted")]
    return np.quantile(scores[:, :, 0], [0.025, 0.975], axis=0).T


def main() -> None:
    """Time both ways and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--tracks", type=int, help="by default 35,000, with --runs 2,500")
    parser.add_argument("--runs", type=int, help="time the command on so many runs on disk")
    parser.add_argument("--seeds", type=int, default=5, help="with --runs: runs per row of the board")
    parser.add_argument("--genres", type=int, default=16)
    parser.add_argument("--resamples", type=int, default=10_000)
    parser.add_argument("--plain-resamples", type=int, default=20, help="timed, then scaled to --resamples")
    parser.add_argument("--plain-models", type=int, default=4, help="timed, then scaled to --models")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.runs:
        show(board_of_many(args.runs, args.tracks or 2500, args.genres, args.seeds), args.json)
        return
    n_tracks = args.tracks or 35_000
    predictions = list(made_predictions(np.linspace(1, 3, args.models), n_tracks, args.genres))
    began = time.perf_counter()
    found = ours(predictions, args.resamples)
    our_seconds = time.perf_counter() - began
    peak = peak_rss_mb()
    began = time.perf_counter()
    by_loop = plain(predictions[: args.plain_models], args.plain_resamples)
    work = args.models * args.resamples / (min(args.models, args.plain_models) * args.plain_resamples)
    plain_seconds = (time.perf_counter() - began) * work
    means = [metrics.log_loss(p.labels, p.probabilities) for p in predictions]
    assert all(low < mean < high for (low, high), mean in zip(found, means, strict=True))
    result = {
        "ratio": plain_seconds / our_seconds,
        "ours": our_seconds,
        "plain": plain_seconds,
        "unit": "s",
        "peak_rss_mb": peak,
        "plain_scaled_from": f"{args.plain_resamples} resamples of {min(args.models, args.plain_models)} models",
        "resamples": args.resamples,
        "models": args.models,
        "tracks": n_tracks,
        "interval_of_first": found[0].tolist(),
        "plain_interval_of_first": by_loop[0].tolist(),
    }
    show(result, args.json)


if __name__ == "__main__":
    main()
