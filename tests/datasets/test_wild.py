"""Small inputs with the faults of people's real ones are read right, or refused with what to do, by show, check and run."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

import genrebench as gb
from genrebench.api import DataError
from genrebench.datasets.exclusions import read_exclusions
from tests.promise import TABLE, check_and_run


@pytest.fixture
def case(real_data: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A writable copy of a case: its folder of music, or all of it."""
    shutil.copytree(real_data / "wild" / request.param, tmp_path / "case", copy_function=shutil.copyfile)
    for path in (tmp_path / "case").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (tmp_path / "case").chmod(0o755)
    music = tmp_path / "case" / "music"
    return music if music.is_dir() else tmp_path / "case"


def of(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [name], indirect=True)


def genres(folder: Path, **options: bool) -> dict[str, int]:
    return dict(Counter(track.genre for track in gb.dataset(folder, **options).tracks))


@of("ignored-suffix")
def test_ignored_suffixes_are_counted_and_emptied_genres_named(case: Path, tmp_path: Path) -> None:
    assert genres(case) == {"drone": 4, "hiss": 4}
    warnings = gb.describe(case).to_json()["warnings"]
    outcome = check_and_run(case, tmp_path)
    assert outcome.kinds() == {"left-out", "empty-genre"}
    assert outcome.listed == set()
    for texts in (warnings, [f.detail for f in outcome.report.findings], outcome.said):
        assert any("3 files with suffixes that aren't read (.aac 1, .webm 1, .wma 1)" in text for text in texts)
        assert any("'polka', 'tango'" in text for text in texts)
    assert outcome.run is not None


@of("split-folders")
def test_train_val_and_test_folders_are_the_official_split(case: Path, tmp_path: Path) -> None:
    assert genres(case) == {"drone": 6, "hiss": 6}
    summary = gb.describe(case).to_json()
    assert (summary["split"], summary["parts"]) == ("official", {"training": 8, "validation": 2, "test": 2})
    assert "'train' as training" in summary["remarks"][0]
    outcome = check_and_run(case, tmp_path)
    assert outcome.kinds() == {"layout"}
    assert outcome.run is not None
    assert outcome.run.record.task.genres == ("drone", "hiss")
    assert (outcome.run.record.task.split, outcome.run.record.task.n_test) == ("official", 2)


@of("appledouble")
def test_hidden_folders_are_skipped_at_any_depth(case: Path, tmp_path: Path) -> None:
    assert genres(case) == {"drone": 6, "hiss": 6}
    outcome = check_and_run(case, tmp_path)
    assert (outcome.refusal, outcome.listed, outcome.kinds()) == ("", set(), {"left-out"})
    assert "warning: music: left out: 1 hidden or system folder (.AppleDouble 1)" in outcome.said


@of("empty-column")
def test_a_column_without_any_value_is_named_and_no_track(case: Path, tmp_path: Path) -> None:
    outcome = check_and_run(case, tmp_path, model=TABLE)
    assert outcome.refusal == "music: the given feature 'm1' has no value in any row; remove the column"
    assert outcome.listed == set()
    details = [f.detail for f in outcome.report.findings if f.severity == "fault"]
    assert details == ["column 'm1' has no value in any row; remove the column"]
    assert details[0] in gb.describe(case).to_json()["warnings"]
    lines = [line.split(",") for line in (case / "features.csv").read_text().splitlines()]
    (case / "features.csv").write_text("\n".join(",".join([*cells[:2], *cells[3:]]) for cells in lines))
    assert check_and_run(case, tmp_path, model=TABLE).refusal == ""


@of("missing-feature-row")
def test_tracks_without_features_are_on_the_list(case: Path, tmp_path: Path) -> None:
    outcome = check_and_run(case, tmp_path, model=TABLE)
    assert outcome.refusal.startswith("no given features for track '22' and 2 more; leave such tracks out")
    assert outcome.listed == {"22", "23", "24"}
    assert outcome.run is not None
    assert outcome.run.record.task.n_excluded == 3


@pytest.mark.parametrize("case", ["space-after-comma", "nfd-path", "backslash-path"], indirect=True)
def test_paths_as_people_write_them(case: Path, tmp_path: Path) -> None:
    music = gb.dataset(case)
    assert len(music.tracks) == 12
    assert all(track.path is not None and track.path.is_file() for track in music.tracks)
    outcome = check_and_run(case, tmp_path)
    assert (outcome.refusal, outcome.report.findings) == ("", [])


@of("latin1-name")
def test_a_name_that_is_not_utf8_is_a_fault_of_its_file(case: Path, tmp_path: Path) -> None:
    os.rename(os.fsencode(case / "drone/d1.ogg"), os.fsencode(case / "drone") + b"/\xe9t\xe9.ogg")  # noqa: PTH104, bytes
    outcome = check_and_run(case, tmp_path)
    assert outcome.listed == {r"drone/\xe9t\xe9.ogg"}
    assert outcome.kinds(r"drone/\xe9t\xe9.ogg") == {"name"}
    assert r"the name '\xe9t\xe9.ogg' isn't UTF-8" in outcome.refusal
    assert outcome.run is not None
    assert gb.describe(case).to_json()["audio"]["unreadable"] == 1
    (case / "drone").rename(os.fsdecode(os.fsencode(case) + b"/\xe9lectro"))
    again = check_and_run(case, tmp_path, split="challenge")
    assert again.listed == {track.id for track in gb.dataset(case).tracks if track.genre != "hiss"}


@of("appledouble")
def test_a_linked_genre_is_read_where_links_are_followed(case: Path, tmp_path: Path) -> None:
    shutil.move(case / "drone", tmp_path / "drone")
    (case / "drone").symlink_to(tmp_path / "drone")
    outcome = check_and_run(case, tmp_path)
    assert outcome.report is None
    assert "'drone' is a link that leads out of the folder" in outcome.refusal
    assert "--follow-links" in outcome.refusal
    with pytest.raises(DataError, match="--follow-links"):
        gb.describe(case)
    assert genres(case, follow_links=True) == {"drone": 6, "hiss": 6}
    outcome = check_and_run(case, tmp_path, follow_links=True)
    assert (outcome.refusal, outcome.listed, outcome.kinds()) == ("", set(), {"left-out"})


@of("appledouble")
def test_a_broken_link_is_one_missing_track_and_one_to_nowhere_an_emptied_genre(case: Path, tmp_path: Path) -> None:
    (case / "drone/broken.ogg").symlink_to("/nowhere/x.ogg")
    (case / "tango").symlink_to("/nowhere/tango")
    outcome = check_and_run(case, tmp_path)
    assert outcome.listed == {"drone/broken.ogg"}
    assert outcome.kinds("drone/broken.ogg") == {"missing"}
    assert outcome.kinds() == {"left-out", "empty-genre"}
    assert outcome.run is not None
    assert gb.describe(case).to_json()["audio"]["tracks"] == 13


def test_a_circle_of_linked_folders_ends(tmp_path: Path) -> None:
    for genre in ("a", "b"):
        (tmp_path / "music" / genre).mkdir(parents=True)
        for i in range(4):
            samples = np.random.default_rng(i).normal(0, 0.1, 4000)
            soundfile.write(tmp_path / "music" / genre / f"{genre}{i}.wav", samples, 8000)
        (tmp_path / "music" / genre / "up").symlink_to(tmp_path / "music")
    assert genres(tmp_path / "music") == genres(tmp_path / "music", follow_links=True) == {"a": 4, "b": 4}
    remarks = gb.dataset(tmp_path / "music", follow_links=True).remarks
    assert [remark.detail.split(",")[0] for remark in remarks] == ["left out: 2 linked folders above the link itself"]


@of("fma-reset-index")
def test_features_of_fma_saved_again_by_pandas(case: Path, tmp_path: Path) -> None:
    values = gb.dataset(case).load_features()
    assert values.ids == ("694", "695", "777", "825")
    assert values.columns[0] == ("mfcc", "kurtosis", "01")
    assert values.values[0, 0] == 3.1088154316
    outcome = check_and_run(case, tmp_path, model=TABLE)
    assert len(outcome.listed) == 76
    assert outcome.run is None
    assert "no-split" in outcome.kinds()
    table = (case / "tracks.csv").read_text().splitlines()
    rows = [line.rsplit(",", 1)[0] + f",{part}" for line, part in zip(table[1:], ["training", "test"] * 40, strict=True)]
    (case / "tracks.csv").write_text("\n".join([table[0], *rows]))
    outcome = check_and_run(case, tmp_path, model=TABLE)
    assert len(outcome.listed) == 76
    assert outcome.run is not None


@of("streamed-flac")
def test_a_flac_of_unknown_length_is_read(case: Path, tmp_path: Path) -> None:
    assert gb.describe(case).to_json()["audio"]["shortest_s"] == 1.0
    outcome = check_and_run(case, tmp_path)
    assert (outcome.refusal, outcome.listed) == ("", set())
    assert outcome.run is not None


@of("exclusions-semicolon")
def test_an_exclusion_list_saved_by_a_spreadsheet(case: Path, real_data: Path, tmp_path: Path) -> None:
    (listed,) = read_exclusions(case / "e_semi.csv")
    assert (listed.id, listed.reason) == ("d1", "bad")
    said: list[str] = []
    task = gb.task(real_data / "wild/backslash-path/music", exclude=case / "e_semi.csv", say=said.append)
    assert ([one.id for one in task.excluded], said) == (["d1"], [])


def test_every_dataset_keeps_the_promise_of_the_check(real_data: Path, tmp_path: Path) -> None:
    seen = set()
    for name in sorted(path.name for path in (real_data / "wild").iterdir() if path.is_dir()):
        folder = next(folder for folder in (real_data / "wild" / name / "music", real_data / "wild" / name) if folder.is_dir())
        tables = (folder / "features.csv").is_file()
        if (folder / "tracks.csv").is_file() or any(path.is_dir() for path in folder.iterdir()):
            (tmp_path / name).mkdir()
            check_and_run(folder, tmp_path / name, **({"model": TABLE} if tables else {}))
            seen.add(name)
    assert len(seen) > 16
