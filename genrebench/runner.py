"""One run, read from top to bottom: inputs, then for each fold fit, probabilities and their check, then metrics and record."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import re
import secrets
import shutil
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import numpy as np
from numpy.typing import NDArray

from genrebench import files, tasks
from genrebench import metrics as scores
from genrebench.contract import (
    Context,
    Examples,
    Inputs,
    InputSpec,
    LazyInputs,
    MetricSpec,
    Model,
    ModelSpec,
    Prepared,
    Workshop,
)
from genrebench.environment import PeakMemory, describe_environment, without_home
from genrebench.errors import GenrebenchError, PluginError, UsageError
from genrebench.inputs import prepare
from genrebench.options import options_as_dict, plain
from genrebench.plugins import Offer
from genrebench.records import PARTS, Predictions, Run, Task
from genrebench.store import RunStore


@dataclass(frozen=True)
class Surroundings:
    """Where a run happens and who watches it.

    Parameters
    ----------
    home : Path
        Folder of data and caches.
    device : str
        As in `Context`.
    workers : int
        Processes or threads to use.
    progress : callable
        As in `Context`.
    log : callable
        ``log(fold, epoch, values)`` hears of each point of a curve.
    say : callable
        ``say(text)`` hears what a person may want to know.
    input_specs, metric_specs : tuple
        Kinds of input and metrics that are installed.
    """

    home: Path
    device: str = "auto"
    workers: int = 1
    progress: Callable[..., Iterable[Any]] = lambda iterable, *_, **__: iterable
    log: Callable[[int, int, Mapping[str, float]], None] = lambda *_: None
    say: Callable[[str], None] = lambda _: None
    input_specs: tuple[InputSpec, ...] = ()
    metric_specs: tuple[MetricSpec, ...] = scores.METRICS


def run(
    task: Task,
    offer: Offer[ModelSpec],
    options: Any,
    seed: int,
    store: RunStore,
    surroundings: Surroundings,
    *,
    resume: bool = False,
) -> Run:
    """Fit a model on a task, score it and keep the record.

    Parameters
    ----------
    task : Task
    offer : Offer of ModelSpec
        The model and the plugin that brings it.
    options : object
        Instance of the model's options.
    seed : int
        Seed of the model.
    store : RunStore
        Where the run is kept.
    surroundings : Surroundings
    resume : bool
        Go on with the newest unfinished run of the same task, model, version, options and seed; a finished one is returned
        as it is.

    Returns
    -------
    Run
        Its status is "finished", or "failed" with `error` saying why.

    Raises
    ------
    GenrebenchError
        If the inputs can't be prepared; no run has begun then.
    KeyboardInterrupt
        On Ctrl-C; the record then says "interrupted".
    """
    earlier = _earlier(task, offer, options, seed, store) if resume else None
    if earlier is not None and earlier.status == "finished":
        surroundings.say(f"{earlier.id} has finished already")
        return earlier

    began = time.perf_counter()
    ids = tasks.task_ids(task.split)
    wanted = _blame(offer, "inputs", lambda: offer.spec.inputs(options))
    workshop = Workshop(surroundings.home / "cache", task.excerpt, surroundings.workers, surroundings.progress)
    hashes = tasks.audio_hashes(task.dataset, surroundings.home, ids) if _needs_audio(task, wanted) else {}
    prepared = prepare(wanted, task.dataset, ids, hashes, workshop, surroundings.input_specs)
    inputs_s = time.perf_counter() - began

    record = earlier or _new_record(task, offer, options, seed, prepared)
    record = dataclasses.replace(record, status="running", error=None, timings={**record.timings, "inputs_s": inputs_s})
    if earlier is None:
        store.begin(record)
    with _locked(store.folder(record.id)):
        surroundings.say(f"run {record.id}" if earlier is None else f"resuming {record.id}")
        state = _Recorder(store, record, surroundings)
        try:
            with PeakMemory() as memory:
                predictions = _folds(task, offer, options, prepared, state)
            return _finish(task, offer, predictions, state, memory.peak_mb)
        except KeyboardInterrupt:
            state.save(status="interrupted", error="interrupted by the user; 'genrebench run ... --resume' goes on")
            raise
        except Exception as error:
            state.save(status="failed", error=_one_line(error))
            _keep_traceback(store.folder(record.id))
            return state.record


def _folds(
    task: Task, offer: Offer[ModelSpec], options: Any, prepared: Prepared, state: _Recorder
) -> list[NDArray[np.float64]]:
    """Fit and predict each fold that isn't done yet."""
    place = {id_: i for i, id_ in enumerate(tasks.task_ids(task.split))}
    labels = {track.id: task.genres.index(track.genre) for track in task.dataset.tracks}
    artist = tasks.groups(task.dataset)
    answers = []
    for number, fold in enumerate(task.split.folds):
        kept = state.fold_file(number)
        if kept.is_file():
            with np.load(kept) as saved:
                answers.append(saved["probabilities"])
            continue
        if len(task.split.folds) > 1:
            state.surroundings.say(f"fold {number + 1} of {len(task.split.folds)}")

        def examples(part: Sequence[str]) -> Examples:
            return Examples(
                _take(prepared.inputs, [place[id_] for id_ in part]),
                np.array([labels[id_] for id_ in part], dtype=np.int64),
                np.array([artist[id_] for id_ in part], dtype=np.int64),
            )

        context = state.context(task, number, prepared)
        model = _blame(offer, "build", lambda: offer.spec.build(context, options))  # noqa: B023 - called at once
        with state.timed("fit_s"):
            _blame(offer, "fit", lambda: model.fit(examples(fold.training), examples(fold.validation)))  # noqa: B023
        probabilities = np.zeros((0, len(task.genres)))
        if fold.test:
            with state.timed("predict_s"):
                test = examples(fold.test).inputs
                answer = _blame(offer, "predict_proba", lambda: model.predict_proba(test))  # noqa: B023
            probabilities = checked(answer, len(fold.test), len(task.genres), _owner(offer))
        folder = state.model_folder(number, len(task.split.folds))
        _blame(offer, "save", lambda: model.save(folder))  # noqa: B023
        state.keep_columns(prepared)
        _save_array(kept, probabilities)
        answers.append(probabilities)
        if number == len(task.split.folds) - 1:
            state.draw(model, offer)
    return answers


def _finish(task: Task, offer: Offer[ModelSpec], answers: list[NDArray[np.float64]], state: _Recorder, peak_mb: float) -> Run:
    """Score the predictions of all folds and close the record."""
    predictions = collect(task, answers)
    specs = state.surroundings.metric_specs
    values: dict[str, float | None] = {spec.name: None for spec in specs}
    if predictions.ids:
        values.update(_blame(offer, "metrics", lambda: scores.evaluate(predictions.labels, predictions.probabilities, specs)))
    state.record = dataclasses.replace(
        state.record,
        metrics=values,
        metrics_version=scores.VERSION,
        peak_rss_mb=round(max(peak_mb, state.record.peak_rss_mb or 0), 1),
    )
    finished = state.store.finish(state.record, predictions)
    shutil.rmtree(state.store.folder(finished.id) / "checkpoint", ignore_errors=True)
    return finished


def collect(task: Task, answers: Sequence[NDArray[np.float64]]) -> Predictions:
    """Put the answers for the test tracks of all folds, one array a fold, beside the true labels."""
    labels = {track.id: task.genres.index(track.genre) for track in task.dataset.tracks}
    artists = {track.id: track.artist for track in task.dataset.tracks}
    numbers = tasks.groups(task.dataset)
    ids = [id_ for fold in task.split.folds for id_ in fold.test]
    sizes = [len(fold.test) for fold in task.split.folds]
    known = any(artists[id_] is not None for id_ in ids)
    return Predictions(
        ids=tuple(ids),
        genres=task.genres,
        labels=np.array([labels[id_] for id_ in ids], dtype=np.int64),
        folds=np.repeat(np.arange(len(sizes), dtype=np.int64), sizes),
        probabilities=np.concatenate(answers),
        groups=np.array([-1 if artists[id_] is None else numbers[id_] for id_ in ids], dtype=np.int64) if known else None,
    )


def checked(answer: Any, n_tracks: int, n_genres: int, owner: str) -> NDArray[np.float64]:
    """Check a model's probabilities and renormalise their rows.

    Raises
    ------
    PluginError
        If the shape is wrong, a value is not finite or negative, or a row doesn't sum to 1 within 1e-4.
    """
    try:
        p = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError):
        raise PluginError(f"{owner}: predict_proba answered {type(answer).__name__}, not an array of numbers") from None
    if p.shape != (n_tracks, n_genres):
        raise PluginError(f"{owner}: predict_proba answered shape {p.shape}, expected ({n_tracks}, {n_genres})")
    if not np.isfinite(p).all():
        row = int(np.flatnonzero(~np.isfinite(p).all(axis=1))[0])
        raise PluginError(
            f"{owner}: predict_proba answered {p[row][~np.isfinite(p[row])][0]} in row {row}; all have to be finite"
        )
    if (p < 0).any():
        raise PluginError(f"{owner}: predict_proba answered a negative probability, {p.min():g}")
    sums = p.sum(axis=1)
    wrong = np.flatnonzero(np.abs(sums - 1) > 1e-4)
    if len(wrong):
        raise PluginError(f"{owner}: predict_proba answered a row that sums to {sums[wrong[0]]:.6g} (row {wrong[0]}), not to 1")
    return np.asarray(p / sums[:, None])


class _Recorder:
    """The record of one run while it grows, and the folders that belong to it."""

    def __init__(self, store: RunStore, record: Run, surroundings: Surroundings) -> None:
        self.store = store
        self.record = record
        self.surroundings = surroundings

    def save(self, **changes: Any) -> None:
        """Write the record with `changes`; a disk that refuses it now has been reported by what came before."""
        self.record = dataclasses.replace(self.record, **changes)
        with contextlib.suppress(GenrebenchError):
            self.store.save(self.record)

    def fold_file(self, number: int) -> Path:
        """Where the answer of a finished fold is kept until the run ends."""
        return self._made("checkpoint") / f"fold-{number}.npz"

    def model_folder(self, number: int, n_folds: int) -> Path:
        """Return an empty folder for the model of a fold."""
        folder = self.store.folder(self.record.id) / "model"
        folder = folder if n_folds == 1 else folder / f"fold-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def keep_columns(self, prepared: Prepared) -> None:
        """Keep the names of a table's columns beside the model, so that it can be given the same ones later."""
        if prepared.columns:
            file = self.store.folder(self.record.id) / "model" / "columns.json"
            file.write_text(json.dumps(prepared.columns), encoding="utf-8")

    @contextlib.contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the seconds of the body to a timing."""
        began = time.perf_counter()
        try:
            yield
        finally:
            seconds = self.record.timings.get(name, 0.0) + time.perf_counter() - began
            self.record = dataclasses.replace(self.record, timings={**self.record.timings, name: seconds})

    def context(self, task: Task, number: int, prepared: Prepared) -> Context:
        """Return what the model of fold `number` gets to know."""
        return Context(
            genres=task.genres,
            seed=self.record.seed,
            device=self.surroundings.device,
            workers=self.surroundings.workers,
            checkpoints=self._made("checkpoint", f"model-{number}"),
            columns=prepared.columns,
            progress=self.surroundings.progress,
            log=lambda epoch, values: self._log(number, epoch, values),
            record=self._fact,
        )

    def draw(self, model: Model, offer: Offer[ModelSpec]) -> None:
        """Keep the model's figures as images; one that can't be drawn doesn't cost the run."""
        try:
            figures = model.figures()
            for title, figure in figures.items():
                name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "figure"
                figure.savefig(self._made("figures") / f"{name}.png", dpi=120, metadata={"Title": title})
        except Exception as error:
            self.surroundings.say(f"warning: {_owner(offer)} can't draw its figures: {_one_line(error)}")
            self._fact("figures_error", _one_line(error))

    def _made(self, *names: str) -> Path:
        folder = self.store.folder(self.record.id).joinpath(*names)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _log(self, fold: int, epoch: int, values: Mapping[str, float]) -> None:
        point = {"fold": fold, "epoch": int(epoch), **{name: float(value) for name, value in values.items()}}
        kept = [p for p in self.record.curves if (p["fold"], p["epoch"]) != (fold, epoch)]
        self.save(curves=(*kept, point))
        self.surroundings.log(fold, epoch, values)

    def _fact(self, name: str, value: Any) -> None:
        self.save(facts={**self.record.facts, name: plain(value)})


def _new_record(task: Task, offer: Offer[ModelSpec], options: Any, seed: int, prepared: Prepared) -> Run:
    now = datetime.datetime.now(datetime.UTC)
    return Run(
        id=f"{offer.spec.name}-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
        status="running",
        task=task_record(task),
        model=model_record(offer, options) | {"feature_source": prepared.source},
        seed=seed,
        metrics=None,
        timings={"inputs_s": 0.0, "fit_s": 0.0, "predict_s": 0.0},
        peak_rss_mb=None,
        environment=describe_environment(offer.plugin.distribution),
        started=now.isoformat(timespec="microseconds"),
    )


def task_record(task: Task) -> dict[str, Any]:
    """Return what a run's record says of its task."""
    folds = task.split.folds
    genre_of = {track.id: track.genre for track in task.dataset.tracks}

    def counts(ids: Iterable[str]) -> list[int]:
        tally = dict.fromkeys(task.genres, 0)
        for id_ in ids:
            tally[genre_of[id_]] += 1
        return list(tally.values())

    n_parts = {f"n_{part}": sum(len(getattr(fold, part)) for fold in folds) for part in PARTS}
    return {
        "dataset": task.dataset.name,
        "version": task.dataset.version,
        "split": task.split.name,
        "split_seed": task.split.seed,
        "fingerprint": task.fingerprint,
        "excerpt": str(task.excerpt),
        **n_parts,
        "n_folds": len(folds),
        "n_excluded": len(task.excluded),
        "excluded": [{"id": e.id, "reason": e.reason} for e in task.excluded],
        "genres": list(task.genres),
        "training_counts": [counts(fold.training) for fold in folds],
        "shared_artists": task.shared_artists,
        "synthetic": task.dataset.synthetic,
        "warnings": list(task.split.warnings),
    }


def model_record(offer: Offer[ModelSpec], options: Any) -> dict[str, Any]:
    """Return what a run's record says of its model; `changed` are the options that aren't the defaults."""
    chosen, defaults = options_as_dict(options), options_as_dict(offer.spec.options())
    return {
        "name": offer.spec.name,
        "plugin": offer.plugin.distribution,
        "version": offer.plugin.version,
        "options": chosen,
        "changed": {name: value for name, value in chosen.items() if defaults.get(name) != value},
    }


def _earlier(task: Task, offer: Offer[ModelSpec], options: Any, seed: int, store: RunStore) -> Run | None:
    """Return the newest run of the same work, if there is one."""
    model = model_record(offer, options)
    for candidate in store.runs():
        same_model = all(candidate.model.get(key) == value for key, value in model.items())
        if candidate.task.get("fingerprint") == task.fingerprint and same_model and candidate.seed == seed:
            return candidate
    return None


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a run, so that no second process goes on with it; a process that dies lets go."""
    lock = filelock.FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise UsageError(f"{folder.name} is still running in another process; wait for it, or start without --resume") from None
    try:
        yield
    finally:
        lock.release()


def _needs_audio(task: Task, wanted: Any) -> bool:
    given = task.dataset.load_features is not None and getattr(wanted, "source", "extract") != "extract"
    return not given


def _take(inputs: Inputs, rows: list[int]) -> Inputs:
    return inputs.subset(rows) if isinstance(inputs, LazyInputs) else inputs[rows]


def _owner(offer: Offer[ModelSpec]) -> str:
    return f"{offer.spec.name} ({offer.plugin.distribution} {offer.plugin.version})"


def _blame(offer: Offer[ModelSpec], step: str, call: Callable[[], Any]) -> Any:
    """Call a plugin; what it raises names it."""
    try:
        return call()
    except GenrebenchError as error:
        raise type(error)(f"{_owner(offer)}: {error}") from error
    except Exception as error:
        raise PluginError(f"{_owner(offer)} raised {type(error).__name__} in {step}: {_one_line(error)}") from error


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if not isinstance(error, GenrebenchError):
        text = f"{type(error).__name__}: {text}" if str(error) else text
    return without_home(text)


def _keep_traceback(folder: Path) -> None:
    with contextlib.suppress(OSError):
        (folder / "error.txt").write_text(without_home(traceback.format_exc()), encoding="utf-8")


def _save_array(path: Path, probabilities: NDArray[np.float64]) -> None:
    with files.atomic(path) as temporary, temporary.open("wb") as file:
        np.savez(file, probabilities=probabilities)
