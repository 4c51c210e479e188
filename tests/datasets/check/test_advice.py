"""The advice of a check can be followed: it never is to leave out all tracks, and what is left can be run."""

import re

import numpy as np
import pytest
import soundfile

from genrebench.datasets import check as checks
from genrebench.datasets import folder
from tests import tiny
from tests.promise import TABLE, check_and_run

TRACKS = "track_id,genre\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(12))


def with_paths(place, paths, write):
    place.mkdir()
    rows = "".join(f"{i},{'ab'[i % 2]},{path}\n" for i, path in enumerate(paths))
    (place / "tracks.csv").write_text("track_id,genre,path\n" + rows)
    for number, path in enumerate(paths):
        write(place / path, number)
    return place


def sound(path, number, level=0.1):
    soundfile.write(path, np.random.default_rng(number).normal(0, level, 9600), 8000)


def nowhere(path, number):
    pass


@pytest.mark.parametrize(
    ("write", "kind", "advice"),
    [
        (nowhere, "missing", "all 12 tracks, the first is '0': no file '0.wav'; .*relative to the dataset's folder"),
        (lambda path, _: path.write_bytes(b"no sound"), "undecodable", "all 12 tracks, .*PyAV"),
        (lambda path, number: sound(path, number, 0), "silent", "all 12 tracks, .*export the audio again"),
        (lambda path, _: path.symlink_to("/nowhere/x.wav"), "missing", "all 12 tracks, .*broken link"),
        (lambda path, _: path.symlink_to("/bin/sh"), "outside", "all 12 tracks, .*--follow-links"),
    ],
)
def test_a_fault_of_all_tracks_is_one_finding_with_advice(write, kind, advice, tmp_path):
    place = with_paths(tmp_path / "music", [f"{i}.wav" for i in range(12)], write)
    found = checks.check(folder.load(place), home=tmp_path / "home")
    (fault,) = [finding for finding in found if finding.severity == "fault"]
    assert (fault.track, fault.kind) == ("", kind)
    assert re.search(advice, fault.detail)
    assert checks.exclusions(found) == []


def test_different_faults_of_all_tracks_leave_nothing_and_no_list(tmp_path):
    paths = [f"{i}.wav" for i in range(12)]
    place = with_paths(tmp_path / "music", paths, lambda path, i: path.write_bytes(b"x") if i % 3 else nowhere(path, i))
    found = checks.check(folder.load(place), home=tmp_path / "home")
    assert {f.kind for f in found if not f.track} == {"nothing-left"}
    assert len({f.track for f in found if f.track}) == 12
    assert checks.exclusions(found) == []
    assert checks.write_exclusions(found, tmp_path / "list.csv") == 0


def test_a_list_that_leaves_one_genre_says_so(tmp_path):
    paths = [f"{i}.wav" for i in range(12)]
    place = with_paths(tmp_path / "music", paths, lambda path, i: sound(path, i) if i % 2 else nowhere(path, i))
    outcome = check_and_run(place, tmp_path)
    assert outcome.listed == {str(i) for i in range(0, 12, 2)}
    assert outcome.run is None
    (finding,) = [f for f in outcome.report.findings if f.kind == "no-split"]
    assert (
        finding.detail
        == "without the 6 tracks of the list: music has tracks of one genre only, 'b'; there is nothing to tell apart"
    )


@pytest.mark.parametrize(
    ("rows", "detail"),
    [
        (lambda i: f"{i + 100},1,2", r"no id of features\.csv is in tracks\.csv"),
        (lambda i: f"{i},,", "none of the 12 tracks has a row of given features with values"),
        (lambda i: f"{i},{i},", "column 'y' has no value in any row; remove the column"),
        (lambda i: f"{i},loud,2", r"the given features can't be read: .*features\.csv, line 2, column 'x': 'loud'"),
        (lambda i: f"{i},1", r"the given features can't be read: .*features\.csv, line 2: 2 cells, but the header has 3"),
        (
            lambda i: f"{i},,1" if i % 2 else f"{i},1,",
            "all 12 tracks, the first is '0': an empty value in column 'y'",
        ),
    ],
)
def test_features_that_no_track_can_use(rows, detail, tmp_path):
    place = tmp_path / "music"
    place.mkdir()
    (place / "tracks.csv").write_text(TRACKS)
    (place / "features.csv").write_text("track_id,x,y\n" + "\n".join(map(rows, range(12))))
    found = checks.check(folder.load(place), home=tmp_path / "home")
    assert any(re.search(detail, f.detail) for f in found if not f.track and f.severity == "fault"), found
    assert checks.exclusions(found) == []
    outcome = check_and_run(place, tmp_path, model=TABLE)
    assert outcome.run is None


def test_a_column_that_is_mostly_empty_is_named_beside_its_tracks(tmp_path):
    place = tmp_path / "music"
    place.mkdir()
    (place / "tracks.csv").write_text(TRACKS)
    (place / "features.csv").write_text("track_id,x,y\n" + "".join(f"{i},{i},{i if i < 5 else ''}\n" for i in range(12)))
    outcome = check_and_run(place, tmp_path, model=TABLE)
    assert outcome.listed == {str(i) for i in range(5, 12)}
    (warning,) = [f for f in outcome.report.findings if f.severity == "warning"]
    assert warning.detail == "column 'y' has no value in 7 of 12 rows; without the column these tracks can stay"


def test_the_official_split_lacks_parts_of_some_tracks(tmp_path):
    place = tiny.write_table(tmp_path / "music", n=12)
    lines = (place / "tracks.csv").read_text().splitlines()
    parts = ["training", "test", ""] * 4
    lines = [f"{lines[0]},split", *(f"{line},{part}" for line, part in zip(lines[1:], parts, strict=True))]
    (place / "tracks.csv").write_text("\n".join(lines))
    outcome = check_and_run(place, tmp_path, model=TABLE)
    assert outcome.listed == {"2", "5", "8", "11"}
    assert {f.kind for f in outcome.report.findings if f.track} == {"no-part"}
