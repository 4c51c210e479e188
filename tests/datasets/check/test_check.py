"""Checking datasets of synthetic clips with one problem each, and of real clips."""

import csv
import os
import shutil
from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from genrebench import audio
from genrebench.api import AudioError, Dataset, Excerpt, Exclusion, Track
from genrebench.datasets import check as checks
from genrebench.datasets.check.findings import Finding
from genrebench.datasets.check.near_duplicates import N_NEIGHBOURS
from genrebench.datasets.check.report import CheckReport
from genrebench.datasets.exclusions import read_exclusions
from genrebench.errors import DataError, StoreError
from genrebench.records import FeatureValues, Fold, Split
from genrebench.tasks import task as tasks
from genrebench.tasks.splits import NAMES, make_split

RATE = 22050


def music(seed, seconds=14.0, rate=RATE):
    """Notes at random: no two seeds sound alike."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    sound = np.zeros(len(time))
    for start in np.arange(0, seconds, 0.21):
        note = np.clip(time - start - rng.uniform(0, 0.15), 0, None)
        sound += np.sin(2 * np.pi * rng.uniform(110, 3000) * note) * np.exp(-12 * note) * (note > 0)
    return 0.5 * sound / np.abs(sound).max()


def write(path, samples, rate=RATE, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **options)
    return path


def dataset(tracks, **more):
    genres = tuple(sorted({track.genre for track in tracks}))
    return Dataset(name="made", version="1", tracks=tuple(tracks), genres=genres, **more)


def check(data, home, split=None, **options):
    by_track = defaultdict(list)
    for finding in checks.check(data, split, home=home, **options):
        by_track[finding.track].append(finding)
    return by_track


def kinds(findings):
    return [(finding.kind, finding.severity) for finding in findings]


@pytest.fixture(scope="module")
def sound_clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    return [Track(f"ok{i}", "A", "a", write(folder / f"ok{i}.wav", music(i))) for i in range(3)]


def test_nothing_is_wrong_with_sound_clips(sound_clips, tmp_path):
    assert checks.check(dataset(sound_clips), home=tmp_path) == []


def test_the_table_has_the_first_notes_of_a_kind_and_all_else():
    tracks = [Track(f"t{i}", "A", "a", None) for i in range(9)]
    warnings = [Finding(track.id, "clipped", "warning", "much") for track in tracks]
    report = CheckReport(dataset(tracks), [*warnings, *(Finding(track.id, "odd-rate", "note", "8000 Hz") for track in tracks)])
    (table,) = report.tables()
    assert Counter(row[1] for row in table.rows) == {"clipped": 9, "odd-rate": 3}
    assert report.notes() == ["9 tracks; faults: 0, warnings: 9, notes: 9", "notes not shown: 6 odd-rate; --format csv has all"]
    assert len(report.to_table().rows) == len(report.to_json()) == 18


def loud(seed):
    return np.clip(8 * music(seed), -1, 1)


WRONG = {
    "silent": (lambda path: write(path, np.zeros(14 * RATE)), [("silent", "fault")]),
    "dither": (lambda path: write(path, np.full(14 * RATE, 1 / 32768)), [("silent", "fault")]),
    "near-silent": (lambda path: write(path, 5e-4 * music(50)), [("near-silent", "warning")]),
    "mostly silent": (
        lambda path: write(path, np.concatenate([music(51, 1.5), np.zeros(round(12.5 * RATE))])),
        [("near-silent", "warning")],
    ),
    "short": (lambda path: write(path, music(52, 8.0)), [("short", "note")]),
    "much shorter": (lambda path: write(path, music(53, 2.0)), [("short", "note")]),
    "too short for a model": (lambda path: write(path, music(53, 0.9)), [("short", "fault")]),
    "channels that cancel": (
        lambda path: write(path, np.stack([music(59), -0.99 * music(59)], axis=1)),
        [("cancelling", "warning"), ("odd-channels", "note")],
    ),
    "clipped": (lambda path: write(path, loud(54)), [("clipped", "warning")]),
    "odd rate": (lambda path: write(path, music(55, rate=16000), 16000), [("odd-rate", "note")]),
    "stereo": (lambda path: write(path, np.stack([music(56), music(57)], axis=1)), [("odd-channels", "note")]),
    "empty": (lambda path: path.write_bytes(b""), [("undecodable", "fault")]),
    "text": (lambda path: path.write_text("no audio"), [("undecodable", "fault")]),
    "not a number": (
        lambda path: write(path, np.full(RATE, np.nan, np.float32), subtype="FLOAT"),
        [("undecodable", "fault")],
    ),
    "too loud": (lambda path: write(path, 1e6 * music(58), subtype="FLOAT"), [("undecodable", "fault")]),
    "absent": (lambda path: None, [("missing", "fault")]),
    "a folder": (lambda path: path.mkdir(), [("missing", "fault")]),
}


@pytest.mark.parametrize("name", WRONG)
def test_each_fault_is_found_at_its_track_alone(name, sound_clips, tmp_path):
    make, expected = WRONG[name]
    make(tmp_path / "wrong.wav")
    found = check(dataset([*sound_clips, Track("wrong", "B", "b", tmp_path / "wrong.wav")]), tmp_path)
    assert set(found) == {"wrong"}
    assert kinds(found["wrong"]) == expected


def test_no_path_among_tracks_that_have_one_is_missing(sound_clips, tmp_path):
    found = check(dataset([*sound_clips, Track("bare", "A", None, None)]), tmp_path)
    assert kinds(found["bare"]) == [("missing", "fault")]


def test_a_dataset_without_audio_is_one_note_and_one_without_features_as_well_a_fault(tmp_path):
    bare = dataset([Track(str(i), "A") for i in range(5)])
    values = FeatureValues(tuple("01234"), (("x",),), np.arange(5.0).reshape(5, 1))
    assert kinds(checks.check(replace(bare, load_features=lambda: values), home=tmp_path)) == [("no-audio", "note")]
    (fault,) = checks.check(bare, home=tmp_path)
    assert (fault.track, fault.kind, fault.severity) == ("", "no-audio", "fault")
    assert "add a column 'path'" in fault.detail


def test_a_blank_label(sound_clips, tmp_path):
    found = check(dataset([*sound_clips, Track("x", " ", None, write(tmp_path / "x.wav", music(9)))]), tmp_path)
    assert kinds(found["x"]) == [("no-label", "fault")]


def test_a_dataset_without_labels_is_one_note(sound_clips, tmp_path):
    found = checks.check(dataset([Track(track.id, "", path=track.path) for track in sound_clips]), home=tmp_path)
    assert [(f.track, f.kind, f.severity, f.detail) for f in found] == [
        ("", "no-label", "warning", "none of the 3 tracks has a genre: there is nothing to train on, only to predict")
    ]
    assert checks.exclusions(found) == []


def test_tracks_that_a_dataset_left_out_for_want_of_a_label_are_notes(sound_clips, tmp_path):
    found = check(dataset(sound_clips, unlabelled=("7", "8")), tmp_path)
    assert {id_: kinds(findings) for id_, findings in found.items()} == {id_: [("no-label", "note")] for id_ in "78"}


def test_samples_that_are_no_numbers_are_counted(sound_clips, tmp_path):
    samples = np.stack([music(1), music(2)], axis=1).astype(np.float32)
    samples[5], samples[-1, 0] = np.inf, np.nan
    path = write(tmp_path / "wrong.wav", samples, subtype="FLOAT")
    found = check(dataset([*sound_clips, Track("wrong", "A", path=path)]), tmp_path)
    assert [f.detail for f in found["wrong"]] == ["2 samples are not finite numbers"]
    with pytest.raises(AudioError, match="2 samples are not finite numbers"):
        audio.read(path, Excerpt(None))


def test_a_cut_off_mp3(sound_clips, tmp_path):
    whole = write(tmp_path / "whole.mp3", music(8, 14.0)).read_bytes()
    (tmp_path / "cut.mp3").write_bytes(whole[: len(whole) * 9 // 10])
    found = check(dataset([*sound_clips, Track("cut", "A", None, tmp_path / "cut.mp3")]), tmp_path)
    assert kinds(found["cut"]) == [("truncated", "warning")]
    assert "1.4 s" in found["cut"][0].detail or "1.3 s" in found["cut"][0].detail


# ------------------------------------------------------------------ duplicates


def split(training=(), validation=(), test=()):
    return Split("made", 0, (Fold(tuple(training), tuple(validation), tuple(test)),))


def test_duplicates_in_other_formats_are_found_and_the_tested_copy_is_kept(sound_clips, tmp_path):
    copy = write(tmp_path / "copy.flac", soundfile.read(sound_clips[0].path)[0])
    tracks = [*sound_clips, Track("copy", "A", "z", copy)]
    inside = check(dataset(tracks), tmp_path, split(training=("ok0", "ok1", "ok2", "copy")))
    assert {id_: kinds(found) for id_, found in inside.items()} == {"copy": [("duplicate", "warning")]}
    across = check(dataset(tracks), tmp_path, split(training=("ok0", "ok1"), test=("ok2", "copy")))
    assert kinds(across["ok0"]) == [("duplicate", "fault")]
    assert "'copy' (A, test), but in a different part" in across["ok0"][0].detail
    assert "copy" not in across


def test_a_duplicate_under_another_genre_is_a_fault(sound_clips, tmp_path):
    tracks = [*sound_clips, Track("copy", "B", "z", sound_clips[0].path)]
    found = check(dataset(tracks), tmp_path)
    assert kinds(found["copy"]) == [("duplicate", "fault")]
    assert "but with a different genre (B)" in found["copy"][0].detail


def test_silence_is_no_duplicate_of_silence(sound_clips, tmp_path):
    silent = [Track(f"s{i}", "A", None, write(tmp_path / f"s{i}.wav", np.zeros(14 * RATE))) for i in range(2)]
    found = check(dataset([*sound_clips, *silent]), tmp_path)
    assert [kinds(found[track.id]) for track in silent] == [[("silent", "fault")]] * 2


@pytest.mark.parametrize(
    ("name", "change"),
    [("softer.wav", lambda x: 0.3 * x), ("lossy.mp3", lambda x: x), ("later.ogg", lambda x: x[round(1.22 * RATE) :])],
)
def test_near_duplicates(name, change, sound_clips, tmp_path):
    copy = write(tmp_path / name, change(soundfile.read(sound_clips[1].path)[0]))
    found = check(dataset([*sound_clips, Track("copy", "A", "a", copy)]), tmp_path)
    assert kinds(found["copy"]) == [("near-duplicate", "warning")]
    assert "sounds like 'ok1' (A)" in found["copy"][0].detail
    assert f"offset of {'+1.2' if 'later' in name else '+0.0'}" in found["copy"][0].detail.replace("+1.3", "+1.2")


def listed(findings):
    return {exclusion.id for exclusion in checks.exclusions(findings)}


def test_all_but_one_of_the_copies_are_on_the_list(sound_clips, tmp_path):
    samples = soundfile.read(sound_clips[0].path)[0]
    copies = [Track(f"c{i}", "A", "a", write(tmp_path / f"c{i}.flac", samples)) for i in range(2)]
    softer = Track("softer", "A", "a", write(tmp_path / "softer.wav", 0.3 * samples))
    found = checks.check(dataset([softer, *sound_clips, *copies]), home=tmp_path)
    assert [(f.track, f.kind, f.severity) for f in found] == [
        ("c0", "duplicate", "warning"),
        ("c1", "duplicate", "warning"),
        ("ok0", "near-duplicate", "warning"),
    ]
    assert listed(found) == {"c0", "c1", "ok0"}
    cut = split(training=("softer", "ok1", "ok2", "c0"), validation=("ok0",), test=("c1",))
    across = checks.check(dataset([softer, *sound_clips, *copies]), cut, home=tmp_path)
    assert listed(across) == {"softer", "ok0", "c0"}
    assert (
        "sounds like 'c1' (A, test), but in a different part: correlation 1.00"
        in next(f for f in across if f.track == "softer").detail
    )


def test_a_copy_with_a_fault_is_not_the_one_that_is_kept(sound_clips, tmp_path):
    data = dataset(
        [Track("blank", "", None, sound_clips[0].path), *sound_clips, Track("other", "B", None, sound_clips[0].path)]
    )
    found = check(data, tmp_path, split(training=("ok0", "ok1", "ok2"), test=("other",)))
    assert kinds(found["blank"]) == [("no-label", "fault"), ("duplicate", "warning")]
    assert found["blank"][1].detail == "the same audio as 'other' (B, test); one of 3 copies"
    assert found["ok0"][0].detail == (
        "the same audio as 'other' (B, test), but in a different part and with a different genre (A); one of 3 copies"
    )
    assert set(found) - {""} == {"blank", "ok0"}


def test_near_duplicates_with_different_labels_say_so(sound_clips, tmp_path):
    copy = write(tmp_path / "copy.mp3", soundfile.read(sound_clips[1].path)[0])
    found = check(dataset([*sound_clips, Track("copy", "B", "a", copy)]), tmp_path)
    assert "sounds like 'ok1' (A), but with a different genre (B): " in found["copy"][0].detail


def test_one_of_many_that_sound_alike_is_left_at_the_first_look(sound_clips, tmp_path):
    rng = np.random.default_rng(0)
    samples = soundfile.read(sound_clips[0].path)[0]
    copies = []
    for i in range(3 * N_NEIGHBOURS):
        start = rng.integers(RATE)
        path = write(tmp_path / f"{i}.ogg", rng.uniform(0.1, 1) * samples[start : start + 12 * RATE])
        copies.append(Track(str(i), "A", None, path))
    found = checks.check(dataset([*sound_clips, *copies]), home=tmp_path / "home")
    assert {f.kind for f in found} == {"near-duplicate"}
    assert listed(found) == {track.id for track in copies}


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """Tracks with copies of some in other formats, one quieter and cut; and a home that is theirs."""
    folder = tmp_path_factory.mktemp("copies")
    changes = (("wav", lambda x: x), ("flac", lambda x: x), ("mp3", lambda x: x), ("ogg", lambda x: 0.4 * x[RATE:]))
    tracks = []
    for i in range(12):
        samples = music(i)
        for j, (suffix, change) in enumerate(changes[: 1 + i % 4]):
            path = write(folder / f"{i}.{suffix}", change(samples))
            tracks.append(Track(f"{i}-{suffix}", "AB"[(i + (i > 8 and j)) % 2], f"artist {3 * i + j}", path))
    official = {track.id: ("training", "validation", "test")[i % 3] for i, track in enumerate(tracks)}
    return dataset(tracks, official=official), folder / "home"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "challenge"])
def test_what_is_left_after_the_list_has_no_copies_in_several_parts(name, copies):
    music_with_copies, home = copies
    first = checks.check(music_with_copies, make_split(music_with_copies, name), home=home)
    assert any("in a different part" in f.detail for f in first)
    task = tasks.make_task(music_with_copies, home, split=name, exclude=checks.exclusions(first))
    assert len(task.dataset.tracks) == 12
    assert {track.id.split("-")[0] for track in task.dataset.tracks} == {str(i) for i in range(12)}
    again = checks.check(task.dataset, task.split, home=home)
    assert [f for f in again if f.kind in ("duplicate", "near-duplicate")] == []


# ------------------------------------------------------------------ the split and the list


def test_what_can_not_be_split_is_checked_all_the_same(sound_clips, tmp_path):
    cut, why = checks.cut(dataset(sound_clips))
    assert cut is None
    assert kinds(why) == [("no-split", "warning")]
    assert "one genre only, 'A'" in why[0].detail
    assert checks.check(dataset(sound_clips), home=tmp_path, before=why) == why
    with pytest.raises(DataError, match="one genre only"):
        checks.cut(dataset(sound_clips), "stratified")
    assert checks.cut(dataset([Track("1", ""), Track("2", "")])) == (None, [])
    with pytest.raises(DataError, match="2 of 2 tracks have no genre"):
        checks.cut(dataset([Track("1", ""), Track("2", "")]), "stratified")
    (fold,) = checks.cut(dataset([Track("1", "A"), Track("2", ""), Track("3", "B")]), "stratified")[0].folds
    assert fold.training == ("1", "3")


def test_shared_artists_are_named_with_their_parts(tmp_path):
    tracks = [Track(str(i), "A", artist) for i, artist in enumerate(["x", "x", "y", "y", "z"])]
    found = check(dataset(tracks), tmp_path, split(training=("0", "2", "4"), validation=("1",), test=("3",)))
    shared = [finding.detail for finding in found[""] if finding.kind == "shared-artist"]
    assert shared == ["artist 'x' is in training and validation", "artist 'y' is in training and test"]


def test_disagreement_with_the_known_faulty_list(tmp_path):
    clips = {10: music(1), 11: music(2), 12: music(3), 13: music(4, 2.0), 14: music(5, 2.0), 15: music(6)}
    for number, samples in clips.items():
        write(tmp_path / "fma_small" / "000" / f"{number:06d}.mp3", samples)
    tracks = [Track(str(i), "A", None, tmp_path / "fma_small" / "000" / f"{i:06d}.mp3") for i in (10, 11, 12, 13)]
    faulty = (Exclusion("14", "shorter than 30 s"), Exclusion("15", "shorter than 30 s"), Exclusion("16", "no audio"))
    found = check(dataset(tracks, faulty=faulty), tmp_path / "home")
    assert kinds(found["13"]) == [("short", "fault")]
    assert found["13"][0].detail.endswith("not on the list of known-faulty tracks")
    assert kinds(found["15"]) == [("sound-though-listed", "note")]
    assert set(found) == {"13", "15"}


# ------------------------------------------------------------------ order, list of exclusions, cache


def test_faults_come_first_and_kinds_are_documented(sound_clips, tmp_path):
    tracks = [*sound_clips]
    for name, (make, _) in WRONG.items():
        path = tmp_path / f"{name}.wav"
        make(path)
        tracks.append(Track(name, "B", name, path))
    found = checks.check(dataset(tracks), home=tmp_path)
    ranks = [(checks.SEVERITIES.index(f.severity), list(checks.KINDS).index(f.kind)) for f in found]
    assert ranks == sorted(ranks)
    written = tmp_path / "exclude.csv"
    assert checks.write_exclusions(found, written) == len({f.track for f in found if f.severity == "fault"}) == 9
    assert read_exclusions(written) == checks.exclusions(found)
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_list_has_one_row_per_track_and_survives_odd_ids(tmp_path):
    findings = [
        checks.Finding('a,"b"\n', "silent", "fault", "nothing"),
        checks.Finding('a,"b"\n', "short", "fault", "1 s"),
        checks.Finding("c", "clipped", "warning", "2 %"),
        checks.Finding("", "no-audio", "fault", "of no track"),
    ]
    checks.write_exclusions(findings, tmp_path / "list.csv")
    with (tmp_path / "list.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["id", "reason"], ['a,"b"\n', "silent: nothing; short: 1 s"]]
    with pytest.raises(StoreError, match="can't write"):
        checks.write_exclusions(findings, tmp_path / "no" / "list.csv")
    assert checks.write_exclusions(findings[2:], tmp_path / "list.csv", [Exclusion("d", "by hand")]) == 1
    assert read_exclusions(tmp_path / "list.csv") == [Exclusion("d", "by hand")]


def test_a_second_check_reads_its_cache_and_a_damaged_entry_is_recomputed(tmp_path):
    tracks = [Track(str(i), "A", None, write(tmp_path / f"{i}.wav", (loud if i else music)(i))) for i in range(4)]
    first = checks.check(dataset(tracks), home=tmp_path / "home")
    entries = sorted((tmp_path / "home" / "cache").rglob("*.json"))
    assert len(entries) == 4
    before = {entry: entry.stat().st_mtime_ns for entry in entries}
    assert checks.check(dataset(tracks), home=tmp_path / "home") == first
    assert {entry: entry.stat().st_mtime_ns for entry in entries} == before
    entries[0].write_text(entries[0].read_text()[:100])
    assert checks.check(dataset(tracks), home=tmp_path / "home") == first
    assert [entry for entry in entries if entry.stat().st_mtime_ns != before[entry]] == [entries[0]]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_check_keeps_what_it_measured(workers, sound_clips, tmp_path):
    def stop(items, description, total):
        assert (description, total) == ("checking", 3)
        yield next(items)
        yield next(items)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checks.check(dataset(sound_clips), home=tmp_path, workers=workers, progress=stop)
    assert len(list((tmp_path / "cache").rglob("*.json"))) >= 2
    assert list(tmp_path.rglob(".*")) == []


def test_several_processes_give_the_same_findings_and_copies_are_measured_once(sound_clips, tmp_path):
    wrong = tmp_path / "wrong.mp3"
    wrong.write_bytes(b"ID3 nothing")
    copies = []
    for i in range(300):
        os.link(sound_clips[i % 3].path, tmp_path / f"{i}.wav")
        copies.append(Track(str(i), "A", None, tmp_path / f"{i}.wav"))
    tracks = [*copies, Track("wrong", "A", None, wrong)]
    alone = checks.check(dataset(tracks), home=tmp_path / "one")
    assert checks.check(dataset(tracks), home=tmp_path / "two", workers=2) == alone
    assert Counter(kinds(alone)) == {("duplicate", "warning"): 297, ("undecodable", "fault"): 1}
    assert len(list((tmp_path / "two" / "cache").rglob("*.json"))) == 3


def test_the_real_clips_are_sound_and_a_shortened_copy_is_found(real_data, tmp_path):
    with (real_data / "fma" / "clips.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    clips = [real_data / "fma" / row["path"] for row in rows]
    tracks = [Track(row["track_id"], row["genre_top"], None, path) for row, path in zip(rows, clips, strict=True)]
    assert [f for f in checks.check(dataset(tracks), home=tmp_path) if f.kind != "clipped"] == []
    whole = clips[0].read_bytes()
    (tmp_path / "copy.mp3").write_bytes(whole[len(whole) // 10 :])
    shutil.copy(clips[1], tmp_path / "same.mp3")
    more = [
        Track("copy", tracks[0].genre, None, tmp_path / "copy.mp3"),
        Track("same", tracks[1].genre, None, tmp_path / "same.mp3"),
    ]
    found = check(dataset([*tracks, *more]), tmp_path)
    assert kinds(found["same"]) == [("duplicate", "warning")]
    assert ("near-duplicate", "warning") in kinds(found["copy"])
