"""How often 95 % intervals hold the truth, and how often the permutation test at 5 % raises a false alarm.

Test sets are drawn from a made population whose true scores are known from many more draws: tracks on their own, artists with
ten tracks each, and artists with from one to thirty. Artists have a sound and a difficulty of their own, so their tracks
succeed and fail together.
"""

import argparse
import json
import sys
import time

import numpy as np
from measuring import peak_rss_mb

from genrebench.evaluation import metrics
from genrebench.evaluation.f1 import F1
from genrebench.evaluation.intervals import MeanInterval, resamples, sampling_units
from genrebench.evaluation.proportions import share_interval
from genrebench.evaluation.significance import permutation_interval, permutation_test

N_TRACKS, N_GENRES = 300, 8
SCORES = ("log_loss", "f1_micro", "f1_macro", "f1_weighted")


def artist_sizes(case: str, rng: np.random.Generator) -> np.ndarray:
    """Tracks of each artist of one test set."""
    if case == "tracks":
        return np.ones(N_TRACKS, dtype=int)
    if case == "ten-each":
        return np.full(N_TRACKS // 10, 10)
    sizes: list[int] = []
    while (left := N_TRACKS - sum(sizes)) > 0:
        sizes.append(min(left, 30, 1 + int(3 * rng.pareto(1.2))))
    return np.array(sizes)


def made_set(
    case: str, rng: np.random.Generator, n_models: int = 1, gap: float = 0.0
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Artists, labels and the probabilities of models of equal skill, or each `gap` less skilled than the one before."""
    sizes = artist_sizes(case, rng)
    artist = np.repeat(np.arange(len(sizes)), sizes)
    labels = rng.integers(N_GENRES, size=len(sizes))[artist]
    ease = 2.2 + rng.normal(size=len(sizes))[artist]
    probabilities = []
    for i in range(n_models):
        logits = rng.normal(size=(len(labels), N_GENRES)) + 0.7 * rng.normal(size=(len(sizes), N_GENRES))[artist]
        logits[np.arange(len(labels)), labels] += ease - i * gap
        p = np.exp(logits)
        probabilities.append(p / p.sum(axis=1, keepdims=True))
    return artist, labels, probabilities


def true_scores(case: str, n_sets: int, rng: np.random.Generator) -> np.ndarray:
    """Scores over the population, from the tracks of many sets."""
    loss, counts = 0.0, np.zeros((N_GENRES, N_GENRES))
    for _ in range(n_sets):
        _, labels, (p,) = made_set(case, rng)
        loss += metrics.track_log_losses(labels, p).sum()
        counts += metrics.confusion(labels, p)
    support, hits = counts.sum(axis=1), np.diag(counts)
    f1 = 2 * hits / (support + counts.sum(axis=0))
    return np.array([loss / counts.sum(), hits.sum() / counts.sum(), f1.mean(), (f1 * support).sum() / support.sum()])


def coverage(case: str, n_sets: int, n_resamples: int, seed: int, n_truth: int) -> dict[str, float]:
    """Share of test sets whose intervals hold the true scores."""
    truth = true_scores(case, n_truth, np.random.default_rng([seed, 1]))
    rng = np.random.default_rng([seed, 2])
    held = np.zeros(len(SCORES))
    for i in range(n_sets):
        artist, labels, (p,) = made_set(case, rng)
        predicted = p.argmax(axis=1)
        units = sampling_units(artist if case != "tracks" else np.full(N_TRACKS, -1))
        loss, f1 = MeanInterval(metrics.track_log_losses(labels, p)[:, None], units), F1(labels, [predicted], N_GENRES, units)
        for weights in resamples(units, n_resamples, i):
            loss.add(weights)
        micro = share_interval((predicted == labels)[:, None].astype(float), units)
        averages = zip(f1.macro(), f1.weighted(), strict=True)
        low, high = (np.concatenate(ends) for ends in zip(loss.interval(), micro, averages, strict=True))
        held += (low <= truth) & (truth <= high)
    return dict(zip(SCORES, (held / n_sets).tolist(), strict=True))


def difference_coverage(case: str, n_sets: int, n_resamples: int, seed: int, n_truth: int, gap: float = 0.3) -> float:
    """Share of test sets whose interval of the difference between two models holds the true difference."""

    def differences(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        artist, labels, (a, b) = made_set(case, rng, 2, gap)
        return artist, metrics.track_log_losses(labels, a) - metrics.track_log_losses(labels, b)

    rng = np.random.default_rng([seed, 4])
    truth = np.mean(np.concatenate([differences(rng)[1] for _ in range(n_truth)]))
    held = 0
    for i in range(n_sets):
        artist, delta = differences(rng)
        units = sampling_units(artist if case != "tracks" else np.full(N_TRACKS, -1))
        low, high = permutation_interval(delta, units, n=n_resamples, seed=i)
        held += low <= truth <= high
    return held / n_sets


def false_alarms(case: str, n_sets: int, n_resamples: int, seed: int) -> float:
    """Share of test sets on which the test finds a difference between two models that are equally good."""
    rng = np.random.default_rng([seed, 3])
    alarms = 0
    for i in range(n_sets):
        artist, labels, (a, b) = made_set(case, rng, 2)
        delta = metrics.track_log_losses(labels, a) - metrics.track_log_losses(labels, b)
        units = sampling_units(artist if case != "tracks" else np.full(N_TRACKS, -1))
        alarms += permutation_test(delta[:, None], units, n=n_resamples, seed=i)[0] <= 0.05
    return float(alarms / n_sets)


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=["tracks", "ten-each", "one-to-thirty"], action="append")
    parser.add_argument("--sets", type=int, default=2000, help="test sets for the intervals")
    parser.add_argument("--null-sets", type=int, default=5000, help="test sets for the permutation test")
    parser.add_argument("--truth-sets", type=int, default=4000, help="test sets that give the true scores")
    parser.add_argument("--resamples", type=int, default=999)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    cases = []
    for case in args.case or ["tracks", "ten-each", "one-to-thirty"]:
        began = time.perf_counter()
        cases.append(
            {
                "case": case,
                "tracks": N_TRACKS,
                "sets": args.sets,
                "coverage": coverage(case, args.sets, args.resamples, args.seed, args.truth_sets),
                "coverage_of_difference": difference_coverage(case, args.sets, args.resamples, args.seed, args.truth_sets),
                "null_sets": args.null_sets,
                "false_alarms": false_alarms(case, args.null_sets, args.resamples, args.seed),
                "seconds": round(time.perf_counter() - began, 1),
            }
        )
        print(cases[-1], file=sys.stderr)
    if args.json:
        print(json.dumps({"cases": cases, "peak_rss_mb": peak_rss_mb()}))


if __name__ == "__main__":
    main()
