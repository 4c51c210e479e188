"""Odd surroundings: each is one line that helps, or doesn't matter."""

from __future__ import annotations

import contextlib
import csv
import json
import logging
import os
import pwd
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from genrebench.cli import main
from genrebench.cli.main import _quiet_libraries
from genrebench.environment import container_memory
from tests import tiny

pytestmark = pytest.mark.skipif(os.name == "nt", reason="limits and users of Unix")

PLUGIN = """
from genrebench.api import hookimpl
from tests import tiny

@hookimpl
def genrebench_models():
    return [*tiny.SPECS, tiny.spec("tiny-given", tiny.Nearest, tiny.FeatureTable())]

@hookimpl
def genrebench_modles():
    return []
"""
GROUPS = Path("/sys/fs/cgroup")


def one_line(capfd: pytest.CaptureFixture[str]) -> str:
    """The error, which is all that was printed."""
    out, err = capfd.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1, (out, err)
    return err


def test_a_table_of_a_million_columns_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tiny.write_table(tmp_path / "wide")
    (folder / "features.csv").write_text("track_id" + ",x" * 10**6 + "\n1" + ",0" * 10**6 + "\n")
    assert main(["data", "show", str(folder)]) == 2
    assert "line 1: 1,000,001 columns are too many" in one_line(capfd)


def test_a_current_folder_that_was_deleted_is_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for words in (["runs", "list"], ["run", "svm-baseline"], ["report"]):
        assert main(words) == 2
        assert "the current folder doesn't exist any more; change to another one" in one_line(capfd)


def test_rehash_reports_files_that_were_exchanged_unnoticed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENREBENCH_HOME", str(tmp_path / "home"))
    folder = tiny.write_music(tmp_path / "tones", n=2)
    time.sleep(0.1)  # times of files that have just been written aren't trusted
    check = ["data", "check", str(folder), "--rehash", "--workers", "1", "--format", "json"]
    main(check)
    assert "changed" not in {finding["kind"] for finding in json.loads(capfd.readouterr().out)}
    (cache,) = (tmp_path / "home").rglob("audio-hashes*")
    known = json.loads(cache.read_text())
    path = next(path for path in known if path.endswith("g1-1.wav"))
    known[path][-1] = "0" * len(known[path][-1])  # as if the file had been another one, with the same times
    cache.write_text(json.dumps(known))
    main(check)
    findings = json.loads(capfd.readouterr().out)
    assert [finding["track"] for finding in findings if finding["kind"] == "changed"] == ["g1-1"]


@pytest.mark.parametrize("kind", ["pipe", "device", "endless"])
@pytest.mark.parametrize("words", [["runs", "import"], ["run", "--config"], ["run"]])
def test_a_file_that_never_ends_is_one_line(
    words: list[str], kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pipes without a writer, devices, and files larger than the disk, where a bundle, an experiment or a model is named."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "strange.py"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "device":
        file.symlink_to("/dev/zero")
    else:
        with file.open("wb") as stream:
            stream.truncate(2**40)
    assert main([*words, "./strange.py"]) == 2
    assert "strange.py" in one_line(capfd)


# ------------------------------------------------------------------ a plugin, and inputs that can't be made


@pytest.mark.parametrize(("code", "what"), [("EIO", "Input/output error"), ("ESTALE", "Stale file handle")])
def test_an_error_of_the_disk_at_any_line_is_one_line(code: str, what: str, tmp_path: Path) -> None:
    folder = tmp_path / "music" / "a"
    folder.mkdir(parents=True)
    for i in range(10):  # enough for several processes
        soundfile.write(folder / f"{i}.wav", np.random.default_rng(i).normal(0, 0.1, 8000), 8000)
    failing = f"""
import errno, os, sys
from genrebench.cli.main import main

def fail(event, arguments):
    if event == "open" and str(arguments[0]).endswith(".compiling.lock"):
        raise OSError(errno.{code}, os.strerror(errno.{code}), arguments[0])

sys.addaudithook(fail)
sys.exit(main(["data", "features", "music", "--out", "features.csv", "--workers", "2"]))
"""
    environment = os.environ | {"GENREBENCH_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-c", failing]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert done.returncode == 1
    assert f".compiling.lock: {what}; what is finished is kept" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "features.csv").exists()


@pytest.fixture
def plugin(tmp_path: Path) -> dict[str, str]:
    """The environment with a plugin that has a hook too many."""
    site = tiny.install_plugin(tmp_path / "site", "genrebench-odd", PLUGIN, "odd_plugin")
    paths = os.pathsep.join([str(site), str(Path(__file__).parents[2])])
    return {**os.environ, "PYTHONPATH": paths, "GENREBENCH_HOME": str(tmp_path / "home"), "COLUMNS": "300"}


def test_a_model_without_inputs_stops_alone_and_a_hook_too_many_nothing(tmp_path: Path, plugin: dict[str, str]) -> None:
    """The one that can't be run has its record and its log, the next one runs; the plugin's other hook works."""
    folder = tiny.write_table(tmp_path / "data")
    tones = tiny.write_music(tmp_path / "tones", n=1)
    with (folder / "tracks.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    for number, row in enumerate(rows):
        row.append("path" if number == 0 else f"{number}.wav")
        if number:
            sound = (tones / "g0-0.wav").read_bytes()
            (folder / f"{number}.wav").write_bytes(sound if number != 4 else b"RIFF and nothing more")
    with (folder / "tracks.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    code = (
        "import sys; from genrebench.cli import main; "
        "first = main(['run', 'tiny-waveform', 'tiny-given', '--dataset', 'data', '--workers', '1', '--format', 'json']); "
        "main(['plugins', 'list']); sys.exit(first)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=plugin, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    shown, _, plugins = done.stdout.partition("\n]\n")
    runs = json.loads(shown + "]")
    assert [(run["model"]["name"], run["status"]) for run in runs] == [
        ("tiny-waveform", "failed"),
        ("tiny-given", "finished"),
    ]
    (failed,) = [tmp_path / "runs" / run["run_id"] for run in runs if run["status"] == "failed"]
    assert "4.wav" in json.loads((failed / "run.json").read_text())["error"]
    assert f"run {failed.name}" in (failed / "log.txt").read_text()
    (listed,) = [line for line in plugins.splitlines() if "genrebench-odd" in line and "genrebench_modles" in line]
    assert "tiny-given" in listed


# ------------------------------------------------------------------ standard streams


TRAIN = ("run", "tiny-given", "--dataset", "data", "--workers", "1")
FULL = Path("/dev/full")


@pytest.mark.parametrize(
    ("words", "streams", "code", "printed"),
    [
        (TRAIN, "2>/dev/full", 0, "finished"),
        (TRAIN, ">&- 2>&- <&-", 0, ""),
        (TRAIN, ">/dev/full", 1, "error: can't write the results: No space left on device"),
        (("plugins", "list", "--format", "json"), ">/dev/full", 1, "error: can't write the results: No space left on device"),
        (("--help",), ">/dev/full", 1, "error: can't write the results: No space left on device"),
        (("runs", "list", "--format", "json"), "2>&-", 0, "tiny-given"),
    ],
)
@pytest.mark.skipif(not FULL.exists(), reason="a device that is always full")
def test_streams_that_are_full_or_closed_end_no_training(
    words: tuple[str, ...], streams: str, code: int, printed: str, tmp_path: Path, plugin: dict[str, str]
) -> None:
    tiny.write_table(tmp_path / "data")
    command = f"{sys.executable} -m genrebench"
    options = {"cwd": tmp_path, "env": plugin, "capture_output": True, "text": True, "check": False}
    if words[0] == "runs":
        subprocess.run([*command.split(), *TRAIN], **options)  # type: ignore[call-overload]
    done = subprocess.run(["sh", "-c", f'{command} "$@" {streams}', "sh", *words], **options)  # type: ignore[call-overload]
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr and printed in done.stdout + done.stderr
    if words == TRAIN:
        (run,) = (tmp_path / "runs").iterdir()
        assert json.loads((run / "run.json").read_text())["status"] == "finished"


def test_a_reader_of_messages_that_has_gone_ends_no_training(tmp_path: Path, plugin: dict[str, str]) -> None:
    """As `genrebench run ... 2>&1 | head -1`, or a terminal that was closed."""
    tiny.write_table(tmp_path / "data")
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "genrebench", *TRAIN], cwd=tmp_path, env=plugin, stdout=writer, stderr=writer, check=False
    )
    os.close(writer)
    assert done.returncode == 141
    (run,) = (tmp_path / "runs").iterdir()
    assert json.loads((run / "run.json").read_text())["status"] == "finished"


# ------------------------------------------------------------------ users and memory


def test_a_user_without_home_and_name_can_work_where_a_folder_is_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a container started with --user 12345; without GENREBENCH_HOME, a line says that it is needed."""

    def unknown(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME", "XDG_DATA_HOME", "GENREBENCH_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    folder = tiny.write_table(tmp_path / "data")
    assert main(["data", "show", str(folder)]) == 2
    assert "set GENREBENCH_HOME to a folder for data and caches" in one_line(capfd)
    assert main(["leaderboard"]) == 0
    monkeypatch.setenv("GENREBENCH_HOME", str(tmp_path / "home"))
    assert main(["data", "show", str(folder)]) == 0


@pytest.mark.parametrize("words", [["run", "svm-baseline", "--dataset", "data"], ["runs", "list"]])
def test_300_mb_of_address_space_are_one_line(words: list[str], tmp_path: Path) -> None:
    tiny.write_table(tmp_path / "data")
    environment = {**os.environ, "GENREBENCH_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-m", "genrebench", *words],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (300 * 2**20, 300 * 2**20)),
    )  # fmt: skip
    lines = done.stderr.splitlines()
    assert done.returncode == 0 or (len(lines) == 1 and "memory" in lines[0]), done.stderr


@contextlib.contextmanager
def group_of(size: int) -> Iterator[Path]:
    """A control group with a limit of memory."""
    memory = GROUPS / "memory" if (GROUPS / "memory").is_dir() else GROUPS
    group = memory / f"genrebench-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / ("memory.max" if memory == GROUPS else "memory.limit_in_bytes")).write_text(str(size))
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        yield group
    finally:
        group.rmdir()


def test_a_container_of_300_mb_runs_a_model_and_says_how_little_that_is(tmp_path: Path, plugin: dict[str, str]) -> None:
    tiny.write_table(tmp_path / "data")
    words = [sys.executable, "-m", "genrebench", "run", "tiny-given", "--dataset", "data", "--workers", "1"]
    with group_of(300 * 2**20) as group:
        done = subprocess.run(
            words, cwd=tmp_path, env=plugin, capture_output=True, text=True, check=False,
            preexec_fn=lambda: (group / "cgroup.procs").write_text(str(os.getpid())),
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "warning: this container has 315 MB of memory" in done.stderr


@pytest.mark.parametrize(
    ("own", "file", "limit", "expected"),
    [
        ("0::/\n", "memory.max", "314572800\n", 314572800),
        ("0::/a/b\n", "a/memory.max", "1000\n", 1000),
        ("0::/a\n", "a/memory.max", "max\n", float("inf")),
        ("4:cpu,cpuacct:/x\n3:memory:/docker/1\n", "memory/docker/1/memory.limit_in_bytes", "2000\n", 2000),
        ("3:memory:/docker/1\n", "memory/memory.limit_in_bytes", "3000\n", 3000),
        ("nonsense\n", "memory.max", "1\n", float("inf")),
    ],
)
def test_the_memory_of_a_container_is_known(own: str, file: str, limit: str, expected: float, tmp_path: Path) -> None:
    (tmp_path / "own").write_text(own)
    (tmp_path / "groups" / file).parent.mkdir(parents=True)
    (tmp_path / "groups" / file).write_text(limit)
    assert container_memory(tmp_path / "groups", tmp_path / "own") == expected


WITHOUT_HOME = """
import os, sys
os.getuid = lambda: 2**30  # a user without an entry in passwd
from genrebench.session import Session
Session(workers=1)
import librosa.core.audio, matplotlib
assert matplotlib.get_cachedir().startswith(sys.argv[1]), matplotlib.get_cachedir()
"""


@pytest.mark.parametrize("home", [None, "/dev/null/home"])
def test_libraries_keep_their_caches_beside_ours_where_there_is_no_home_folder(tmp_path: Path, home: str | None) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in {"HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR"}}
    environment |= {"GENREBENCH_HOME": str(tmp_path)} | ({} if home is None else {"HOME": home})
    program = [sys.executable, "-c", WITHOUT_HOME, str(tmp_path)]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_libraries_log_is_kept_off_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with _quiet_libraries(), _no_handlers():
        logging.getLogger("matplotlib").warning("a warning of a library")
    assert capfd.readouterr() == ("", "")


@contextlib.contextmanager
def _no_handlers() -> Iterator[None]:
    """Take away pytest's handlers of the root logger."""
    root = logging.getLogger()
    before, root.handlers = root.handlers, []
    try:
        yield
    finally:
        root.handlers = before
