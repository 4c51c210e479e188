"""A saved model in another process; an interruption, and a training that goes on after it."""

from __future__ import annotations

import shutil

from genrebench.plugin.blame import one_line
from genrebench.testing.apart import Probe
from genrebench.testing.models.bench import ModelBench, Told
from genrebench.testing.models.scenarios.described import described
from genrebench.testing.models.scenarios.trainings import TWO, fit_and_answer


def fresh_process(bench: ModelBench, probe: Probe) -> None:
    """Load the two saved models, whose folders have moved, in a process that hasn't fitted any."""
    models = []
    moved = {name: bench.folder / f"moved-{name}" for name in ("saved", "other")}
    for name, folder in moved.items():
        if not (bench.folder / name).is_dir():
            continue
        shutil.move(bench.folder / name, folder)
        task = bench.task() if name == "saved" else bench.task(*TWO)
        with probe.step(f"load {name}", final=name == "saved"):
            model = bench.build(task.genres, seed=0 if name == "saved" else 1)
            model.load(folder)
            models.append((name, model, task))
            if name == "saved":
                probe.note("alone", described(model.predict_proba(task.inputs)))
    for name, model, task in models:
        with probe.step(f"predict {name}"):
            probe.note(name, described(model.predict_proba(task.inputs)))


def interrupted(bench: ModelBench, probe: Probe, *, at: int) -> None:
    """Interrupt a training at a point of its curves."""
    folder = bench.folder / "stopped"
    folder.mkdir()
    task = bench.task()
    told = Told(interrupt_at=at)
    model = bench.build(told=told, checkpoints=folder)
    ended = "went on and returned"
    try:
        model.fit(task.train, task.validation)
    except KeyboardInterrupt:
        ended = ""
    except Exception as error:
        if len(told.curves) < at:
            raise
        ended = f"raised {one_line(error)}"
    probe.note("ended", ended)
    probe.note("points", len(told.curves))


def resumed(bench: ModelBench, probe: Probe) -> None:
    """Fit with the checkpoints of the interrupted training."""
    task = bench.task()
    model = bench.build(checkpoints=bench.folder / "stopped")
    fit_and_answer(model, task.train, task.validation, task.inputs, probe)
