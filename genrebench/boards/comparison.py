"""The result of comparing two models on the same test set: what `genrebench compare` shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from genrebench.jsontypes import plain
from genrebench.runs.record import TaskRecord
from genrebench.tables import Shown, Table, frame, number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class Comparison(Shown):
    """Comparison of two models on the same test set. All differences are the first minus the second.

    Parameters
    ----------
    a, b : mapping
        name, model, options, runs, log_loss, f1_micro.
    task : TaskRecord
    unit : {"artist", "track"}
    n_units, n_tracks : int
    difference : float
        Difference in log loss; negative if the first is better.
    interval : (float, float)
        95 % interval of the difference: the values that the permutation test doesn't reject; infinite with fewer than six
        units.
    p_value : float
        p-value of the paired permutation test.
    tied : bool
        True if the test finds no difference at the 5 % level.
    smallest_difference : float or None
        Smallest difference that the test would detect with 80 % power; None with fewer than six units.
    f1_micro : mapping
        difference and interval, and McNemar's test between the newest run of each: only_a, only_b, p_value.
    genres : list of mapping
        One per genre: genre, tracks, difference, p_value, p_adjusted (Holm; None with fewer than two units).
    tracks : list of mapping
        The tracks whose losses differ most: track, fold, genre, answer_a and answer_b (predicted genres), loss_a, loss_b.
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
        """The result in one sentence, for quoting."""
        low, high = self.interval
        test_set = f"{self.n_tracks} test tracks" + (f" of {self.n_units} artists" if self.unit == "artist" else "")
        synthetic = ", synthetic music" if self.task.synthetic else ""
        where = f"On {self.task.dataset} ({self.task.split_title}, {test_set}{synthetic})"
        names = [
            side["name"] if side["name"].startswith(str(side["model"])) else f"{side['model']} ({side['name']})"
            for side in (self.a, self.b)
        ]
        if self.smallest_difference is None:
            return f"{where}, {names[0]} and {names[1]} can't be compared: {self.n_units} {self.unit}s are too few."
        if self.tied:
            return (
                f"{where}, {names[0]} and {names[1]} can't be told apart by log loss (difference {self.difference:+.3f}, "
                f"95 % interval {low:+.3f} to {high:+.3f}, p = {self.p_value:.2g}); "
                f"a difference of {self.smallest_difference:.3f} would be detected with 80 % power."
            )
        (better, worse), (low, high) = (names, (-high, -low)) if self.difference < 0 else (names[::-1], (low, high))
        return (
            f"{where}, {better} has a lower log loss than {worse}, by {abs(self.difference):.3f} "
            f"(95 % interval {low:.3f} to {high:.3f}, p = {self.p_value:.2g})."
        )

    def with_top(self, n: int) -> Comparison:
        """The same comparison, with only the `n` tracks that differ most."""
        return replace(self, tracks=self.tracks[:n])

    def to_json(self) -> dict[str, Any]:
        """The comparison in JSON types."""
        values: dict[str, Any] = plain(self)
        return values | {"task": self.task.summary(), "sentence": self.sentence}

    def to_frame(self) -> pd.DataFrame:
        """The differences by genre as a pandas DataFrame."""
        return frame(self.genres, index="genre")

    def tables(self) -> list[Table]:
        """Scores of both models, differences by genre, and the tracks that differ most."""
        columns = ("track", "genre", "A predicts", "B predicts", "loss A", "loss B")
        tracks = [
            (t["track"], t["genre"], t["answer_a"], t["answer_b"], number(t["loss_a"]), number(t["loss_b"]))
            for t in self.tracks
        ]
        track_tables = [Table.of(columns, tracks, "tracks that differ most", columns[4:])] if tracks else []
        return [self._scores(), self._by_genre(), *track_tables]

    def notes(self) -> list[str]:
        """McNemar's test of the accuracy, and the result in one sentence."""
        test = self.f1_micro
        return [
            f"Only A is right on {test['only_a']} tracks, only B on {test['only_b']} (McNemar's exact test, "
            f"p = {test['p_value']:.2g}).",
            self.sentence,
        ]

    def figure(self) -> Figure:
        """Draw the difference in log loss: over all tracks, with its 95 % interval, and per genre, in grey."""
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
        difference = (
            "A - B, 95 %",
            f"{self.difference:+.3f} ({low:+.3f} .. {high:+.3f})",
            f"{self.f1_micro['difference']:+.3f}",
        )
        title = f"{self.task.dataset}, split {self.task.split_title}, {self.n_tracks} test tracks" + (
            f" of {self.n_units} artists" if self.unit == "artist" else ""
        )
        return Table.of(("model", "log loss", "F1 micro"), [*sides, difference], title, ("log loss", "F1 micro"))

    def _by_genre(self) -> Table:
        columns = ("genre", "tracks", "difference", "p", "p (Holm)")
        rows = [
            (g["genre"], g["tracks"], f"{g['difference']:+.3f}", number(g["p_value"]), number(g["p_adjusted"]))
            for g in self.genres
        ]
        return Table.of(columns, rows, "by genre", columns[1:])
