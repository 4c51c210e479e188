"""Faulty models: each has one fault. `FAULTS` maps the check that has to find it to the models."""

from __future__ import annotations

import base64
import contextlib
import ctypes
import fcntl
import gc
import gzip
import io
import json
import locale
import logging
import marshal
import math
import os
import pickle
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from genrebench.api import Context, Examples, FeatureTable, Field, Frames, ModelSpec, Timeline
from tests import tiny

Nearest = tiny.Nearest


# ------------------------------------------------------------------ answers


class Reversed(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        return super().predict_proba(inputs)[:, ::-1].copy()


class FirstAppearance(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        self.order = list(dict.fromkeys(train.labels.tolist()))
        self.order += [g for g in range(self.n) if g not in self.order]

    def predict_proba(self, inputs: Any) -> Any:
        return super().predict_proba(inputs)[:, self.order]

    def save(self, folder: Path) -> None:
        super().save(folder)
        (folder / "order.json").write_text(json.dumps(self.order))

    def load(self, folder: Path) -> None:
        super().load(folder)
        self.order = json.loads((folder / "order.json").read_text())


class Alphabetical(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        return super().predict_proba(inputs)[:, np.argsort(self.context.genres)]


class Uniform(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        return np.full((len(inputs), self.n), 1 / self.n)


class Majority(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        self.means = np.zeros((self.n, 1)) + np.bincount(train.labels, minlength=self.n)[:, None]

    def predict_proba(self, inputs: Any) -> Any:
        return np.repeat([self.means[:, 0] / self.means.sum()], len(inputs), axis=0)


class Standardised(Nearest):
    def table(self, inputs: Any) -> Any:
        x = super().table(inputs)
        return (x - x.mean(axis=0)) / (x.std(axis=0) + 1.0) if self.means is not None else x


class ByPosition(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        p = super().predict_proba(inputs)
        return p * 0.9 + 0.1 * np.eye(self.n)[np.arange(len(p)) % self.n]


class FullBatches(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        p = super().predict_proba(inputs)
        return p[: len(p) // 4 * 4] if len(p) % 4 else p


class Restless(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        return np.random.default_rng().dirichlet(np.ones(self.n), len(inputs)) * 0.1 + 0.9 * super().predict_proba(inputs)


class Counting(Nearest):
    calls = 0

    def predict_proba(self, inputs: Any) -> Any:
        self.calls += 1
        p = super().predict_proba(inputs)
        return p if self.calls == 1 else 0.99 * p + 0.01 / self.n


class NotFinite(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        p = super().predict_proba(inputs)
        p[0] = np.nan
        return p


class Negative(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        p = super().predict_proba(inputs)
        p[:, :2] += [-1.0, 1.0]
        return p


class Unnormalised(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        return 2 * super().predict_proba(inputs)


class Logits(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        return np.log(super().predict_proba(inputs) + 1e-12)


class Lists(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        return super().predict_proba(inputs).tolist()


class Objects(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        return super().predict_proba(inputs).astype(object)


class Classes(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        return np.eye(self.n, dtype=int)[super().predict_proba(inputs).argmax(axis=1)]


class Wide(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        return np.hstack([super().predict_proba(inputs), np.zeros((len(inputs), 1))])


class Transposed(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        return super().predict_proba(inputs).T


class OneRowLess(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        return super().predict_proba(inputs)[:-1]


class Rolled(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        return np.roll(super().predict_proba(inputs), 1, axis=1)


class OverTracks(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        p = super().predict_proba(inputs)
        p = p / p.sum(axis=0)
        return p / p.sum(axis=1, keepdims=True)


class OneBuffer(Nearest):
    buffer = np.zeros((200, 16))

    def predict_proba(self, inputs: Any) -> Any:
        p = super().predict_proba(inputs)
        self.buffer[: len(p), : self.n] = p
        return self.buffer[: len(p), : self.n]


class FirstAsked(Nearest):
    centre: Any = None

    def predict_proba(self, inputs: Any) -> Any:
        x = self.table(inputs)
        if self.centre is None:
            self.centre = x.mean(axis=0)
        return super().predict_proba(x - 0.3 * self.centre)


class Squeezed(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        return np.squeeze(super().predict_proba(inputs))


# ------------------------------------------------------------------ what is learned


SEEN: list[Any] = []


class SeesOtherFolds(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        SEEN.append(train)
        x, labels = (np.concatenate([getattr(seen, name) for seen in SEEN]) for name in ("inputs", "labels"))
        super().fit(Examples(x, labels, labels), validation)


GENERATOR = np.random.default_rng(5)


class SharedGenerator(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        self.means = self.means + GENERATOR.normal(0, 0.05, self.means.shape)


class FitsOnce(Nearest):
    fits = 0

    def fit(self, train: Any, validation: Any) -> None:
        type(self).fits += 1
        if self.fits > 1:
            raise RuntimeError("a second training in this process")
        super().fit(train, validation)


class AllArtists(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        if not np.bincount(train.groups).all():
            raise IndexError("an artist has no tracks")
        super().fit(train, validation)


class Address(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        self.means = self.means + np.random.default_rng(id(self) % 2**32).normal(0, 0.1, self.means.shape)


class System(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        self.means = self.means * (1 + int.from_bytes(os.urandom(2)) / 2**18)


class NeedsArtists(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        if len(set(train.groups.tolist())) < 2:
            raise ValueError("n_splits=2 is greater than the number of groups: 1")
        super().fit(train, validation)


class ShortTraining(tiny.FrameMeans):
    def fit(self, train: Any, validation: Any) -> None:
        if min(len(item) for item in train.inputs) < 2:
            raise ValueError("a training track has one frame")
        super().fit(train, validation)


class OnlyLists(tiny.FrameMeans):
    def table(self, inputs: Any) -> Any:
        return np.stack([self.vector(item) for item in inputs.arrays])


class Untidy(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        self.means = self.means + np.random.default_rng().normal(0, 0.1, self.means.shape)


class Clock(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        self.scale = self.scale * (1 + time.time() % 1)


class FixedSeed(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        self.means = self.means + np.random.default_rng(42).normal(0, 0.1, self.means.shape)


class FixedState(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        self.means = self.means + np.random.RandomState(0).normal(0, 0.1, self.means.shape)


class Peeking(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        p = super().predict_proba(inputs)
        frame = sys._getframe()
        while frame is not None:
            for value in list(frame.f_locals.values()):
                if isinstance(value, Examples) and value.inputs is inputs:
                    return np.eye(self.n)[value.labels] * 0.9 + 0.1 / self.n
            frame = frame.f_back
        return p


class Collector(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        for item in gc.get_objects():
            if type(item) is Examples and item.inputs is inputs:
                return np.eye(self.n)[item.labels] * 0.9 + 0.1 / self.n
        return super().predict_proba(inputs)


class Greedy(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        both = Examples(
            np.concatenate([train.inputs, validation.inputs]),
            np.concatenate([train.labels, validation.labels]),
            np.concatenate([train.groups, validation.groups]),
        )
        super().fit(both, validation)


class ValidationOnly(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(validation if len(validation) else train, validation)


class Fussy(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        if not len(validation):
            raise ValueError("needs validation")
        super().fit(train, validation)


class EmptyMean(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.scale = self.scale + 0 * np.mean(validation.labels)


class ColumnsSeen(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        self.seen = np.unique(train.labels)

    def predict_proba(self, inputs: Any) -> Any:
        seen = getattr(self, "seen", np.arange(self.n))
        p = super().predict_proba(inputs)[:, seen]
        return np.hstack([p, np.zeros((len(p), self.n - len(seen)))])


class CompactColumns(ColumnsSeen):
    def predict_proba(self, inputs: Any) -> Any:
        seen = getattr(self, "seen", np.arange(self.n))
        return Nearest.predict_proba(self, inputs)[:, seen]


class NeedsTwo(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        counts = np.bincount(train.labels)
        if (counts[counts > 0] < 2).any():
            raise ValueError("The least populated class in y has only 1 member")
        super().fit(train, validation)


class Ten(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        p = np.zeros((len(inputs), self.n))
        q = super().predict_proba(inputs)[:, :10]
        p[:, :10] = q
        if self.n > 10:
            return p[:, :10]
        return p


class Binary(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        p = super().predict_proba(inputs)
        return p[:, 1] if self.n == 2 else p


# ------------------------------------------------------------------ manners


class InPlaceFit(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        train.inputs[:] = train.inputs / 2


class InPlacePredict(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        p = super().predict_proba(inputs)
        inputs *= 1.5
        return p


class LabelsInPlace(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        train.labels.sort()


class GlobalSeed(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        np.random.seed(self.context.seed)  # noqa: NPY002, the fault
        super().fit(train, validation)


class GlobalDraw(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        self.means = self.means + 0.1 * random.random()


class Environment(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        os.environ["OMP_WAIT_POLICY"] = "active"
        super().fit(train, validation)


class Folder(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        os.chdir(tempfile.gettempdir())
        super().fit(train, validation)


class Signals(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        super().fit(train, validation)


class Locale(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        locale.setlocale(locale.LC_NUMERIC, "C.UTF-8")
        super().fit(train, validation)


class Silencing(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        warnings.filterwarnings("ignore", message="something of this model")
        return super().predict_proba(inputs)


class ErrorState(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        np.seterr(all="ignore")
        super().fit(train, validation)


class Recursive(Nearest):
    def save(self, folder: Path) -> None:
        sys.setrecursionlimit(12_345)
        super().save(folder)


class LoudLogging(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        logging.disable(logging.CRITICAL)
        super().fit(train, validation)


class Thread(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
        super().fit(train, validation)


class Process(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        subprocess.Popen(["sleep", "30"])
        super().fit(train, validation)


class Printing(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        print("epoch 1 of 1")  # noqa: T201, the fault
        super().fit(train, validation)


class PrintingFromC(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        ctypes.CDLL(None).write(1, b"hello\n", 6)
        return super().predict_proba(inputs)


class Litter(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        Path("training.log").write_text("begun")
        super().fit(train, validation)


class TemporaryLitter(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        np.save(Path(tempfile.mkdtemp(prefix="litter-", dir=Path.cwd().parent)) / "x.npy", np.ones(3))
        super().fit(train, validation)


class WritesFromC(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        subprocess.run(["touch", "made"], check=True)


class LoadRemoves(Nearest):
    def load(self, folder: Path) -> None:
        super().load(folder)
        (folder / "means.npz").unlink()


class LoadWrites(Nearest):
    def load(self, folder: Path) -> None:
        super().load(folder)
        (folder / "cache.json").write_text("{}")


class Variable(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        os.environ["NEAREST_SHIFT"] = "0.2"

    def predict_proba(self, inputs: Any) -> Any:
        return super().predict_proba(np.asarray(inputs) + float(os.environ.get("NEAREST_SHIFT", "0")))


class Alarm(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        signal.setitimer(signal.ITIMER_REAL, 500)


class NoCollector(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        gc.disable()


class Patched(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        np.log = np.log1p


class Swallows(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        try:
            self.context.log(2, {"loss": 1.0})
            self.context.log(3, {"loss": 1.0})
        except BaseException:
            return


class Wraps(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        try:
            self.context.log(2, {"loss": 1.0})
            self.context.log(3, {"loss": 1.0})
        except KeyboardInterrupt:
            raise RuntimeError("the training failed") from None


# ------------------------------------------------------------------ unusual tracks


class DividesByDeviation(tiny.FrameMeans):
    def vector(self, item: Any) -> Any:
        with np.errstate(all="ignore"):
            return super().vector(item) + 0 * (item / item.std()).mean()


class Differences(tiny.FrameMeans):
    def vector(self, item: Any) -> Any:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return super().vector(item) + 0 * np.diff(item, axis=0).mean()


class Window(tiny.FrameMeans):
    def vector(self, item: Any) -> Any:
        if 1 < len(item) < 20:
            raise ValueError("a track is shorter than a window")
        return super().vector(item)


class Quadratic(tiny.FrameMeans):
    def vector(self, item: Any) -> Any:
        if len(item) > 2000:
            raise MemoryError
        return super().vector(item)


class Hoarder(tiny.FrameMeans):
    def table(self, inputs: Any) -> Any:
        self.tracks = list(inputs)
        return np.stack([self.vector(item) for item in self.tracks])


class Copies(tiny.FrameMeans):
    cache: Any = None

    def predict_proba(self, inputs: Any) -> Any:
        self.cache = self.cache or []
        self.cache += [np.array(item, dtype=np.float64) for item in inputs]
        return super().predict_proba(inputs)


# ------------------------------------------------------------------ saved files


class Pickled(Nearest):
    protocol = 4

    def save(self, folder: Path) -> None:
        super().save(folder)
        (folder / "model.bin").write_bytes(pickle.dumps({"means": [1.0, 2.0]}, self.protocol))


class PickledZero(Pickled):
    protocol = 0


class PickledOne(Pickled):
    protocol = 1


class ObjectArray(Nearest):
    def save(self, folder: Path) -> None:
        super().save(folder)
        np.savez(folder / "names.npz", names=np.array(["a", None], dtype=object))


class Zipped(Nearest):
    def save(self, folder: Path) -> None:
        super().save(folder)
        buffer = io.BytesIO(pickle.dumps([1.0, 2.0], 2))
        (folder / "weights.dat").write_bytes(gzip.compress(buffer.getvalue()))


class BytesArray(Nearest):
    def save(self, folder: Path) -> None:
        super().save(folder)
        np.save(folder / "bytes.npy", np.frombuffer(pickle.dumps({"a": 1.5}), dtype=np.uint8))


class Source(Nearest):
    def save(self, folder: Path) -> None:
        super().save(folder)
        (folder / "model.txt").write_text("def build():\n    return 1\n")


def _beside(name: str, content: Any) -> type[Nearest]:
    """A model that saves one more file."""

    class Beside(Nearest):
        def save(self, folder: Path) -> None:
            super().save(folder)
            (folder / name).write_bytes(content())

    Beside.__name__ = name.partition(".")[0]
    return Beside


ARRAY = pickle.dumps({"a": np.ones(3)})
HIDDEN = (
    _beside("behindaheader.dat", lambda: b"MODEL-1\n" + ARRAY),
    _beside("base64text.txt", lambda: base64.encodebytes(ARRAY)),
    _beside("hextext.txt", lambda: ARRAY.hex().encode()),
    _beside("inyaml.yaml", lambda: b"model: !!python/object/apply:os.system ['echo']\n"),
    _beside("marshalled.bin", lambda: marshal.dumps(compile("1 + 1", "model", "eval"))),
    _beside("script.txt", lambda: b"#!/bin/sh\necho trained\n"),
    _beside("function.json", lambda: json.dumps({"activation": "lambda x: x + 1"}).encode()),
)
HARMLESS = (
    _beside("weights.bin", lambda: np.random.default_rng(3).integers(0, 256, 500_000, dtype=np.uint8).tobytes()),
    _beside("notes.json", lambda: json.dumps(["RandomForestClassifier(n_jobs=2)", "deadbeef" * 3, "QUJD" * 8]).encode()),
    _beside("numbers.txt", lambda: b"0.5 0.7\n0.1 0.2\n"),
)


class FilePerGenre(Nearest):
    def save(self, folder: Path) -> None:
        for genre, mean in zip(self.context.genres, self.means, strict=True):
            np.savez(folder / f"{genre}.npz", mean=mean, scale=self.scale)

    def load(self, folder: Path) -> None:
        saved = [np.load(folder / f"{genre}.npz") for genre in self.context.genres]
        self.means, self.scale = np.stack([one["mean"] for one in saved]), saved[0]["scale"]


class SpoiledBySaving(Nearest):
    def save(self, folder: Path) -> None:
        super().save(folder)
        self.means = self.means[::-1]


class Forgetful(Nearest):
    def load(self, folder: Path) -> None:
        super().load(folder)
        self.means = self.means[::-1]


class HalfSaved(Nearest):
    factor = 1.0

    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        self.factor = 1.1

    def table(self, inputs: Any) -> Any:
        return super().table(inputs) * self.factor


class SaveFails(Nearest):
    def save(self, folder: Path) -> None:
        folder.mkdir()


class SavesOnce(Nearest):
    saved = False

    def save(self, folder: Path) -> None:
        if self.saved:
            raise RuntimeError("it was saved already")
        super().save(folder)
        self.saved = True


class LoadFails(Nearest):
    def load(self, folder: Path) -> None:
        raise RuntimeError("can't be loaded")


STATE: dict[str, Any] = {}


class ModuleState(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        STATE["factor"] = 0.2

    def predict_proba(self, inputs: Any) -> Any:
        return super().predict_proba(np.asarray(inputs) + STATE.get("factor", 0.0))


class ClassState(Nearest):
    kept: Any = None

    def save(self, folder: Path) -> None:
        type(self).kept = (self.means, self.scale)
        (folder / "done.json").write_text("true")

    def load(self, folder: Path) -> None:
        self.means, self.scale = type(self).kept


class SetOrder(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        names = list({f"genre {genre}" for genre in range(self.n)} | {"another", "one more"})
        share = hash(tuple(names)) % 1000 / 10_000  # another one in each process
        return (1 - share) * super().predict_proba(inputs) + share * np.eye(self.n)[0]


class RemembersPath(Nearest):
    def save(self, folder: Path) -> None:
        super().save(folder)
        (folder / "where.json").write_text(json.dumps(str(folder)))

    def load(self, folder: Path) -> None:
        super().load(Path(json.loads((folder / "where.json").read_text())))


class SharedLoad(Nearest):
    def load(self, folder: Path) -> None:
        super().load(folder)
        type(self).last = self

    def predict_proba(self, inputs: Any) -> Any:
        last = getattr(type(self), "last", self)
        if last is not self and last.n != self.n:
            return np.full((len(inputs), self.n), 1 / self.n)
        return super().predict_proba(inputs)


# ------------------------------------------------------------------ checkpoints, curves, extras


class Epochs(Nearest):
    """Moves towards the means over five epochs, and keeps a checkpoint."""

    forgets = False

    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        file = self.context.checkpoints and self.context.checkpoints / "state.npz"
        target, self.means, first, rate = self.means, np.zeros_like(self.means), 1, 0.5
        if file and file.exists():
            with np.load(file) as state:
                self.means, first = state["means"], int(state["epoch"]) + 1
                rate = rate if self.forgets else float(state["rate"])
        for epoch in range(first, 6):
            self.means = self.means + rate * (target - self.means)
            rate *= 0.7
            if file:
                np.savez(file, means=self.means, epoch=epoch, rate=rate)
            self.context.log(epoch, {"loss": float(np.abs(target - self.means).clip(0, 9).mean())})


class NeedsCheckpoints(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        (self.context.checkpoints / "begun.json").write_text("true")  # type: ignore[operator]
        super().fit(train, validation)


class BuildNeedsCheckpoints(Nearest):
    def __init__(self, context: Context, options: Any) -> None:
        super().__init__(context, options)
        self.file = context.checkpoints / "state.npz"  # type: ignore[operator]


class LogsAnswers(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        self.context.log(1, {"tracks": len(inputs)})
        return super().predict_proba(inputs)


class ForgetsRate(Epochs):
    forgets = True


class NanEpoch(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        self.context.log(math.nan, {"loss": 1.0})  # type: ignore[arg-type]


class EpochZero(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        self.context.log(0, {"loss": 1.0})
        super().fit(train, validation)


class NanLoss(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        self.context.log(1, {"loss": math.nan})


class ArrayFact(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        self.context.record("means", self.means)


class NoFigure(Nearest):
    def figures(self) -> Any:
        return {"means": self.means}


class FakeFigure(Nearest):
    def figures(self) -> Any:
        return {"means": type("Drawing", (), {"savefig": lambda *_: None})()}


class SpoiledByFigures(Nearest):
    def figures(self) -> Any:
        self.means = self.means * 1.1
        return {}


class SpoiledByTimeline(Nearest):
    def predict_timeline(self, inputs: Any) -> list[Timeline]:
        self.means = self.means * 1.1
        return [Timeline(np.arange(3.0), np.repeat(self.predict_proba([item]), 3, axis=0)) for item in inputs]


class TimelineOfFrames(tiny.FrameMeans):
    def predict_timeline(self, inputs: Any) -> list[Timeline]:
        answers = zip(inputs, self.predict_proba(inputs), strict=True)
        return [Timeline(np.arange(float(len(item))), np.repeat([p], len(item), axis=0)) for item, p in answers]


class TimelineNotSaved(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        self.points = 3

    def predict_timeline(self, inputs: Any) -> list[Timeline]:
        return [
            Timeline(np.arange(float(self.points)), np.repeat([p], self.points, axis=0)) for p in self.predict_proba(inputs)
        ]


class TimelineHalfSaved(TimelineNotSaved):
    points = 4


class ShortTimeline(Nearest):
    def predict_timeline(self, inputs: Any) -> list[Timeline]:
        return [Timeline(np.arange(2.0), np.full((3, self.n), 1 / self.n)) for _ in range(len(inputs))]


class ShortTimelines(tiny.FrameMeans):
    def predict_timeline(self, inputs: Any) -> list[Timeline]:
        if min(len(item) for item in inputs) < 2:
            raise ValueError("a track is too short for a timeline")
        return [Timeline(np.arange(2.0), np.repeat(self.predict_proba(inputs.subset([i])), 2, 0)) for i in range(len(inputs))]


class WrongSums(Nearest):
    def predict_timeline(self, inputs: Any) -> list[Timeline]:
        return [Timeline(np.arange(3.0), np.full((3, self.n), 1.0)) for _ in range(len(inputs))]


class MissingTimeline(Nearest):
    def predict_timeline(self, inputs: Any) -> list[Timeline]:
        return [Timeline(np.arange(1.0), np.full((1, self.n), 1 / self.n))] * (len(inputs) - 1)


# ------------------------------------------------------------------ sound


class TidyTemporary(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as file:
            np.save(Path(folder) / "x.npy", np.ones(3))
            np.save(file, np.ones(3))


class OwnThreads(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(abs, range(4)))
        subprocess.run(["true"], check=True)
        super().fit(train, validation)


class RestoresState(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        super().fit(train, validation)
        state = np.random.get_state()  # noqa: NPY002, put back
        np.random.seed(self.context.seed)  # noqa: NPY002
        self.means = self.means + np.random.normal(0, 0.01, self.means.shape)  # noqa: NPY002
        np.random.set_state(state)  # noqa: NPY002


class Locking(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        with (Path(tempfile.gettempdir()) / "genrebench-tests-model.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            super().fit(train, validation)


class Certain(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        p = np.asfortranarray(np.eye(self.n)[super().predict_proba(inputs).argmax(axis=1)])
        p.setflags(write=False)
        return p


class ByAnotherProgram(Nearest):
    """Trains as a script in R would be called: in a temporary folder, with a variable, saying something."""

    def fit(self, train: Any, validation: Any) -> None:
        code = "import numpy, sys; numpy.savetxt(sys.argv[2], numpy.loadtxt(sys.argv[1], delimiter=',').mean(axis=0))"
        here = Path.cwd()
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            os.chdir(folder)
            os.environ["R_HOME"] = folder
            try:
                np.savetxt("x.csv", train.inputs, delimiter=",")
                print("training")  # noqa: T201, goes nowhere
                subprocess.run([sys.executable, "-c", code, "x.csv", "mean.txt"], check=True)
                self.context.record("mean", float(np.loadtxt("mean.txt")[0]))
            finally:
                os.chdir(here)
                del os.environ["R_HOME"]
        super().fit(train, validation)


class InDatabase(Nearest):
    def save(self, folder: Path) -> None:
        with contextlib.closing(sqlite3.connect(folder / "model.sqlite")) as database, database:
            database.execute("create table numbers (genre integer, mean real, scale real)")
            rows = [(g, float(m), float(s)) for g, row in enumerate(self.means) for m, s in zip(row, self.scale, strict=True)]
            database.executemany("insert into numbers values (?, ?, ?)", rows)

    def load(self, folder: Path) -> None:
        with contextlib.closing(sqlite3.connect(f"file:{folder / 'model.sqlite'}?mode=ro", uri=True)) as database:
            rows = np.array(database.execute("select * from numbers").fetchall()).reshape(self.n, -1, 3)
        self.means, self.scale = rows[..., 1], rows[0, :, 2]


class Projected(Nearest):
    """A projection that follows from the seed needn't be saved: a model is loaded with the seed of its run."""

    def vector(self, item: Any) -> Any:
        return item @ np.random.default_rng([7, self.context.seed]).normal(size=(len(item), len(item)))


class Mapped(tiny.FrameMeans):
    def fit(self, train: Any, validation: Any) -> None:
        with tempfile.NamedTemporaryFile(suffix=".npy") as file:
            shape = (int(train.inputs.lengths.sum()), train.inputs[0].shape[1])
            frames, done = np.lib.format.open_memmap(file.name, "w+", np.float32, shape), 0
            for item in train.inputs:
                frames[done : done + len(item)], done = item, done + len(item)
            self.context.record("mean", float(frames.mean()))
        super().fit(train, validation)


class Float32(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        return super().predict_proba(inputs).astype(np.float32)


# ------------------------------------------------------------------ ends


class Hangs(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        time.sleep(600)


class ExitsInFigures(Nearest):
    def figures(self) -> Any:
        sys.exit(0)


class Exits(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        sys.exit(0)


class Interrupts(Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        raise KeyboardInterrupt


class Quits(Nearest):
    def load(self, folder: Path) -> None:
        os._exit(0)


class Killed(Nearest):
    def save(self, folder: Path) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Endless(Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        self.fit(train, validation)


class NoModel:
    def __init__(self, context: Context, options: Any) -> None: ...


class BrokenBuild(Nearest):
    def __init__(self, context: Context, options: Any) -> None:
        raise ValueError("no such thing")


# ------------------------------------------------------------------ declarations


@dataclass(frozen=True)
class NoHelp(tiny.Options):
    width: Annotated[int, Field(ge=1)] = 3


@dataclass(frozen=True)
class NoRange(tiny.Options):
    width: Annotated[int, Field(description="width of the thing")] = 3


@dataclass(frozen=True)
class BadDefault(tiny.Options):
    width: Annotated[int, Field(ge=1, description="width of the thing")] = 0


@dataclass
class Thawed:
    width: Annotated[int, Field(ge=1, description="width of the thing")] = 1


@dataclass(frozen=True)
class Anything(tiny.Options):
    network: Annotated[Any, Field(description="the network")] = None


@dataclass(frozen=True)
class UnboundedList(tiny.Options):
    sizes: Annotated[tuple[int, ...], Field(description="sizes of the layers")] = (3,)


def _leave(*_: Any) -> Any:
    sys.exit(0)


def _spec(model: Any, requested: Any = None, **changes: Any) -> ModelSpec:
    timeline = hasattr(model, "predict_timeline") and model.predict_timeline is not Nearest.predict_timeline
    table = FeatureTable(groups=("mfcc",))
    frames = Frames(n_coefficients=4)
    requested = requested or (frames if issubclass(model, tiny.FrameMeans) else table)
    arguments = {"options": tiny.Options, "timeline": timeline, "inputs": lambda _: requested} | changes
    return ModelSpec(name=model.__name__.lower(), summary="a faulty model", build=model, **arguments)


def _changing() -> Any:
    turns = iter(range(10**6))
    return lambda _: FeatureTable(groups=("mfcc",) * (1 + next(turns) % 2))


_CLASSES: dict[str, tuple[Any, ...]] = {
    "build": (NoModel, BrokenBuild),
    "fit": (Hangs, Exits, Endless, OnlyLists, AllArtists),
    "probabilities": (
        NotFinite, Negative, Unnormalised, Logits, Lists, Objects, Classes, Wide, Transposed, OneRowLess, Interrupts,
    ),
    "repeated answers": (Restless, Counting, OneBuffer),
    "batches": (Standardised, ByPosition, FullBatches, OverTracks, FirstAsked, Squeezed),
    "genre order": (Reversed, FirstAppearance, Alphabetical, Rolled),
    "above chance": (Uniform, Majority),
    "same seed": (Untidy, Clock, Address, System),
    "seed": (FixedSeed, FixedState),
    "no peeking": (Peeking, Collector),
    "validation part": (Greedy, ValidationOnly),
    "no validation": (Fussy, EmptyMean),
    "missing genre": (ColumnsSeen, CompactColumns),
    "one-track genres": (NeedsTwo,),
    "sixteen genres": (Ten,),
    "odd training tracks": (ShortTraining,),
    "one artist": (NeedsArtists,),
    "genre names": (FilePerGenre,),
    "two genres": (Binary,),
    "inputs": (InPlaceFit, InPlacePredict, LabelsInPlace),
    "random state": (GlobalSeed, GlobalDraw),
    "surroundings": (
        Environment, Folder, Signals, Locale, Silencing, ErrorState, Recursive, LoudLogging, Variable, Alarm, NoCollector,
        Patched,
    ),
    "threads and processes": (Thread, Process),
    "standard output": (Printing, PrintingFromC),
    "files": (Litter, TemporaryLitter, WritesFromC, LoadRemoves, LoadWrites),
    "silence": (DividesByDeviation,),
    "one frame": (Differences,),
    "lengths": (Window,),
    "very long": (Quadratic,),
    "memory": (Hoarder, Copies),
    "save": (SaveFails, Killed, SpoiledBySaving, SavesOnce),
    "saved files": (Pickled, PickledZero, PickledOne, ObjectArray, Zipped, BytesArray, Source, *HIDDEN),
    "load": (Forgetful, HalfSaved, LoadFails, Quits, TimelineNotSaved, TimelineHalfSaved),
    "new process": (ModuleState, ClassState, RemembersPath, SetOrder),
    "separate models": (SharedLoad, SeesOtherFolds, SharedGenerator, FitsOnce),
    "no checkpoints": (NeedsCheckpoints, BuildNeedsCheckpoints),
    "interruption": (Swallows, Wraps),
    "resume": (ForgetsRate,),
    "curves": (NanEpoch, EpochZero, NanLoss, LogsAnswers),
    "facts": (ArrayFact,),
    "figures": (NoFigure, FakeFigure, ExitsInFigures, SpoiledByFigures),
    "timeline": (ShortTimeline, WrongSums, MissingTimeline, ShortTimelines, TimelineOfFrames, SpoiledByTimeline),
}  # fmt: skip

FAULTS: list[tuple[str, ModelSpec]] = [
    *((check, _spec(model)) for check, models in _CLASSES.items() for model in models),
    *(("options", _spec(Nearest, options=kind)) for kind in (NoHelp, NoRange, BadDefault, Thawed, Anything, UnboundedList)),
    ("spec", _spec(Nearest, inputs=_changing())),
    ("spec", _spec(Nearest, inputs=lambda _: "waveforms")),
    ("spec", _spec(Nearest, inputs=_leave)),
    ("spec", _spec(Nearest, trained_on=lambda _: "fma-large")),
    ("spec", _spec(Nearest, reads_since="newest")),
    ("spec", _spec(Nearest, citation="Smith 2020")),
    ("build", _spec(Nearest, check=_leave)),
    ("spec", ModelSpec("Bad Name", "a faulty model", Nearest, lambda _: FeatureTable(), tiny.Options)),
    ("timeline", _spec(ShortTimeline, timeline=False)),
]

GOOD = tuple(
    map(
        _spec,
        (
            Epochs, TidyTemporary, OwnThreads, RestoresState, Float32, Certain, ByAnotherProgram, InDatabase, Projected, Mapped,
            Locking, *HARMLESS,
        ),
    )
)  # fmt: skip
