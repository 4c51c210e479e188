"""How often 95 % intervals hold the truth, and how often tests at 5 % raise a false alarm.

Each case draws test sets from a made population whose truth is known (`populations.py`). The truth of an interval is the
score, or the difference, over the whole population; with several trainings, over the trainings as well. One training's
interval speaks of other tracks alone. The part "f1" is `f1_coverage.py`, which has cases of its own.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import f1_coverage
import numpy as np
from measuring import peak_rss_mb
from populations import (
    Differences,
    Sizes,
    equal,
    exponential,
    heavy,
    models,
    normal,
    rarely_wrong,
    sometimes,
)

from genrebench.evaluation.differences import mean_difference
from genrebench.evaluation.intervals import sampling_units
from genrebench.evaluation.means import mean_interval
from genrebench.evaluation.ranking import rank_models
from genrebench.evaluation.significance import mcnemar, permutation_test
from genrebench.evaluation.variance import Trainings
from genrebench.experiments.leakage.measure import mean_gap

RESAMPLES = 599
TRAINING_DEVIATION = 0.04
"""Standard deviation of the log loss between trainings, in nats: what the README of cnn-raw reports."""


@dataclass(frozen=True)
class Found:
    """How often something held.

    Parameters
    ----------
    case, quantity : str
    nominal : float
        In per cent.
    held : list of bool
        By test set.
    """

    case: str
    quantity: str
    nominal: float
    held: list[bool]

    def to_json(self) -> dict[str, object]:
        """Per cent found, with its standard error."""
        share = float(np.mean(self.held)) if self.held else float("nan")
        error = np.sqrt(max(share * (1 - share), 0.25 / len(self.held)) / len(self.held)) if self.held else float("nan")
        return {
            "case": self.case,
            "quantity": self.quantity,
            "nominal": self.nominal,
            "found": round(100 * share, 1),
            "standard_error": round(100 * float(error), 1),
            "sets": len(self.held),
            "truth": "mean over the population and over trainings" if "training" in self.case else "mean over the population",
            "method": next((how for what, how in METHODS.items() if what in self.quantity), THREE_TESTS),
        }


THREE_TESTS = "signs of artists, bootstrap-t and Student's t with the larger of two variances, which all have to agree"
METHODS = {
    "interval of a row": "the wider of bootstrap-t and Student's t with the larger of two variances",
    "interval of a method": "the same, with the variance between trainings",
    "McNemar": "McNemar's exact test, which `compare` uses for single tracks and one seed",
    "signs of artists": "random signs of the artists' sums",
    "board": "max-T over all pairs by signs, stretched as Student's interval is",
    "best row": "largest of the row's own differences under signs",
}
"""By words of the quantity; three tests for all others."""

DIFFERENCES = {
    "300 tracks": Differences(equal(300), normal(0, 1), 0),
    "2 % of 300 tracks worse by 8": Differences(equal(300), rarely_wrong(0.02, 8), 0, 0.5),
    "1 % of 300 tracks worse by 15": Differences(equal(300), rarely_wrong(0.01, 15), 0, 0.5),
    "0.5 % of 2500 tracks worse by 12": Differences(equal(2500), rarely_wrong(0.005, 12), 0, 0.5),
    "5 % of 60 artists worse by 5": Differences(equal(60, 5), rarely_wrong(0.05, 5), 0, 0.5),
    "10 % of 30 artists worse by 3": Differences(equal(30, 10), rarely_wrong(0.1, 3), 0, 0.5),
    "8 equal artists": Differences(equal(8, 10), normal(0, 1), 0, 1),
    "20 equal artists": Differences(equal(20, 15), normal(0, 1), 0, 1),
    "8 heavy artists": Differences(heavy(8), normal(0, 1), 0, 1),
    "20 heavy artists": Differences(heavy(20), normal(0, 1), 0, 1),
    "75 heavy artists": Differences(heavy(75), normal(0, 1), 0, 1),
    "600 heavy artists": Differences(heavy(600), normal(0, 1), 0, 1),
    "75 heavy artists, skewed": Differences(heavy(75), exponential(1), 1, 1),
    "20 heavy artists, skewed": Differences(heavy(20), exponential(1), 1, 1),
    "models differ on 5 % of 300 tracks": Differences(equal(300), sometimes(0.05, normal(1, 2)), 0.05),
    "models differ on 2 % of 300 tracks": Differences(equal(300), sometimes(0.02, normal(1, 2)), 0.02),
    "models differ on a tenth of 75 heavy artists": Differences(heavy(75), sometimes(0.1, normal(1, 2)), 0.1),
    "models differ on a tenth of 600 heavy artists": Differences(heavy(600), sometimes(0.1, exponential(2)), 0.2),
}
SIZES: dict[str, Sizes] = {
    "300 tracks": equal(300),
    "20 equal artists": equal(20, 15),
    "8 heavy artists": heavy(8),
    "20 heavy artists": heavy(20),
    "75 heavy artists": heavy(75),
    "600 heavy artists": heavy(600),
}


def of_differences(sets: int, seed: int) -> Iterator[Found]:
    """Interval and test of a difference between two trained models, on populations of differences."""
    for case, population in DIFFERENCES.items():
        rng = np.random.default_rng([seed, 1])
        held = []
        for i in range(sets):
            groups, differences = population.draw(rng)
            low, high = mean_difference(differences, sampling_units(groups), n=RESAMPLES, seed=i).interval
            held.append(low <= population.mean <= high)
        yield Found(case, "interval of a difference in log loss", 95, held)
        if population.mean == 0:
            yield Found(case, "false alarm: lower log loss", 5, [not one for one in held])


def of_models(sets: int, seed: int) -> Iterator[Found]:
    """Interval of a row, and tests between two models of equal skill."""
    for case, sizes in SIZES.items():
        rng = np.random.default_rng([seed, 2])
        whole = [models(sizes, rng, 1).losses()[:, 0] for _ in range(max(2000, 20 * sets) // (20 if "600" in case else 1))]
        truth = float(np.concatenate(whole).mean())
        row, alarm, signs, tracks = [], [], [], []
        for i in range(sets):
            drawn = models(sizes, rng, 2)
            units = sampling_units(drawn.groups)
            losses, hits = drawn.losses(), drawn.hits()
            low, high = mean_interval(losses[:, 0], units, n=RESAMPLES, seed=i)
            row.append(low <= truth <= high)
            alarm.append(mean_difference(losses[:, 0] - losses[:, 1], units, n=RESAMPLES, seed=i).found)
            signs.append(bool(permutation_test((hits[:, 0] - hits[:, 1])[:, None], units, n=RESAMPLES, seed=i)[0] <= 0.05))
            tracks.append(mcnemar(hits[:, 0] > 0, hits[:, 1] > 0)[2] <= 0.05)
        yield Found(case, "interval of a row's log loss", 95, row)
        yield Found(case, "false alarm: lower log loss, models", 5, alarm)
        yield Found(case, "false alarm: higher accuracy, signs of artists", 5, signs)
        yield Found(case, "false alarm: higher accuracy, McNemar (single tracks only)", 5, tracks)


def of_trainings(sets: int, seed: int) -> Iterator[Found]:
    """Methods whose trainings differ; the truth is a mean over trainings."""
    for n_tracks in (300, 2500):
        for n_trainings in (2, 3, 5):
            rng = np.random.default_rng([seed, 3])
            alarm, row = [], []
            for i in range(sets):
                base = rng.exponential(1, n_tracks)
                sides, means = [], []
                for _ in range(2):
                    of_method = base + rng.normal(0, 0.5, n_tracks)
                    moved = rng.normal(0, TRAINING_DEVIATION, n_trainings)
                    trainings = of_method + moved[:, None] + rng.normal(0, 0.3, (n_trainings, n_tracks))
                    sides.append(trainings.mean(axis=0))
                    means.append(trainings.mean(axis=1))
                units = sampling_units(np.full(n_tracks, -1))
                both = Trainings.of(means).difference()
                alarm.append(mean_difference(sides[0] - sides[1], units, both, n=RESAMPLES, seed=i).found)
                low, high = mean_interval(sides[0], units, Trainings.of(means[:1]), n=RESAMPLES, seed=i)
                row.append(low <= 1 <= high)
            case = f"{n_tracks} tracks, {n_trainings} trainings a side"
            yield Found(case, "false alarm: method has a lower log loss", 5, alarm)
            yield Found(case, "interval of a method's log loss", 95, row)


def of_leakage(sets: int, seed: int) -> Iterator[Found]:
    """No leak: with and without the test artists in training, only the trainings differ."""
    for draws, n_trainings in ((3, 1), (3, 2), (1, 3)):
        rng = np.random.default_rng([seed, 7])
        alarm = []
        for i in range(sets):
            artist = [rng.choice(200, 40, replace=False).repeat(5) for _ in range(draws)]
            shape = (n_trainings, 200)
            moved = [rng.normal(0, TRAINING_DEVIATION, (n_trainings, 2)) @ [1, -1] for _ in artist]
            of_artists = rng.normal(0, 0.3, 200)
            gaps = [m[:, None] + of_artists[a] + rng.normal(0, 0.4, shape) for m, a in zip(moved, artist, strict=True)]
            alarm.append(mean_gap(gaps, np.concatenate(artist), n=RESAMPLES, seed=i).found)
        case = f"{draws} draws of 40 artists, {n_trainings} trainings each"
        yield Found(case, "false alarm: artists leak", 5, alarm)


def of_f1(sets: int, seed: int) -> Iterator[dict[str, object]]:
    """F1 micro, macro and weighted, and precision, recall and F1 by genre."""
    for case in f1_coverage.CASES:
        yield from f1_coverage.coverage(case, sets, seed)


def of_boards(sets: int, seed: int) -> Iterator[Found]:
    """Boards of 20 equal models: is any pair told apart, does the set of the best lack one, with one training and with
    three.
    """
    for case, sizes in SIZES.items():
        rng = np.random.default_rng([seed, 4])
        apart, best = [], []
        for i in range(max(sets // 2, 1)):
            drawn = models(sizes, rng, 20)
            ranking = rank_models(drawn.losses(), sampling_units(drawn.groups), Trainings.none(20), n=999, seed=i)
            apart.append(bool((ranking.low > 1).any() or (ranking.high < 20).any()))
            best.append(bool(ranking.may_be_best[0]))
        yield Found(f"20 equal models, {case}", "false alarm: any pair of a board told apart", 5, apart)
        yield Found(f"20 equal models, {case}", "the best row is among those that may be best", 95, best)
    for n_trainings in (2, 3):
        rng = np.random.default_rng([seed, 5])
        apart = []
        for i in range(max(sets // 2, 1)):
            moved = rng.normal(0, TRAINING_DEVIATION, (20, n_trainings))
            losses = rng.exponential(1, (600, 1)) + rng.normal(0, 0.5, (600, 20)) + moved.mean(axis=1)
            ranking = rank_models(losses, sampling_units(np.full(600, -1)), Trainings.of(list(moved)), n=999, seed=i)
            apart.append(bool((ranking.low > 1).any()))
        yield Found(f"20 equal methods, {n_trainings} trainings each", "false alarm: any pair of a board told apart", 5, apart)


def of_power(sets: int, seed: int) -> Iterator[Found]:
    """Is the smallest difference that is said to be found four times out of five found so often."""
    for case, sizes in {
        **{f"{n} equal artists": equal(n, 5) for n in (6, 8, 12, 20)},
        "300 tracks": equal(300),
        "75 heavy artists": heavy(75),
    }.items():
        rng = np.random.default_rng([seed, 6])
        population = Differences(sizes, normal(0, 1), 0, 1)
        drawn = [population.draw(rng) for _ in range(60)]
        smallest = float(np.median([mean_difference(d, sampling_units(g), n=RESAMPLES).smallest for g, d in drawn]))
        found = []
        for i in range(sets):
            groups, differences = population.draw(rng)
            found.append(mean_difference(differences + smallest, sampling_units(groups), n=RESAMPLES, seed=i).found)
        yield Found(case, "power at the smallest difference", 80, found)


PARTS = {
    "differences": of_differences,
    "models": of_models,
    "trainings": of_trainings,
    "leakage": of_leakage,
    "boards": of_boards,
    "power": of_power,
    "f1": of_f1,
}


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=PARTS, action="append", help="default: all")
    parser.add_argument("--sets", type=int, default=200, help="test sets per case; the published table has 1000")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    began, rows = time.perf_counter(), []
    for part in args.part or PARTS:
        for found in PARTS[part](args.sets, args.seed):
            row = found.to_json() if isinstance(found, Found) else found
            rows.append(row)
            print("{case}: {quantity}: {found} % of {nominal} % (± {standard_error})".format(**row), file=sys.stderr)
    if args.json:
        seconds = round(time.perf_counter() - began, 1)
        print(json.dumps({"cases": rows, "seconds": seconds, "peak_rss_mb": peak_rss_mb()}))


if __name__ == "__main__":
    main()
