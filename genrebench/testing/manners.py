"""Checks of how a plugin behaves in the process that it shares: it leaves everything as it found it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from genrebench.testing.apart import Outcome
from genrebench.testing.check import Rule
from genrebench.testing.surroundings import RANDOM


def _random_state(notes: Outcome) -> str | None:
    """The global random state is as before."""
    changes = notes["changes"]
    return next((changes[name] for name in RANDOM if name in changes), None)


def _surroundings(notes: Outcome) -> str | None:
    """Settings of the process and of libraries are as before."""
    return "; ".join(text for name, text in notes["changes"].items() if name not in RANDOM) or None


def _threads(notes: Outcome) -> str | None:
    """No thread and no process is left."""
    running = notes["running"]
    return f"{' and '.join(running[:3])} {'was' if len(running) == 1 else 'were'} left running" if running else None


def _printed(notes: Outcome) -> str | None:
    """Nothing is printed to stdout."""
    return next(iter(notes["printed"]), None)


def _written(notes: Outcome) -> str | None:
    """Nothing is left outside the folders that the plugin is given."""
    return "; ".join(notes["written"][:2]) or None


def manners(outcome: Callable[[Any], Outcome], folders: str) -> tuple[Rule, ...]:
    """Make the rules.

    Parameters
    ----------
    outcome : callable
        Takes the bench and returns the outcome of a scenario that was `watched`.
    folders : str
        Where the plugin may write, for the author.
    """

    def of(find: Callable[[Outcome], str | None]) -> Callable[[Any], str | None]:
        return lambda bench: find(outcome(bench))

    return (
        Rule(
            "random state",
            of(_random_state),
            "Other models run in the same process; what they draw would depend on this one.",
            "Use a generator of your own, np.random.default_rng(seed) or random.Random(seed), or restore the global state.",
        ),
        Rule(
            "surroundings",
            of(_surroundings),
            "Other models run in the same process, and users rely on their settings.",
            "Restore what you change, best with a context manager such as warnings.catch_warnings or np.errstate.",
        ),
        Rule(
            "threads and processes",
            of(_threads),
            "They take processors and memory from the models that run next, and may keep the program from ending.",
            "End them before the method returns: use executors and pools in a with statement.",
        ),
        Rule(
            "standard output",
            of(_printed),
            "stdout carries tables and JSON, which others read by program.",
            "Report with context.log, context.record or context.progress, or use the module logging.",
        ),
        Rule(
            "files",
            of(_written),
            "Files elsewhere are lost when a run is moved, left when it is removed, and shared by other runs.",
            f"Write into {folders} only, and remove temporary files.",
        ),
    )
