"""Faulty datasets, kinds of input, metrics and splits: each has one fault. `FAULTS` says which check has to find it."""

from __future__ import annotations

import itertools
import os
import random
import warnings
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from genrebench.api import (
    Clip,
    DataError,
    Dataset,
    DatasetSpec,
    FeatureValues,
    Fold,
    InputContext,
    InputSpec,
    ListInputs,
    MetricSpec,
    Prepared,
    SplitSpec,
    Track,
    cached_arrays,
)

# ------------------------------------------------------------------ metrics


def accuracy(labels: Any, p: Any) -> float:
    return float((p.argmax(axis=1) == labels).mean())


def _right(labels: Any, p: Any) -> Any:
    return (p.argmax(axis=1) == labels).astype(float)


def _order(labels: Any, p: Any) -> float:
    return float((_right(labels, p) * np.arange(len(p))).mean() / len(p))


def _first_genre(labels: Any, p: Any) -> float:
    return float(p[:, 0].mean())


def _random(labels: Any, p: Any) -> float:
    return float(accuracy(labels, p) * 0.9 + 0.1 * np.random.default_rng().random())


def _nan_alone(labels: Any, p: Any) -> float:
    return accuracy(labels, p) if len(set(labels.tolist())) > 1 else float("nan")


def _unclipped(labels: Any, p: Any) -> float:
    with np.errstate(divide="ignore"):
        return float(-np.log(p[np.arange(len(p)), labels]).mean())


def _in_place(labels: Any, p: Any) -> float:
    score = accuracy(labels, p)
    p /= 2
    return score


def _text(labels: Any, p: Any) -> Any:
    return "good"


def _centred(labels: Any, p: Any) -> Any:
    right = _right(labels, p)
    return np.clip(0.5 + right - right.mean(), 0, 1)


def _prints(labels: Any, p: Any) -> float:
    print("scoring")  # noqa: T201, the fault
    return accuracy(labels, p)


def _draws(labels: Any, p: Any) -> float:
    random.random()
    return accuracy(labels, p)


def _exits(labels: Any, p: Any) -> float:
    os._exit(3)


def _top_3(labels: Any, p: Any) -> float:
    return float((np.argpartition(-p, 2, axis=1)[:, :3] == labels[:, None]).any(axis=1).mean())


def _mean_recall(labels: Any, p: Any) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(np.mean([_right(labels, p)[labels == genre].mean() for genre in range(p.shape[1])]))


CALLS = itertools.count(1)


def _counting(labels: Any, p: Any) -> float:
    return 0.9 * accuracy(labels, p) + 0.1 / next(CALLS)


def _variable(labels: Any, p: Any) -> float:
    os.environ["SCORED"] = "1"
    return accuracy(labels, p)


def _litters(labels: Any, p: Any) -> float:
    Path("score.txt").write_text("1")
    return accuracy(labels, p)


def metric(compute: Any, **how: Any) -> MetricSpec:
    return MetricSpec(compute.__name__.strip("_").lower(), "a metric", compute, **{"range": (0, 1), **how})


METRICS: list[tuple[str | None, Any]] = [
    (None, metric(accuracy, direction="higher")),
    (None, metric(_right, per_track=True, direction="higher")),
    ("track order", metric(_order)),
    ("genre order", metric(_first_genre)),
    ("repeated scores", metric(_random)),
    ("few tracks", metric(_nan_alone)),
    ("extremes", metric(_unclipped, range=(0, float("inf")))),
    ("inputs", metric(_in_place)),
    ("score", metric(_text)),
    ("score", metric(accuracy, range=(2, 3))),
    ("score", metric(_right)),
    ("score", metric(accuracy, per_track=True)),
    ("per track", metric(_centred, per_track=True)),
    ("direction", metric(accuracy, direction="lower")),
    ("standard output", metric(_prints)),
    ("random state", metric(_draws)),
    ("score", metric(_exits)),
    ("spec", MetricSpec("accuracy", "two\nlines", accuracy)),
    ("spec", MetricSpec("log_loss", "a metric", accuracy)),
    ("number of genres", metric(_top_3)),
    ("few tracks", metric(_mean_recall)),
    ("repeated scores", metric(_counting)),
    ("surroundings", metric(_variable)),
    ("files", metric(_litters)),
]

# ------------------------------------------------------------------ splits


def halves(dataset: Dataset, seed: int) -> list[Fold]:
    ids = sorted(track.id for track in dataset.tracks)
    random.Random(seed).shuffle(ids)
    return [Fold(tuple(ids[2:]), (), tuple(ids[:2]))]


def _overlap(dataset: Dataset, seed: int) -> list[Fold]:
    (fold,) = halves(dataset, seed)
    return [replace(fold, training=fold.training + fold.test[:1])]


def _unknown(dataset: Dataset, seed: int) -> list[Fold]:
    (fold,) = halves(dataset, seed)
    return [replace(fold, test=(*fold.test, "nobody"))]


def _unseeded(dataset: Dataset, seed: int) -> list[Fold]:
    return halves(dataset, random.SystemRandom().randrange(10**9))


def _file_order(dataset: Dataset, seed: int) -> list[Fold]:
    ids = [track.id for track in dataset.tracks]
    return [Fold(tuple(ids[2:]), (), tuple(ids[:2]))]


def _no_test(dataset: Dataset, seed: int) -> list[Fold]:
    return [Fold(tuple(sorted(track.id for track in dataset.tracks)), (), ())]


def _numbers(dataset: Dataset, seed: int) -> Any:
    return [([0, 1], [], [2])]


def _global(dataset: Dataset, seed: int) -> list[Fold]:
    random.seed(seed)
    return halves(dataset, seed)


def _by_artist(dataset: Dataset, seed: int) -> list[Fold]:
    names = sorted({track.artist for track in dataset.tracks}, key=lambda name: name.lower())  # type: ignore[union-attr]
    test = tuple(sorted(track.id for track in dataset.tracks if track.artist == names[0]))
    return [Fold(tuple(sorted({track.id for track in dataset.tracks} - set(test))), (), test)]


def _ninety(dataset: Dataset, seed: int) -> list[Fold]:
    ids = sorted(track.id for track in dataset.tracks)
    return [Fold(tuple(ids[:90]), (), (ids[90],))]


def _one_seed(dataset: Dataset, seed: int) -> list[Fold]:
    return [halves(dataset, seed)][seed]


def _from_a_set(dataset: Dataset, seed: int) -> list[Fold]:
    artists = list({str(track.artist) for track in dataset.tracks})
    if len(artists) < 2:
        raise DataError("a single artist can't be split")
    random.Random(seed).shuffle(artists)
    test = tuple(sorted(track.id for track in dataset.tracks if str(track.artist) == artists[0]))
    return [Fold(tuple(sorted({track.id for track in dataset.tracks} - set(test))), (), test)]


def _empties(dataset: Dataset, seed: int) -> list[Fold]:
    dataset.official.clear()  # type: ignore[attr-defined] # the fault
    return halves(dataset, seed)


def _all_known(dataset: Dataset, seed: int) -> list[Fold]:
    if all(track.artist is None for track in dataset.tracks):
        raise DataError("no artist is known")
    return _by_artist(dataset, seed)


def _ends(dataset: Dataset, seed: int) -> list[Fold]:
    os.kill(os.getpid(), 9)
    return []


def split(make: Any) -> SplitSpec:
    return SplitSpec(make.__name__.strip("_").replace("_", "-"), "a split", make)


SPLITS: list[tuple[str | None, Any]] = [
    (None, split(halves)),
    ("folds", split(_overlap)),
    ("folds", split(_unknown)),
    ("folds", split(_no_test)),
    ("folds", split(_numbers)),
    ("same seed", split(_unseeded)),
    ("track order", split(_file_order)),
    ("random state", split(_global)),
    ("no artists", split(_by_artist)),
    ("few tracks", split(_ninety)),
    ("other seeds", split(_one_seed)),
    ("spec", SplitSpec("Halves", "a split", halves)),
    ("spec", SplitSpec("artist", "a split", halves)),
    ("same seed", split(_from_a_set)),
    ("inputs", split(_empties)),
    ("no artists", split(_all_known)),
    ("folds", split(_ends)),
]

# ------------------------------------------------------------------ datasets

GENRES = ("a", "b")


def tracks(home: Path) -> tuple[Track, ...]:
    for i in range(6):
        if not (home / f"{i}.wav").exists():
            soundfile.write(home / f"{i}.wav", np.sin(np.arange(1600) * (i + 1) / 9), 16_000)
    return tuple(Track(f"t{i}", GENRES[i % 2], f"artist {i // 2}", home / f"{i}.wav") for i in range(6))


def music(home: Path, **changes: Any) -> Dataset:
    return Dataset(**{"name": "music", "version": "1", "tracks": tracks(home), "genres": GENRES} | changes)


def _changed(home: Path, number: int = 0, **change: Any) -> Dataset:
    found = list(tracks(home))
    found[number] = replace(found[number], **change)
    return music(home, tracks=tuple(found))


def _nothing(home: Path) -> Any:
    return None


def _missing(home: Path) -> Dataset:
    return music(home, version=(home.parent / "no such file").read_text())


def _told(home: Path) -> Dataset:
    raise DataError("music isn't here; get it with: genrebench data get music")


def _restless(home: Path) -> Dataset:
    found = list(tracks(home))
    random.SystemRandom().shuffle(found)
    rotated = int.from_bytes(os.urandom(8))
    return music(home, tracks=tuple(found), version=str(rotated))


def _table(home: Path, ids: Any, values: Any) -> Dataset:
    return music(home, load_features=lambda: FeatureValues(ids, (("x",),), values))


def _litter(home: Path) -> Dataset:
    (home.parent / "litter.txt").write_text("x")
    return music(home)


def _by_hash(home: Path) -> Dataset:
    return music(home, tracks=tuple(sorted(tracks(home), key=lambda track: hash(track.id))))


def _talks(home: Path) -> Dataset:
    print("loading")  # noqa: T201, the fault
    return music(home)


def _goes_there(home: Path) -> Dataset:
    os.chdir(home)
    return music(home)


def dataset(load: Any, **how: Any) -> DatasetSpec:
    return DatasetSpec("music", "some music", load, **how)


_IDS = tuple(f"t{i}" for i in range(6))

DATASETS: list[tuple[str | None, Any]] = [
    (None, dataset(music)),
    (None, dataset(_told)),
    (None, dataset(partial(_table, ids=_IDS, values=np.zeros((6, 1))))),
    ("load", dataset(_nothing)),
    ("load", dataset(partial(_changed, id=3))),
    ("load", dataset(partial(_changed, path="music/0.wav"))),
    ("load", dataset(partial(_changed, genre="polka"))),
    ("load", dataset(partial(_changed, id="t1"))),
    ("load", dataset(partial(music, tracks=()))),
    ("load", dataset(lambda home: music(home, tracks=(track for track in tracks(home))))),  # type: ignore[arg-type]
    ("load", dataset(partial(_changed, artist=""))),
    ("load", dataset(partial(music, official={"t0": "train"}))),
    ("missing files", dataset(_missing)),
    ("same again", dataset(_restless)),
    ("genres", dataset(partial(music, genres=(*GENRES, "c")))),
    ("genres", dataset(partial(music, official={"t0": "training", "t1": "validation"}))),
    ("audio", dataset(partial(_changed, path=Path("0.wav")))),
    ("audio", dataset(lambda home: music(home, tracks=tuple(replace(t, path=home / "x" / t.id) for t in tracks(home))))),
    ("features", dataset(partial(_table, ids=_IDS, values=np.zeros((5, 1))))),
    ("features", dataset(partial(_table, ids=(*_IDS[:5], "t0"), values=np.zeros((6, 1))))),
    ("splits", dataset(music, splits=(split(_overlap),))),
    ("files", dataset(_litter)),
    ("spec", DatasetSpec("music", "", music)),
    ("spec", dataset(music, citation="Smith 2020")),
    ("spec", dataset(music, licence="CC BY 4.0\nsee also LICENSE")),
    ("spec", dataset(music, references=("Smith 2020",))),
    ("spec", dataset(music, splits=(SplitSpec("artist", "a split", halves),))),
    ("load", dataset(partial(music, name="other"))),
    ("load", dataset(partial(music, version=3))),
    ("same again", dataset(_by_hash)),
    ("audio", dataset(lambda home: _changed(home, 3, path=home / "gone.wav"))),
    ("features", dataset(partial(_table, ids=_IDS, values=np.full((6, 1), np.nan)))),
    ("features", dataset(lambda home: music(home, load_features=lambda: FeatureValues(_IDS, ("x",), np.zeros((6, 1)))))),
    ("standard output", dataset(_talks)),
    ("surroundings", dataset(_goes_there)),
]

# ------------------------------------------------------------------ kinds of input


@dataclass(frozen=True)
class Levels:
    """Level of each tenth of a second."""

    rows: int = 0


def levels(samples: Any, rate: int, floor: float = 1e-9) -> Any:
    parts = np.array_split(samples, max(1, 10 * len(samples) // rate))
    with np.errstate(divide="ignore"):
        return np.array([[np.log(np.mean(part**2) + floor)] for part in parts], dtype=np.float32)


def prepare(requested: Any, clips: Any, context: InputContext, compute: Any = levels) -> Prepared:
    return Prepared(cached_arrays(requested, clips, compute, context, version=1, sample_rate=8000))


def example(requested: Any, labels: Any, seed: int, seconds: float) -> Prepared:
    rng = np.random.default_rng(seed)
    return Prepared(ListInputs([rng.normal(-20 if g < 0 else g, 1, (max(1, round(10 * seconds)), 1)) for g in labels]))


def _values(clips: Any) -> list[Any]:
    return [levels(*_read(clip)) for clip in clips]


def _read(clip: Clip) -> tuple[Any, int]:
    try:
        samples, rate = soundfile.read(clip.path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise DataError(f"{clip.id} can't be read: {error}") from error
    return samples.mean(axis=1), rate


def _row_less(requested: Any, clips: Any, context: InputContext) -> Prepared:
    return Prepared(ListInputs(_values(clips)[:-1]))


def _nan(requested: Any, clips: Any, context: InputContext) -> Prepared:
    return Prepared(ListInputs([value * np.nan for value in _values(clips)]))


def _array(requested: Any, clips: Any, context: InputContext) -> Any:
    return _values(clips)


def _sorted(requested: Any, clips: Any, context: InputContext) -> Prepared:
    return prepare(requested, sorted(clips, key=lambda clip: clip.id), context)


def _normalised(requested: Any, clips: Any, context: InputContext) -> Prepared:
    inputs = prepare(requested, clips, context).inputs
    mean = np.concatenate(list(inputs)).mean() / 10
    return Prepared(ListInputs([value - mean for value in inputs]))


def _by_name(requested: Any, clips: Any, context: InputContext) -> Prepared:
    inputs = prepare(requested, clips, context).inputs
    return Prepared(ListInputs([v + len(c.id) for v, c in zip(inputs, clips, strict=True)]))


def _whole(requested: Any, clips: Any, context: InputContext) -> Prepared:
    return Prepared(ListInputs(_values(clips)))


def _zeros(requested: Any, clips: Any, context: InputContext) -> Prepared:
    good = [clip for clip in clips if clip.id != "broken"]
    arrays = iter(prepare(requested, good, context).inputs)
    return Prepared(ListInputs([np.zeros((3, 1)) if clip.id == "broken" else next(arrays) for clip in clips]))


def _noisy(requested: Any, clips: Any, context: InputContext) -> Prepared:
    inputs = prepare(requested, clips, context).inputs
    return Prepared(ListInputs([v + np.random.default_rng().normal() for v in inputs]))


def _elsewhere(requested: Any, clips: Any, context: InputContext) -> Prepared:
    (context.cache.parent / "levels.log").write_text("x")
    return prepare(requested, clips, context)


def _wide(requested: Any, labels: Any, seed: int, seconds: float) -> Prepared:
    return Prepared(ListInputs([np.hstack([v, v]) for v in example(requested, labels, seed, seconds).inputs]))


def _fixed(requested: Any, labels: Any, seed: int, seconds: float) -> Prepared:
    return example(requested, labels, 0, seconds)


def _by_text(requested: Any, clips: Any, context: InputContext) -> Prepared:
    inputs = prepare(requested, clips, context).inputs
    return Prepared(ListInputs([v + hash(c.content_hash) % 97 for v, c in zip(inputs, clips, strict=True)]))


def _by_id(requested: Any, clips: Any, context: InputContext) -> Prepared:
    inputs = []
    for clip, values in zip(clips, prepare(requested, clips, context).inputs, strict=True):
        file = context.cache / f"{clip.id}-{context.excerpt.seconds}.npy"
        if not file.exists():
            np.save(file, values)
        inputs.append(np.load(file))
    return Prepared(ListInputs(inputs))


def _one_name(requested: Any, clips: Any, context: InputContext) -> Prepared:
    inputs = prepare(requested, clips, context).inputs
    return Prepared(np.array([[value.mean()] for value in inputs]), columns=("mean",))  # type: ignore[arg-type] # the fault


def _one_name_twice(requested: Any, clips: Any, context: InputContext) -> Prepared:
    inputs = prepare(requested, clips, context).inputs
    return Prepared(np.array([[value.mean(), value.std()] for value in inputs]), (("mean",), ("mean",)))


def _row(requested: Any, labels: Any, seed: int, seconds: float) -> Prepared:
    return Prepared(np.random.default_rng(seed).normal(2 * labels[:, None], 1, (len(labels), 1)), (("mean",),))


def _alike(requested: Any, labels: Any, seed: int, seconds: float) -> Prepared:
    return example(requested, np.zeros_like(labels), seed, seconds)


def _one_length(requested: Any, labels: Any, seed: int, seconds: float) -> Prepared:
    return example(requested, labels, seed, 1.0)


def _raises(_: Any) -> float:
    raise ZeroDivisionError


def own(compute: Any = prepare, make: Any = example, rate: Any = None) -> InputSpec:
    return InputSpec(Levels, "levels over time", compute, make, rate or (lambda _: 10.0))


INPUTS: list[tuple[str | None, Any]] = [
    (None, own()),
    ("prepare", own(_row_less)),
    ("prepare", own(_nan)),
    ("prepare", own(_array)),
    ("clip order", own(_sorted)),
    ("one clip", own(_normalised)),
    ("content", own(_by_name)),
    ("excerpt", own(_whole)),
    ("broken files", own(_zeros)),
    ("repeated values", own(_noisy)),
    ("files", own(_elsewhere)),
    ("example", own(make=_wide)),
    ("example", own(make=_fixed)),
    ("spec", InputSpec(Levels, "levels over time", prepare)),
    ("frame rate", own(rate=lambda _: 100.0)),
    ("frame rate", own(rate=lambda _: "ten")),
    ("frame rate", own(rate=_raises)),
    ("repeated values", own(_by_text)),
    ("cache", own(_by_id)),
    ("prepare", own(_one_name, _row)),
    ("prepare", own(_one_name_twice, _row)),
    ("example", own(make=_alike)),
    ("example", own(make=_one_length)),
]

FAULTS = [*METRICS, *SPLITS, *DATASETS, *INPUTS]
