"""Checks of datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genrebench import audio
from genrebench.errors import GenrebenchError, PluginError
from genrebench.plugin.datasets import DatasetSpec, require_dataset, require_features
from genrebench.plugin.hookspecs import DATASET
from genrebench.plugin.splits import made_folds
from genrebench.progress import no_progress
from genrebench.records import Dataset, Excerpt
from genrebench.testing.apart import Outcome, Probe
from genrebench.testing.bench import Bench, watched
from genrebench.testing.check import NotApplicable, Rule
from genrebench.testing.declarations import IMPORT, declaration_problem
from genrebench.testing.manners import manners

N_FILES = 20
"""Audio files that are looked at."""


class DatasetBench(Bench):
    """A dataset, loaded from a folder of data: the setting `home`, or an empty one."""

    @property
    def home(self) -> Path:
        """The folder of data."""
        given = self.settings.get("home")
        return Path(given) if given else self.folder / "home"

    @property
    def loaded(self) -> Outcome:
        """What loading left."""
        return self.outcome("loaded", _loaded)

    def require(self) -> Outcome:
        """The same, where the dataset is there."""
        refusal = self.loaded["refusal"]
        if refusal:
            raise NotApplicable(f"the dataset isn't in {self.home}: {refusal}")
        return self.loaded


def _load(spec: DatasetSpec, home: Path) -> Dataset:
    if spec.make is not None:
        spec.make(home, no_progress, 1)
    return spec.load(home)


def _loaded(bench: DatasetBench, probe: Probe) -> None:
    home = bench.home
    home.mkdir(exist_ok=True, parents=True)
    with watched(bench, probe, home):
        probe.note("refusal", None)
        with probe.step("load", final=True):
            try:
                loaded = _load(bench.spec, home)
            except PluginError:
                raise
            except GenrebenchError as error:
                probe.note("refusal", str(error))
                return
        probe.note("problem", _problem(loaded))
        if _problem(loaded) is None:
            _look(bench, loaded, probe)
        with probe.step("load again"):
            again = _load(bench.spec, home)
            probe.note("same", _problem(loaded) is not None or _content(loaded) == _content(again))


def _problem(loaded: Any) -> str | None:
    try:
        require_dataset(loaded, "")
    except PluginError as error:
        return str(error).removeprefix(": ")
    return None


def _look(bench: DatasetBench, loaded: Dataset, probe: Probe) -> None:
    """Note what is wrong with genres, files, features and splits."""
    with probe.step("genres"):
        probe.note("genres", _genres(loaded))
    with probe.step("audio"):
        probe.note("audio", _audio(loaded))
    with probe.step("load_features"):
        problem = None
        if loaded.load_features is not None:
            try:
                values = require_features(loaded.load_features(), loaded, "")
                problem = "load_features returned two rows for one track" if len(set(values.ids)) < len(values.ids) else None
            except PluginError as error:
                problem = str(error).removeprefix(": ")
        probe.note("features", problem)
    with probe.step("splits"):
        probe.note("splits", None)
        for split in bench.spec.splits:
            try:
                made_folds(split, loaded, 0, f"the split {split.name!r}")
            except GenrebenchError as error:
                probe.note("splits", str(error))


def _genres(loaded: Dataset) -> str | None:
    used = {track.genre for track in loaded.tracks if track.genre.strip()}
    if len(used) < 2:
        return f"the tracks have {len(used)} genre; a classifier needs two"
    unused = [genre for genre in loaded.genres if genre not in used]
    if unused:
        return f"no track has the genre {unused[0]!r}"
    parts = {part for id_, part in loaded.official.items() if id_ in {track.id for track in loaded.tracks}}
    missing = {"training", "test"} - parts
    return f"the official split has no {' and no '.join(sorted(missing))} track" if loaded.official and missing else None


def _audio(loaded: Dataset) -> str | None:
    paths = [track.path for track in loaded.tracks if track.path is not None]
    relative = next((path for path in paths if not path.is_absolute()), None)
    if relative is not None:
        return f"the path {str(relative)!r} is relative"
    step = max(1, len(paths) // N_FILES)
    looked = paths[::step][:N_FILES]
    missing = [path for path in looked if not path.is_file()]
    if missing and len(missing) == len(looked):
        return f"none of {len(looked)} audio files is there, such as {missing[0]}"
    for path in [path for path in looked if path.is_file()][:1]:
        audio.read(path, Excerpt(1.0))
    return None


def _content(loaded: Dataset) -> Any:
    return loaded.tracks, loaded.genres, dict(loaded.official), loaded.version


def spec(bench: DatasetBench) -> str | None:
    """Name, summary, and where it comes from."""
    declared = bench.spec
    problem = declaration_problem(declared.name, declared.summary, DATASET.pattern)
    if problem:
        return problem
    return "it is downloaded, but the spec names no licence" if declared.get and not declared.licence.strip() else None


def load(bench: DatasetBench) -> str | None:
    """`load` returns a dataset, or says how to get it."""
    if bench.loaded["refusal"]:
        return None
    found: str | None = bench.loaded["problem"]
    return found


def missing(bench: DatasetBench) -> str | None:
    """Without its files, a dataset says how to get them."""
    empty = bench.outcome("empty", _empty)
    empty.need("load")
    return None


def _empty(bench: DatasetBench, probe: Probe) -> None:
    home = bench.folder / "no data"
    home.mkdir()
    with probe.step("load"):
        try:
            bench.spec.load(home)
        except PluginError:
            raise
        except GenrebenchError:
            return


def _note(name: str) -> Any:
    def find(bench: DatasetBench) -> str | None:
        found: str | None = bench.require()[name]
        return found

    return find


def repeated(bench: DatasetBench) -> str | None:
    """Loading twice gives the same dataset."""
    return None if bench.require()["same"] else "loaded twice, tracks or genres differ, or their order"


_TASK = "Splits, tasks and boards are made of the tracks and their genres."

RULES = (
    Rule("spec", spec, "Users select the dataset by its name.", "Correct the arguments of DatasetSpec."),
    IMPORT,
    Rule(
        "missing files",
        missing,
        "A new user starts without them, and would see a traceback.",
        "Raise DataError with the command that gets the dataset: genrebench data get NAME.",
        needs=("spec",),
        owns=("empty.load", "empty.start"),
    ),
    Rule(
        "load",
        load,
        _TASK,
        "Return Dataset(name, version, tracks, genres): ids, genres and artists are text, paths are pathlib.Path, and each "
        "track's genre is one of the genres.",
        needs=("missing files",),
        owns=("loaded.load", "loaded.start"),
    ),
    *manners(lambda bench: bench.require(), "the data folder"),
    Rule(
        "genres",
        _note("genres"),
        _TASK,
        "Name the genres that tracks have, and parts that can be trained and tested.",
        ("load",),
    ),
    Rule(
        "audio",
        _note("audio"),
        "Inputs are computed from the files.",
        "Give absolute paths below the data folder, and None where there is no file.",
        ("load",),
        ("loaded.audio",),
    ),
    Rule(
        "features",
        _note("features"),
        "Models read the given features.",
        "load_features returns FeatureValues(ids, columns, values): float64, one row per id, ids of the tracks.",
        ("load",),
        ("loaded.load_features",),
    ),
    Rule(
        "splits",
        _note("splits"),
        "Users select them with --split.",
        "Return a list of Fold with ids of the dataset, each in one part at most.",
        ("load",),
        ("loaded.splits",),
    ),
    Rule(
        "same again",
        repeated,
        "The fingerprint of a task would change from call to call.",
        "Sort what comes from a set or from listing a folder.",
        ("load", "random state"),
        ("loaded.load again",),
    ),
)
