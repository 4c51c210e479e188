"""What the pages print, kept by content: a page is run again when its commands, or anything that they run, have changed."""

from __future__ import annotations

import atexit
import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock

from docs.running import world
from docs.running.pages import ROOT, Block, Page
from docs.running.warm import Warm

KEPT = ROOT / "docs" / "_build" / "running"
"""Where outputs, the folders of the pages, and the data are kept."""

REAL_DATA = Path(os.environ.get("GENREBENCH_TEST_DATA", ROOT.parent / "shared" / "data"))


_of_thread = threading.local()


class PageError(Exception):
    """A command of a page didn't end as the page says."""


def outputs(page: Page, home: Path = KEPT / "home") -> list[dict[str, Any]]:
    """Return what the played blocks of a page printed, in order, running the page if that isn't known.

    Parameters
    ----------
    page : Page
    home : Path
        GENREBENCH_HOME of the commands.

    Returns
    -------
    list of dict
        For each of `page.played`: text, exit, outputs (by MIME type), folder; skipped (true without real data).

    Raises
    ------
    PageError
        If a command fails.
    """
    start = page.start
    if start is not None:
        outputs(start, home)
    key = key_of(page)
    kept, folder = KEPT / f"{page.name}.json", KEPT / page.name
    KEPT.mkdir(parents=True, exist_ok=True)
    with FileLock(KEPT / f"{page.name}.lock"):
        if kept.is_file() and (found := json.loads(kept.read_text(encoding="utf-8")))["key"] == key:
            return found["steps"]
        kept.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(the_world(home), folder, ignore=shutil.ignore_patterns("fma"), copy_function=os.link)
        if start is not None:
            shutil.copytree(KEPT / start.name / "runs", folder / "runs")
        steps = _run(page, folder, home)
        kept.write_text(json.dumps({"key": key, "steps": steps}), encoding="utf-8")
    return steps


def key_of(page: Page) -> str:
    """What the outputs of a page depend on, as a hash."""
    start = () if page.start is None else (key_of(page.start),)
    blocks = [(block.language, block.code, block.marks) for block in page.played]
    data = (REAL_DATA / "fma").is_dir() and any(block.mark("needs") for block in page.played)
    return hashlib.sha256(repr((blocks, data, sources(), *start)).encode()).hexdigest()


@cache
def sources() -> str:
    """A hash of all code of the project that pages run, and of the installed versions."""
    folders = [ROOT / "genrebench", ROOT / "docs" / "running", *(ROOT / "plugins").glob("*/src")]
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    versions = sorted(f"{found.name} {found.version}" for found in importlib.metadata.distributions())
    digest = hashlib.sha256(repr((sys.version, versions)).encode())
    for path in files:
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()


def the_world(home: Path) -> Path:
    """The folder of what readers have, written once."""
    folder = KEPT / f"world-{hashlib.sha256(Path(world.__file__).read_bytes()).hexdigest()[:12]}"
    with FileLock(KEPT / "world.lock"):
        if not folder.is_dir():
            hidden = KEPT / "world.new"
            shutil.rmtree(hidden, ignore_errors=True)
            code = f"from pathlib import Path; from docs.running import world; world.write(Path({str(hidden)!r}))"
            subprocess.run([sys.executable, "-c", code], check=True, env=_environment(home), cwd=ROOT)
            hidden.rename(folder)
    return folder


def _run(page: Page, folder: Path, home: Path) -> list[dict[str, Any]]:
    wanted = [block for block in page.played if _has_data(block)]
    plan = KEPT / f"{page.name}.plan.json"
    plan.write_text(json.dumps([_step(block) for block in wanted]), encoding="utf-8")
    if any(block.mark("needs") for block in wanted):
        (folder / "fma").symlink_to(REAL_DATA / "fma")
    environment = _environment(home) | {"GENREBENCH_DATA_DIR": str(the_world(home) / "fma")}
    out, err = (plan.with_suffix(suffix) for suffix in (".out", ".err"))
    _player().call([str(plan)], folder, environment, out, err)
    steps, said = iter(json.loads(plan.read_text(encoding="utf-8"))), err.read_text(encoding="utf-8")
    for file in (plan, out, err):
        file.unlink()
    played = []
    for block in page.played:
        step = next(steps) if block in wanted else {"text": "", "exit": 0, "expected": 0, "outputs": [], "skipped": True}
        if "exit" not in step:
            raise PageError(f"{page.path}:{block.line}: {said}")
        if step["exit"] != step["expected"]:
            raise PageError(f"{page.path}:{block.line}: exit code {step['exit']} instead of {step['expected']}\n{step['text']}")
        played.append(step | {"text": _plain(step["text"], folder, home)})
    return played


def _player() -> Warm:
    """The process that plays the pages of this thread, for as long as this process lasts."""
    if not hasattr(_of_thread, "player"):
        _of_thread.player = Warm("docs.running.player", _environment(KEPT / "home"), ROOT)
        atexit.register(_of_thread.player.close)
    player: Warm = _of_thread.player
    return player


def _step(block: Block) -> dict[str, Any]:
    code = block.mark("tested as") or block.code
    return {"language": block.language, "file": block.mark("file "), "code": code, "expected": int(block.mark("exit") or 0)}


def _has_data(block: Block) -> bool:
    needed = block.mark("needs")
    return needed is None or (REAL_DATA / needed).is_dir()


def _environment(home: Path) -> dict[str, str]:
    """The environment of the commands: tables of 80 columns, a home of their own, no screen."""
    dropped = ("GENREBENCH_", "PYTEST", "COV_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return environment | {
        "COLUMNS": "80",
        "GENREBENCH_HOME": str(home),
        "IPYTHONDIR": str(KEPT / "ipython"),
        "MPLBACKEND": "Agg",
        "PATH": path,
        "PYTHONPATH": str(ROOT),
    }


def _plain(text: str, folder: Path, home: Path) -> str:
    """Text without the places of this machine."""
    return text.replace(str(folder), "~/genres").replace(str(home), "~/.local/share/genrebench")
