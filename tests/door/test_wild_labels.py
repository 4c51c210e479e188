"""Labels, ids and numbers as people have them, and leaks that no artist column shows: what each command says."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from sklearn.neighbors import KNeighborsClassifier

import genrebench as gb
from genrebench.errors import DataError


@pytest.fixture
def wild(real_data: Path) -> Path:
    return real_data / "wild"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class Seen:
    """What show, check and run say about a dataset, and the runs with their board."""

    def __init__(self, folder: Path, *, refused: bool = False, **options: Any) -> None:
        self.shown: list[str] = gb.describe(folder, **options).values["warnings"]
        self.report = gb.check_dataset(folder, **options)
        self.found = {(finding.severity, finding.kind) for finding in self.report.findings}
        self.said: list[str] = []
        if refused:
            return
        model = {"neighbours": KNeighborsClassifier(3, weights="distance")}
        (self.run,) = gb.run(model, folder, say=self.said.append, **options)
        (board,) = gb.leaderboard()
        self.board = str(board)
        self.f1 = self.run.metrics["f1_micro"]

    def everywhere(self, kind: str, *parts: str, severity: str = "warning") -> None:
        """Assert that one sentence with all `parts` is shown by show, check, run and the board."""
        assert (severity, kind) in self.found
        details = [finding.detail for finding in self.report.findings]
        for where in (self.shown, details, self.said, [self.board]):
            assert any(all(part in text for part in parts) for text in where), (parts, where)


def test_ids_with_leading_zeros_are_matched_and_said(wild):
    seen = Seen(wild / "id-leading-zeros" / "music")
    seen.everywhere("ids", "24 ids of features.csv differ in writing", "'1' for '000001'")
    assert seen.run.record.task.n_training == 20


def test_ids_that_never_meet_are_said_and_refused(wild, tmp_path):
    folder = tmp_path / "music"
    shutil.copytree(wild / "id-leading-zeros" / "music", folder, copy_function=shutil.copyfile)
    text = (folder / "features.csv").read_text().splitlines()
    (folder / "features.csv").write_text("\n".join([text[0], *(f"song{line}" for line in text[1:])]) + "\n")
    seen = Seen(folder, refused=True)
    assert ("fault", "ids") in seen.found
    expected = "no id of features.csv is in tracks.csv: tracks.csv has '000001' and '000002', ..., features.csv has 'song1'"
    assert any(expected in text for text in seen.shown)
    (run,) = gb.run(KNeighborsClassifier(), folder, say=lambda _: None)
    assert run.status == "failed"
    assert re.search(r"tracks\.csv has '000001'.*features\.csv has 'song1'", run.record.error)


def test_a_genre_called_nan(wild):
    Seen(wild / "nan-genre" / "music").everywhere("placeholder", "the genre 'nan' (12 tracks)")


def test_unknown_artist_is_no_artist(wild):
    seen = Seen(wild / "unknown-artist" / "music")
    seen.everywhere("placeholder", "the artist 'Unknown Artist' (24 tracks)", "taken as unknown")
    task = seen.run.record.task
    assert (task.split, task.n_test, task.shared_artists) == ("stratified", 2, None)
    assert seen.run.metrics["log_loss"] is not None


def test_one_artist_is_refused_before_fitting_but_for_challenge(wild, tmp_path):
    folder = tmp_path / "music"
    shutil.copytree(wild / "unknown-artist" / "music", folder, copy_function=shutil.copyfile)
    table = folder / "tracks.csv"
    table.write_text(table.read_text().replace("Unknown Artist", "Ann"))
    seen = Seen(folder, refused=True)
    assert ("fault", "no-split") in seen.found
    assert any("all tracks are by one artist, 'Ann'" in text for text in seen.shown)
    with pytest.raises(DataError, match=r"all tracks are by one artist, 'Ann'.*stratified"):
        gb.run(KNeighborsClassifier(), folder, say=lambda _: None)
    assert not Path("runs").exists()
    (run,) = gb.run(KNeighborsClassifier(), folder, split="challenge", say=lambda _: None)
    assert run.status == "finished"


def test_genres_that_differ_by_a_trifle(wild):
    seen = Seen(wild / "genre-case" / "music")
    seen.everywhere(
        "similar-labels", "'Hip Hop' (4 tracks), 'Hip-Hop' (4), 'hip-hop' (4) differ only by case, hyphens or blanks"
    )


def test_a_huge_value_is_refused_like_infinity(wild, tmp_path):
    folder = wild / "huge-value" / "music"
    seen = Seen(folder, refused=True)
    assert [(f.track, f.detail) for f in seen.report.findings if f.severity == "fault"] == [
        ("3", "the value in column 'm1' is infinite or beyond 1.8e+19")
    ]
    (failed,) = gb.run(KNeighborsClassifier(), folder, say=lambda _: None)
    assert failed.status == "failed"
    assert re.search(r"huge feature value.*track '3' in column 'm1'", failed.record.error)
    seen.report.write_exclusions("list.csv")
    (run,) = gb.run(KNeighborsClassifier(3), folder, exclude="list.csv", say=lambda _: None)
    assert run.status == "finished"


def test_no_warning_of_a_library_reaches_the_terminal(wild):
    command = ["-m", "genrebench", "run", "svm-baseline", "--dataset", str(wild / "huge-value" / "music")]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "huge feature value" in done.stderr
    assert "Warning" not in done.stderr


@pytest.mark.parametrize(
    ("name", "warning"),
    [
        ("ok", None),
        ("four_decimals", "6 of 6 rows of four_decimals.csv are rounded to 4 decimals and sum to 1.0002 .. 1.0002"),
        ("space_after_comma", None),
        ("zero_ids", "6 ids of zero_ids.csv differ in writing from the dataset, such as '000005' for '5'"),
    ],
)
def test_predictions_of_other_programs(wild, name, warning):
    said: list[str] = []
    run = gb.score(wild / "predictions" / f"{name}.csv", wild / "predictions" / "music", say=said.append)
    np.testing.assert_allclose(run.predictions.probabilities.sum(axis=1), 1, atol=1e-12)
    expected = np.log(3) if name in ("ok", "four_decimals") else -np.log([0.3, 0.3, 0.4]).mean()
    assert run.metrics["log_loss"] == pytest.approx(expected, abs=1e-9)
    assert [text.removeprefix("warning: ").startswith(warning or "-") for text in said] == ([True] if warning else [])


# ------------------------------------------------------------------ leaks


def test_segments_of_one_song_stay_together(wild):
    """Features are random per song: an honest score is about 1/3; it was 1.000 without a word."""
    seen = Seen(wild / "segments-of-one-song", split="artist-cv5")
    seen.everywhere("segments", "300 tracks seem to be segments of 30 recordings", "'blues.00000.0.wav'")
    assert seen.f1 < 0.6
    assert seen.run.record.task.shared_artists == 0
    assert gb.task(wild / "segments-of-one-song", say=lambda _: None).split.name == "artist"


@pytest.mark.parametrize("options", [{"split": "stratified"}, {"segments": "apart"}])
def test_segments_in_training_and_test_are_told(wild, options):
    seen = Seen(wild / "segments-of-one-song", **options)
    assert seen.f1 == 1
    seen.everywhere("segments", "30 of 30 test tracks seem to be segments of recordings", "scores are too good")
    repeated = gb.task(wild / "segments-of-one-song", say=lambda _: None, **options)
    assert repeated.fingerprint == seen.run.record.task.fingerprint


def test_the_same_feature_rows_in_training_and_test(wild):
    seen = Seen(wild / "duplicate-feature-rows")
    assert seen.f1 == 1
    assert ("fault", "duplicate") in seen.found
    for where in (seen.shown, seen.said, [seen.board]):
        assert any("4 of 4 test tracks have the same feature row as a training or validation track" in text for text in where)
    seen.report.write_exclusions("list.csv")
    said: list[str] = []
    gb.run(KNeighborsClassifier(3), wild / "duplicate-feature-rows", exclude="list.csv", say=said.append)
    assert [text for text in said if text.startswith("warning")] == []
    with Path("list.csv").open() as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["1", "2", "13", "14"]  # those that train


def test_the_same_file_in_training_and_test_and_under_two_genres(tmp_path):
    rng = np.random.default_rng(0)
    for genre in ("a", "b"):
        for i in range(8):
            path = tmp_path / "music" / genre / f"{chr(97 + i) * 3}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, rng.normal(0, 0.1, 8000), 16000)
    shutil.copyfile(tmp_path / "music" / "a" / "aaa.wav", tmp_path / "music" / "b" / "zzz.wav")
    seen_by_show = gb.describe(tmp_path / "music").values["warnings"]
    task_warnings: list[str] = []
    gb.task(tmp_path / "music", say=task_warnings.append)
    for texts in (seen_by_show, task_warnings):
        assert any(
            "one audio file has two genres, such as that of 'a/aaa.wav' (a) and 'b/zzz.wav' (b)" in text for text in texts
        )
    findings = gb.check_dataset(tmp_path / "music").findings
    assert any(f.kind == "duplicate" and "with a different genre" in f.detail for f in findings)


# ------------------------------------------------------------------ no false alarms


def test_real_tables_give_no_warning(real_data, tmp_path):
    """The head of FMA's own table, with random features, and 2,000 rows of FMA's own features."""
    official = tmp_path / "fma"
    official.mkdir()
    shutil.copyfile(real_data / "fma" / "tracks_head.csv", official / "tracks.csv")
    rows = np.random.default_rng(0).normal(size=(682, 5))
    ids = [line.split(",", 1)[0] for line in (official / "tracks.csv").read_text(encoding="utf-8").splitlines()]
    ids = [id_ for id_ in ids if id_.isdigit()]
    with (official / "features.csv").open("w") as file:
        csv.writer(file).writerows([["track_id", *"abcde"], *([i, *row] for i, row in zip(ids, rows.tolist(), strict=False))])
    for split in ("official", "artist", "stratified"):
        warned = gb.describe(official, split=split).values["warnings"]
        assert [text for text in warned if not text.startswith("genre ")] == []
    findings = gb.check_dataset(official).findings
    assert {f.kind for f in findings} <= {"no-audio", "no-label", "shared-artist"}


def test_the_demo_gives_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error", gb.GenrebenchWarning)
        for split in ("official", "artist", "stratified", "artist-cv5"):
            assert gb.task("demo", split=split).split.warnings == ()
