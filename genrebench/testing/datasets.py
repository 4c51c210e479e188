"""Checks of datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from genrebench import audio
from genrebench.errors import GenrebenchError, PluginError
from genrebench.plugin.datasets import Archive, DatasetSpec, Reference, require_dataset, require_features
from genrebench.plugin.hookspecs import DATASET, SPLIT
from genrebench.plugin.splits import SplitSpec, made_folds
from genrebench.progress import no_progress
from genrebench.records import Dataset, Excerpt, FeatureValues
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
        probe.note("problem", _problem(loaded, bench.spec.name))
        if _problem(loaded, bench.spec.name) is None:
            probe.note("content", _content(loaded))
            _look(bench, loaded, probe)
        with probe.step("load again"):
            again = _load(bench.spec, home)
            probe.note("same", _problem(loaded, bench.spec.name) is not None or _content(loaded) == _content(again))


def _loaded_elsewhere(bench: DatasetBench, probe: Probe) -> None:
    with probe.step("load"):
        probe.note("content", _content(_load(bench.spec, bench.home)))


def _problem(loaded: Any, name: str) -> str | None:
    try:
        require_dataset(loaded, "")
    except PluginError as error:
        return str(error).removeprefix(": ")
    return None if loaded.name == name else f"load returned a dataset of the name {loaded.name!r}, but the spec says {name!r}"


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
                problem = _features(values)
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


def _features(values: FeatureValues) -> str | None:
    if len(set(values.ids)) < len(values.ids):
        return "load_features returned two rows for one track"
    bad = np.flatnonzero(~np.isfinite(values.values).all(axis=1))
    return f"load_features returned NaN or infinity for {len(bad)} tracks, such as {values.ids[bad[0]]!r}" if len(bad) else None


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
    if missing:
        return f"{len(missing)} of {len(looked)} audio files aren't there, such as {missing[0]}"
    for path in [path for path in looked if path.is_file()][:1]:
        audio.read(path, Excerpt(1.0))
    return None


def _content(loaded: Dataset) -> Any:
    return loaded.tracks, loaded.genres, dict(loaded.official), loaded.version


def spec(bench: DatasetBench) -> str | None:
    """Name, summary, and where it comes from."""
    declared = bench.spec
    problem = declaration_problem(declared, DATASET)
    if problem:
        return problem
    for name, kind in (("get", Archive), ("references", Reference), ("splits", SplitSpec)):
        strange = next((one for one in getattr(declared, name) if not isinstance(one, kind)), None)
        if strange is not None:
            return f"{name} has {strange!r:.60}, which isn't a genrebench.api.{kind.__name__}"
    for split in declared.splits:
        problem = declaration_problem(split, SPLIT)
        if problem:
            return f"of its split, {problem}"
    for what, names in (("splits", [one.name for one in declared.splits]), ("downloads", [one.name for one in declared.get])):
        if len(set(names)) < len(names):
            return f"two of its {what} have one name"
    for one in declared.references:
        if not 0 <= (one.f1_micro or 0) <= 1 or (one.log_loss or 0) < 0:
            return f"the reference {one.name!r} has the scores {one.f1_micro} (F1) and {one.log_loss} (log loss)"
    if not isinstance(declared.licence, str) or "\n" in declared.licence:
        return f"the licence {declared.licence!r:.60} isn't one line of text"
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
    """Loading twice gives the same dataset, in another process too."""
    loaded = bench.require()
    if not loaded["same"]:
        return "loaded twice, tracks or genres differ, or their order"
    elsewhere = bench.outcome("elsewhere", _loaded_elsewhere, fresh=True)
    return None if loaded["content"] == elsewhere["content"] else "loaded in another process, tracks or genres differ"


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
        "load_features returns FeatureValues(ids, columns, values): float64, finite, one row per id, ids of the tracks. A "
        "track without features has no row.",
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
        "Sort what comes from a set or from listing a folder: the order of a set of texts differs between processes.",
        ("load", "random state"),
        ("loaded.load again", "elsewhere.load"),
    ),
)
