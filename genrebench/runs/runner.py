"""A run from start to end: inputs; for each fold fit and predict; then metrics and record."""

from __future__ import annotations

import numpy as np

from genrebench.errors import DataError
from genrebench.evaluation.calibration import fit_temperature
from genrebench.evaluation.scoring import score_predictions
from genrebench.plugin.hookspecs import METRIC
from genrebench.records import Fold
from genrebench.runs.examples import TaskExamples
from genrebench.runs.fold_recorder import FoldRecorder, take_over
from genrebench.runs.job import Job
from genrebench.runs.record import Run
from genrebench.runs.recorder import FoldOutput, Recorder
from genrebench.runs.store import RunStore
from genrebench.session import Session
from genrebench.tasks.task import is_unchanged


def run(job: Job, store: RunStore, session: Session, *, resume: bool = False) -> Run:
    """Fit a model on a task, score it and record the run.

    Parameters
    ----------
    job : Job
    store : RunStore
        Where the run is recorded.
    session : Session
    resume : bool
        Continue the newest unfinished run of the same job; a finished run is returned unchanged.

    Returns
    -------
    Run
        Its status is "finished", or "failed" with the reason in `error`.

    Raises
    ------
    GenrebenchError
        If the job isn't possible, in which case no run is recorded, or if another process works on the run to be resumed.
    KeyboardInterrupt
        On Ctrl-C; the run is recorded as interrupted.
    """
    job.check(session)
    earlier = job.earlier_run(store.runs()) if resume else None
    if earlier is not None and earlier.status == "finished":
        session.say(f"run {earlier.id} has already finished")
        return earlier
    return run_as(None if earlier is None else earlier.id, job, store, session)


def run_as(run_id: str | None, job: Job, store: RunStore, session: Session) -> Run:
    """Begin or continue a run of a job that is known to be possible; see `run` for the result and the errors.

    Parameters
    ----------
    run_id : str or None
        The run to continue or, if there is none of this id, to begin; None begins one with a new id.
    job, store, session
        As for `run`.
    """
    if run_id is not None and store.folder(run_id).exists():
        store.require_ordinary(run_id)
        verb, begun = "resuming run", store.load(run_id)
    else:
        verb, begun = "run", job.begin(store, run_id)
    recorder = Recorder(begun, store, session)
    with recorder.recording():
        session = recorder.session
        if recorder.run.status == "finished":
            session.say(f"run {recorder.run.id} was finished by another process in the meantime")
            return recorder.run
        session.say(f"{verb} {recorder.run.id}")
        recorder.start()
        with recorder.timed("inputs_s"):
            examples = TaskExamples.prepare(job, session)
        recorder.begin(examples.prepared)
        outputs = []
        for number, fold in enumerate(job.task.split.folds):
            saved = recorder.saved_output(number, fold)
            if saved is not None:
                take_over(recorder, number)
            outputs.append(saved or _fit_and_predict(job, number, fold, examples, recorder))
        _check_audio(job, session)
        predictions = examples.predictions([output.probabilities for output in outputs])
        specs = [registered.spec for registered in session.registry.usable(METRIC)]
        temperatures = [output.temperature for output in outputs]
        recorder.finish(score_predictions(predictions, temperatures, specs, calibrate=job.calibrate))
    return recorder.run


def fold_of(run_id: str, number: int, job: Job, store: RunStore, session: Session) -> None:
    """Fit one fold of a run that has begun, and predict with it, so that `run_as` finds its output.

    Raises
    ------
    Exception
        Whatever goes wrong; nothing is recorded.
    """
    fold = job.task.split.folds[number]
    recorder = FoldRecorder(store.load(run_id), number, store, session)
    with recorder.recording():
        if recorder.saved_output(number, fold) is None:
            examples = TaskExamples.prepare(job, recorder.session)
            recorder.begin(examples.prepared)
            _fit_and_predict(job, number, fold, examples, recorder)


def _check_audio(job: Job, session: Session) -> None:
    """Say if audio files have changed since the run began, and fail if the model may have read some of the new ones.

    Inputs in the cache were computed from files of the known content; without the cache, files are read throughout the run.
    """
    if not job.needs_audio(session) or is_unchanged(job.task, session.home):
        return
    if not session.cached:
        raise DataError("audio files were changed while the run read them; run it again when they are at rest")
    session.say("warning: audio files were changed during the run; its scores are those of the files as they were before")


def _say_what_is_ignored(job: Job, recorder: Recorder) -> None:
    """Warn if a device or several devices were asked for, and the model, which is built, hasn't looked at them."""
    session, asked = recorder.session, job.model.asked
    if session.device not in ("auto", "cpu") and "device" not in asked:
        session.say(f"warning: {job.model.name} ignores --device {session.device}: it asks for none, so it runs on the CPU")
    if session.devices > 1 and "devices" not in asked:
        session.say(f"warning: {job.model.name} ignores --devices {session.devices}: it can't train on several")


def _fit_and_predict(job: Job, number: int, fold: Fold, examples: TaskExamples, recorder: Recorder) -> FoldOutput:
    """Fit the model on one fold, predict its test and validation tracks, and save the model."""
    n_folds = len(job.task.split.folds)
    if n_folds > 1:
        recorder.session.say(f"fold {number + 1} of {n_folds}")
    model = job.model.build(recorder.context(number))
    if number == 0:
        _say_what_is_ignored(job, recorder)
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
        temperature = fit_temperature(validation.labels, model.predict(validation.inputs))
    recorder.save_model(model, number)
    return recorder.save_output(number, FoldOutput(probabilities, temperature))
