"""What an ablation has found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

IN_ORDER = "in order"


def condition_of(seconds: float) -> str:
    """Name the condition in which tracks are cut to `seconds`."""
    return f"first {seconds:g} s"


@dataclass(frozen=True)
class Row:
    """How a model scores under one condition.

    Parameters
    ----------
    condition : str
        "in order", "shuffled", "reversed", or "first 3 s".
    log_loss, f1_micro, f1_macro : float
    log_loss_difference, log_loss_error : float
        Mean over the tracks of the log loss here minus that in order, and its standard error.
    f1_micro_difference, f1_micro_error : float
        The same of the share of right answers.
    """

    condition: str
    log_loss: float
    f1_micro: float
    f1_macro: float
    log_loss_difference: float
    log_loss_error: float
    f1_micro_difference: float
    f1_micro_error: float


@dataclass(frozen=True)
class Reference:
    """What answers that know no music score on the same tracks."""

    name: str
    log_loss: float
    f1_micro: float
    f1_macro: float


@dataclass(frozen=True)
class Ablation:
    """All conditions, the first of them in order.

    Parameters
    ----------
    shuffled : str
        What was shuffled: "frames 23 ms apart", "segments of 50 ms".
    n_tracks : int
    unit : {"artist", "track"}
        What the standard errors are taken over.
    n_units : int
    rows : tuple of Row
    references : tuple of Reference
    left_out : tuple of float
        Lengths in seconds that no track exceeds.
    """

    shuffled: str
    n_tracks: int
    unit: str
    n_units: int
    rows: tuple[Row, ...]
    references: tuple[Reference, ...] = ()
    left_out: tuple[float, ...] = ()

    @property
    def error(self) -> str:
        """What stands behind ±, for people."""
        return f"standard error of the difference from {IN_ORDER}, over {self.n_units} {self.unit}s"

    def notes(self) -> list[str]:
        """What a reader of the scores has to know beside them, a line each."""
        lines = []
        best = min(self.references, key=lambda reference: reference.log_loss, default=None)
        worse = [row.condition for row in self.rows[1:] if best and row.log_loss > best.log_loss]
        if best and worse:
            lines.append(
                f"Worse than {best.name}, which hears nothing: {', '.join(worse)}. Such tracks are unlike those that the model "
                "was trained on, so the difference is an upper bound of what order or length is worth, not its worth."
            )
        if self.left_out:
            lines.append(f"Left out, since no track is longer: {', '.join(map(condition_of, self.left_out))}.")
        return lines

    def to_json(self) -> dict[str, Any]:
        """Return the same in JSON types."""
        return {**asdict(self), "notes": self.notes()}
