"""The checks as tests of pytest."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

from genrebench.testing.apart import TIME_LIMIT
from genrebench.testing.check import Check
from genrebench.testing.conformance import conformance, rules_of


def conformance_tests(spec: Any, *, time_limit: float = TIME_LIMIT, **settings: Any) -> Callable[..., None]:
    """Return a test function for pytest with one test id for each check.

    ``test_contract = conformance_tests(genrebench_models()[0], epochs=1)`` in a file of tests is all that is needed. What is
    left out is skipped, with the reason. The checks run when the first of these tests runs.

    Parameters
    ----------
    spec, time_limit, **settings
        As in `conformance`.
    """
    import pytest

    results: dict[str, Check] = {}
    names = [rule.name for rule in rules_of(spec)]

    @pytest.mark.parametrize("check", names, ids=[name.replace(" ", "-") for name in names])
    def test(check: str) -> None:
        if not results:
            results.update({result.name: result for result in conformance(spec, time_limit=time_limit, **settings)})
        result = results[check]
        if result.skipped:
            pytest.skip(result.skipped)
        if result.problem:
            pytest.fail(f"{spec.name}: {result.problem}\n{result.why}\n{result.change}", pytrace=False)

    if importlib.util.find_spec("xdist") is not None:  # which defines this mark
        pytest.mark.xdist_group(f"genrebench {spec.name}")(test)
    return test
