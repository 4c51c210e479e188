"""One run, read from top to bottom: inputs; for each fold fit, probabilities and their check; then metrics and record."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench import files
from genrebench.evaluation import calibration, metrics
from genrebench.inputs import prepare
from genrebench.plugin.hookspecs import METRIC
from genrebench.plugin.inputs import Prepared
from genrebench.records import Fold
from genrebench.runs.examples import TaskExamples
from genrebench.runs.job import Job
from genrebench.runs.predictions import collect
from genrebench.runs.record import Run
from genrebench.runs.recorder import Recorder
from genrebench.runs.store import RunStore
from genrebench.session import Session
from genrebench.tasks import task as tasks


def run(job: Job, store: RunStore, session: Session, *, resume: bool = False) -> Run:
    """Fit a model on a task, score it and keep the record.

    Parameters
    ----------
    job : Job
    store : RunStore
        Where the run is kept.
    session : Session
    resume : bool
        Go on with the newest unfinished run of the same job; a finished one is returned as it is.

    Returns
    -------
    Run
        Its status is "finished", or "failed" with `error` saying why.

    Raises
    ------
    GenrebenchError
        If the job is refused or its inputs can't be prepared; no run has begun then.
    KeyboardInterrupt
        On Ctrl-C; the record then says "interrupted".
    """
    job.check(session)
    earlier = job.earlier_run(store) if resume else None
    if earlier is not None and earlier.status == "finished":
        session.say(f"{earlier.id} has finished already")
        return earlier

    began = time.perf_counter()
    prepared = prepare_inputs(job, session)
    inputs_s = time.perf_counter() - began

    recorder = Recorder(store, _begin(job, store, earlier, prepared, inputs_s), session, prepared)
    with recorder.recording():
        session.say(f"run {recorder.run.id}" if earlier is None else f"resuming {recorder.run.id}")
        examples = TaskExamples(job.task, prepared)
        outputs = [_fold(job, number, examples, recorder) for number in range(len(job.task.split.folds))]
        _score(job, outputs, recorder)
    return recorder.run


def prepare_inputs(job: Job, session: Session) -> Prepared:
    """Compute what a model sees of all the task's tracks, in the order of `genrebench.tasks.task.task_ids`."""
    ids = tasks.task_ids(job.task.split)
    hashes = {} if job.uses_given_features else tasks.audio_hashes(job.task.dataset, session.home, ids)
    return prepare(job.model.input, job.task.dataset, ids, hashes, session.input_context(job.task.excerpt), session.registry)


def _begin(job: Job, store: RunStore, earlier: Run | None, prepared: Prepared, inputs_s: float) -> Run:
    """Begin a run in the store, or take up an earlier one."""
    run = earlier or job.new_run(prepared.source)
    timings = {**run.timings, "inputs_s": run.timings.get("inputs_s", 0.0) + inputs_s}
    run = dataclasses.replace(run, status="running", error=None, timings=timings)
    if earlier is None:
        store.begin(run)
    return run


@dataclass(frozen=True)
class _Output:
    """Probabilities of a fold's test tracks, and the temperature that fits its validation tracks best (nan without any)."""

    probabilities: NDArray[np.float64]
    temperature: float


def _fold(job: Job, number: int, examples: TaskExamples, recorder: Recorder) -> _Output:
    """Fit and predict one fold, unless an interrupted run has done that already."""
    kept = recorder.fold_file(number)
    if kept.is_file():
        with np.load(kept) as saved:
            return _Output(saved["probabilities"], float(saved["temperature"]))
    folds = job.task.split.folds
    if len(folds) > 1:
        recorder.session.say(f"fold {number + 1} of {len(folds)}")
    output = _fit_and_predict(job, number, folds[number], examples, recorder)
    with files.atomic(kept) as temporary, temporary.open("wb") as file:
        np.savez(file, probabilities=output.probabilities, temperature=output.temperature)
    return output


def _fit_and_predict(job: Job, number: int, fold: Fold, examples: TaskExamples, recorder: Recorder) -> _Output:
    model = job.model.build(recorder.context(number))
    with recorder.timed("fit_s"):
        model.fit(examples(fold.training), examples(fold.validation))
    probabilities = np.zeros((0, len(job.task.genres)))
    if fold.test:
        inputs = examples(fold.test).inputs
        with recorder.timed("predict_s"):
            probabilities = model.predict(inputs)
    temperature = float("nan")
    if fold.validation:
        validation = examples(fold.validation)
        temperature = calibration.fit_temperature(validation.labels, model.predict(validation.inputs))
    recorder.keep_model(model, number)
    return _Output(probabilities, temperature)


def _score(job: Job, outputs: Sequence[_Output], recorder: Recorder) -> None:
    """Score the predictions of all folds and close the record."""
    predictions = collect(job.task, [output.probabilities for output in outputs])
    if predictions.ids and all(np.isfinite(output.temperature) for output in outputs):
        scaled = collect(job.task, [calibration.apply_temperature(o.probabilities, o.temperature) for o in outputs])
        recorder.fact(
            "temperature_scaling", _scaling(predictions.labels, predictions.probabilities, scaled.probabilities, outputs)
        )
        predictions = scaled if job.calibrate else predictions
    specs = tuple(registered.spec for registered in recorder.session.registry.all(METRIC))
    values: dict[str, float | None] = {spec.name: None for spec in specs}
    if predictions.ids:
        values.update(metrics.evaluate(predictions.labels, predictions.probabilities))
        more, problems = metrics.evaluate_more(predictions.labels, predictions.probabilities, specs)
        values.update(more)
        for problem in problems:
            recorder.session.say(f"warning: {problem}")
    recorder.finish(predictions, values, metrics.VERSION)


def _scaling(
    labels: NDArray[np.int64], plain: NDArray[np.float64], scaled: NDArray[np.float64], outputs: Sequence[_Output]
) -> Mapping[str, Any]:
    """Say what a temperature fitted on validation does to the test's log loss."""
    before, after = metrics.log_loss(labels, plain), metrics.log_loss(labels, scaled)
    temperatures = [output.temperature for output in outputs]
    return {"temperatures": temperatures, "log_loss": before, "log_loss_scaled": after, "gain": before - after}
