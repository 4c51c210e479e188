import csv
import errno
import io
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sklearn.metrics import log_loss as sklearn_log_loss

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


def test_a_name_is_broken_at_blanks_only_and_a_long_id_has_room(report: Path) -> None:
    page = (report / "runs" / "cnn-0.html").read_text("utf-8")
    assert '<span class="word">Old-Time</span> / Historic</th>' in page
    assert '<th scope="row" class="track">' in page


def test_a_comparison_says_which_model_is_a(report: Path) -> None:
    page = Page(next((report / "compare").glob("*.html")))
    assert "A: " in page.text and "B: " in page.text and "A predicts" in page.text


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


# ------------------------------------------------------------------ pages that are taken over


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENREBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def two_models(home: Path, tmp_path: Path, make_run: Callable, make_predictions: Callable) -> RunStore:
    store = RunStore(tmp_path / "runs")
    for run_id, model, skill in (("a-0", "svm", 2.0), ("b-0", "cnn", 1.0)):
        add(store, make_run, make_predictions(n=60, skill=skill, per_artist=2), run_id, model)
    return store


def add(store: RunStore, make_run: Callable, predictions: object, run_id: str, model: str, **record: object) -> None:
    store.begin(make_run(run_id, model=model, predictions=predictions, **record))
    store.finish(store.load(run_id), predictions)


def inodes(out: Path) -> dict[str, int]:
    return {file.relative_to(out).as_posix(): file.stat().st_ino for file in out.rglob("*") if file.is_file()}


def test_pages_are_made_only_where_something_changed(
    two_models: RunStore, tmp_path: Path, make_run: Callable, make_predictions: Callable
) -> None:
    out = tmp_path / "out"
    write(two_models, out)
    first = inodes(out)
    write(two_models, out)
    again = inodes(out)
    kept = {name for name in first if again[name] == first[name]}
    assert {"runs/a-0.html", "runs/a-0/tracks.html", "runs/a-0/predictions.csv", "runs/a-0/confusion.pdf"} <= kept
    assert len([name for name in kept if name.startswith("compare/")]) == 5
    (two_models.folder("a-0") / "curves.jsonl").write_text('{"fold": 0, "epoch": 1, "loss": 1.0}')
    write(two_models, out)
    changed = inodes(out)
    assert changed["runs/a-0.html"] != first["runs/a-0.html"]
    assert changed["runs/b-0.html"] == first["runs/b-0.html"]
    add(two_models, make_run, make_predictions(n=60, skill=3.0, per_artist=2), "c-0", "knn")  # all ranks change
    write(two_models, out)
    assert "rank 3 of 5" in Page(out / "runs" / "b-0.html").text.replace("\xa0", " ")


def test_what_is_taken_over_is_what_was_written(two_models: RunStore, tmp_path: Path) -> None:
    out, fresh = tmp_path / "out", tmp_path / "fresh"
    write(two_models, out)
    write(two_models, out)
    write(two_models, fresh)
    for file in sorted(fresh.rglob("*")):
        if file.is_file():
            assert (out / file.relative_to(fresh)).read_bytes() == file.read_bytes(), file


def test_an_edited_page_is_made_again(two_models: RunStore, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(two_models, out)
    original = (out / "runs" / "a-0.html").read_text("utf-8")
    (out / "runs" / "a-0.html").write_text("mine")
    (out / "runs" / "b-0" / "genres.csv").unlink()
    write(two_models, out)
    assert (out / "runs" / "a-0.html").read_text("utf-8") == original
    assert (out / "runs" / "b-0" / "genres.csv").is_file()


def test_a_report_of_a_stranger_is_not_taken_over(two_models: RunStore, tmp_path: Path, home: Path) -> None:
    out = tmp_path / "out"
    write(two_models, out)
    shutil.rmtree(home)  # as for somebody who was sent the runs and the report
    (out / "runs" / "a-0.html").write_text("forged")
    write(two_models, out)
    assert "forged" not in (out / "runs" / "a-0.html").read_text("utf-8")


def test_an_interrupted_report_leaves_the_old_one_whole(two_models: RunStore, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(two_models, out)
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    shutil.rmtree(two_models.folder("b-0"))

    def interrupted(items: object, what: str, total: int | None = None) -> object:
        if what == "pages of comparisons" or what == "pages of runs":
            raise KeyboardInterrupt
        return items

    with pytest.raises(KeyboardInterrupt):
        write(two_models, out, progress=interrupted)
    assert {file: file.read_bytes() for file in out.rglob("*") if file.is_file()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "out", "runs"]


# ------------------------------------------------------------------ what pages say


def page_text(page: Path) -> str:
    return " ".join(Page(page).text.replace("\xa0", " ").split())


@pytest.mark.parametrize(("temperature", "calibrated"), [(3.0, False), (1.0, False), (0.5, False), (3.0, True)])
def test_what_a_temperature_changes_is_computed_and_no_advice_makes_the_score_worse(
    temperature: float, calibrated: bool, home: Path, tmp_path: Path, make_run: Callable, make_predictions: Callable
) -> None:
    store, predictions = RunStore(tmp_path / "runs"), make_predictions()
    sharp = predictions.probabilities**3
    sharp /= sharp.sum(axis=1, keepdims=True)
    soft = sharp ** (1 / temperature)
    soft /= soft.sum(axis=1, keepdims=True)
    without, scaled = (sklearn_log_loss(predictions.labels, p, labels=[0, 1, 2]) for p in (sharp, soft))
    predictions = replace(predictions, probabilities=soft if calibrated else sharp)
    fact = {"temperatures": [temperature], "log_loss": 0.0003, "log_loss_scaled": 0.0001, "gain": 0.0002}  # of a stranger
    run = make_run(predictions=predictions)
    run = replace(run, facts={"temperature_scaling": fact}, model=replace(run.model, calibrated=calibrated))
    store.begin(run)
    store.finish(run, predictions)
    write(store, tmp_path / "out")
    text = page_text(tmp_path / "out" / "runs" / f"{run.id}.html")
    change = f"the log loss on the test tracks from {without:.3f} to {scaled:.3f}"
    assert ("apply it with --calibrate" in text) == (without - scaled > 0.001 and not calibrated) == ("would take" in text)
    assert (f"is applied: it took {change}" in text) == calibrated
    assert ("would not lower the log loss on the test tracks" in text) == (temperature <= 1)
    assert change in text or f"({without:.3f} without it, {scaled:.3f} with it)" in text
    assert f"fitted on the validation tracks ({temperature:.2f})" in text


def test_a_run_over_folds_says_of_which_fold_a_fact_is(
    home: Path, tmp_path: Path, make_run: Callable, make_predictions: Callable
) -> None:
    store, predictions = RunStore(tmp_path / "runs"), make_predictions(n=60, folds=3)
    by_fold = {"epochs": {"1": 5, "2": 7, "3": 9}, "same": {"1": 4, "2": 4, "3": 4}}
    facts = {"epochs": 9, "same": 4, "by_fold": by_fold}
    run = replace(make_run(predictions=predictions, n_folds=3, training_counts=[[9, 8, 7]] * 3), facts=facts)
    store.begin(run)
    store.finish(run, predictions)
    points = [{"fold": fold, "epoch": epoch, "loss": 1 / epoch} for fold in range(3) for epoch in (1, 2)]
    (store.folder(run.id) / "curves.jsonl").write_text("\n".join(map(json.dumps, points)))
    write(store, tmp_path / "out")
    text = page_text(tmp_path / "out" / "runs" / f"{run.id}.html")
    assert "over all 3 folds" in text
    assert "One line per fold, 3 in all" in text
    assert "fold 1: 5; fold 2: 7; fold 3: 9" in text
    assert "same4" in text  # a name and its value
    assert "fold" in page_text(tmp_path / "out" / "runs" / run.id / "tracks.html")


def test_tiles_carry_what_guessing_gives(report: Path) -> None:
    text = page_text(report / "runs" / "cnn-0.html")
    tile = text[text.index("log loss") :][:120]
    assert "uniform 1.609" in tile and "prior" in tile


def test_boards_have_the_columns_that_were_chosen(two_models: RunStore, tmp_path: Path) -> None:
    write(two_models, tmp_path / "out", columns="brier,calibration_error")
    (page,) = (tmp_path / "out" / "boards").glob("*.html")
    text = page_text(page)
    assert "Brier" in text and "calibration error" in text
    assert "F1 macro" not in text and "memory MB" not in text
    with pytest.raises(UsageError, match="no column 'brir'; did you mean brier"):
        write(two_models, tmp_path / "other", columns="brir")


def test_tables_and_figures_are_there_to_download(report: Path) -> None:
    own = report / "runs" / "mfcc-0"
    assert {file.name for file in own.iterdir()} >= {"predictions.csv", "genres.csv", "calibration.svg", "calibration.pdf"}
    (board,) = [file for file in (report / "boards").glob("*.csv") if "mfcc" in file.read_text("utf-8")]
    rows = list(csv.DictReader(io.StringIO(board.read_text("utf-8"))))
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4", "5"]
    genres = list(csv.DictReader(io.StringIO((own / "genres.csv").read_text("utf-8"))))
    assert len(genres) == 5 and float(genres[0]["f1_low"]) <= float(genres[0]["f1"]) <= float(genres[0]["f1_high"])
