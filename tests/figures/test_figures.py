"""Figures of results: what they show, and that nothing overlaps however long the names are."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from genrebench.figures import (
    Curves,
    Line,
    Point,
    as_pdf,
    as_svg,
    draw_calibration,
    draw_confusion,
    draw_cost,
    draw_curves,
    draw_forest,
    pareto,
)

POINTS = st.builds(
    Point,
    rank=st.integers(1, 99),
    label=st.text(st.characters(codec="ascii", categories=("L", "N", "P")), min_size=1, max_size=80),
    seconds=st.floats(1e-3, 1e6),
    log_loss=st.floats(0, 3),
)


def boxes(figure: Figure) -> list:
    """What a reader reads: texts of axes, ticks and legend, in pixels."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # which puts labels and legend in their places
    renderer = canvas.get_renderer()
    found = []
    for axes in figure.axes:
        texts = [*axes.texts, axes.title, axes.xaxis.label, axes.yaxis.label]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            texts += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]  # others aren't drawn
        texts += axes.get_legend().get_texts() if axes.get_legend() else []
        found += [(text.get_text(), text.get_window_extent(renderer)) for text in texts if text.get_text()]
    return found


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    pairs = itertools.combinations(boxes(figure), 2)
    return [(a, b) for (a, box), (b, other) in pairs if box.padded(-1).overlaps(other.padded(-1))]


@given(st.lists(POINTS, min_size=2, max_size=9))
@example([Point(1, "a", 8.0, 2.75), Point(2, "b", 8.0, 0.734375)])  # both axes have a tick in their common corner
@settings(max_examples=8, deadline=None)
def test_no_text_of_a_cost_plot_overlaps(points: list[Point]) -> None:
    figure = draw_cost(points, "music, split artist")
    assert overlapping(figure) == []
    width, height = figure.get_size_inches() * figure.dpi
    for text, box in boxes(figure):
        assert box.x0 >= -1 and box.x1 <= width + 1 and box.y0 >= -1 and box.y1 <= height + 1, text


def test_a_cost_plot_has_units_and_names() -> None:
    figure = draw_cost([Point(1, "svm", 2.0, 0.5), Point(2, "cnn (epochs=2)", 700.0, 0.8)])
    texts = [text for text, _ in boxes(figure)]
    assert {"1 svm", "2 cnn (epochs=2)", "10 s", "5 min", "time to fit and predict", "log loss, nats"} <= set(texts)


def test_pareto_by_hand() -> None:
    assert pareto([(1, 3), (2, 2), (3, 2), (2, 4), (5, 1)]) == [True, True, False, False, True]
    assert pareto([(1, 1), (1, 1)]) == [True, True]


def test_one_rank_alone_is_a_bar() -> None:
    figure = draw_forest([Line("a", 1.0, (0.5, 1.5), ranks=(1, 1)), Line("b", 2.0, None, ranks=(2, 3))], "title", "loss")
    ends = [float(end) for bar in figure.axes[1].lines for end in bar.get_xdata()]
    assert ends == pytest.approx([0.6, 1.4, 1.6, 3.4])


def test_a_forest_plot_shows_ranks_only_where_there_are_any() -> None:
    lines = [Line("a" * 200, 1.0, (0.5, 1.5), ranks=(1, 2)), Line("b", 2.0, None, muted=True, ranks=(1, 2))]
    assert len(draw_forest(lines, "t", "log loss").axes) == 2
    plain = draw_forest([Line("b", 2.0)], "$x_{", "log loss", origin=0.0)
    assert len(plain.axes) == 1
    assert overlapping(draw_forest(lines, "t", "log loss")) == []


def test_curves_of_all_seeds_and_folds_are_in_one_plot() -> None:
    points = [{"fold": fold, "epoch": e, "train_loss": 1 / e, "f1": 1.0} for fold in range(3) for e in (2, 1)]
    figure = draw_curves([Curves(points[:4], muted=True), Curves(points)])
    losses, others = figure.axes
    assert [len(axes.lines) for axes in (losses, others)] == [5, 5]
    assert [text.get_text() for text in losses.get_legend().get_texts()] == ["train loss"]
    assert all(list(line.get_xdata()) == [1, 2] for line in losses.lines)


def test_calibration_states_the_size_of_its_bins() -> None:
    bins = [
        {"tracks": 12, "confidence": 0.4, "accuracy": 0.5, "interval": (0.2, 0.8)},
        {"tracks": 13, "confidence": 0.9, "accuracy": 0.7, "interval": None},
    ]
    (axes,) = draw_calibration(bins).axes
    assert axes.get_xlabel() == "mean confidence; bins of 12 to 13 tracks"
    assert len(draw_calibration([]).axes) == 1


@pytest.mark.parametrize("genres", [("Blues", "<b>&", "$x^2$ " * 20), tuple(f"genre {i}" for i in range(16))])
def test_files_hold_any_names_and_are_the_same_each_time(genres: tuple[str, ...]) -> None:
    figures = [draw_confusion(np.eye(len(genres)), genres, "t") for _ in range(2)]
    svg = [as_svg(figure) for figure in figures]
    assert svg[0] == svg[1]
    assert b"<b>" not in svg[0]
    assert as_pdf(figures[0]) == as_pdf(figures[1])
    assert as_pdf(figures[0]).startswith(b"%PDF")
    assert re.search(rb"<svg[^>]* viewBox=", svg[0])
