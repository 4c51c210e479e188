import errno
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from genrebench.boards.board import boards
from genrebench.errors import StoreError, UsageError
from genrebench.report import write
from genrebench.runs.store import RunStore


class Page(HTMLParser):
    """Tags, attributes and text of a page; fails if elements aren't nested correctly."""

    VOID = frozenset({"meta", "link", "input", "img", "br", "wbr"})

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(file.read_text("utf-8"))
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_there_is_a_page_per_run_and_pair_of_rows(report: Path, all_pages: list[Path]) -> None:
    names = {page.relative_to(report).as_posix() for page in all_pages}
    assert {"index.html", "runs/svm-0.html", "runs/svm-1.html", "runs/cnn-0.html", "runs/mfcc-0.html"} <= names
    assert len([name for name in names if name.startswith("compare/")]) == 3  # all pairs of three rows
    assert len([name for name in names if name.startswith("boards/")]) == 2


def test_pages_are_well_formed_and_links_resolve(all_pages: list[Path]) -> None:
    for file in all_pages:
        page = Page(file)
        ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
        assert len(ids) == len(set(ids)), file
        for _, attributes in page.tags:
            for key in ("href", "src"):
                address = attributes.get(key)
                if not address or address.startswith("data:"):
                    continue
                assert not re.match(r"[a-z]+:|//", address), address
                target, _, anchor = address.partition("#")
                assert (file.parent / target).resolve().exists(), (file, address)
                assert not anchor or target or anchor in ids


def test_names_are_escaped(all_pages: list[Path]) -> None:
    for file in all_pages:
        page = Page(file)
        assert [attributes for tag, attributes in page.tags if tag == "script"] == [{}]  # our own, within the page
        assert not any(key.startswith("on") or key == "style" for _, attributes in page.tags for key in attributes)
    run = Page(next(file for file in all_pages if file.name == "cnn-0.html"))
    assert "<script>alert(1)</script>" in run.text
    assert "$x^2$ & co" in run.text
    assert "What <b>it</b> learned" in run.text


def test_the_boards_are_those_of_the_leaderboard(report: Path, report_store: RunStore) -> None:
    text = "".join(Page(page).text for page in (report / "boards").iterdir() if page.suffix == ".html")
    start = Page(report / "index.html").text
    expected, problems = boards(report_store)
    for board in expected:
        for row in board.rows:
            assert f"{row.scores['log_loss']:.3f}" in text
        for reason in board.apart:
            assert reason in text
    assert "synthetic music" in text
    assert "broken" in problems[0]
    assert "run.json is damaged" in start
    assert all(reference["name"] in text for reference in expected[0].references)


def test_a_run_page_shows_how_to_reproduce_the_run(report: Path) -> None:
    text = Page(report / "runs" / "svm-0.html").text
    assert "genrebench reproduce svm-0" in text


def test_only_the_audio_of_listed_tracks_is_copied(report: Path) -> None:
    assert 0 < len(list((report / "audio").iterdir())) <= 100
    page = Page(report / "runs" / "cnn-0.html")
    players = [attributes for tag, attributes in page.tags if tag == "audio"]
    assert players
    assert all(player["aria-label"] for player in players)


def test_a_folder_with_other_files_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="isn't a report"):
        write(RunStore(tmp_path / "runs"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_broken_link_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "report").symlink_to(tmp_path / "unmounted")
    with pytest.raises(StoreError, match="broken link"):
        write(RunStore(tmp_path / "runs"), tmp_path / "report")
    assert (tmp_path / "report").is_symlink()


def test_a_report_without_runs_is_an_error_that_names_the_next_step(
    tmp_path: Path, make_run: Callable, make_predictions: Callable
) -> None:
    store, out = RunStore(tmp_path / "runs"), tmp_path / "out"
    with pytest.raises(UsageError, match=r"no finished runs to report in .*genrebench run svm-baseline"):
        write(store, out)
    assert list(tmp_path.iterdir()) == []
    predictions = make_predictions(n=3)
    run = make_run(predictions=predictions)
    store.begin(run)
    store.finish(run, predictions)
    page, problems = write(store, out)
    assert (page, problems) == (out / "index.html", [])
    assert "svm" in Page(page).text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "runs"]


@pytest.mark.parametrize("value", ["x", [1.0], {"temperatures": None}, {"temperatures": [1.0], "log_loss": "x"}])
def test_a_strange_temperature_scaling_in_a_record_is_ignored(
    value: object, tmp_path: Path, make_run: Callable, make_predictions: Callable
) -> None:
    store = RunStore(tmp_path / "runs")
    predictions = make_predictions()
    run = replace(make_run(predictions=predictions), facts={"temperature_scaling": value})
    store.begin(run)
    store.finish(run, predictions)
    page, problems = write(store, tmp_path / "out")
    assert problems == []
    assert "There is no validation part" in Page(page.parent / "runs" / f"{run.id}.html").text.replace("\xa0", " ")


def test_an_unwritable_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="choose another folder with --out"):
        write(RunStore(tmp_path / "runs"), tmp_path / "file" / "out")


@pytest.mark.usefixtures("report")
def test_a_full_disk_names_the_report_and_not_the_file_that_is_copied(
    report_store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(source), None, str(target))

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(StoreError, match=f"^{re.escape(str(tmp_path / 'out'))} can't be written: No space"):
        write(report_store, tmp_path / "out")
    assert not list(tmp_path.iterdir())
