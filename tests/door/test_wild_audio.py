"""Audio files as people have them, through show, check, features, run and predict: what one of them says, the others do."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

import genrebench as gb
from genrebench import audio
from genrebench.api import Dataset, Excerpt, Track
from genrebench.errors import UsageError
from genrebench.inputs.features import COLUMNS, compute_features
from genrebench.tasks import task as tasks
from tests import tiny

TABLE, WAVEFORM, FRAMES = tiny.SPECS

SECONDS = {
    "vbr-no-header": 90.07,
    "joined-mp3": 80.0,
    "chained-ogg": 60.0,
    "streamed-flac": 1.0,
    "antiphase": 6.0,
}
"""The wild files, by the folder that they are in, and how long they are."""


@pytest.fixture
def wild(real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder dataset of two genres, with all the wild files in one of them."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "music"
    for case in SECONDS:
        (file,) = [
            path
            for path in (real_data / "wild" / case).rglob("*")
            if path.suffix in (".mp3", ".ogg", ".flac") and not path.stem[1:].isdigit()
        ]
        (folder / "wild").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / "wild" / f"{case}{file.suffix}")
    (folder / "tame").mkdir()
    for i in range(6):
        samples = 0.3 * np.sin(2 * np.pi * 150 * (i + 1) * np.arange(3 * 16000) / 16000)
        soundfile.write(folder / "tame" / f"{i}.wav", samples, 16000)
    return folder


@pytest.mark.filterwarnings("ignore:the channels of one track cancel")
def test_all_commands_agree_on_wild_files(wild: Path) -> None:
    files = {path.stem: path for path in (wild / "wild").iterdir()}
    for case, path in files.items():
        assert audio.info(path).seconds == pytest.approx(SECONDS[case], abs=0.005)

    shown = gb.describe("music").to_json()["audio"]
    assert "unreadable" not in shown
    (warning,) = [text for text in gb.describe("music").to_json()["warnings"] if "cancel" in text]
    assert warning.endswith("so one of them is used; the first is 'wild/antiphase.flac'")
    assert shown["longest_s"] == pytest.approx(90.07, abs=0.01)
    assert shown["total_h"] * 3600 == pytest.approx(sum(SECONDS.values()) + 18, abs=0.1)

    report = gb.check_dataset("music")
    assert not report.has_faults
    by_kind = {
        finding.kind: finding.track
        for finding in report.findings
        if finding.severity == "warning" and finding.kind != "near-duplicate"
    }
    assert by_kind == {"cancelling": "wild/antiphase.flac"}

    gb.write_features("music", "features.csv")
    table = pd.read_csv("features.csv", index_col=0, header=[0, 1, 2])
    assert len(table) == 11
    assert np.isfinite(table.to_numpy()).all()

    for spec in (TABLE, WAVEFORM, FRAMES):
        (run,) = gb.run(spec, "music", split="stratified")
        assert run.status == "finished"
        predictions = gb.predict("music/wild", run, model=spec)
        assert [one.path.stem for one in predictions] == sorted(files)
        assert [one.problem for one in predictions] == [None] * len(files)


def test_the_middle_of_wild_files_is_what_is_there(wild: Path) -> None:
    def rms(case: str, suffix: str, excerpt: Excerpt = Excerpt()) -> float:  # noqa: B008
        samples, _ = audio.read(wild / "wild" / f"{case}.{suffix}", excerpt)
        return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))

    assert rms("vbr-no-header", "mp3") == pytest.approx(0.072, abs=0.002)  # the tone, not the noise of the first 8 s
    assert rms("joined-mp3", "mp3", Excerpt(2)) > 0.01
    assert rms("antiphase", "flac") > 0.05
    whole, rate = audio.read(wild / "wild" / "chained-ogg.ogg", Excerpt(None))
    # 35 s of tone, then 25 s of noise
    tone, noise = whole[: 34 * rate], whole[36 * rate :]
    assert len(np.unique(np.abs(np.fft.rfft(tone[:rate])).argsort()[-1:])) == 1
    flatness = [np.abs(np.fft.rfft(part[:rate])).max() / np.abs(np.fft.rfft(part[:rate])).sum() for part in (tone, noise)]
    assert flatness[0] > 5 * flatness[1]


@pytest.mark.parametrize("workers", [1, 2])
def test_run_and_predict_say_that_channels_cancel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENREBENCH_HOME", str(tmp_path / "home"))
    tiny.write_music(tmp_path / "music", n=6)
    table = (tmp_path / "music" / "tracks.csv").read_text()
    left = np.random.default_rng(0).normal(0, 0.1, (16000, 1))
    for name, right in (("anti", -left), ("other", left)):
        soundfile.write(tmp_path / "music" / f"{name}.wav", np.hstack([left, right]), 16000)
        table += f"{name},{name}.wav,deep,artist {name}\n"
    (tmp_path / "music" / "tracks.csv").write_text(table)
    said: list[str] = []
    (run,) = gb.run(WAVEFORM, "music", split="stratified", workers=workers, say=said.append)
    text = "warning: the channels of one track cancel in their mean (left = -right?), so one of them is used; the first is"
    assert [one for one in said if "cancel" in one] == [f"{text} 'anti'"]
    soundfile.write("new.wav", np.hstack([left[:12000], -left[:12000]]), 16000)
    said.clear()
    gb.predict(["new.wav", "music/other.wav"], run, model=WAVEFORM, workers=workers, say=said.append)
    assert [one for one in said if "cancel" in one] == [f"{text} 'new.wav'"]


# ------------------------------------------------------------------ thirty seconds


def fma_clips(real_data: Path) -> tuple[Track, ...]:
    with (real_data / "fma" / "clips.csv").open(newline="") as file:
        return tuple(
            Track(row["track_id"], row["genre_top"], None, real_data / "fma" / row["path"]) for row in csv.DictReader(file)
        )


def test_clips_of_fma_have_the_values_of_the_whole_clip(real_data: Path) -> None:
    path = real_data / "fma" / "clips" / "000005.mp3"
    assert audio.info(path).frames == 1_323_119
    assert audio.bounds(path, Excerpt())[:2] == (0, 1_323_119)
    values = compute_features(path, excerpt=Excerpt())
    samples, rate = soundfile.read(path, dtype="float32")
    whole = compute_features(path, excerpt=Excerpt(None))
    np.testing.assert_array_equal(values, whole)
    assert len(values) == len(COLUMNS) == 518
    np.testing.assert_array_equal(audio.read(path, Excerpt())[0], samples.mean(axis=1))
    assert rate == 44100


def test_only_tasks_with_such_clips_have_a_new_fingerprint(real_data: Path, tmp_path: Path) -> None:
    clips = fma_clips(real_data)
    short = [track for track in clips if audio.info(track.path).frames == 1_321_967]  # type: ignore[arg-type]
    assert 0 < len(short) < len(clips)

    def task(tracks: Any, excerpt: Excerpt) -> Any:
        genres = tuple(sorted({track.genre for track in tracks}))
        return tasks.make_task(Dataset("clips", "1", tuple(tracks), genres), tmp_path, split="stratified", excerpt=excerpt)

    # the fingerprints that version 0.1.0 gave
    assert task(clips, Excerpt(20)).fingerprint == "f1e846170f407c54"
    assert task(clips, Excerpt(None)).fingerprint == "991a6be3969e7c12"
    changed = task(clips, Excerpt())
    assert changed.fingerprint != "445f98aebeb85584"
    assert changed.reading == "3 tracks less than half a second longer than the excerpt and taken whole"
    assert task(short, Excerpt()).reading == ""
    assert json.loads((tmp_path / "audio-lengths.json").read_text())["version"] == 1
    (tmp_path / "audio-lengths.json").write_text("{")  # a damaged cache is computed anew
    assert task(clips, Excerpt()).fingerprint == changed.fingerprint


def test_no_audio_is_opened_for_a_task_on_given_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tiny.write_table(tmp_path / "data", n=60)
    monkeypatch.setattr(audio.reading.Reading, "__init__", None)
    assert gb.task("data").reading == ""


def test_a_board_says_which_runs_read_audio_otherwise(wild: Path) -> None:
    shutil.rmtree(wild / "wild")
    (wild / "polka").mkdir()
    for i in range(6):
        seconds = 3.3 if i == 0 else 2.0
        samples = 0.3 * np.sin(2 * np.pi * 1000 * (i + 1) * np.arange(seconds * 16000) / 16000)
        soundfile.write(wild / "polka" / f"{i}.wav", samples, 16000)
    (new,) = gb.run(WAVEFORM, "music", split="stratified", excerpt=3)
    record = Path("runs") / new.id / "run.json"
    old = json.loads(record.read_text())
    assert old["task"]["reading"] == "1 track less than half a second longer than the excerpt and taken whole"
    folder = shutil.copytree(record.parent, Path("runs") / f"{new.id}-old")
    del old["task"]["reading"]
    old["id"], old["task"]["fingerprint"] = folder.name, "0123456789abcdef"
    (folder / "run.json").write_text(json.dumps(old))
    boards = gb.leaderboard()
    assert len(boards) == 2
    assert any("audio read as by version 0.1.0" in line for board in boards for line in board.apart)


# ------------------------------------------------------------------ what predict takes and writes


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    tiny.write_music(tmp_path / "tones", n=6)
    (run,) = gb.run(WAVEFORM, "tones")
    return run


def predict(files: Any, run: Any, **options: Any) -> Any:
    return gb.predict(files, run, model=WAVEFORM, **options)


def test_folders_and_playlists_are_classified(run: Any, tmp_path: Path) -> None:
    nested = tmp_path / "mine" / "a" / "b"
    nested.mkdir(parents=True)
    for name in ("g0-0.wav", "g1-0.wav"):
        shutil.copy(tmp_path / "tones" / name, nested)
    (tmp_path / "mine" / "broken.mp3").write_bytes(b"no music")
    folder = predict("mine", run)
    assert [one.path.name for one in folder] == ["g0-0.wav", "g1-0.wav", "broken.mp3"]
    assert [one.genre for one in folder] == ["deep", "bright / high", None]

    (tmp_path / "mine" / "café.wav").write_bytes((nested / "g1-0.wav").read_bytes())
    texts = {
        "list.m3u": "#EXTM3U\r\n#EXTINF:1,x\r\na\\b\\g0-0.wav\r\ncafé.wav\r\nnone.mp3\r\n".encode("cp1252"),
        "list.m3u8": f"\ufeffa/b/g0-0.wav\n\n{(tmp_path / 'mine' / 'café.wav').as_uri()}\nnone.mp3\nlist.m3u8\n".encode(),
    }
    for name, text in texts.items():
        (tmp_path / "mine" / name).write_bytes(text)
        listed = predict(f"mine/{name}", run)
        assert [one.path.name for one in listed] == ["g0-0.wav", "café.wav", "none.mp3"]
        assert [one.problem for one in listed] == [None, None, "no such file"]
    both = predict(["mine", "mine/list.m3u", nested / "g0-0.wav"], run)
    assert len(both) == 5  # each file once


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "no audio files in"), (b"", "names no file"), (b"#EXTM3U\n# nothing\n", "names no file")],
)
def test_what_names_no_file_is_refused(run: Any, tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "empty.m3u"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(UsageError, match=reason):
        predict(path, run)
    with pytest.raises(UsageError, match="no file 'nowhere"):
        predict(["nowhere.mp3", "nowhere2.mp3"], run)


def test_a_missing_file_among_others_is_a_problem_of_its_own(run: Any) -> None:
    found = predict(["tones/g0-0.wav", "nowhere.mp3", "tones/g1-0.wav"], run)
    assert [one.genre for one in found] == ["deep", None, "bright / high"]
    assert found[1].problem == "no such file"


def test_answers_below_the_least_confidence_are_unsure(run: Any) -> None:
    found = predict("tones", run)
    limit = float(np.median([one.confidence for one in found]))
    again = predict("tones", run, min_confidence=limit)
    assert {one.genre for one in again} > {"unsure"}
    for one, other in zip(found, again, strict=True):
        assert other.confidence == one.confidence == max(one.probabilities)
        assert other.genre == ("unsure" if one.confidence < limit else one.genre)
        assert other.to_json()["genre"] == other.genre
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(UsageError, match="isn't a probability"):
            predict("tones", run, min_confidence=wrong)


def test_predictions_are_written_as_csv_json_and_json_lines(run: Any, tmp_path: Path) -> None:
    (tmp_path / "broken.mp3").write_bytes(b"no music")
    found = predict(["tones", "broken.mp3"], run)
    for name in ("out.csv", "out.json", "out.jsonl"):
        found.write(name)
    frame = pd.read_csv("out.csv", index_col="file")
    pd.testing.assert_frame_equal(frame, found.to_frame(), check_dtype=False, check_exact=True)
    assert json.loads(Path("out.json").read_text()) == found.to_json()
    assert [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()] == found.to_json()
    with pytest.raises(UsageError, match=r"\.csv, \.json, \.jsonl, not to 'out\.txt'"):
        found.write("out.txt")
    with pytest.raises(UsageError, match="nowhere"):
        found.write("nowhere/out.csv")
