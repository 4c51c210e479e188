"""Checks of the saved model."""

from __future__ import annotations

from genrebench.testing.check import Rule
from genrebench.testing.models.answers import SAME, differ, second_training, values_of
from genrebench.testing.models.bench import ModelBench
from genrebench.testing.models.manners import LIFE
from genrebench.testing.models.scenarios.life import whole_life
from genrebench.testing.models.scenarios.processes import fresh_process
from genrebench.testing.models.scenarios.trainings import TWO, two_genres
from genrebench.testing.saved import code_in


def saved(bench: ModelBench) -> str | None:
    """`save` returns, and the model answers as before."""
    life = bench.outcome(LIFE, whole_life)
    life.need("save", "after save", "save again")
    n = len(bench.labels)
    p, (q, problem) = values_of(life["before save"], n)[0], values_of(life["after save"], n)
    return problem or differ(p, q, SAME, "after it was saved, the model gives other probabilities")


def code(bench: ModelBench) -> str | None:
    """No saved file holds code."""
    life = bench.outcome(LIFE, whole_life)
    life.need("save")
    folder = bench.folder / "saved"
    return code_in(folder if folder.is_dir() else bench.folder / "moved-saved")


def loaded(bench: ModelBench) -> str | None:
    """A new model that loads the files answers like the one that was saved."""
    life = bench.outcome(LIFE, whole_life)
    life.need("load")
    n = len(bench.labels)
    p, (q, problem) = values_of(life["before save"], n)[0], values_of(life["loaded"], n)
    problem = problem or differ(p, q, SAME, "the loaded model gives other probabilities than the one that was saved")
    if problem or not bench.spec.timeline or life["timeline"]:
        return problem
    life.need("timeline of the loaded model")
    other = life["loaded timeline"] > SAME
    return "the loaded model gives other timelines than the one that was saved" if other else None


def fresh(bench: ModelBench) -> str | None:
    """The same in a process that hasn't fitted anything, and with a folder that was moved."""
    life = bench.outcome(LIFE, whole_life)
    bench.outcome("two genres", two_genres)
    other = bench.outcome("fresh process", fresh_process, fresh=True)
    n = len(bench.labels)
    p, (q, problem) = values_of(life["before save"], n)[0], values_of(other["alone"], n)
    return problem or differ(p, q, SAME, "in a new process, the model that was loaded gives other probabilities")


def separate(bench: ModelBench) -> str | None:
    """Two trained or loaded models don't affect each other."""
    bench.outcome("two genres", two_genres).need("a second training")
    problem = second_training(bench)
    if problem:
        return problem
    trained = {
        "saved": bench.outcome(LIFE, whole_life)["before save"],
        "other": bench.outcome("two genres", two_genres)["answer"],
    }
    both = bench.outcome("fresh process", fresh_process, fresh=True)
    for name, answer in trained.items():
        n, n_genres = (len(bench.labels), 3) if name == "saved" else (TWO[0] * TWO[2], 2)
        p, (q, problem) = values_of(answer, n, n_genres)[0], values_of(both[name], n, n_genres)
        problem = problem or differ(p, q, SAME, "a model that was loaded beside another one gives other probabilities")
        if problem:
            return problem
    return None


RULES = (
    Rule(
        "save",
        saved,
        "The run has scores, but no model to predict with.",
        "save(folder) writes into an existing empty folder, and changes nothing in the model: figures are drawn after it, and "
        "where the disk refused, it is called again with another folder.",
        needs=("repeated answers",),
        owns=(f"{LIFE}.save", f"{LIFE}.after save", f"{LIFE}.save again"),
    ),
    Rule(
        "saved files",
        code,
        "A pickle runs code when it is read, and runs are passed on to other people.",
        "Write numbers as safetensors, skops or NumPy files and the rest as JSON; np.savez without object arrays.",
        needs=("save",),
    ),
    Rule(
        "load",
        loaded,
        "Predictions with a finished run would be those of another model.",
        "Write all that predict_proba and predict_timeline use in save, and read it in load.",
        needs=("save", "files"),
        owns=(f"{LIFE}.load", f"{LIFE}.timeline of the loaded model"),
    ),
    Rule(
        "new process",
        fresh,
        "Models are loaded on other days and machines, without what the training left in memory or elsewhere on the disk.",
        "Keep the state in the instance, not in the module or the class, write all of it in save, and remember no paths. Sort "
        "sets of texts: their order differs between processes.",
        needs=("load", "surroundings"),
        owns=("fresh process.start", "fresh process.load saved"),
    ),
    Rule(
        "separate models",
        separate,
        "The folds of a run, and several runs, are trained one after the other, and loaded side by side: what one leaves, test "
        "tracks of another among it, must not get into the next.",
        "Keep the state in the instance, not in the module or the class, and draw from a generator of the instance.",
        needs=("new process", "no peeking", "same seed", "no checkpoints"),
        owns=("two genres.a second training",),
    ),
)
