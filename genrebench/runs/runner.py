"""One run, read from top to bottom: inputs, then for each fold fit, probabilities and their check, then metrics and record."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.evaluation import calibration
from genrebench.tasks import task as tasks
from genrebench import files
from genrebench.evaluation import metrics as scores
from genrebench.runs.predictions import blame, checked, collect, one_line, owner_of
from genrebench.plugin.contract import Context, Examples, FeatureTable, Inputs, LazyInputs, Model, ModelSpec, Prepared
from genrebench.datasets import require_audio
from genrebench.environment import PeakMemory
from genrebench.errors import PluginError, UsageError
from genrebench.inputs import prepare
from genrebench.plugin.registry import Registered
from genrebench.runs.recorder import Recorder, keep_traceback, locked
from genrebench.session import Session
from genrebench.records import Fold, Run, Task
from genrebench.runs.record import earlier_run, new_record
from genrebench.runs.store import RunStore


def run(
    task: Task,
    offer: Registered[ModelSpec],
    options: Any,
    seed: int,
    store: RunStore,
    session: Session,
    *,
    resume: bool = False,
    calibrate: bool = False,
) -> Run:
    """Fit a model on a task, score it and keep the record.

    Parameters
    ----------
    task : Task
    offer : Registered of ModelSpec
        The model and the plugin that brings it.
    options : object
        Instance of the model's options.
    seed : int
        Seed of the model.
    store : RunStore
        Where the run is kept.
    session : Session
    resume : bool
        Go on with the newest unfinished run of the same task, model, version, options and seed; a finished one is returned
        as it is.
    calibrate : bool
        Divide the logarithms of the probabilities by a temperature that is fitted on the validation part.

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
    if calibrate and not all(fold.validation for fold in task.split.folds):
        raise UsageError(
            f"--calibrate needs a validation part and the split {task.split.name!r} has none; choose another --split"
        )
    earlier = earlier_run(task, offer, options, seed, store, calibrate=calibrate) if resume else None
    if earlier is not None and earlier.status == "finished":
        session.say(f"{earlier.id} has finished already")
        return earlier

    began = time.perf_counter()
    prepared = prepare_inputs(task, blame(offer, "inputs", lambda: offer.spec.inputs(options)), session)
    inputs_s = time.perf_counter() - began

    record = earlier or new_record(task, offer, options, seed, prepared, calibrate=calibrate)
    record = dataclasses.replace(
        record,
        status="running",
        error=None,
        timings={**record.timings, "inputs_s": record.timings.get("inputs_s", 0.0) + inputs_s},
    )
    if earlier is None:
        store.begin(record)
    with locked(store.folder(record.id)):
        session.say(f"run {record.id}" if earlier is None else f"resuming {record.id}")
        state = Recorder(store, record, session)
        try:
            with PeakMemory() as memory:
                examples = TaskExamples(task, prepared)
                answers = [
                    _fold(task, offer, options, prepared, examples, state, number) for number in range(len(task.split.folds))
                ]
            return _finish(task, answers, state, memory.peak_mb, calibrate=calibrate)
        except KeyboardInterrupt:
            state.save(status="interrupted", error="interrupted by the user; 'genrebench run ... --resume' goes on")
            raise
        except Exception as error:
            state.save(status="failed", error=one_line(error))
            keep_traceback(store.folder(record.id))
            return state.record


def refuse_unfit(task: Task, offer: Registered[ModelSpec], options: Any, session: Session) -> None:
    """Refuse before anything runs: a dataset without the audio that a model wants, a device that isn't there.

    Raises
    ------
    UsageError
        Also if the model raises one when it is built.
    """
    wanted = blame(offer, "inputs", lambda: offer.spec.inputs(options))
    if not _is_given(task, wanted):
        require_audio(task.dataset, task.dataset.tracks, task.extra)
    context = Context(task.genres, device=session.device, workers=session.workers)
    with contextlib.suppress(PluginError):  # a fault of the plugin shows in the run, which keeps its traceback
        blame(offer, "build", lambda: offer.spec.build(context, options))


def _is_given(task: Task, wanted: Any) -> bool:
    return isinstance(wanted, FeatureTable) and wanted.source != "extract" and task.dataset.load_features is not None


def prepare_inputs(task: Task, wanted: Any, session: Session) -> Prepared:
    """Compute what a model wants to see of all the task's tracks, in the order of `genrebench.tasks.task.task_ids`."""
    ids = tasks.task_ids(task.split)
    context = session.context(task.excerpt)
    hashes = {} if _is_given(task, wanted) else tasks.audio_hashes(task.dataset, session.home, ids)
    return prepare(wanted, task.dataset, ids, hashes, context, session.input_specs)


class TaskExamples:
    """The prepared inputs of a task's tracks, cut into labelled parts.

    Parameters
    ----------
    task : Task
    prepared : Prepared
        In the order of `genrebench.tasks.task.task_ids`.
    """

    def __init__(self, task: Task, prepared: Prepared) -> None:
        self._prepared = prepared
        self._place = {id_: i for i, id_ in enumerate(tasks.task_ids(task.split))}
        self._labels = {track.id: task.genres.index(track.genre) for track in task.dataset.tracks}
        self._groups = tasks.groups(task.dataset)

    def __call__(self, ids: Sequence[str]) -> Examples:
        """Return the examples of some tracks."""
        return Examples(
            _take(self._prepared.inputs, [self._place[id_] for id_ in ids]),
            np.array([self._labels[id_] for id_ in ids], dtype=np.int64),
            np.array([self._groups[id_] for id_ in ids], dtype=np.int64),
        )


@dataclass(frozen=True)
class _Answer:
    """Probabilities of a fold's test tracks, and the temperature that its validation tracks ask for (nan without any)."""

    probabilities: NDArray[np.float64]
    temperature: float


def _fold(
    task: Task, offer: Registered[ModelSpec], options: Any, prepared: Prepared, examples: TaskExamples, state: Recorder, number: int
) -> _Answer:
    """Fit and predict one fold, unless an interrupted run has done that already."""
    kept = state.fold_file(number)
    if kept.is_file():
        with np.load(kept) as saved:
            return _Answer(saved["probabilities"], float(saved["temperature"]))
    fold, n_folds = task.split.folds[number], len(task.split.folds)
    if n_folds > 1:
        state.session.say(f"fold {number + 1} of {n_folds}")
    context = state.context(task, number, prepared)
    model: Model = blame(offer, "build", lambda: offer.spec.build(context, options))
    with state.timed("fit_s"):
        blame(offer, "fit", lambda: model.fit(examples(fold.training), examples(fold.validation)))
    answer = _Answer(_predict(task, offer, model, examples, fold, state), _temperature(task, offer, model, examples, fold))
    folder = state.model_folder(number, n_folds)
    blame(offer, "save", lambda: model.save(folder))
    state.keep_columns(prepared)
    if number == n_folds - 1:
        state.draw(model, offer)
    with files.atomic(kept) as temporary, temporary.open("wb") as file:
        np.savez(file, probabilities=answer.probabilities, temperature=answer.temperature)
    return answer


def _predict(
    task: Task, offer: Registered[ModelSpec], model: Model, examples: TaskExamples, fold: Fold, state: Recorder
) -> NDArray[np.float64]:
    if not fold.test:
        return np.zeros((0, len(task.genres)))
    inputs = examples(fold.test).inputs
    with state.timed("predict_s"):
        answer = blame(offer, "predict_proba", lambda: model.predict_proba(inputs))
    return checked(answer, len(fold.test), len(task.genres), owner_of(offer))


def _temperature(task: Task, offer: Registered[ModelSpec], model: Model, examples: TaskExamples, fold: Fold) -> float:
    if not fold.validation:
        return float("nan")
    part = examples(fold.validation)
    answer = blame(offer, "predict_proba", lambda: model.predict_proba(part.inputs))
    return calibration.fit_temperature(part.labels, checked(answer, len(part), len(task.genres), owner_of(offer)))


def _finish(task: Task, answers: Sequence[_Answer], state: Recorder, peak_mb: float, *, calibrate: bool) -> Run:
    """Score the predictions of all folds and close the record."""
    plain = collect(task, [answer.probabilities for answer in answers])
    predictions, facts = plain, dict(state.record.facts)
    if plain.ids and all(np.isfinite(answer.temperature) for answer in answers):
        scaled = collect(task, [calibration.apply_temperature(answer.probabilities, answer.temperature) for answer in answers])
        facts["temperature_scaling"] = _scaling(plain.labels, plain.probabilities, scaled.probabilities, answers)
        predictions = scaled if calibrate else plain
    specs = state.session.metric_specs
    values: dict[str, float | None] = {spec.name: None for spec in specs}
    if predictions.ids:
        values.update(scores.evaluate(predictions.labels, predictions.probabilities))
        more, problems = scores.evaluate_more(predictions.labels, predictions.probabilities, specs)
        values.update(more)
        for problem in problems:
            state.session.say(f"warning: {problem}")
    record = dataclasses.replace(
        state.record,
        metrics=values,
        metrics_version=scores.VERSION,
        peak_rss_mb=round(max(peak_mb, state.record.peak_rss_mb or 0.0), 1),
        facts=facts,
    )
    finished = state.store.finish(record, predictions)
    shutil.rmtree(state.store.folder(finished.id) / "checkpoint", ignore_errors=True)
    (state.store.folder(finished.id) / "error.txt").unlink(missing_ok=True)  # of a failure before --resume
    return finished


def _scaling(
    labels: NDArray[np.int64], plain: NDArray[np.float64], scaled: NDArray[np.float64], answers: Sequence[_Answer]
) -> Mapping[str, Any]:
    """Say what a temperature fitted on validation does to the test's log loss."""
    before, after = scores.log_loss(labels, plain), scores.log_loss(labels, scaled)
    temperatures = [answer.temperature for answer in answers]
    return {"temperatures": temperatures, "log_loss": before, "log_loss_scaled": after, "gain": before - after}


def _take(inputs: Inputs, rows: list[int]) -> Inputs:
    return inputs.subset(rows) if isinstance(inputs, LazyInputs) else inputs[rows]


__all__ = ["Session", "TaskExamples", "prepare_inputs", "run"]
