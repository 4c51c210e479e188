"""Mutation check: do the tests of the metrics, the statistics, the splits, the plugins and the kit notice a changed number?

Each mutant of mutants.toml is a small change to one module. It is applied to a temporary copy of the package, never to the
working tree, and the tests of that module run there: they have to fail. The script ends with 1 if any mutant survives.

    python tests/mutants.py             a sample over all modules
    python tests/mutants.py --all       every mutant; a few minutes
    python tests/mutants.py --only f1   those whose file or description has this word
"""
# ruff: noqa: T201 - a script that prints

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[1]
SAMPLE = 8
"""Without --all, one mutant in so many runs."""
SECONDS = 300
"""A mutant whose tests take longer counts as killed: it made a loop endless."""

PLUGIN = """
def pytest_configure():
    from hypothesis import Phase, settings

    # one failing example is enough: no need to look for a smaller one
    settings.register_profile("first failure", phases=(Phase.explicit, Phase.generate), database=None)
    settings.load_profile("first failure")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.get_closest_marker("hypothesis") is not None)  # the slow ones last
"""


class MutantError(Exception):
    """The list of mutants doesn't fit the package, or the tests fail without any."""


@dataclass(frozen=True)
class Mutant:
    """One change to one module.

    Parameters
    ----------
    file : str
        The module, relative to the root of the repository.
    tests : tuple of str
        Test files that have to notice.
    breaks : str
        What the change gets wrong.
    old, new : str
        The text that is replaced, which occurs in the file exactly once, and its replacement.
    """

    file: str
    tests: tuple[str, ...]
    breaks: str
    old: str
    new: str

    def apply(self, root: Path) -> None:
        """Change the module below `root`.

        Raises
        ------
        MutantError
            If the old text isn't in the file exactly once, or the new text is no Python.
        """
        path = root / self.file
        source = path.read_text(encoding="utf-8")
        if (count := source.count(self.old)) != 1:
            raise MutantError(
                f"{self.file}: mutant {self.breaks!r} replaces {self.old!r}, which is there {count} times, not once"
            )
        changed = source.replace(self.old, self.new)
        try:
            compile(changed, self.file, "exec")
        except SyntaxError as error:
            raise MutantError(f"{self.file}: mutant {self.breaks!r} is no Python: {error}") from None
        path.write_text(changed, encoding="utf-8")


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant; `by` is the first test that failed, None if the mutant survived."""

    mutant: Mutant
    by: str | None


def read_mutants() -> list[Mutant]:
    """Every mutant of mutants.toml, in its order."""
    modules = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text(encoding="utf-8"))
    return [Mutant(file, tuple(module["tests"]), *mutant) for file, module in modules.items() for mutant in module["mutants"]]


def copy_package(to: Path) -> None:
    """Copy what the tests need, without compiled files, which could hide a change, and a plugin for pytest."""
    for name in ("genrebench", "tests", "plugins", "docs"):  # tests of plugins run the Python of the docs
        shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__", "_build"))
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, to / name)
    (to / "first_failure.py").write_text(PLUGIN, encoding="utf-8")


def import_path(root: Path) -> str:
    """PYTHONPATH for a copy: its plugins come before those that are installed."""
    return os.pathsep.join(map(str, [root, *sorted(root.glob("plugins/*/src"))]))


def first_failure(root: Path, tests: Sequence[str], seconds: int = SECONDS) -> str | None:
    """Run tests in a copy of the package and return the first that failed.

    Raises
    ------
    MutantError
        If pytest can't run them.
    """
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-rfE", "-p", "no:cacheprovider", "-p", "first_failure", *tests]
    environment = os.environ | {"PYTHONPATH": import_path(root)}
    try:
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"timeout after {seconds} s"
    if done.returncode == 0:
        return None
    failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - |$)", done.stdout, re.MULTILINE)
    if done.returncode not in (1, 2) or failed is None:
        raise MutantError(f"pytest {' '.join(tests)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return failed[1]


def try_mutant(mutant: Mutant, tests: Sequence[str] = ()) -> Outcome:
    """Run the tests against one mutant; `tests` instead of its own, if given."""
    with tempfile.TemporaryDirectory() as folder:
        copy_package(Path(folder))
        mutant.apply(Path(folder))
        return Outcome(mutant, first_failure(Path(folder), tests or mutant.tests))


def check_unchanged(tests: Sequence[str]) -> None:
    """Run the tests against an unchanged copy.

    Raises
    ------
    MutantError
        If they fail, for then they would kill any mutant, or don't import the copy.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        copy_package(root)
        names = ["genrebench", *(folder.name for folder in root.glob("plugins/*/src/*") if (folder / "__init__.py").is_file())]
        found = subprocess.run(
            [sys.executable, "-c", f"import {', '.join(names)}; print({', '.join(f'{name}.__file__' for name in names)})"],
            cwd=root, env=os.environ | {"PYTHONPATH": import_path(root)}, capture_output=True, text=True, check=True,
        ).stdout.split()  # fmt: skip
        for where in found:
            if not Path(where).resolve().is_relative_to(root):
                raise MutantError(f"the tests would import {where}, not the changed copy")
        if failed := first_failure(root, tests, 6 * SECONDS):  # those of all modules, one after the other
            raise MutantError(f"{failed} fails without any mutant")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--all", action="store_true", help="try every mutant, not a sample")
    chosen.add_argument("--only", metavar="WORD", help="try the mutants whose file or description has this word")
    parser.add_argument("--tests", nargs="+", default=[], metavar="PATH", help="run these tests, not those of mutants.toml")
    parser.add_argument("--jobs", type=int, default=2, help="mutants at a time")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    mutants = read_mutants()
    if options.only:
        mutants = [mutant for mutant in mutants if options.only in f"{mutant.file} {mutant.breaks}"]
    elif not options.all:
        mutants = mutants[::SAMPLE]
    try:
        check_unchanged(options.tests or sorted({test for mutant in mutants for test in mutant.tests}))
        outcomes = []
        with ThreadPoolExecutor(options.jobs) as pool:
            for outcome in pool.map(partial(try_mutant, tests=options.tests), mutants):
                outcomes.append(outcome)
                if not options.json:
                    said = f"killed by {outcome.by}" if outcome.by else "SURVIVED"
                    print(f"{outcome.mutant.file}: {outcome.mutant.breaks}: {said}", flush=True)
    except MutantError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    survived = [outcome for outcome in outcomes if outcome.by is None]
    totals = {"mutants": len(outcomes), "killed": len(outcomes) - len(survived), "survived": len(survived)}
    if options.json:
        print(json.dumps(totals | {"outcomes": [asdict(o.mutant) | {"killed_by": o.by} for o in outcomes]}, indent=1))
    else:
        print(", ".join(f"{count} {name}" for name, count in totals.items()))
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
