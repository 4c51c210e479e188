"""The kit passes good models, and finds each fault of a collection by the check that is about it, and by no other."""

import sys
import types
from typing import Any

import pytest

from genrebench.plugin.contract import ModelSpec
from genrebench.testing import assert_conforms, conformance, conformance_tests
from tests import tiny
from tests.testing.faulty_models import FAULTS, GOOD

test_good_models = conformance_tests(tiny.SPECS[2], sharpness=2.0)


@pytest.mark.parametrize("spec", [*tiny.SPECS[:2], *GOOD], ids=lambda spec: spec.name)
def test_good_models_pass(spec: ModelSpec) -> None:
    assert_conforms(spec, sharpness=2.0)


@pytest.mark.parametrize(("check", "spec"), FAULTS, ids=lambda value: getattr(value, "name", value))
def test_a_fault_is_found_by_its_check_alone(check: str, spec: ModelSpec) -> None:
    limit: dict[str, Any] = {"time_limit": 8.0} if spec.name == "hangs" else {}
    found = {result.name: result for result in conformance(spec, **limit) if result.problem}
    assert list(found) == [check], "\n".join(map(str, found.values()))
    assert found[check].why and found[check].change


def test_a_model_of_a_module_that_cannot_be_imported_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("a_module_of_no_file")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    code = """
from tests import tiny

class Own(tiny.Nearest):
    pass

SPEC = tiny.spec("own", Own, tiny.FeatureTable(groups=("mfcc",)))
"""
    exec(code, module.__dict__)
    assert_conforms(module.SPEC)


def test_the_error_of_assert_conforms_says_what_is_wrong() -> None:
    with pytest.raises(AssertionError, match=r"bad name breaks its contract:\nspec: "):
        assert_conforms(ModelSpec("bad name", "a model", tiny.Nearest, lambda _: None))
