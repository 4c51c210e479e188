"""Several processes on one cache, and workers that end with their parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from genrebench import inputs
from genrebench.api import InputContext, UsageError, Waveforms
from genrebench.inputs import cache

FILL = """
import os, sys, time
from functools import partial
from pathlib import Path
import numpy as np
from genrebench import audio, inputs
from genrebench.inputs import cache
from genrebench.inputs.entries import CacheFolder
from genrebench.api import InputContext

from genrebench.records import Excerpt
WHOLE = Excerpt()

def compute(path, counts):
    samples, _ = audio.read(path, WHOLE)
    time.sleep(0.02)
    with open(counts, "ab") as file:
        file.write(path.name.encode() + b"\\n")
    return samples

if __name__ == "__main__":
    folder, workers = Path(sys.argv[1]), int(sys.argv[2])
    clips = inputs.make_clips({path.stem: path for path in sorted(folder.glob("*.wav"))}, {})
    print("ready", flush=True)
    sys.stdin.readline()
    context = InputContext(folder / "cache", workers=workers)
    cache.fill(CacheFolder.of(context, "test", version=1), clips, partial(compute, counts=folder / "counts"), context, "x")
"""


@pytest.fixture
def music(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for i in range(40):
        soundfile.write(tmp_path / f"{i}.wav", rng.uniform(-0.5, 0.5, 4000), 8000)
    (tmp_path / "fill.py").write_text(FILL)
    return tmp_path


def started(folder: Path, workers: int, **more: object) -> subprocess.Popen[str]:
    command = [sys.executable, folder / "fill.py", folder, str(workers)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **more)  # type: ignore[call-overload]
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def test_processes_on_a_cold_cache_compute_each_entry_once(music: Path) -> None:
    processes = [started(music, 1) for _ in range(8)]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate()[0] for process in processes] == [""] * 8
    assert [process.returncode for process in processes] == [0] * 8
    computed = (music / "counts").read_text().split()
    assert sorted(computed) == sorted(path.name for path in music.glob("*.wav"))
    assert len(list((music / "cache").rglob("*.npy"))) == 40
    assert list(music.rglob("*.lock")) == []


@pytest.mark.skipif(sys.platform != "linux", reason="signals")
def test_workers_end_with_a_killed_parent_and_the_next_fill_leaves_nothing(music: Path) -> None:
    process = started(music, 2)
    process.stdin.write("\n")
    process.stdin.flush()
    while not (music / "counts").exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.stdout.read() == ""  # ends when the last process that holds the pipe has ended
    process.communicate()
    again = started(music, 1)
    assert again.communicate("\n")[0] == ""
    assert len(list((music / "cache").rglob("*.npy"))) == 40
    assert list((music / "cache").glob(".unfinished*")) == []
    assert list((music / "cache").rglob("*.lock")) == []


def test_a_cache_in_use_is_not_cleared(music: Path) -> None:
    clips = inputs.make_clips({"0": music / "0.wav"}, {})
    context = InputContext(music / "cache")
    lazy = inputs.prepare_clips(Waveforms(8000), clips, context).inputs
    with pytest.raises(UsageError, match="is in use by inputs in this Python session"):
        cache.clear(context.cache)
    code = "import sys; from pathlib import Path; from genrebench.inputs import cache; cache.clear(Path(sys.argv[1]))"
    other = subprocess.run([sys.executable, "-c", code, context.cache], capture_output=True, text=True)
    assert "is in use by another command" in other.stderr
    assert len(lazy[0]) == 4000
    del lazy
    assert cache.clear(context.cache) > 0


def test_a_file_that_changed_after_it_was_hashed_gets_no_entry(music: Path) -> None:
    clips = inputs.make_clips({"0": music / "0.wav", "1": music / "1.wav"}, {})
    (music / "2.wav").replace(music / "0.wav")
    with pytest.raises(cache.UnusableClipsError, match=r"0\.wav: the file has changed"):
        inputs.prepare_clips(Waveforms(8000), clips, InputContext(music / "cache"))
    assert [path.stem for path in (music / "cache").rglob("*.npy")] == [clips[1].content_hash]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_reaches_no_worker(tmp_path: Path) -> None:
    """Not even while it starts: multiprocessing's tracker of resources would let it through."""
    code = (
        "import signal\n"
        "from genrebench.workers import in_processes\n"
        "masks = list(in_processes(signal.pthread_sigmask, [(signal.SIG_BLOCK, [])] * 4, 2))\n"
        "assert all(signal.SIGINT in mask for mask in masks), masks\n"
        "assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


KILLED = """
import os, signal, time
from genrebench.workers import in_processes
for _ in in_processes(time.sleep, [(0.01,)] * 100, 2):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
def test_nothing_is_printed_after_a_command_was_killed() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    done = subprocess.run([sys.executable, "-c", KILLED], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGKILL, "")  # the pipe is open as long as a process lives
