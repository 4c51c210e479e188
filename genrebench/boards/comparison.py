"""What can be said of two models on one test set: `genrebench compare`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from genrebench.jsontypes import plain
from genrebench.runs.record import TaskRecord
from genrebench.tables import Shown, Table, frame, number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Comparison(Shown):
    """What can be said of two models on one test set. All differences are the first minus the second.

    Parameters
    ----------
    a, b : mapping
        name, model, options, runs, log_loss, f1_micro.
    task : TaskRecord
    unit : {"artist", "track"}
    n_units, n_tracks : int
    difference : float
        In log loss; negative if the first is better.
    interval : (float, float)
        95 % interval of it: the values that the permutation test doesn't reject; infinite with fewer than six units.
    p_value : float
        Of the paired permutation test.
    tied : bool
        True if that test doesn't find a difference at 5 %.
    smallest_difference : float or None
        That these tracks would have shown four times out of five; None with fewer than six units.
    f1_micro : mapping
        difference, interval, and of the newest run of each McNemar's only_a, only_b, p_value.
    genres : list of mapping
        One per genre: genre, tracks, difference, p_value, p_adjusted (Holm; None with fewer than two units).
    tracks : list of mapping
        On which the losses differ most: track, fold, genre, answer_a, answer_b, loss_a, loss_b.
    """

    a: Mapping[str, Any]
    b: Mapping[str, Any]
    task: TaskRecord
    unit: str
    n_units: int
    n_tracks: int
    difference: float
    interval: tuple[float, float]
    p_value: float
    tied: bool
    smallest_difference: float | None
    f1_micro: Mapping[str, Any]
    genres: list[Mapping[str, Any]]
    tracks: list[Mapping[str, Any]]

    @property
    def sentence(self) -> str:
        """One sentence to quote."""
        low, high = self.interval
        test_set = f"{self.n_tracks} test tracks" + (f" of {self.n_units} artists" if self.unit == "artist" else "")
        made = ", synthetic music" if self.task.synthetic else ""
        where = f"On {self.task.dataset} ({self.task.split_title}, {test_set}{made})"
        names = [
            side["name"] if side["name"].startswith(str(side["model"])) else f"{side['model']} ({side['name']})"
            for side in (self.a, self.b)
        ]
        if self.smallest_difference is None:
            return f"{where}, nothing can be said of {names[0]} and {names[1]}: {self.n_units} {self.unit}s are too few."
        if self.tied:
            return (
                f"{where}, {names[0]} and {names[1]} can't be told apart by log loss (difference {self.difference:+.3f}, "
                f"95 % interval {low:+.3f} to {high:+.3f}, p = {self.p_value:.2g}); "
                f"a difference of {self.smallest_difference:.3f} would have been found four times out of five."
            )
        (better, worse), (least, most) = (names, (-high, -low)) if self.difference < 0 else (names[::-1], (low, high))
        return (
            f"{where}, {better} has a lower log loss than {worse}, by {abs(self.difference):.3f} "
            f"(95 % interval {least:.3f} to {most:.3f}, p = {self.p_value:.2g})."
        )

    def with_top(self, n: int) -> Comparison:
        """The same comparison with only the `n` tracks that differ most."""
        return replace(self, tracks=self.tracks[:n])

    def to_json(self) -> dict[str, Any]:
        """The comparison in JSON types."""
        values: dict[str, Any] = plain({field.name: getattr(self, field.name) for field in fields(self)})
        return values | {"task": self.task.summary(), "sentence": self.sentence}

    def to_frame(self) -> pd.DataFrame:
        """The differences by genre as a pandas frame."""
        return frame(self.genres, index="genre")

    def tables(self) -> list[Table]:
        """Scores of both, differences by genre, and the tracks that differ most."""
        columns = ("track", "genre", "A predicts", "B predicts", "loss A", "loss B")
        tracks = [
            (t["track"], t["genre"], t["answer_a"], t["answer_b"], number(t["loss_a"]), number(t["loss_b"]))
            for t in self.tracks
        ]
        most = [Table.of(columns, tracks, "tracks that differ most", columns[4:])] if tracks else []
        return [self._scores(), self._by_genre(), *most]

    def notes(self) -> list[str]:
        """The test of accuracy, and the sentence to quote."""
        test = self.f1_micro
        return [
            f"Only A is right: {test['only_a']} tracks, only B: {test['only_b']}; McNemar's exact p = {test['p_value']:.2g}.",
            self.sentence,
        ]

    def figure(self) -> Figure:
        """Draw the difference in log loss: of all tracks with its 95 % interval, and grey below it that of each genre."""
        from genrebench.boards.figures import Line, draw_forest

        interval = None if self.smallest_difference is None else self.interval
        lines = [
            Line("all tracks", self.difference, interval),
            *(Line(genre["genre"], genre["difference"], muted=True) for genre in self.genres),
        ]
        title = f"{self.a['name']} minus {self.b['name']}"
        return draw_forest(lines, title, "difference in log loss in nats; below 0 the first is better", origin=0.0)

    def _scores(self) -> Table:
        sides = [(side["name"], number(side["log_loss"]), number(side["f1_micro"])) for side in (self.a, self.b)]
        low, high = self.interval
        gap = ("A - B, 95 %", f"{self.difference:+.3f} ({low:+.3f} .. {high:+.3f})", f"{self.f1_micro['difference']:+.3f}")
        title = (
            f"{self.task.dataset}, split {self.task.split_title}, {self.n_tracks} test tracks by {self.n_units} {self.unit}s"
        )
        return Table.of(("model", "log loss", "F1 micro"), [*sides, gap], title, ("log loss", "F1 micro"))

    def _by_genre(self) -> Table:
        columns = ("genre", "tracks", "difference", "p", "p, corrected")
        rows = [
            (g["genre"], g["tracks"], f"{g['difference']:+.3f}", number(g["p_value"]), number(g["p_adjusted"]))
            for g in self.genres
        ]
        return Table.of(columns, rows, "by genre", columns[1:])
