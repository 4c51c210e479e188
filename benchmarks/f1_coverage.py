"""How often 95 % intervals of F1 hold the truth: micro, macro, weighted, and precision, recall and F1 by genre.

Test sets of 16 genres in FMA medium's proportions, or of eight of equal size, from a made population (`populations.py`). In the
cases with seeds, each training shifts the skill at all tracks by a normal number, and the truth is the mean over trainings.

Truth: scores from the counts of all tracks of many test sets. For macro F1 it is the mean over the genres that the test set
has; "macro over test sets" is the mean of the score itself over test sets, which is lower. Test sets for which no interval is
printed don't count; "printed" is the share of those for which one is.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from populations import FMA_MEDIUM, Sizes, equal, heavy, spread

from genrebench.boards.f1_intervals import f1_intervals
from genrebench.evaluation.f1 import genre_intervals
from genrebench.evaluation.intervals import sampling_units
from genrebench.runs.scored import Scored

METHOD = "mid-p at the effective number of tracks; macro F1 from the genres' bounds (MOVER)"


@dataclass(frozen=True)
class Case:
    """A population and how it is sampled.

    Parameters
    ----------
    sizes : callable
        Draws the tracks of each artist.
    skill : float
        Added to the logit of the true genre.
    sound, difficulty : float
        Standard deviations between artists: of the logits, and of the skill.
    seeds : int
        Trainings of the model.
    training : float
        Standard deviation of the skill between trainings.
    larger_better : float
        Added to the skill by the logarithm of an artist's tracks.
    tracks : tuple of int
        Proportions of the genres.
    """

    sizes: Sizes
    skill: float = 2.6
    sound: float = 0.7
    difficulty: float = 1.0
    seeds: int = 1
    training: float = 0.0
    larger_better: float = 0.0
    tracks: tuple[int, ...] = FMA_MEDIUM

    @property
    def n_genres(self) -> int:
        """Number of genres."""
        return len(self.tracks)

    @property
    def shares(self) -> np.ndarray:
        """Shares of the genres."""
        return np.array(self.tracks) / sum(self.tracks)

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
        """Groups, labels, and one array of predicted genres per seed."""
        sizes = self.sizes(rng)
        n = len(sizes)
        artist, groups = spread(sizes)
        labels = rng.choice(self.n_genres, size=n, p=self.shares)[artist]
        logits = rng.normal(size=(len(labels), self.n_genres)) + self.sound * rng.normal(size=(n, self.n_genres))[artist]
        logits += 0.4 * np.log(self.shares / self.shares.max())
        skill = self.skill + (self.difficulty * rng.normal(size=n) + self.larger_better * np.log(sizes))[artist]
        predicted = []
        for _ in range(self.seeds):
            own = logits + (0.5 * rng.normal(size=logits.shape) if self.seeds > 1 else 0)
            own[np.arange(len(labels)), labels] += skill + self.training * rng.normal()
            predicted.append(own.argmax(axis=1))
        return groups, labels, predicted

    def truth(self, rng: np.random.Generator, n_sets: int) -> dict[str, np.ndarray]:
        """Scores over the population: micro, and precision, recall and F1 by genre."""
        k = self.n_genres
        counts = np.zeros((k, k))
        for _ in range(n_sets):
            _, labels, predicted = self.draw(rng)
            of_seeds = [np.bincount(labels * k + one, minlength=k**2) for one in predicted]
            counts += np.reshape(of_seeds, (-1, k, k)).sum(axis=0)
        hits, support, positive = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
        return {
            "micro": hits.sum() / counts.sum(),
            "precision": hits / np.maximum(positive, 1),
            "recall": hits / support,
            "f1": 2 * hits / (support + positive),
            "shares": support / support.sum(),
        }


CASES = {
    "300 tracks": Case(equal(300)),
    "2500 tracks": Case(equal(2500)),
    "2500 tracks, accuracy 0.99996": Case(equal(2500), skill=11.7, sound=0.0, difficulty=0.0),
    "20 equal artists": Case(equal(20, 15)),
    "100 equal artists": Case(equal(100, 10)),
    "8 heavy artists": Case(heavy(8)),
    "20 heavy artists": Case(heavy(20)),
    "75 heavy artists": Case(heavy(75)),
    "600 heavy artists": Case(heavy(600)),
    "75 heavy artists, larger ones easier": Case(heavy(75), larger_better=0.5),
    "600 heavy artists, larger ones easier": Case(heavy(600), larger_better=0.5),
    "600 heavy artists, larger ones harder": Case(heavy(600), larger_better=-0.5),
    "75 heavy artists of 8 genres": Case(heavy(75), tracks=(1,) * 8),
    "75 heavy artists of 8 genres, larger ones easier": Case(heavy(75), larger_better=0.5, tracks=(1,) * 8),
    "75 heavy artists, very unlike": Case(heavy(75), sound=1.5, difficulty=2.0),
    "75 heavy artists, accuracy 0.99": Case(heavy(75), skill=6.2),
    "300 tracks, 3 seeds": Case(equal(300), seeds=3, training=0.4),
    "75 heavy artists, 3 seeds": Case(heavy(75), seeds=3, training=0.4),
    "600 heavy artists, 5 seeds": Case(heavy(600), seeds=5, training=0.4),
}


def macro(labels: np.ndarray, predicted: list[np.ndarray], n_genres: int) -> float:
    """Macro F1 over the genres with tracks, mean over the seeds."""
    support = np.bincount(labels, minlength=n_genres)
    scores = []
    for one in predicted:
        hits = np.bincount(labels[one == labels], minlength=n_genres)
        f1 = 2 * hits / np.maximum(support + np.bincount(one, minlength=n_genres), 1)
        scores.append(f1[support > 0].mean())
    return float(np.mean(scores))


def intervals_of(case: Case, rng: np.random.Generator, n_sets: int) -> Iterator[tuple[np.ndarray, list, dict, dict]]:
    """Labels, predictions, intervals of the averages and of the genres' scores, for each test set."""
    for _ in range(n_sets):
        groups, labels, predicted = case.draw(rng)
        units = sampling_units(groups)
        none = np.zeros(len(labels))
        runs = [Scored({}, none, none, labels, one, none, groups, "") for one in predicted]
        (averages,) = f1_intervals([runs], case.n_genres, units)
        yield labels, predicted, dict(averages), genre_intervals(labels, predicted, case.n_genres, units)


def coverage(name: str, n_sets: int, seed: int) -> list[dict[str, object]]:
    """Rows {case, quantity, nominal, found, standard_error, printed, ...}, in per cent."""
    case, rng = CASES[name], np.random.default_rng([seed, 1])
    truth = case.truth(rng, 3 * n_sets)
    held: dict[str, list[bool]] = defaultdict(list)
    possible: dict[str, int] = defaultdict(int)
    scores, macros = [], []

    def note(quantity: str, interval: tuple[float, float] | None, value: float) -> None:
        possible[quantity] += 1
        if interval is not None:
            held[quantity].append(interval[0] <= value <= interval[1])

    for labels, predicted, averages, genres in intervals_of(case, np.random.default_rng([seed, 2]), n_sets):
        present = np.unique(labels)
        shares = truth["shares"]
        note("F1 micro", averages["f1_micro"], float(truth["micro"]))
        note("F1 macro", averages.get("f1_macro"), float(truth["f1"][present].mean()))
        note("F1 weighted", averages["f1_weighted"], float(truth["f1"] @ shares))
        scores.append(macro(labels, predicted, case.n_genres) - truth["f1"][present].mean())
        macros.append((averages.get("f1_macro"), truth["f1"][present].mean()))
        for genre in present:
            for score in ("precision", "recall", "f1"):
                rare = "a genre of under 1 %" if case.shares[genre] < 0.01 else "a genre of 1 % or more"
                note(f"{score} of {rare}", genres[score][genre], float(truth[score][genre]))
    for interval, middle in macros:
        note("F1 macro, mean over test sets", interval, float(middle + np.mean(scores)))
    rows = []
    for quantity, n in possible.items():
        found = float(np.mean(held[quantity])) if held[quantity] else None
        error = None if found is None else float(np.sqrt(max(found * (1 - found), 0.05 * 0.95 / 4) / len(held[quantity])))
        of_sets = "mean of the score over test sets" if "over test sets" in quantity else "counts of all tracks pooled"
        rows.append(
            {"case": name, "quantity": quantity, "nominal": 95, "found": _percent(found), "standard_error": _percent(error)}
            | {"printed": _percent(len(held[quantity]) / n), "sets": n_sets, "truth": f"population, {of_sets}"}
            | {"method": METHOD}
        )
    return rows


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 1)


def text(row: dict[str, object]) -> str:
    """A row for people."""
    if row["found"] is None:
        return "{case}: {quantity}: no interval".format(**row)
    return "{case}: {quantity}: {found} % of {nominal} % (± {standard_error}), printed {printed} %".format(**row)


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=list(CASES), action="append")
    parser.add_argument("--sets", type=int, default=300, help="test sets of each case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = []
    for name in args.case or CASES:
        of_case = coverage(name, args.sets, args.seed)
        rows += of_case
        for row in of_case:
            print(text(row), file=sys.stderr, flush=True)
    if args.json:
        print(json.dumps(rows))


if __name__ == "__main__":
    main()
