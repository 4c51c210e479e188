"""The checks as tests of pytest."""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
from collections.abc import Callable
from typing import Any

from genrebench.testing.apart import TIME_LIMIT
from genrebench.testing.check import Checks
from genrebench.testing.conformance import checks_of, rules_of


def conformance_tests(spec: Any, *, time_limit: float = TIME_LIMIT, **settings: Any) -> Callable[..., None]:
    """Return a test function for pytest with one test id for each check.

    ``test_contract = conformance_tests(genrebench_models()[0], epochs=1)`` in a file of tests is all that is needed. What is
    left out is skipped, with the reason. What several checks need is run once, when the first of them runs.

    Parameters
    ----------
    spec, time_limit, **settings
        As in `conformance`.
    """
    import pytest

    stack = contextlib.ExitStack()
    opened: list[Checks] = []
    names = [rule.name for rule in rules_of(spec)]

    @pytest.mark.parametrize("check", names, ids=list(map(id_of, names)))
    def test(check: str) -> None:
        if not opened:
            opened.append(stack.enter_context(checks_of(spec, time_limit, settings)))
            atexit.register(stack.close)
        assert_passed(spec.name, opened[0], check)

    if importlib.util.find_spec("xdist") is not None:  # which defines this mark
        pytest.mark.xdist_group(f"genrebench {spec.name}")(test)
    return test


def assert_passed(name: str, checks: Checks, check: str) -> None:
    """Let the test that runs fail if a check of `name` found something, and skip it if the check was left out."""
    import pytest

    result = checks.result(check)
    if result.skipped:
        pytest.skip(result.skipped)
    if result.problem:
        pytest.fail(f"{name}: {result.problem}\n{result.why}\n{result.change}", pytrace=False)


def id_of(check: str) -> str:
    """The name of a check as an id of pytest."""
    return check.replace(" ", "-")
