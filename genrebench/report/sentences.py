"""What a page says of a run in words: what the model is good and bad at, whether it can be trusted, what would help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from genrebench.boards.row import rank_range
from genrebench.evaluation import calibration, metrics
from genrebench.records import Predictions
from genrebench.report.site import percent, percents, share
from genrebench.runs.pages import taken_for
from genrebench.runs.record import Run
from genrebench.tables import counted

VISIBLE = 0.0005
"""Changes of the log loss below this aren't seen in its three digits."""

CALIBRATED = 0.03
"""Mean difference of confidence and accuracy up to which a model is called neither overconfident nor underconfident."""


def summary(
    label: str,
    scores: Mapping[str, float],
    accuracy: tuple[float, float] | None,
    guessing: Mapping[str, Mapping[str, float]],
    genre_rows: Sequence[Mapping[str, Any]],
    predictions: Predictions,
) -> list[str]:
    """What a model is good and bad at, in three sentences.

    Parameters
    ----------
    label : str
    scores : mapping of str to float
    accuracy : (float, float) or None
        Interval of the accuracy.
    guessing : mapping of str to mapping
        Scores of the baselines by name.
    genre_rows : sequence of mapping
        As `genrebench.evaluation.error_analysis.genre_table` returns.
    predictions : Predictions
    """
    n = len(predictions.ids)
    interval = f" (95 %: {percents(accuracy)})" if accuracy else ""
    guess = max((of_baseline["f1_micro"] for of_baseline in guessing.values()), default=1 / len(predictions.genres))
    sentences = [
        f"{label} gets {percent(scores['f1_micro'])}{interval} of {counted(n, 'test track')} right, where guessing gets "
        f"{percent(guess)}."
    ]
    ranked = sorted((row for row in genre_rows if row["f1"] is not None and row["support"]), key=lambda row: -row["f1"])
    if len(ranked) < 2:
        return sentences
    few = max(1, min(3, len(ranked) // 3))
    best = [row for row in ranked[:few] if row["f1"] > 0]
    if best:
        sentences.append(f"It is best at {_listed([_with_f1(row) for row in best])}.")
    worst = ranked[: -few - 1 : -1]
    confusions = taken_for(predictions)
    others = confusions.get(worst[0]["genre"], [])
    takes = ""
    if others:
        genre, tracks = others[0]
        takes = f"; of its {counted(worst[0]['support'], 'track')} of {worst[0]['genre']} it takes {tracks} for {genre}"
        if worst[0]["loss_share"] and worst[0]["loss_share"] > 1.5 / len(ranked):
            takes += f", and they carry {share(round(1000 * worst[0]['loss_share']), 1000)} of its loss"
    sentences.append(f"It is worst at {_listed([_with_f1(row) for row in worst])}{takes}.")
    return sentences


def standing_sentence(rank: int, n_rows: int, ranks: tuple[int, int], n_seeds: int) -> str:
    """Where a row stands."""
    seeds = f" (mean of {n_seeds} seeds)" if n_seeds > 1 else ""
    certain = f"rank {rank} of {n_rows}{seeds}"
    return certain if ranks == (rank, rank) else f"{certain}, with 95 % confidence {rank_range(ranks).replace(' .. ', ' to ')}"


def confidence_sentence(bins: Sequence[Mapping[str, Any]]) -> str:
    """Whether the model knows how often it is right."""
    tracks = sum(b["tracks"] for b in bins)
    if not tracks:
        return f"Fewer than {calibration.MIN_BIN} test tracks are too few to say whether its confidence can be trusted."
    confidence, accuracy = (sum(b["tracks"] * b[name] for b in bins) / tracks for name in ("confidence", "accuracy"))
    said = f"Its top genre has a mean probability of {percent(confidence)} and is right on {percent(accuracy)} of the tracks"
    if confidence - accuracy > CALIBRATED:
        return f"{said}: it is overconfident."
    return f"{said}: it is underconfident." if accuracy - confidence > CALIBRATED else f"{said}."


def temperature_sentence(run: Run, predictions: Predictions) -> tuple[str, bool]:
    """What a temperature does to the log loss on the test tracks, what it was fitted on; and whether `--calibrate` would help.

    Nothing is advised that would not lower the log loss.
    """
    if run.temperatures is not None:
        before, after = _without_and_with(predictions, run.temperatures, applied=run.model.calibrated)
        what = f"A temperature fitted on the validation tracks ({_temperatures(run.temperatures)})"
        change = f"the log loss on the test tracks from {before:.3f} to {after:.3f}"
        if run.model.calibrated:
            return f"{what} is applied: it took {change}.", False
        if before - after >= VISIBLE:
            return f"{what} would take {change}; apply it with", True
        return f"{what} would not lower the log loss on the test tracks ({before:.3f} without it, {after:.3f} with it).", False
    gain = calibration.temperature_gain(predictions)
    if not gain:
        return "", False
    before, after, temperature = gain["log_loss"], gain["log_loss_scaled"], gain["temperature"]
    what = (
        "There is no validation part to fit a temperature on. On halves of the test tracks, each scaled by the temperature "
        f"fitted on the other (on all of them {temperature:.2f}), the log loss"
    )
    if before - after >= VISIBLE:
        return f"{what} goes from {before:.3f} to {after:.3f}.", False
    return f"{what} doesn't fall ({before:.3f} without scaling, {after:.3f} with it).", False


def _without_and_with(predictions: Predictions, temperatures: Sequence[float], *, applied: bool) -> tuple[float, float]:
    """Log loss without and with the temperatures, from predictions to which they are `applied` or not."""
    factors = [1 / temperature for temperature in temperatures] if applied else temperatures
    other = calibration.scaled_by_fold(predictions, factors)
    as_it_is, changed = (metrics.log_loss(one.labels, one.probabilities) for one in (predictions, other))
    return (changed, as_it_is) if applied else (as_it_is, changed)


def _temperatures(values: Sequence[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{', '.join(f'{value:.2f}' for value in values)} in folds 1 to {len(values)}"


def _with_f1(row: Mapping[str, Any]) -> str:
    return f"{row['genre']} (F1 {row['f1']:.2f})"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
