"""Damaged files end as findings, never as a crash, a hang or a file left behind."""

import os
import tempfile
import unicodedata
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genrebench.api import AudioError, DataError, Dataset, Excerpt, FeatureTable, GenrebenchError, Track
from genrebench.datasets import check as checks
from genrebench.datasets import folder
from genrebench.datasets.check.measurement import MeasurementCache, measure_all
from genrebench.datasets.exclusions import read_exclusions
from genrebench.inputs.features import compute_features, write_csv
from genrebench.runs.examples import TaskExamples
from genrebench.session import Session
from genrebench.tasks import task as tasks
from tests import tiny
from tests.damage import COUNT, damage, damaged_files, some, whole_files

TABLE = "track_id,genre,path,artist,split\n" + "".join(
    f"{i},{genre},{i}.wav,artist {i},{part}\n"
    for i, (genre, part) in enumerate(zip(["Rock", '"Soul, RnB"'] * 6, ["training", "test", "validation"] * 4, strict=True))
)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return whole_files(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="module")
def damaged(sources: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> list[Track]:
    paths = damaged_files(sources, tmp_path_factory.mktemp("damaged"))
    return [Track(path.stem, "A", None, path) for path in paths]


def test_the_check_survives_them(damaged: list[Track], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    there = sorted(damaged[0].path.parent.iterdir())  # type: ignore[union-attr]
    found = checks.check(Dataset("made", "1", tuple(damaged), ("A",)), home=tmp_path / "home", workers=2)
    undecodable = [finding for finding in found if finding.kind == "undecodable"]
    assert 0.1 * COUNT < len(undecodable) < 0.9 * COUNT, "the damage is too weak or too strong to say something"
    assert [finding for finding in undecodable if "crashed" in finding.detail] == []
    assert all("\n" not in finding.detail for finding in found)
    counts = Counter(finding.track for finding in undecodable)
    assert max(counts.values()) == 1
    assert sorted(damaged[0].path.parent.iterdir()) == there  # type: ignore[union-attr]
    assert [path for path in temporary.rglob("*") if path.is_file()] == []
    assert [path for path in (tmp_path / "home").rglob("*") if path.is_file() and path.name.startswith(".")] == []


class Deadly(type(Path())):  # type: ignore[misc]
    """A file that kills the process that opens it, as a defect of a decoder may."""

    def open(self, *_: object, **__: object) -> None:  # type: ignore[override]
        os._exit(3)


def test_a_crash_of_the_decoder_stops_nothing_else(sources: dict[str, bytes], tmp_path: Path) -> None:
    contents: dict[str, Path] = {}
    for number in range(6):
        contents[f"{number:032x}"] = tmp_path / f"{number}.wav"
        contents[f"{number:032x}"].write_bytes(sources["wav"])
    contents["f" * 32] = Deadly(tmp_path / "0.wav")
    errors = {hash_: found.error for hash_, found in measure_all(contents, MeasurementCache(tmp_path / "cache"), workers=2)}
    assert errors == dict.fromkeys(contents) | {"f" * 32: "the decoder crashed"}


def test_features_are_finite_or_refused(damaged: list[Track]) -> None:
    refused = 0
    for track in some(damaged, 50):
        assert track.path
        try:
            assert np.isfinite(compute_features(track.path, excerpt=Excerpt())).all()
        except AudioError:
            refused += 1
    assert refused > 0


def test_tables_are_read_or_refused_with_one_line(tmp_path: Path) -> None:
    refused = 0
    for number in range(COUNT):
        (tmp_path / "tracks.csv").write_bytes(damage(TABLE.encode(), np.random.default_rng(number)))
        try:
            assert folder.load(tmp_path).tracks
        except DataError as error:
            refused += 1
            assert "\n" not in str(error)
    assert 0 < refused < COUNT


@pytest.mark.parametrize("headers", [1, 3])
def test_given_features_reach_a_model_or_are_refused_with_one_line(tmp_path: Path, headers: int) -> None:
    table = tiny.write_table(tmp_path / "data", n=12) / "features.csv"
    if headers == 3:
        columns = (("mfcc", "mean", "01"), ("mfcc", "mean", "02"))
        write_csv(table, [str(i) for i in range(12)], np.random.default_rng(0).normal(size=(12, 2)), columns)
    whole = table.read_bytes()
    around = Session(home=tmp_path / "home")
    refused = 0
    for number in range(COUNT):
        table.write_bytes(damage(whole, np.random.default_rng(number)))
        try:
            task = tasks.make_task(folder.load(table.parent), around.home)
            prepared = TaskExamples.prepare(tiny.job(task, tiny.spec("table", tiny.Nearest, FeatureTable())), around).prepared
        except GenrebenchError as error:
            refused += 1
            assert "\n" not in str(error)
        else:
            values = np.asarray(prepared.inputs)
            assert values.shape == (12, len(prepared.columns))
            assert np.isfinite(values).all()
    assert 0 < refused < COUNT


def test_exclusion_lists_are_obeyed_or_refused_with_one_line(tmp_path: Path) -> None:
    dataset = folder.load(tiny.write_table(tmp_path / "data", n=12))
    whole = b'id,reason\n3,silent\n5,"too short, 0.4 s"\n7,undecodable\n'
    refused = 0
    for number in range(COUNT):
        (tmp_path / "list.csv").write_bytes(damage(whole, np.random.default_rng(number)))
        try:
            listed = read_exclusions(tmp_path / "list.csv")
            task = tasks.make_task(dataset, tmp_path / "home", exclude=listed)
        except GenrebenchError as error:
            refused += 1
            assert "\n" not in str(error)
        else:
            assert {track.id for track in task.dataset.tracks} == {str(i) for i in range(12)} - {e.id for e in listed}
            assert all("\n" not in warning for warning in task.split.warnings)
    assert 0 < refused < COUNT


# ids are read in composed form, and so are lists
names = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1).map(partial(unicodedata.normalize, "NFC"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    st.lists(
        st.builds(checks.Finding, names, st.sampled_from(list(checks.KINDS)), st.sampled_from(checks.SEVERITIES), names),
        max_size=8,
    )
)
def test_what_is_written_is_what_run_reads(tmp_path: Path, findings: list[checks.Finding]) -> None:
    count = checks.write_exclusions(findings, tmp_path / "list.csv")
    read = read_exclusions(tmp_path / "list.csv")
    assert read == checks.exclusions(findings)
    assert count == len(read) == len({finding.track for finding in findings if finding.severity == "fault"})
