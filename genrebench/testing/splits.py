"""Checks of splits, on a made dataset."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from genrebench.errors import GenrebenchError, PluginError
from genrebench.plugin.hookspecs import SPLIT
from genrebench.plugin.splits import SplitSpec, made_folds
from genrebench.records import Dataset, Track
from genrebench.testing.apart import Outcome, Probe
from genrebench.testing.bench import Bench, watched
from genrebench.testing.check import NotApplicable, Rule
from genrebench.testing.declarations import IMPORT, declaration_problem
from genrebench.testing.manners import manners


class SplitBench(Bench):
    """A split, and the folds that it makes of several datasets, by name."""

    @property
    def made(self) -> Outcome:
        """Notes by name: (folds as lists of ids by part, problem, refusal)."""
        return self.outcome("made", _made)

    @property
    def made_elsewhere(self) -> Outcome:
        """The usual one in another process."""
        return self.outcome("elsewhere", _made_elsewhere, fresh=True)

    def folds(self, name: str) -> Any:
        """The folds of a dataset; a rule that needs them isn't about them being invalid."""
        folds, problem, refusal = self.made[name]
        if folds is None:
            raise NotApplicable(f"the split has no folds there: {problem or refusal}")
        return folds


def made_dataset(n: int = 96, *, artists: bool = True) -> Dataset:
    """A dataset of three genres; two tracks in a row have the same artist and genre, and every third artist has six."""
    genres = ("low", "high", "noise")
    tracks = tuple(
        Track(
            f"track-{(7 * i) % 101:03}", genres[i // 2 % 3], f"artist {i // 6 if i < n // 2 else i // 2}" if artists else None
        )
        for i in range(n)
    )
    parts = ("training", "training", "training", "validation", "test")
    official = {track.id: parts[i // 6 % 5] for i, track in enumerate(tracks)} if artists else {}
    return Dataset("made", "1", tracks, genres, official)


def _cases() -> dict[str, tuple[Dataset, int]]:
    usual = made_dataset()
    return {
        "usual": (usual, 0),
        "again": (usual, 0),
        "other order": (replace(usual, tracks=usual.tracks[::-1]), 0),
        "other seed": (usual, 1),
        "few tracks": (made_dataset(6), 0),
        "no artists": (made_dataset(artists=False), 0),
        "some artists": (replace(usual, tracks=tuple(map(_without_artist, usual.tracks))), 0),
    }


def _without_artist(track: Track) -> Track:
    """The track, of an unknown artist if its number is even."""
    return replace(track, artist=None) if track.id[-1] in "02468" else track


def _made(bench: SplitBench, probe: Probe) -> None:
    with watched(bench, probe, bench.folder):
        for name, (dataset, seed) in _cases().items():
            before = dict(dataset.official)
            with probe.step(name):
                probe.note(name, _attempt(bench.spec, dataset, seed))
            if name == "usual":
                probe.note("changed", dataset.official != before)


def _made_elsewhere(bench: SplitBench, probe: Probe) -> None:
    dataset, seed = _cases()["usual"]
    with probe.step("make"):
        probe.note("usual", _attempt(bench.spec, dataset, seed))


def _attempt(spec: SplitSpec, dataset: Dataset, seed: int) -> tuple[Any, str | None, str | None]:
    """Folds, problem, refusal: one of them."""
    try:
        folds, _ = made_folds(spec, dataset, seed, "")
    except PluginError as error:
        return None, str(error).removeprefix(": "), None
    except GenrebenchError as error:
        return None, None, str(error)
    return [{part: sorted(getattr(fold, part)) for part in ("training", "validation", "test")} for fold in folds], None, None


def spec(bench: SplitBench) -> str | None:
    """Name and summary."""
    return declaration_problem(bench.spec, SPLIT)


def folds(bench: SplitBench) -> str | None:
    """Parts of ids of the dataset that don't overlap."""
    found, problem, refusal = bench.made["usual"]
    if refusal:
        raise NotApplicable(f"the split is for other datasets: {refusal}")
    if found is not None and not any(fold["test"] or fold["validation"] for fold in found):
        return "no fold has a test track or a validation track"
    return str(problem) if problem else None


def same_seed(bench: SplitBench) -> str | None:
    """The same seed makes the same folds."""
    usual = bench.folds("usual")
    if usual != bench.folds("again"):
        return "made twice with the same seed, the folds differ"
    if usual != bench.made_elsewhere["usual"][0]:
        return "made in another process with the same seed, the folds differ"
    return None


def inputs(bench: SplitBench) -> str | None:
    """The dataset is as before."""
    return "make changed the official split of the dataset in place" if bench.made["changed"] else None


def track_order(bench: SplitBench) -> str | None:
    """The order of the tracks doesn't matter."""
    told = "the folds depend on the order of the tracks in the dataset"
    return told if bench.folds("usual") != bench.folds("other order") else None


def _unusual(*names: str) -> Any:
    def find(bench: SplitBench) -> str | None:
        for name in names:
            problem = bench.made[name][1]
            if problem:
                return f"{problem} ({name})"
        return None

    return find


_REFUSE = "Return folds, or raise DataError with what the dataset lacks."

RULES = (
    Rule("spec", spec, "Users select the split by its name.", "Correct the arguments of SplitSpec."),
    IMPORT,
    Rule(
        "folds",
        folds,
        "A track in two parts is trained on and tested, and scores of such a split mean nothing.",
        "Return a list of Fold(training, validation, test) with ids of the dataset, each in one part at most.",
        needs=("spec",),
        owns=("made.usual", "made.start"),
    ),
    *manners(lambda bench: bench.made, "no folder"),
    Rule(
        "inputs",
        inputs,
        "The same dataset is split in other ways, and described to the user.",
        "Work on a copy: dict(dataset.official).",
        needs=("folds",),
    ),
    Rule(
        "same seed",
        same_seed,
        "Two people would compare models on different splits under one name.",
        "Use random.Random(seed) or np.random.default_rng(seed), and sort sets before drawing: the order of a set differs "
        "between processes.",
        needs=("folds", "random state", "inputs"),
        owns=("made.again", "elsewhere.make"),
    ),
    Rule(
        "track order",
        track_order,
        "The same dataset may be listed in another order on another machine.",
        "Sort the tracks by id first.",
        needs=("same seed",),
        owns=("made.other order",),
    ),
    Rule(
        "other seeds",
        _unusual("other seed"),
        "Users ask for any seed.",
        "Make folds with every seed, or the same ones.",
        needs=("folds",),
        owns=("made.other seed",),
    ),
    Rule(
        "few tracks",
        _unusual("few tracks"),
        "Small datasets end in a traceback, or in a split without test tracks.",
        _REFUSE,
        needs=("folds",),
        owns=("made.few tracks",),
    ),
    Rule(
        "no artists",
        _unusual("no artists", "some artists"),
        "Many datasets know no artists, or not those of all tracks: track.artist is None.",
        _REFUSE,
        needs=("folds",),
        owns=("made.no artists", "made.some artists"),
    ),
)
