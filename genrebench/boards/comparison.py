"""The result of comparing two models on the same test set: what `genrebench compare` shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from genrebench.boards.board_metrics import title
from genrebench.boards.row import missing_text, units_text
from genrebench.jsontypes import plain
from genrebench.runs.record import TaskRecord
from genrebench.tables import Shown, Table, counted, frame, number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class Comparison(Shown):
    """Comparison of two models on the same test set. All differences are the first minus the second.

    Parameters
    ----------
    a, b : mapping
        name, model, options, runs, seeds, log_loss, f1_micro.
    task : TaskRecord
    unit : {"artist", "track"}
    n_units, n_tracks : int
    effective_units : float
        How many artists of equal size would say as much, if an artist's tracks were all alike.
    difference : float
        Difference in log loss; negative if the first is better.
    interval : (float, float)
        95 % interval of the difference: the values that some test doesn't reject; infinite with fewer than six units. What it
        speaks of is `population`.
    p_value : float
        The largest of `p_values`.
    p_values : mapping of str to float
        By test: signs, bootstrap, student; see `genrebench.evaluation.differences`.
    tied : bool
        True if the three tests don't all find a difference at the 5 % level.
    undecided : bool
        True if some of them do.
    smallest_difference : float or None
        Smallest difference that the tests would detect with 80 % power; None with fewer than six units.
    top_share : float or None
        Part of the difference that the `n_top` units which carry most of it make up; above 1 if the rest points the other way.
    n_top : int
        5 % of the artists, or 1 % of the tracks, and at least one.
    brier : mapping
        difference, interval and p_value of the Brier score, as of the log loss.
    f1_micro : mapping
        difference, interval, p_value and the name of the test; only_a and only_b, the tracks that only the newest run of one
        side gets right.
    metrics : mapping of str to mapping
        By further metrics, a, b and difference; interval and p_value, as of the log loss, where the metric is a mean over
        tracks, else None.
    genres : list of mapping
        One per genre: genre, tracks, units, difference, p_value, p_adjusted (Holm); both None where no p could be small enough.
    untestable_genres : tuple of str
        Genres without a p.
    tracks : list of mapping
        The tracks whose losses differ most: track, fold, genre, answer_a and answer_b (predicted genres), loss_a, loss_b.
    """

    a: Mapping[str, Any]
    b: Mapping[str, Any]
    task: TaskRecord
    unit: str
    n_units: int
    effective_units: float
    n_tracks: int
    difference: float
    interval: tuple[float, float]
    p_value: float
    p_values: Mapping[str, float]
    tied: bool
    undecided: bool
    smallest_difference: float | None
    top_share: float | None
    n_top: int
    brier: Mapping[str, Any]
    f1_micro: Mapping[str, Any]
    metrics: Mapping[str, Mapping[str, Any]]
    genres: list[Mapping[str, Any]]
    untestable_genres: tuple[str, ...]
    tracks: list[Mapping[str, Any]]

    @property
    def population(self) -> Literal["methods", "trained models"]:
        """What the difference speaks of, on other tracks like these: the methods, or these trained models.

        Of the methods if both sides have two seeds or more, as the variance between trainings is then part of interval and
        test.
        """
        return "methods" if min(len(self.a["runs"]), len(self.b["runs"])) > 1 else "trained models"

    @property
    def sentence(self) -> str:
        """The result in one sentence, for quoting, and others on what isn't accounted for.

        If a model is called better, one says what a test set of this size may lack: of what has a share of 3/n, n units have
        none in 5 % of the test sets (the rule of three; Hanley and Lippman-Hand 1983). For trained models one names the seeds.
        """
        low, high = self.interval
        artists = f" of {units_text(self.n_units, self.unit, self.effective_units)}" if self.unit == "artist" else ""
        test_set = f"{self.n_tracks} test tracks{artists}"
        synthetic = ", synthetic music" if self.task.synthetic else ""
        where = f"On {self.task.dataset} ({self.task.split_title}, {test_set}{synthetic})"
        names = [
            side["name"] if side["name"].startswith(str(side["model"])) else f"{side['model']} ({side['name']})"
            for side in (self.a, self.b)
        ]
        if self.smallest_difference is None:
            return f"{where}, {names[0]} and {names[1]} can't be compared: {self.n_units} {self.unit}s are too few."
        ps = p_text(self.p_value)
        if self.population == "methods":
            ps += f"; {len(self.a['runs'])} and {len(self.b['runs'])} seeds, other tracks and other seeds accounted for"
            note = ""
        else:
            names = [
                name if len(side["runs"]) > 1 else f"this run of {name}"
                for name, side in zip(names, (self.a, self.b), strict=True)
            ]
            note = " Another seed isn't accounted for: give both models several with --seeds 0,1,2."
        if self.interval == (0, 0):
            return f"{where}, {names[0]} and {names[1]} have the same log loss on every track.{note}"
        if self.tied:
            why = "by log loss"
            if self.undecided:
                why += ": some of the three tests find a difference, others don't"
            return (
                f"{where}, {names[0]} and {names[1]} can't be told apart {why} (difference {self.difference:+.3f}, "
                f"95 % interval {low:+.3f} to {high:+.3f}, {ps}); "
                f"a difference of {_size(self.smallest_difference)} would be detected with 80 % power.{note}"
            )
        (better, worse), (low, high) = (names, (-high, -low)) if self.difference < 0 else (names[::-1], (low, high))
        return (
            f"{where}, {better} has a lower log loss than {worse}, by {_size(abs(self.difference))} "
            f"(95 % interval {_size(low)} to {_size(high)}, {ps}). "
            f"{missing_text(self.n_units, self.unit)}{note}"
        )

    def with_top(self, n: int) -> Comparison:
        """The same comparison, with only the `n` tracks that differ most."""
        return replace(self, tracks=self.tracks[:n])

    def to_json(self) -> dict[str, Any]:
        """The comparison in JSON types."""
        values: dict[str, Any] = plain(self)
        return values | {"task": self.task.summary(), "population": self.population, "sentence": self.sentence}

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
        below = columns[1:4]
        track_tables = [Table.of(columns, tracks, "tracks that differ most", columns[4:], below=below)] if tracks else []
        return [self._scores(), self._by_genre(), *track_tables]

    def heading(self) -> list[str]:
        """The result in one sentence."""
        return [self.sentence]

    def notes(self) -> list[str]:
        """What carries the difference, the accuracy, and what can't be tested by genre."""
        test = self.f1_micro
        lines = []
        if self.top_share is not None:
            share = f"{100 * self.top_share:.0f} % of it" if self.top_share <= 1 else "more than all of it"
            if self.n_top == 1:
                lines.append(f"One {self.unit} makes up {share.replace('it', 'the difference in log loss')}.")
            else:
                lines.append(
                    f"The {self.n_top} of {self.n_units} {self.unit}s that carry most of the difference in log loss make up "
                    f"{share}."
                )
        newest = "Of the newest runs, only" if max(len(self.a["runs"]), len(self.b["runs"])) > 1 else "Only"
        lines.append(
            f"{newest} A is right on {counted(test['only_a'], 'track')}, only B on {test['only_b']} (accuracy: {test['test']}, "
            f"{p_text(test['p_value'])})."
        )
        low, high = self.brier["interval"]
        lines.append(
            f"Brier score, which has no tail of confident mistakes: {self.brier['difference']:+.3f} (95 % interval "
            f"{low:+.3f} to {high:+.3f}, {p_text(self.brier['p_value'])})."
        )
        lines += [_metric_text(name, found) for name, found in self.metrics.items()]
        if self.untestable_genres:
            lines.append(
                f"No p for {', '.join(self.untestable_genres)}: with so few test {self.unit}s it can't be below 0.05 after the "
                f"correction for {len(self.genres)} genres."
            )
        return lines

    def figure(self) -> Figure:
        """Draw the difference in log loss: over all tracks, with its 95 % interval, and per genre, in grey."""
        from genrebench.figures import Line, draw_forest

        interval = None if self.smallest_difference is None else self.interval
        lines = [
            Line("all tracks", self.difference, interval),
            *(Line(genre["genre"], genre["difference"], muted=True) for genre in self.genres),
        ]
        title = f"{self.a['name']} minus {self.b['name']}"
        return draw_forest(lines, title, "difference in log loss in nats; below 0 the first is better", origin=0.0)

    def _scores(self) -> Table:
        sides = [
            (f"{letter}: {side['name']}", number(side["log_loss"]), number(side["f1_micro"]))
            for letter, side in zip("AB", (self.a, self.b), strict=True)
        ]
        low, high = self.interval
        difference = (
            "A - B, 95 %",
            f"{self.difference:+.3f} ({low:+.3f} .. {high:+.3f})",
            f"{self.f1_micro['difference']:+.3f} ({self.f1_micro['interval'][0]:+.3f} .. {self.f1_micro['interval'][1]:+.3f})",
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
        shown = len(columns) if any(g["p_value"] is not None for g in self.genres) else columns.index("p")
        return Table.of(columns[:shown], [row[:shown] for row in rows], "by genre", columns[1:shown])


def _metric_text(name: str, found: Mapping[str, Any]) -> str:
    text = f"{title(name)}: A {found['a']:.3f}, B {found['b']:.3f}, difference {found['difference']:+.3f}"
    if found["interval"] is None:
        return f"{text} (no test: it isn't a mean over tracks)."
    low, high = found["interval"]
    return f"{text} (95 % interval {low:+.3f} to {high:+.3f}, {p_text(found['p_value'])})."


def p_text(p: float) -> str:
    """A p-value for quoting: "p = 0.012", and "p < 0.001" below that, where resamples say no more.

    It has more digits where two would put it on the other side of 5 %, or at 5 %.
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.{4 if 0.045 < p < 0.055 else 2}g}"


def _size(value: float) -> str:
    """A difference for quoting: "0.012"; below half a thousandth with one digit, since it isn't 0."""
    return f"{value:.1g}" if 0 < abs(value) < 0.0005 else f"{value:.3f}"
