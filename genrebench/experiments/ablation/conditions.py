"""The conditions of an ablation, and the scores under each."""

from __future__ import annotations

from dataclasses import dataclass

IN_ORDER = "in order"


def condition_of(seconds: float) -> str:
    """Name of the condition in which tracks are shortened to `seconds`."""
    return f"first {seconds:g} s"


@dataclass(frozen=True)
class Row:
    """The scores of a model under one condition.

    Parameters
    ----------
    condition : str
        "in order", "shuffled", "reversed", or "first 3 s".
    log_loss, f1_micro, f1_macro : float
    log_loss_difference, log_loss_error : float
        Mean difference in log loss from the tracks in order, and its standard error.
    log_loss_interval : (float, float)
        95 % interval of the difference; infinite with fewer than six units.
    f1_micro_difference, f1_micro_error, f1_micro_interval
        The same for the accuracy.
    """

    condition: str
    log_loss: float
    f1_micro: float
    f1_macro: float
    log_loss_difference: float
    log_loss_error: float
    log_loss_interval: tuple[float, float]
    f1_micro_difference: float
    f1_micro_error: float
    f1_micro_interval: tuple[float, float]


@dataclass(frozen=True)
class Reference:
    """The scores of a baseline, which ignores the audio, on the same tracks."""

    name: str
    log_loss: float
    f1_micro: float
    f1_macro: float
