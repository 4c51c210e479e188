"""Work on a Dask cluster: one for the module, whose workers are killed and replaced, and one whose scheduler goes away."""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import genrebench as gb
from genrebench.api import FeatureTable
from genrebench.errors import UsageError
from genrebench.plugin.registry import installed_plugins
from genrebench.workers import in_processes
from tests import tiny

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.filterwarnings("ignore")  # distributed's own, in its threads

GIVEN = FeatureTable(source="given")


class Killed(tiny.Nearest):
    """A model that ends its process: the first time only, if the folder of its checkpoints outlives it."""

    once = True

    def fit(self, train: Any, validation: Any) -> None:
        mark = self.context.checkpoints / "killed"
        if not self.once or not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        super().fit(train, validation)


class AlwaysKilled(Killed):
    once = False


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of data and caches; that of the workers is another one."""
    monkeypatch.setenv("GENREBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two workers; what kills one isn't tried again by Dask itself."""
    settings = {"distributed.worker.daemon": False, "distributed.scheduler.allowed-failures": 0}
    with (
        dask.config.set(settings),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as started,
    ):
        yield started


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_music(tmp_path_factory.mktemp("cluster") / "tones", n=6)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_table(tmp_path_factory.mktemp("cluster") / "table", n=60)


def entries(home: Path) -> dict[Path, bytes]:
    """The inputs in the cache."""
    return {file: file.read_bytes() for file in home.glob("cache/waveforms*/**/*") if file.is_file()}


def predictions(results: Any) -> list[bytes]:
    return [(run.folder / "predictions.csv").read_bytes() for run in results]


def test_runs_on_a_cluster_are_those_of_this_machine(cluster: Any, music: Path, home: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"seeds": [0, 1, 2], "split": "stratified"}
    there = gb.run(tiny.SPECS[1], music, runs=tmp_path / "there", cluster=cluster.scheduler_address, **settings)
    cached = entries(home)
    assert len(cached) == 12  # clips
    gb.clear_cache()
    here = gb.run(tiny.SPECS[1], music, runs=tmp_path / "here", **settings)
    assert predictions(there) == predictions(here)
    assert cached == entries(home)
    assert [run.record.seed for run in there] == [0, 1, 2]


def test_the_data_check_and_the_experiments_take_a_cluster(cluster: Any, music: Path, home: Path, tmp_path: Path) -> None:
    address = cluster.scheduler_address
    report = gb.check_dataset(music, cluster=address)
    assert not report.has_faults
    leak = {"draws": 1, "seeds": [0], "runs": tmp_path / "runs"}
    there = gb.leakage(tiny.SPECS[1], music, cluster=address, **leak)
    assert there.log_loss_gap == gb.leakage(tiny.SPECS[1], music, **{**leak, "runs": tmp_path / "here"}).log_loss_gap
    ablation = gb.ablate(tiny.SPECS[1], music, runs=tmp_path / "runs", seconds=[0.5], cluster=address)
    here = gb.ablate(tiny.SPECS[1], music, runs=tmp_path / "runs", seconds=[0.5])
    assert ablation.run is not None and here.run is not None and ablation.run.id == here.run.id
    assert ablation.rows == here.rows


def fresh_pages() -> int:
    """Pages that the system gives this process for a hundred arrays of 8 MB, one after the other."""
    resource = pytest.importorskip("resource")
    np.ones(10**6)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(100):
        np.ones(10**6)
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's memory")
def test_the_memory_of_large_arrays_is_used_again_in_a_worker_of_dask(cluster: Any) -> None:
    from genrebench.cluster import connected

    with connected(cluster.scheduler_address, print):
        pages = list(in_processes(fresh_pages, [()] * 4, 1))
    assert max(pages) < 5_000, "a page is 4 kB: new memory for each array would be 200,000"


def test_the_work_of_a_killed_worker_is_done_again(cluster: Any, table: Path, home: Path, tmp_path: Path) -> None:
    models = [
        tiny.spec("once", Killed, GIVEN),
        tiny.spec("always", AlwaysKilled, GIVEN),
        tiny.spec("plain", tiny.Nearest, GIVEN),
    ]
    results = gb.run(models, table, runs=tmp_path / "runs", cluster=cluster.scheduler_address, say=lambda _: None)
    assert [run.status for run in results] == ["finished", "failed", "finished"]
    assert "was killed" in (results[1].record.error or "")
    assert len(list((tmp_path / "runs").glob("[a-z]*"))) == 3
    assert not list((tmp_path / "runs").glob(".grid-*"))
    assert predictions(results[:1]) == predictions(results[2:])


def test_what_a_worker_lacks_is_said_before_anything_starts(
    cluster: Any, table: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = cluster.scheduler_address
    runs = tmp_path / "runs"
    with pytest.raises(UsageError, match="no worker of the cluster offers a GPU"):
        gb.run(tiny.spec("plain", tiny.Nearest, GIVEN), table, seeds=[0, 1], device="cuda", runs=runs, cluster=address)
    with pytest.raises(UsageError, match="either jobs or a cluster"):
        gb.run(tiny.spec("plain", tiny.Nearest, GIVEN), table, jobs=2, runs=runs, cluster=address)
    code = (
        "import genrebench.api as api, tests.tiny as tiny\n@api.hookimpl\ndef genrebench_models(): return [tiny.spec('here', "
    )
    code += "tiny.Nearest, api.FeatureTable(source='given'))]\n"
    monkeypatch.syspath_prepend(str(tiny.install_plugin(tmp_path / "site", "genrebench-here", code)))
    installed_plugins.cache_clear()
    try:
        with pytest.raises(
            UsageError, match=r"the worker 127.0.0.1:\d+ has genrebench-here not installed, and this process 1.0"
        ):
            gb.run("here", table, runs=runs, cluster=address)
    finally:
        monkeypatch.undo()
        installed_plugins.cache_clear()
    assert not list(runs.glob("[a-z]*"))


def test_an_address_of_no_cluster_is_refused(table: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny.spec("plain", tiny.Nearest, GIVEN)
    for wrong, told in (("local:x", "isn't of the form local:N"), ("nowhere", "there is no Dask scheduler at 'nowhere'")):
        with pytest.raises(UsageError, match=told):
            gb.run(model, table, cluster=wrong)
    monkeypatch.setitem(sys.modules, "genrebench.cluster", None)
    with pytest.raises(UsageError, match=r"pip install 'genrebench\[cluster\]'"):
        gb.run(model, table, cluster="local:2")


SLOW = """
import time
from pathlib import Path
from genrebench.api import FeatureTable, hookimpl
from sklearn.dummy import DummyClassifier
from genrebench.api import sklearn_model

class Slow(DummyClassifier):
    def fit(self, X, y):
        while not Path("go").exists():
            Path("began").touch()
            time.sleep(0.1)
        return super().fit(X, y)

@hookimpl
def genrebench_models():
    return [sklearn_model("slow", "waits", lambda c, o: Slow(), inputs=lambda o: FeatureTable(source="given"))]
"""


def test_after_ctrl_c_and_a_scheduler_that_goes_away_resume_goes_on(
    table: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    command = [sys.executable, "-c", "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"]
    command[-1] += "from genrebench.cli import entry; entry()"
    command += ["run", "./slow.py", "--dataset", str(table), "--seeds", "0,1"]
    run = ["--cluster", "scheduler.json"]
    dask_command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--scheduler-file", "scheduler.json"]
    dask_command += ["--no-dashboard", "--port", "0"]
    worker_command = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", "scheduler.json"]
    worker_command += ["--nthreads", "1", "--no-dashboard", "--no-nanny", "--death-timeout", "20"]
    with contextlib.ExitStack() as stack:
        quiet = {"cwd": tmp_path, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        scheduler, worker = (
            stack.enter_context(subprocess.Popen(one, **quiet))
            for one in (dask_command, worker_command)  # type: ignore[call-overload]
        )
        stack.callback(worker.kill)
        stack.callback(scheduler.kill)
        wait(tmp_path / "scheduler.json")
        pipes: dict[str, Any] = {"cwd": tmp_path, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        stopped = subprocess.Popen([*command, *run], **pipes)
        stack.callback(stopped.kill)
        wait(tmp_path / "began", stopped)
        stopped.send_signal(signal.SIGINT)
        _, told = stopped.communicate(timeout=120)
        assert stopped.returncode == 130 and "--resume" in told, told
        (interrupted,) = gb.list_runs(runs=tmp_path / "runs")  # no worker goes on with it
        assert interrupted.status == "interrupted"
        (tmp_path / "began").unlink()
        lost = subprocess.Popen([*command, *run, "--resume"], **pipes)
        stack.callback(lost.kill)
        wait(tmp_path / "began", lost)
        scheduler.kill()
        _, told = lost.communicate(timeout=120)
    assert lost.returncode == 1, told
    assert [line for line in told.splitlines() if line.startswith("error: ")] == [
        "error: the scheduler of the cluster went away; completed work is saved, and the same command with --resume goes on"
    ]
    assert "Traceback" not in told
    (tmp_path / "go").touch()
    monkeypatch.chdir(tmp_path)
    gb.run("./slow.py", table, seeds=[0, 1], resume=True)
    runs = gb.list_runs(runs=tmp_path / "runs")
    assert sorted(run.record.seed for run in runs) == [0, 1]
    assert {run.status for run in runs} == {"finished"}


def wait(file: Path, process: Any = None) -> None:
    end = time.monotonic() + 120
    while not file.exists():
        assert time.monotonic() < end and (process is None or process.poll() is None), file
        time.sleep(0.1)
