"""What a check is, and how a row of checks runs: one fault is one finding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from genrebench.testing.apart import FailedError


@dataclass(frozen=True)
class Check:
    """The result of a check.

    Parameters
    ----------
    name : str
    problem : str or None
        What is wrong; None if nothing was found, or if the check was left out.
    why, change : str
        Why it matters, and what to change; empty if nothing was found.
    skipped : str
        Why the check was left out; empty if it wasn't.
    """

    name: str
    problem: str | None = None
    why: str = ""
    change: str = ""
    skipped: str = ""

    @property
    def passed(self) -> bool:
        """Whether the check ran and found nothing."""
        return self.problem is None and not self.skipped

    def __str__(self) -> str:
        if self.problem:
            return f"{self.name}: {self.problem}. {self.why} {self.change}"
        return f"{self.name}: {f'left out: {self.skipped}' if self.skipped else 'passed'}"


class NotApplicable(Exception):  # noqa: N818, no error
    """A check has nothing to look at, such as the timelines of a model without timelines."""


@dataclass(frozen=True)
class Rule:
    """One thing to check.

    Parameters
    ----------
    name : str
        Two or three words.
    find : callable
        ``find(bench)`` returns what is wrong, or None. It may raise `FailedError` (from the notes of a scenario) and
        `NotApplicable`.
    why, change : str
        Sentences for the author of a plugin that fails.
    needs : tuple of str
        Names of rules that come first: where one of them found something, this one would only find its consequences.
    owns : tuple of str
        The steps, as "scenario.step", whose failure is this rule's finding, whichever rule meets it first.
    """

    name: str
    find: Callable[[Any], str | None]
    why: str
    change: str
    needs: tuple[str, ...] = ()
    owns: tuple[str, ...] = ()


class Checks:
    """The results of a row of rules, each applied when it is asked for, together with those that it needs.

    A step that fails is a finding of the rule that owns it, or of the first one that meets it. Other rules that meet it are
    left out, like those that need a rule that found something.

    Parameters
    ----------
    rules : iterable of Rule
    bench : Bench
        What the rules look at.
    """

    def __init__(self, rules: Iterable[Rule], bench: Any) -> None:
        self.bench = bench
        self._rules = {rule.name: rule for rule in rules}
        self._owners = {step: rule.name for rule in self._rules.values() for step in rule.owns}
        self._results: dict[str, Check] = {}

    def __iter__(self) -> Iterator[Check]:
        return map(self.result, self._rules)

    def result(self, name: str) -> Check:
        """The result of the rule `name`."""
        if name not in self._results:
            self._results[name] = self._apply(self._rules[name])
        return self._results[name]

    def _apply(self, rule: Rule) -> Check:
        for need in rule.needs:
            result = self.result(need)
            if result.problem or result.skipped.startswith(_BECAUSE):
                return Check(rule.name, skipped=f"{_BECAUSE} {need!r}")
        try:
            problem = rule.find(self.bench)
        except NotApplicable as reason:
            return Check(rule.name, skipped=str(reason))
        except FailedError as failure:
            owner = self._owners.setdefault(".".join(failure.where), rule.name)
            if owner != rule.name:
                return Check(rule.name, skipped=f"{_BECAUSE} {owner!r}")
            problem = failure.text
        return Check(rule.name, problem, rule.why, rule.change) if problem else Check(rule.name)


_BECAUSE = "after the finding of"
