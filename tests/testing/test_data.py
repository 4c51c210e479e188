"""The kits of metrics, splits, datasets and inputs: each fault of a collection is found by the check that is about it."""

import subprocess
import sys
from typing import Any

import pytest

from genrebench.plugin.hookspecs import METRIC, SPLIT
from genrebench.plugin.registry import installed_plugins
from genrebench.testing import assert_conforms, conformance
from tests.testing.faulty_data import FAULTS


@pytest.mark.parametrize(
    ("check", "spec"), FAULTS, ids=[f"{type(spec).__name__}-{check or 'good'}-{i}" for i, (check, spec) in enumerate(FAULTS)]
)
def test_a_fault_is_found_by_its_check_alone(check: str | None, spec: Any) -> None:
    found = [result for result in conformance(spec) if result.problem]
    assert [result.name for result in found] == ([check] if check else []), "\n".join(map(str, found))


@pytest.mark.parametrize("kind", [METRIC, SPLIT], ids=lambda kind: kind.name)
def test_the_built_in_ones_pass(kind: Any) -> None:
    for registered in installed_plugins().usable(kind):
        if registered.plugin.distribution == "genrebench" and registered.spec.name != "challenge":  # tests are elsewhere
            assert_conforms(registered.spec)


def test_a_kind_of_input_passes_in_a_process_that_has_done_nothing_else() -> None:
    code = "from genrebench.testing import assert_conforms; from tests.testing.faulty_data import own; assert_conforms(own())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
