import numpy as np
import pytest

from genrebench.api import Timeline
from genrebench.cli import _figure, _strip
from genrebench.errors import UsageError
from genrebench.runs.file_predictions import FilePrediction, FilePredictions

GENRES = ("deep", "bright / high")


def rising(n: int, first: float = 0.0) -> Timeline:
    """A timeline in which the probability of the second genre rises from 0 to 1."""
    p = np.linspace(0, 1, n)
    return Timeline(first + np.arange(n, dtype=np.float64), np.stack([1 - p, p], axis=1))


def test_a_short_timeline_has_one_block_per_second() -> None:
    deep, bright, scale = _strip.strip(rising(9, first=30.0), GENRES, top=2, width=80)
    assert deep.strip() == "deep           █▇▆▅▄▃▂▁"
    assert bright.strip() == "bright / high   ▁▂▃▄▅▆▇█"
    assert scale.strip() == "30 .. 39 s, 1 s per block"


@pytest.mark.parametrize("n", [64, 65, 300, 3600])
@pytest.mark.parametrize("width", [40, 80])
def test_a_long_timeline_fits_the_terminal_and_includes_its_end(n: int, width: int) -> None:
    *rows, scale = _strip.strip(rising(n), GENRES, top=2, width=width)
    assert all(len(row) <= width for row in rows)
    (bright,) = [row for row in rows if "bright" in row]
    assert bright.endswith("█")
    assert len(scale) <= width
    assert scale.strip().startswith(f"0 .. {n} s, ")


def test_only_the_requested_number_of_genres_is_shown() -> None:
    assert len(list(_strip.strip(rising(5), GENRES, top=1, width=80))) == 2


@pytest.mark.parametrize("n", [1, 2, 40])
def test_the_figure_shows_each_file_and_genre(tmp_path, n: int) -> None:
    half = np.array([0.5, 0.5])
    predictions = [
        *(FilePrediction(tmp_path / f"{name}.wav", half, GENRES, None, rising(n)) for name in ("one", "tw$o")),
        FilePrediction(tmp_path / "bad.mp3", half, GENRES, "silent"),
    ]
    _figure.save(FilePredictions(predictions, GENRES).figure(), tmp_path / "a.svg")
    svg = (tmp_path / "a.svg").read_text()
    for text in ("one.wav", "bright / high", "deep", "probability", "seconds of the file"):
        assert f">{text}<" in svg
    assert "bad.mp3" not in svg


def test_figures_without_timelines_or_with_unusable_paths_are_errors(tmp_path) -> None:
    with pytest.raises(UsageError, match="there are no timelines"):
        FilePredictions([], GENRES).figure()
    with pytest.raises(UsageError, match=r"a\.bmp' has none of the extensions \.png, \.svg, \.pdf"):
        _figure.require_writable(tmp_path / "a.bmp")
    with pytest.raises(UsageError, match="there is no folder"):
        _figure.require_writable(tmp_path / "absent" / "a.png")
