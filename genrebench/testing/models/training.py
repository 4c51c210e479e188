"""Checks of what a model learns from, and under which circumstances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

import numpy as np

from genrebench.testing.apart import Outcome, Probe
from genrebench.testing.check import NotApplicable, Rule
from genrebench.testing.examples import GENRES
from genrebench.testing.models import answers
from genrebench.testing.models.answers import SAME, differ, order_problem, second_training, tail, values_of
from genrebench.testing.models.bench import ModelBench
from genrebench.testing.models.manners import LIFE
from genrebench.testing.models.scenarios import processes, trainings
from genrebench.testing.models.scenarios.life import whole_life
from genrebench.testing.models.scenarios.memory import many_tracks
from genrebench.testing.models.scenarios.trainings import MISSING, TWO

Run = Callable[[ModelBench, Probe], None]


def _problem(outcome: Outcome, n: int, n_genres: int = len(GENRES)) -> str | None:
    """What is wrong with the answer of a scenario for `n` tracks."""
    return values_of(outcome["answer"], n, n_genres)[1]


def same_seed(bench: ModelBench) -> str | None:
    """Two trainings with one seed give the same answers."""
    if second_training(bench) is None and "second" in bench.outcome("two genres", trainings.two_genres).notes:
        return None
    first, second = bench.outcome(LIFE, whole_life), answers.same_seed(bench)
    n = len(bench.labels)
    p, (q, problem) = values_of(first["answer"], n)[0], values_of(second["answer"], n)
    return problem or differ(p, q, SAME, "two trainings with the same seed on the CPU gave different probabilities")


def seed(bench: ModelBench) -> str | None:
    """What is random follows the seed of the context."""
    one = Counter(bench.outcome(LIFE, whole_life)["seeds"])
    other = Counter(bench.outcome("two genres", trainings.two_genres)["seeds"])
    fixed = [text for text in one if text in other and text != "None"]
    if not one or len(fixed) < len(one):
        return None
    first, second = bench.outcome(LIFE, whole_life), bench.outcome("other seed", trainings.other_seed)
    n = len(bench.labels)
    p, q = (values_of(outcome["answer"], n)[0] for outcome in (first, second))
    if len(p) == len(q) and np.abs(p - q).max() > SAME:
        return None
    return f"random numbers are drawn with the fixed seed {', '.join(sorted(fixed))}; seeds 0 and 1 gave the same model"


def missing_genre(bench: ModelBench) -> str | None:
    """A genre without training tracks is no problem, and the others keep their columns."""
    outcome, labels = bench.outcome("missing genre", trainings.missing_genre), bench.labels
    p, problem = values_of(outcome["answer"], len(labels))
    others = tuple(genre for genre in range(len(GENRES)) if genre != MISSING)
    return problem or order_problem(p, labels, others)


def validation(bench: ModelBench) -> str | None:
    """A genre that only the validation part has isn't learned."""
    outcome, labels = bench.outcome("missing genre", trainings.missing_genre), bench.labels
    p = values_of(outcome["answer"], len(labels))[0]
    unseen = labels == MISSING
    right = int((p[unseen].argmax(axis=1) == MISSING).sum())
    if 2 * right <= unseen.sum():
        return None
    return f"{right} of {unseen.sum()} tracks of a genre that only the validation part has were recognised"


def peeking(bench: ModelBench) -> str | None:
    """Labels that have nothing to do with the tracks can't be predicted."""
    outcome = bench.outcome("two genres", trainings.two_genres)
    labels = outcome["labels"]
    p = values_of(outcome["answer"], len(labels), 2)[0]
    right = int((p.argmax(axis=1) == labels).sum())
    if tail(right, len(labels), 0.5) > 2e-4:
        return None
    return f"{right} of {len(labels)} random labels of test tracks were predicted; half of them can be by chance"


def _alone(name: str, scenario: Run, n_genres: int = len(GENRES)) -> Callable[[ModelBench], str | None]:
    """A circumstance that is tried with others at once, and by itself if that fails."""

    def find(bench: ModelBench) -> str | None:
        together = bench.outcome("all at once", trainings.all_at_once)
        if not together.failed and _problem(together, 16, 16) is None:
            return None
        alone = bench.outcome(name, scenario)
        alone.need("save", "load")  # where it saves the model
        return _problem(alone, 16 if n_genres == 16 else len(bench.labels), n_genres)

    return find


def together(bench: ModelBench) -> str | None:
    """All of these at once."""
    outcome = bench.outcome("all at once", trainings.all_at_once)
    outcome.need("save", "load")
    return _problem(outcome, 16, 16)


def two_genres(bench: ModelBench) -> str | None:
    """Two genres."""
    return _problem(bench.outcome("two genres", trainings.two_genres), TWO[0] * TWO[2], 2)


def no_checkpoints(bench: ModelBench) -> str | None:
    """There may be no folder for checkpoints."""
    bench.outcome(LIFE, whole_life).need("build without checkpoints")
    if "second" not in bench.outcome("two genres", trainings.two_genres).notes:
        bench.outcome("no checkpoints", trainings.no_checkpoints).need("fit without checkpoints")
    return None


def interruption(bench: ModelBench) -> str | None:
    """Ctrl-C ends the training."""
    points = len(bench.outcome(LIFE, whole_life)["curves"])
    if not points:
        raise NotApplicable("the model logs no epochs, at which it could be interrupted")
    ended = bench.outcome("interrupted", partial(processes.interrupted, at=max(1, points - 1)))["ended"]
    return f"interrupted by Ctrl-C, fit {ended}, in place of ending with KeyboardInterrupt" if ended else None


def resume(bench: ModelBench) -> str | None:
    """A training that was interrupted and resumed gives the same model."""
    life = bench.outcome(LIFE, whole_life)
    points = len(life["curves"])
    if not life["uses checkpoints"]:
        raise NotApplicable("the model writes no checkpoints")
    if not points:
        raise NotApplicable("the model logs no epochs, at which it could be interrupted")
    at = max(1, points - 1)
    bench.outcome("interrupted", partial(processes.interrupted, at=at)).need("start")
    resumed = bench.outcome("resumed", processes.resumed)
    n = len(bench.labels)
    p, (q, problem) = values_of(life["answer"], n)[0], values_of(resumed["answer"], n)
    told = f"a training that was interrupted at epoch {at} of {points} and resumed gave other probabilities"
    return problem or differ(p, q, SAME, told)


def memory(bench: ModelBench) -> str | None:
    """The memory doesn't grow with the number of tracks."""
    if not bench.is_lazy:
        raise NotApplicable("a table is in memory as a whole")
    # a batch, and what is read ahead, have a limit, so that a later, larger step doesn't grow like the first
    return _growth(bench, 4, 20) and _growth(bench, 20, 80) and _growth(bench, 80, 320)


def _growth(bench: ModelBench, few: int, many: int) -> str | None:
    """Whether the memory grows with the bytes of the additional tracks."""
    small, large = (bench.outcome(f"{n} tracks", partial(many_tracks, n=n)) for n in (few, many))
    for step in ("fit", "predict_proba"):
        grown, extra = large[step] - small[step], (many - few) * large["bytes"]
        if grown > 0.5 * extra:
            return f"with {many - few} more tracks of {large['bytes']:,} bytes each, {step} held {grown:,} bytes more"
    return None


_CIRCUMSTANCES = "Folds and subsets of real collections are like this, and a run would fail there after hours."

RULES = (
    Rule(
        "same seed",
        same_seed,
        "A run could not be repeated, and a difference between two models could be luck.",
        "Seed all randomness with context.seed, and let nothing depend on time, addresses in memory or the order of a set.",
        needs=("repeated answers", "random state", "batches"),
        owns=("same seed.build", "same seed.fit", "same seed.predict_proba"),
    ),
    Rule(
        "two genres",
        two_genres,
        _CIRCUMSTANCES,
        "Take the number of genres from context.genres, and mind that libraries return other shapes for two classes.",
        needs=("probabilities",),
        owns=("two genres.build", "two genres.fit", "two genres.predict_proba"),
    ),
    Rule(
        "no checkpoints",
        no_checkpoints,
        "context.checkpoints is None where no training has to be resumed: in predictions and in trials.",
        "Write checkpoints only if context.checkpoints isn't None.",
        needs=("two genres",),
        owns=(f"{LIFE}.build without checkpoints", "no checkpoints.fit without checkpoints"),
    ),
    Rule(
        "seed",
        seed,
        "With --seeds, all trainings would be the same, and the spread between them 0.",
        "Pass context.seed to each generator and as random_state.",
        needs=("same seed", "two genres"),
    ),
    Rule(
        "no peeking",
        peeking,
        "A model that finds the labels of test tracks somewhere has no score that means anything.",
        "Use nothing but the arguments of fit and predict_proba.",
        needs=("two genres", "batches"),
    ),
    Rule(
        "missing genre",
        missing_genre,
        _CIRCUMSTANCES,
        "Return a column for each of context.genres, whether or not it was in the training part: columns of its labels filled, "
        "others 0.",
        needs=("genre order",),
        owns=("missing genre.fit", "missing genre.predict_proba"),
    ),
    Rule(
        "validation part",
        validation,
        "Models would be compared that were trained on different tracks.",
        "Use the validation part for early stopping and calibration only.",
        needs=("missing genre",),
    ),
    Rule(
        "no validation",
        _alone("no validation", trainings.no_validation),
        _CIRCUMSTANCES,
        "The validation part may be empty: train for a fixed number of epochs then.",
        needs=("probabilities",),
    ),
    Rule(
        "one-track genres",
        _alone("one-track genres", trainings.one_track_genres),
        _CIRCUMSTANCES,
        "A genre may have a single training track: inner folds, variances and stratified splits have to cope with it.",
        needs=("probabilities",),
    ),
    Rule(
        "sixteen genres",
        _alone("sixteen genres", trainings.sixteen_genres, 16),
        _CIRCUMSTANCES,
        "Take the number of genres from context.genres.",
        needs=("probabilities",),
    ),
    Rule(
        "odd training tracks",
        _alone("odd training tracks", trainings.odd_training),
        _CIRCUMSTANCES,
        "Training tracks may be silent, and as short as one frame.",
        needs=("silence", "one frame"),
    ),
    Rule(
        "one artist",
        _alone("one artist", trainings.one_artist),
        _CIRCUMSTANCES,
        "All training tracks may have one group; grouped_folds(..., split_single_groups=True) makes folds of them too.",
        needs=("probabilities",),
    ),
    Rule(
        "genre names",
        _alone("genre names", trainings.odd_names),
        "Genres are called 'Hip-Hop/Rap' and 'R&B', and a run would fail when its model is saved.",
        "Use the number of a genre in names of files and of fields, and write the names themselves into JSON.",
        needs=("load",),
        owns=("genre names.save", "genre names.load"),
    ),
    Rule(
        "together",
        together,
        _CIRCUMSTANCES,
        "Each of these works alone: sixteen genres with odd names, some of one track, silent and short tracks, one artist, no "
        "validation part. All at once don't.",
        needs=(
            "no validation",
            "one-track genres",
            "sixteen genres",
            "odd training tracks",
            "missing genre",
            "one artist",
            "genre names",
        ),
    ),
    Rule(
        "interruption",
        interruption,
        "The user waits for the end, and a half-trained model is taken for a finished one, or its run for a failed one.",
        "Let KeyboardInterrupt pass: catch Exception, not BaseException, and clean up in finally.",
        needs=("curves",),
        owns=("interrupted.start",),
    ),
    Rule(
        "resume",
        resume,
        "A run that was interrupted is continued with --resume, and counts like any other.",
        "Keep all that the training depends on in context.checkpoints: weights, state of the optimiser, of random numbers, and "
        "the best epoch so far.",
        needs=("same seed", "interruption"),
    ),
    Rule(
        "memory",
        memory,
        "Real collections have 100,000 tracks, and don't fit.",
        "Read tracks one after the other or in batches, and keep nothing of them: no list(inputs), no cache by track. A "
        "batch of more than 300 tracks looks the same here: check with a smaller one.",
        needs=("probabilities",),
    ),
)
