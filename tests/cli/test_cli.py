"""The command line as users see it: processes, exit codes, stdout and stderr."""

from __future__ import annotations

import csv
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests import tiny
from tests.shell import Shell, Shells

CODE = """
import os
import sys
import time
from genrebench.api import hookimpl, sklearn_model, FeatureTable
from tests import tiny

class Slow(tiny.Nearest):
    def fit(self, train, validation):
        print("fitting", flush=True)
        time.sleep(60)

class Failing(tiny.Nearest):
    def fit(self, train, validation):
        raise RuntimeError("out of\\nideas")

class Chatty(tiny.Nearest):
    def fit(self, train, validation):
        print("from python")
        os.system("echo from a child")
        super().fit(train, validation)

class Exiting(tiny.Nearest):
    def fit(self, train, validation):
        sys.exit(0)

def neighbour(context, options):
    from sklearn.neighbors import KNeighborsClassifier
    return KNeighborsClassifier(3, weights="distance")

@hookimpl
def genrebench_models():
    return [*tiny.SPECS,
            sklearn_model("tiny-neighbour", "nearest neighbours", neighbour),
            tiny.spec("tiny-given", tiny.Nearest, FeatureTable()), tiny.spec("tiny-object", tiny.Nearest, object()),
            tiny.spec("slow", Slow, FeatureTable()), tiny.spec("chatty", Chatty, FeatureTable()),
            tiny.spec("exiting", Exiting, FeatureTable()), tiny.spec("failing", Failing, FeatureTable())]
"""


@pytest.fixture(scope="module")
def shells(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shells]:
    shells = Shells(tiny.install_plugin(tmp_path_factory.mktemp("site"), "genrebench-tiny", CODE, "tiny_plugin"))
    yield shells
    shells.close()


@pytest.fixture
def sh(tmp_path: Path, shells: Shells) -> Shell:
    return Shell(tmp_path, shells, {"GENREBENCH_HOME": str(tmp_path / "home")})


def test_models_are_run_on_a_folder_and_ranked(sh: Shell, tmp_path: Path) -> None:
    tiny.write_table(tmp_path / "data", n=60)
    (run,) = sh.json("run", "tiny-given", "--dataset", "data", "--set", "sharpness=2")
    assert run["status"] == "finished"
    assert set(run["metrics"]) == {"log_loss", "brier", "f1_micro", "f1_macro", "f1_weighted", "calibration_error"}
    assert run["task"]["genres"] == ["a", "b", "c"]
    assert run["task"]["split"] == "artist" and run["task"]["shared_artists"] == 0
    assert run["model"]["options"] == {"sharpness": 2.0}
    sh("run", "tiny-given", "--dataset", "data", "--seeds", "0,1")
    (board,) = sh.json("leaderboard", "--dataset", "data")
    names = [row["model"] for row in board["rows"]]
    assert sorted(names) == ["tiny-given", "tiny-given", "training-prior", "uniform"]
    assert [row["rank"] for row in board["rows"]] == [1, 2, 3, 4]
    assert [row["seeds"] for row in board["rows"] if row["options"] == {"sharpness": 1.0}] == [[0, 1]]
    assert board["references"] == []  # there are no published scores on this folder
    (board,) = sh.json("leaderboard", "--references")
    assert board["references"] and not any(reference["comparable"] for reference in board["references"])
    text = sh("leaderboard").stdout
    assert "not comparable" not in text and "sharpness=2 " in text
    assert "not comparable" in sh("leaderboard", "--references").stdout
    assert len(list(csv.reader(sh("leaderboard", "--format", "csv").stdout.splitlines()))) == 5
    assert sh("leaderboard", "--format", "md").stdout.startswith("### data")


def test_runs_are_listed_shown_and_removed(sh: Shell, tmp_path: Path) -> None:
    tiny.write_table(tmp_path / "data")
    (run,) = sh.json("run", "tiny-given", "--dataset", "data")
    assert [listed["run_id"] for listed in sh.json("runs", "list")] == [run["run_id"]]
    assert sh.json("runs", "show", run["run_id"])["metrics"] == run["metrics"]
    shown = sh("runs", "show", run["run_id"]).stdout
    assert run["run_id"] in shown
    assert "curve.validation tracks" in shown
    assert "nothing" in sh.error("runs", "rm", "nothing")
    assert "../data" in sh.error("runs", "rm", "../data")
    sh("runs", "rm", run["run_id"])
    assert sh.json("runs", "list") == []
    assert (tmp_path / "data" / "tracks.csv").exists()


def test_audio_files_are_classified(sh: Shell, tmp_path: Path) -> None:
    music = tiny.write_music(tmp_path / "tones", n=10)
    (run,) = sh.json("run", "tiny-waveform", "--dataset", "tones")
    assert {cached["name"] for cached in sh.json("cache", "info")["inputs"]}
    (prediction,) = sh.json("predict", str(music / "g1-0.wav"), "--run", run["run_id"], "--timeline")
    assert prediction["genre"] == "bright / high"
    assert prediction["timeline"]["seconds"] == [0.0, 1.0, 2.0]
    assert "bright / high" in sh("predict", str(music / "g1-0.wav"), "--run", run["run_id"], "--timeline").stdout
    (tmp_path / "clips").mkdir()
    (music / "g0-0.wav").rename(tmp_path / "clips" / "one.wav")
    (tmp_path / "clips" / "two.mp3").write_bytes(b"no music")
    (tmp_path / "clips" / "three.mp3").symlink_to(tmp_path / "absent.mp3")
    submission = sh.json("submission", "--run", run["run_id"], "--clips", "clips", "--out", "s.csv")
    assert submission["prior_used_for"] == [
        {"file": "clips/three.mp3", "problem": "no such file"},
        {"file": "clips/two.mp3", "problem": "can't be decoded as audio (not audio that libsndfile knows)"},
    ]
    with (tmp_path / "s.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["file_id"] for row in rows] == ["one", "three", "two"]
    assert all(abs(float(row["deep"]) + float(row["bright / high"]) - 1) < 1e-9 for row in rows)
    assert [float(row["deep"]) for row in rows[1:]] == pytest.approx([0.5, 0.5])
    sh("cache", "clear")
    assert sh.json("cache", "info")["inputs"] == []


def test_imported_predictions_are_on_the_board(sh: Shell, tmp_path: Path) -> None:
    tiny.write_table(tmp_path / "data", n=60)
    (run,) = sh.json("run", "tiny-given", "--dataset", "data")
    predictions = tmp_path / "runs" / run["run_id"] / "predictions.csv"
    (scored,) = sh.json("score", str(predictions), "--dataset", "data", "--name", "matlab-net")
    assert scored["metrics"]["log_loss"] == pytest.approx(run["metrics"]["log_loss"], abs=1e-12)
    (board,) = sh.json("leaderboard")
    assert "matlab-net" in [row["model"] for row in board["rows"]]
    rows = predictions.read_text().splitlines()
    for name, text in {
        "short": "\n".join(rows[:-1]),
        "twice": "\n".join([*rows, rows[-1]]),
        "word": "\n".join([*rows[:-1], rows[-1].rsplit(",", 1)[0] + ",many"]),
        "genre": "\n".join([rows[0].replace("p:c", "p:d"), *rows[1:]]),
        "extra": "\n".join([*rows, "999," + rows[-1].split(",", 1)[1]]),
    }.items():
        (tmp_path / f"{name}.csv").write_text(text)
        assert f"{name}.csv" in sh.error("score", f"{name}.csv", "--dataset", "data")
    assert "missing.csv" in sh.error("score", "missing.csv", "--dataset", "data")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "tiny-givn", "--dataset", "data"], "did you mean tiny-given"),
        (["run", "tiny-given", "--dataset", "dat"], "'dat'"),
        (["run", "tiny-given", "--dataset", "data", "--split", "artists"], "'artists'"),
        (["run", "tiny-given", "--dataset", "data", "--set", "sharpness=-1"], "sharpness='-1'"),
        (["run", "tiny-given", "--dataset", "data", "--set", "sharp=1"], "did you mean sharpness"),
        (["run", "tiny-given", "--dataset", "data", "--set", "svm.sharpness=1"], "'svm'"),
        (["run", "tiny-given", "--dataset", "data", "--set", "sharpness"], "KEY=VALUE"),
        (["run", "tiny-given", "--dataset", "data", "--seeds", "1,x"], "'1,x'"),
        (["run", "tiny-given", "--dataset", "data", "--seeds", "1,2", "--seed", "1"], "not both"),
        (["run", "tiny-given", "--dataset", "data", "--excerpt", "-3"], "'-3'"),
        (["run", "tiny-given", "--dataset", "data", "--exclude", "no.csv"], "no.csv"),
        (["run", "tiny-given", "--dataset", "data", "--device", "tpu"], "'tpu'"),
        (["run", "tiny-waveform", "--dataset", "data"], "audio"),
        (["run"], "name a model"),
        (["rnu"], "rnu"),
        (["run", "tiny-given", "--no-such-option"], "--no-such-option"),
        (["leaderboard", "--runs", "nowhere"], "'nowhere'"),
        (["plugins", "show", "nothing"], "nothing"),
        (["predict", "no.mp3", "--run", "x"], "no.mp3"),
        (["runs", "show", "x"], "x"),
    ],
)
def test_usage_errors_are_one_line_with_exit_code_2(words: list[str], message: str, sh: Shell, tmp_path: Path) -> None:
    tiny.write_table(tmp_path / "data")
    assert message in sh.error(*words)
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())


def test_a_failing_model_gives_exit_code_1_and_the_next_model_still_runs(sh: Shell, tmp_path: Path) -> None:
    tiny.write_table(tmp_path / "data")
    done = sh("run", "failing", "tiny-given", "--dataset", "data", "--format", "json", code=1)
    assert [run["status"] for run in tiny.read_json(done.stdout)] == ["failed", "finished"]
    assert (
        "failing (genrebench-tiny 1.0) raised RuntimeError in fit: RuntimeError: out of ideas" in done.stderr.splitlines()[-1]
    )
    (board,) = sh.json("leaderboard")
    assert "failing" not in [row["model"] for row in board["rows"]]


def test_ctrl_c_gives_exit_code_130_and_an_interrupted_record(sh: Shell, tmp_path: Path) -> None:
    tiny.write_table(tmp_path / "data")
    words = [sys.executable, "-m", "genrebench", "run", "slow", "--dataset", "data"]
    process = subprocess.Popen(
        words, cwd=tmp_path, env=sh.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert "fitting\n" in iter(process.stderr.readline, "")  # output of plugins goes to stderr
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.strip().splitlines()[-1] == "error: interrupted"
    assert "--resume continues" in errors
    assert [run["status"] for run in sh.json("runs", "list")] == ["interrupted"]
    assert sh.json("leaderboard") == []


@pytest.mark.parametrize("words", [["--help"], ["run", "-h"], ["data", "show", "--help"], ["--version"]])
def test_help_and_version_go_to_stdout(words: list[str], sh: Shell) -> None:
    done = sh(*words)
    assert "genrebench" in done.stdout
    assert done.stderr == ""


def test_output_of_plugins_goes_to_stderr(sh: Shell, tmp_path: Path) -> None:
    tiny.write_table(tmp_path / "data")
    done = sh("run", "chatty", "--dataset", "data", "--format", "json")
    assert [run["status"] for run in tiny.read_json(done.stdout)] == ["finished"]
    assert {"from python", "from a child"} <= set(done.stderr.splitlines())


def test_a_plugin_that_exits_is_a_failed_run(sh: Shell, tmp_path: Path) -> None:
    tiny.write_table(tmp_path / "data")
    assert "SystemExit" in sh.error("run", "exiting", "--dataset", "data", code=1)
    assert [run["status"] for run in sh.json("runs", "list")] == ["failed"]
    sh("plugins", "check", "exiting", code=1)


def test_plugins_are_listed_and_described(sh: Shell) -> None:
    plugins = {plugin["plugin"]: plugin for plugin in sh.json("plugins", "list")}
    assert "tiny-given" in plugins["genrebench-tiny"]["models"]
    shown = sh.json("plugins", "show", "tiny-given")
    assert shown["options"] == [
        {"name": "sharpness", "type": "float > 0", "default": 1.0, "help": "inverse temperature of the softmax"}
    ]
    sh("plugins", "check", "tiny-frames")


def test_a_dataset_is_described(sh: Shell, tmp_path: Path) -> None:
    tiny.write_music(tmp_path / "tones", n=10)
    shown = sh.json("data", "show", "tones")
    assert shown["tracks"] == 20 and shown["artists"] == 10
    assert [genre["genre"] for genre in shown["genres"]] == sorted(genre["genre"] for genre in shown["genres"])
    assert shown["audio"]["median_s"] == pytest.approx(1.5)
    assert {"demo", "fma-small", "fma-medium", "fma-large"} <= {row["name"] for row in sh.json("data", "list")}


def test_a_full_disk_is_a_one_line_error_and_leaves_no_partial_run(sh: Shell, tmp_path: Path) -> None:
    tiny.write_table(tmp_path / "data")
    limited = f"import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600)); import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); from genrebench.cli import main; sys.exit(main({['run', 'tiny-given', '--dataset', 'data']!r}))"  # noqa: E501
    done = subprocess.run(
        [sys.executable, "-c", limited], cwd=tmp_path, env=sh.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode in (1, 2), done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("error: ")
    assert sh.json("leaderboard") == []


def test_a_run_is_reproduced_from_its_record(sh: Shell, tmp_path: Path) -> None:
    tiny.write_table(tmp_path / "data", n=60)
    (tmp_path / "list.csv").write_text("id,reason\n7,bad take\n")
    words = ["--dataset", "data", "--split", "artist-cv5", "--exclude", "list.csv", "--set", "sharpness=3", "--calibrate"]
    (first,) = sh.json("run", "tiny-given", *words)
    assert first["model"]["calibrated"] and first["task"]["n_excluded"] == 1
    result = sh.json("reproduce", first["run_id"])
    second = result["repeated"]
    assert (result["original"], result["same_task"], result["agree"]) == (first["run_id"], True, True)
    assert result["environment"] == {}
    assert result["scores"]["log_loss"] == [first["metrics"]["log_loss"]] * 2
    assert second["run_id"] != first["run_id"]
    for key in ("metrics", "model", "task"):
        assert second[key] == first[key]
    done = sh("run", "--like", first["run_id"], "--format", "json")  # the old name
    assert [run["metrics"] for run in tiny.read_json(done.stdout)] == [first["metrics"]]
    assert f"genrebench reproduce {first['run_id']}" in done.stderr
    assert f"The scores agree with {first['run_id']}" in done.stderr
    tracks = tmp_path / "data" / "tracks.csv"
    tracks.write_text(tracks.read_text().replace("\n5,c", "\n5,b"))
    assert "aren't comparable" in sh("reproduce", first["run_id"]).stdout
    assert "can only be combined with" in sh.error("run", "tiny-given", "--like", first["run_id"])


def test_extra_training_is_shown_with_its_board(sh: Shell, tmp_path: Path) -> None:
    tracks = tiny.write_table(tmp_path / "data", n=60) / "tracks.csv"
    tiny.write_table(tmp_path / "deep" / "more", n=120)
    few = [line for line in tracks.read_text().splitlines() if ",c," not in line or int(line.split(",")[0]) < 30]
    tracks.write_text("\n".join(few))
    (plain,) = sh.json("run", "tiny-given", "--dataset", "data")
    (more,) = sh.json("run", "tiny-given", "--dataset", "data", "--extra-training", "deep/more")
    extra = more["task"]["extra_training"]
    assert plain["task"]["extra_training"] is None
    assert {genre: len(ids) for genre, ids in extra["ids"].items()} == extra["added"]
    n = sum(extra["added"].values())
    assert n == more["task"]["n_training"] - plain["task"]["n_training"] > 0
    label = f"{n} training tracks of more"
    text = sh("leaderboard").stdout
    assert f"split artist + {label} · " in text
    fingerprint = more["task"]["fingerprint"][:8]
    assert f"Not comparable with board {fingerprint}: extra training: {label} there, none here" in text
    rows = list(csv.DictReader(sh("leaderboard", "--format", "csv").stdout.splitlines()))
    assert {row["extra training"] for row in rows if row["fingerprint"] == more["task"]["fingerprint"]} == {label}
    assert {row["extra training"] for row in rows if row["fingerprint"] == plain["task"]["fingerprint"]} == {""}
    assert f"split artist + {label} · " in sh("leaderboard", "--format", "md").stdout
    assert f"{label} (c {n})" in sh("runs", "show", more["run_id"]).stdout
    assert f"extra training: none for the first, {label} for the second" in sh.error("compare", plain["run_id"], more["run_id"])
    done = sh("reproduce", more["run_id"])
    assert f"The scores agree with {more['run_id']}" in done.stdout
    assert f"data, split artist + {label}: " in done.stdout
    sh("report", "--out", "page")
    page = re.sub("<[^>]*>", "", (tmp_path / "page" / "index.html").read_text())
    assert f"data, split artist + {label}" in page


def test_calibration_improves_an_overconfident_model(sh: Shell, tmp_path: Path) -> None:
    tiny.write_table(tmp_path / "data", n=300, noise=0.8)
    overconfident = ["run", "tiny-given", "--dataset", "data", "--set", "sharpness=30"]
    (plain,) = sh.json(*overconfident)
    (calibrated,) = sh.json(*overconfident, "--calibrate")
    scaling = plain["facts"]["temperature_scaling"]
    assert scaling["temperatures"][0] > 1
    assert scaling["log_loss"] == pytest.approx(plain["metrics"]["log_loss"])
    assert scaling["log_loss_scaled"] == pytest.approx(calibrated["metrics"]["log_loss"])
    assert calibrated["metrics"]["log_loss"] < plain["metrics"]["log_loss"]
    (board,) = sh.json("leaderboard")
    assert sum(row["model"] == "tiny-given" for row in board["rows"]) == 2
    assert "validation" in sh.error(*overconfident, "--calibrate", "--split", "first-80")


def test_temporal_order_is_ablated(sh: Shell, tmp_path: Path) -> None:
    tiny.write_music(tmp_path / "tones", n=10)
    result = sh.json("ablate", "tiny-waveform", "--dataset", "tones", "--split", "artist-cv5", "--seconds", "0.5")
    assert [row["condition"] for row in result["rows"]] == ["in order", "shuffled", "reversed", "first 0.5 s"]
    (run,) = sh.json("runs", "list")
    assert result["run_id"] == run["run_id"]
    assert result["rows"][0]["log_loss"] == pytest.approx(run["metrics"]["log_loss"])
    sh("ablate", "tiny-waveform", "--dataset", "tones", "--split", "artist-cv5", "--figure", "order.png")
    assert (tmp_path / "order.png").read_bytes().startswith(b"\x89PNG")
    assert len(sh.json("runs", "list")) == 1
    assert result["task"]["fingerprint"] == run["task"]["fingerprint"] and result["model"] == run["model"]
    assert [reference["name"] for reference in result["references"]] == ["uniform", "training-prior"]
    assert result["references"][0]["log_loss"] == pytest.approx(np.log(2))
    shown = sh("ablate", "tiny-waveform", "--dataset", "tones", "--split", "artist-cv5", "--seconds", "0.5,60")
    for text in (run["run_id"], "segments of 50 ms", "uniform", "± ", "Left out because no track is longer: first 60 s"):
        assert text in shown.stdout


def test_impossible_ablations_are_errors_before_anything_runs(sh: Shell, tmp_path: Path) -> None:
    tiny.write_music(tmp_path / "tones", n=10)
    ablate = ("ablate", "tiny-waveform", "--dataset", "tones")
    assert "no temporal order" in sh.error("ablate", "tiny-table", "--dataset", "tones")
    assert "isn't a registered input" in sh.error("ablate", "tiny-object", "--dataset", "tones", code=1)
    assert "'1,x'" in sh.error(*ablate, "--seconds", "1,x")
    for invalid in ("inf", "nan", "-1", "0"):
        assert f"can't shorten tracks to {invalid} s" in sh.error(*ablate, "--seconds", invalid)
    assert "no test tracks" in sh.error(*ablate, "--split", "challenge")
    assert ".png" in sh.error(*ablate, "--figure", "order.bmp")
    assert "there is no folder" in sh.error(*ablate, "--figure", "absent/order.png")
    assert not (tmp_path / "runs").exists()


def test_leakage_is_measured_on_the_same_test_set(sh: Shell, tmp_path: Path) -> None:
    music = tmp_path / "data"
    music.mkdir()
    rng = np.random.default_rng(0)
    tracks, table = ["track_id,genre,artist"], ["track_id,x,y"]
    for artist in range(60):
        offset = rng.normal(0, 2, 2)
        for take in range(4):
            x, y = offset + rng.normal(0, 0.1, 2) + (artist % 2)
            tracks.append(f"{artist}-{take},genre {artist % 2},artist {artist}")
            table.append(f"{artist}-{take},{x!r},{y!r}".replace("np.float64(", "").replace(")", ""))
    (music / "tracks.csv").write_text("\n".join(tracks))
    (music / "features.csv").write_text("\n".join(table))
    result = sh.json("leakage", "tiny-neighbour", "--dataset", "data")
    assert result["log_loss_gap"] == pytest.approx(result["without"]["log_loss"] - result["with"]["log_loss"])
    assert result["log_loss_interval"][0] > 0, result
    assert result["f1_micro_gap"] < 0
    assert result["n_replaced"] == 60 and result["n_training"] == 120 and result["n_test"] == 60
    without, with_ = (
        {run["run_id"]: run for run in sh.json("runs", "list", "--runs", "runs/.leakage")}[s["runs"][0]]
        for s in (result["without"], result["with"])
    )
    assert without["task"]["training_counts"] == with_["task"]["training_counts"]
    assert (without["task"]["shared_artists"], with_["task"]["shared_artists"]) == (0, 30)
    assert sh.json("leaderboard") == []
    assert sh.json("leakage", "tiny-neighbour", "--dataset", "data") == result  # finished runs are reused
    assert "artist" in sh.error(
        "leakage", "tiny-neighbour", "--dataset", str(tiny.write_table(tmp_path / "anonymous", artists=False))
    )


def test_tracks_without_genre_are_reported_and_can_be_excluded(sh: Shell, tmp_path: Path) -> None:
    tracks = tiny.write_table(tmp_path / "data", n=60) / "tracks.csv"
    tracks.write_text(tracks.read_text().replace("\n7,b,", "\n7, ,").replace("\n31,b,", "\n31,,"))
    message = sh.error("run", "tiny-given", "--dataset", "data")
    assert "data: 2 of 60 tracks have no genre, the first is '7'" in message
    assert "'genrebench data check DATASET --exclusions FILE'" in message
    done = sh("data", "check", "data", "--exclusions", "bad.csv", "--format", "json", code=1)
    findings = tiny.read_json(done.stdout)
    assert [f["track"] for f in findings if (f["kind"], f["severity"]) == ("no-label", "fault")] == ["7", "31"]
    assert "wrote 2 tracks to bad.csv" in done.stderr
    (run,) = sh.json("run", "tiny-given", "--dataset", "data", "--exclude", "bad.csv")
    assert (run["status"], run["task"]["n_excluded"], run["task"]["genres"]) == ("finished", 2, ["a", "b", "c"])
    done = sh("data", "check", "data", "--exclude", "bad.csv", "--exclusions", "bad.csv")
    assert "58 tracks; faults: 0" in done.stderr
    assert "wrote 2 tracks" in done.stderr


def test_a_flat_folder_is_checked_and_its_features_are_computed(sh: Shell, tmp_path: Path) -> None:
    music = tiny.write_music(tmp_path / "tones", n=2)
    (tmp_path / "clips").mkdir()
    for name in ("g0-0.wav", "g0-1.wav", "g1-0.wav"):
        (music / name).rename(tmp_path / "clips" / name)
    for name in ("text", "more text"):
        (tmp_path / "clips" / f"{name}.mp3").write_text(name)
    message = sh.error("data", "features", "clips", "--out", "features.csv")
    assert "more text (and 1 more of 5)" in message
    assert "--exclude FILE, which 'genrebench data check DATASET --exclusions FILE' writes" in message
    done = sh("data", "check", "clips", "--exclusions", "bad.csv", "--format", "json", code=1)
    findings = [(f["track"], f["kind"], f["severity"]) for f in tiny.read_json(done.stdout)]
    undecodable = [(name, "undecodable", "fault") for name in ("more text", "text")]
    assert findings == [*undecodable, ("", "no-label", "warning")]
    assert "no genre" in sh.error("data", "check", "clips", "--split", "stratified")
    with (tmp_path / "bad.csv").open("a") as file:
        file.write("elsewhere,by hand\n")
    done = sh("data", "features", "clips", "--out", "features.csv", "--exclude", "bad.csv")
    (warning,) = [line for line in done.stderr.splitlines() if line.startswith("warning: the excluded id ")]
    assert "'elsewhere'" in warning
    rows = list(csv.reader((tmp_path / "features.csv").read_text().splitlines()))
    assert [row[0] for row in rows[4:]] == ["g0-0", "g0-1", "g1-0"]


def test_a_dataset_with_only_one_genre_is_a_warning(sh: Shell, tmp_path: Path) -> None:
    tiny.write_music(tmp_path / "one", n=3, genres=("deep",))
    (finding,) = sh.json("data", "check", "one")
    assert (finding["kind"], finding["severity"]) == ("no-split", "warning")
    assert "one genre only" in sh.error("data", "check", "one", "--split", "stratified")


def test_a_check_without_findings(sh: Shell, tmp_path: Path) -> None:
    tiny.write_music(tmp_path / "tones", n=3)
    done = sh("data", "check", "tones")
    assert done.stdout == "No problems found in tones.\n"
    assert "6 tracks; faults: 0, warnings: 0, notes: 0" in done.stderr
    assert sh.json("data", "check", "tones") == []
    assert sh("data", "check", "tones", "--format", "csv").stdout == "severity,kind,track,detail\n"


@pytest.mark.parametrize("words", [("check", "tones", "--exclusions"), ("features", "tones", "--out")])
def test_unwritable_files_are_errors_before_any_work_starts(words: tuple[str, ...], sh: Shell, tmp_path: Path) -> None:
    tiny.write_music(tmp_path / "tones", n=3)
    assert f"there is no folder '{tmp_path / 'no'}' to write 'x.csv' into" in sh.error("data", *words, "no/x.csv")
    assert "'tones' is a folder" in sh.error("data", *words, "tones")
    assert not (tmp_path / "home").exists()
