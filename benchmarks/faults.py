"""Kill commands at any moment, and let every write fail once: nothing is lost, nothing is left, scores stay the same.

Each command runs in a forked process, is disturbed, and is then run once more. Half of the kills come at a random moment of the
time that the processor usually needs for the command, half at a random write, of which half is written. With --errors, the n-th
write fails instead, for every n, and with --lasting all later ones too, until the command ends. "lost" counts commands that
didn't recover or whose result differs from that of an undisturbed run; "leftovers" counts files that only a disturbed process
can have left, "hung" commands that took ten minutes, "tracebacks" what the command line prints for a bug, "survivors" workers
that outlive their parent. The table so far is printed now and then.

    python benchmarks/faults.py --kills 1000    # half an hour; the default is a few minutes
    python benchmarks/faults.py --errors 4      # two hours
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import gc
import json
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from disturbing import ERRORS, HUNG, Writes, failing, forked, killed, seconds_used, survivors
from scenarios import Scenario, cli, scenarios, warm

TEMPORARY = re.compile(r"\..*-[0-9a-f]{12}|.*\.part(\.file)?|.*\.lock")

FAULTS = ["lost", "leftovers", "hung", "tracebacks", "survivors"]


@dataclass(frozen=True)
class Usual:
    """What a scenario is without a disturbance.

    Parameters
    ----------
    seconds : float
        Of the processor.
    writes : int
    result : object
    """

    seconds: float
    writes: int
    result: object


def leftovers(place: Path) -> list[str]:
    """What only a disturbed process can have left."""
    found = [str(path.relative_to(place)) for path in place.rglob("*") if TEMPORARY.fullmatch(path.name)]
    return found + [str(path.relative_to(place)) for path in (place / "runs").glob("*/checkpoint")]


@contextlib.contextmanager
def fresh(base: Path, scenario: Scenario) -> Iterator[Path]:
    """Yield a new folder, with a home in it, that is prepared for a scenario."""
    place = Path(tempfile.mkdtemp(dir=base))
    os.environ["GENREBENCH_HOME"] = str(place / "home")
    scenario.prepare(place)
    yield place
    shutil.rmtree(place)


def undisturbed(base: Path, name: str, scenario: Scenario) -> Usual:
    """Measure a scenario that nothing disturbs."""
    with fresh(base, scenario) as place:
        measured = place.with_suffix(".json")

        def action() -> int:
            writes = Writes(place)
            code = scenario.command(place)
            measured.write_text(json.dumps([seconds_used(os.getpid()), writes.count]))
            return code

        if forked(action, place / "output.txt"):
            raise SystemExit(f"{name} fails undisturbed: {(place / 'output.txt').read_text(errors='replace')}")
        seconds, writes = json.loads(measured.read_text())
        print(f"{name}: {seconds:.1f} s of the processor, {writes} writes", file=sys.stderr)
        return Usual(seconds, writes, scenario.result(place))


def rehearse(base: Path, chosen: Iterable[Scenario]) -> None:
    """Call commands in this process, so that forked ones needn't import what they import."""
    for scenario in chosen:
        if scenario.forks:
            with fresh(base, scenario) as place, (place / "output.txt").open("w") as out, contextlib.redirect_stdout(out):
                scenario.command(place)
                later(place)
    gc.collect()
    gc.freeze()


def disturbed(
    scenario: Scenario, place: Path, number: int, disturb: Callable[[], None], *, lasting: bool = False
) -> int | None:
    """Run a scenario's command, and disturb its `number`-th write, or also all later ones."""

    def action() -> int:
        Writes(place, number, disturb, lasting=lasting)
        return scenario.command(place)

    return forked(action, place / "output.txt")


def later(place: Path) -> int:
    """Call commands that find what others have left."""
    runs = place / "runs"
    return (cli("runs", "list", "--runs", runs) if runs.exists() else 0) or cli("cache", "info")


def attempt(scenario: Scenario, place: Path, disturb: Callable[[], int | None], expected: object) -> Counter[str]:
    """Disturb a command, let it recover, and count what became of it."""
    code = disturb()
    counts = Counter([{None: "killed", 0: "ended", HUNG: "hung"}.get(code, "failed")])
    code = forked(lambda: scenario.command(place) or later(place), place / "output.txt")
    said = (place / "output.txt").read_text(errors="replace")
    if "Traceback (most recent call last)" in said:
        counts["tracebacks"] += 1
        print(f"traceback: {said[-6000:]}", file=sys.stderr)
    result = None
    with contextlib.suppress(OSError):
        result = scenario.result(place)
    if code == 0 and result == expected:
        counts["recovered"] += 1
    else:
        counts["lost"] += 1
        print(f"lost: exit {code}, {said[-3000:]}\n{result!s:.600}\n{expected!s:.600}", file=sys.stderr)
    if left := leftovers(place):
        counts["leftovers"] += len(left)
        print(f"left: {left}", file=sys.stderr)
    if running := survivors():
        counts["survivors"] += len(running)
        print(f"{len(running)} processes outlived their parent", file=sys.stderr)
    return counts


def kill(base: Path, scenario: Scenario, usual: Usual, rng: random.Random) -> Counter[str]:
    """Kill a scenario's command at a random moment or a random write."""
    with fresh(base, scenario) as place:
        if rng.random() < 0.5:
            action = functools.partial(disturbed, scenario, place, rng.randint(1, usual.writes), killed)
        else:
            moment = rng.uniform(0, usual.seconds)
            action = functools.partial(forked, lambda: scenario.command(place), place / "output.txt", moment)
        return attempt(scenario, place, action, usual.result)


def fail(base: Path, scenario: Scenario, usual: Usual, number: int, error: str, lasting: bool) -> Counter[str]:
    """Let the `number`-th write of a scenario's command fail, or also all later ones."""
    with fresh(base, scenario) as place:
        action = functools.partial(disturbed, scenario, place, number, failing(ERRORS[error]), lasting=lasting)
        counts = attempt(scenario, place, action, usual.result)
    if any(counts[name] for name in FAULTS):
        print(f"that was {error} at write {number}", file=sys.stderr)
    return counts + Counter({error: 1})


def run(kills: int, errors: int, numbers: slice, lasting: bool, seed: int, only: str) -> dict[str, dict[str, int]]:
    """Disturb all scenarios, and count per scenario."""
    rng = random.Random(seed)  # noqa: S311 - nothing secret
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        warm()
        os.environ["GENREBENCH_HOME"] = str(base / "home")
        chosen = {name: scenario for name, scenario in scenarios(base, base / "home").items() if re.search(only, name)}
        rehearse(base, chosen.values())
        usual = {name: undisturbed(base, name, scenario) for name, scenario in chosen.items()}
        table = {name: Counter({"writes": usual[name].writes}) for name in chosen}
        seconds = dict.fromkeys(chosen, 0.0)
        if errors:
            attempts = [
                (
                    name,
                    functools.partial(fail, number=number, error=list(ERRORS)[(index + shift) % len(ERRORS)], lasting=lasting),
                )
                for shift in range(errors)
                for name in chosen
                for index, number in enumerate(range(1, usual[name].writes + 1)[numbers][:: chosen[name].rare])
            ]
        else:
            weights = [1 / (1 + usual[name].seconds) / scenario.rare for name, scenario in chosen.items()]
            attempts = [(name, functools.partial(kill, rng=rng)) for name in rng.choices(list(chosen), weights, k=kills)]
        for done, (name, disturb) in enumerate(attempts, start=1):
            began = time.monotonic()
            table[name] += disturb(base, chosen[name], usual[name])
            seconds[name] += time.monotonic() - began
            if done % 50 == 0 or done == len(attempts):
                print(f"{done} of {len(attempts)}: {json.dumps(table)}", file=sys.stderr)
    return {name: {**counts, "seconds": round(seconds[name])} for name, counts in table.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument(
        "--errors",
        type=int,
        default=0,
        choices=range(1, 5),
        help=f"let each write fail, with so many of {', '.join(ERRORS)} in turn",
    )
    parser.add_argument("--every", type=int, default=1, metavar="N", help="with --errors, only every N-th write")
    parser.add_argument("--first", type=int, default=1, metavar="N", help="with --errors, from the N-th write on")
    parser.add_argument("--lasting", action="store_true", help="with --errors, let all writes after the n-th fail too")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", metavar="REGEX", help="scenarios whose name matches")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    numbers = slice(options.first - 1, None, options.every)
    result = run(options.kills, options.errors, numbers, options.lasting, options.seed, options.only)
    if options.json:
        print(json.dumps(result))
    else:
        columns = ["writes", "killed", "ended", "failed", "recovered", *FAULTS, *(ERRORS if options.errors else ()), "seconds"]
        print(f"{'':24}" + "".join(f"{name:>10}" for name in columns))
        for name, counts in result.items():
            print(f"{name:24}" + "".join(f"{counts.get(column, 0):>10}" for column in columns))
