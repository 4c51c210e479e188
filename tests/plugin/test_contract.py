"""The plugin interface is a promise: pinned names, its version, and what is said of plugins that are of another."""

from __future__ import annotations

import dataclasses
import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from genrebench import api
from genrebench.errors import UsageError
from genrebench.plugin import loading
from genrebench.plugin.hookspecs import DATASET
from genrebench.plugin.registry import discover
from genrebench.plugin.versions import problem_with
from tests import tiny
from tests.plugin.test_registry import VALID, registry_of

NAMES = {
    "1.0": """
    AudioError Clip Context DataError Dataset DatasetSpec Examples Excerpt Exclusion FeatureTable FeatureValues Field Frames
    GenrebenchError InputContext InputSpec Inputs LazyInputs MetricSpec Model ModelSpec NoOptions PluginError Prepared Reference
    Table Timeline Track UsageError Waveforms grouped_folds hookimpl log_loss read_arrays read_json sklearn_model
    """,
    "1.1": "Archive CONTRACT Fold ListInputs Observer ObserverSpec SplitSpec cached_arrays read_audio write_file",
}
FIELDS = {
    "ModelSpec": "name summary build inputs options check timeline trained_on reads_since citation join",
    "InputSpec": "type summary prepare example frame_rate given",
    "DatasetSpec": "name summary load make references get folder splits licence citation",
    "MetricSpec": "name summary compute per_track direction range",
    "SplitSpec": "name summary make",
    "ObserverSpec": "name summary make options",
    "Context": "genres seed device workers checkpoints columns progress log record",
    "Examples": "inputs labels groups",
    "Prepared": "inputs columns source",
    "InputContext": "cache excerpt workers progress cached refuse_silence device say columns",
    "Clip": "id path content_hash",
    "Timeline": "seconds probabilities",
    "FeatureTable": "groups source",
    "Waveforms": "sample_rate",
    "Frames": "kind sample_rate hop_length n_fft n_coefficients deltas",
}
METHODS = "fit predict_proba save load predict_timeline figures"


def test_no_name_of_the_interface_is_gone() -> None:
    """A name may be added, with a new minor version; to remove one takes a new major version, and a deprecation before."""
    for names in NAMES.values():
        assert set(names.split()) <= set(api.__all__)
    assert max(NAMES) == api.CONTRACT
    assert all(hasattr(api.Model, method) for method in METHODS.split())


@pytest.mark.parametrize("name", FIELDS)
def test_the_fields_of_a_spec_keep_their_order(name: str) -> None:
    fields = [field.name for field in dataclasses.fields(getattr(api, name))]
    assert fields[: len(FIELDS[name].split())] == FIELDS[name].split()


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        (None, None),
        ("1.0", None),
        (api.CONTRACT, None),
        ("0.9", r"written for version 0.9 of the plugin interface.*update the plugin"),
        ("1.99", r"needs version 1.99 of the plugin interface, and this genrebench has 1.\d+; update genrebench"),
        ("2.0", "update genrebench"),
        ("1", "isn't a version"),
        ("1.0.0", "isn't a version"),
        (1.0, "isn't a version"),
        (("1", "0"), "isn't a version"),
        ("", "isn't a version"),
    ],
)
def test_the_version_that_a_plugin_states(stated: Any, said: str | None) -> None:
    problem = problem_with(stated)
    assert (problem is None) == (said is None)
    if said is not None:
        with pytest.raises(UsageError, match=said):
            raise UsageError(problem)


FUTURE = "from genrebench.api import hookimpl, QuantumSpec\n"
ODD: dict[str, tuple[str, str]] = {
    "states a newer one": (f"GENREBENCH_CONTRACT = '7.0'\n{FUTURE}", "needs version 7.0"),
    "states it with a type": (f"GENREBENCH_CONTRACT: str = '7.0'\n{FUTURE}", "needs version 7.0"),
    "states an older one": (f"GENREBENCH_CONTRACT = '0.3'\n{VALID.format(name='m')}", "written for version 0.3"),
    "computes it": (f"GENREBENCH_CONTRACT = '.'.join(['9', '1'])\n{FUTURE}", "isn't a version"),
    "imports what isn't there": (FUTURE, "imports 'QuantumSpec', which genrebench.api doesn't have: .* another version"),
    "an unknown field": (
        "from genrebench.api import *\n@hookimpl\ndef genrebench_models(): return [ModelSpec('m', 's', None, None, colour=1)]",
        "gives ModelSpec the argument 'colour', which it doesn't have",
    ),
    "an own error stays": ("from genrebench.api import hookimpl\nraise TypeError('f() got')", r"^TypeError: f\(\) got"),
    "no list": ("from genrebench.api import hookimpl\n@hookimpl\ndef genrebench_models(): return 3", "has to return a list"),
    "a name that is a number": (
        "from genrebench.api import *\n@hookimpl\ndef genrebench_models(): return [ModelSpec(3, 's', None, None)]",
        "offers the name 3",
    ),
}


@pytest.mark.parametrize("case", ODD)
def test_a_plugin_of_another_version_is_told_plainly(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = ODD[case]
    (plugin,) = [
        p for p in registry_of(tiny.install_plugin(tmp_path, f"odd-{len(case)}", code), monkeypatch).plugins if p.error
    ]
    with pytest.raises(UsageError, match=said):
        raise UsageError(plugin.error)


def test_the_version_is_read_from_a_package_and_a_module_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from genrebench.plugin.versions import stated_by

    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "statedpackage"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')\nGENREBENCH_CONTRACT = '1.0'\n")
    (package / "deep.py").write_text("GENREBENCH_CONTRACT = '2.5'")
    (package / "inner" / "__init__.py").write_text("def (")
    importlib.invalidate_caches()
    stated = [stated_by(f"statedpackage{name}") for name in ("", ".deep", ".inner", ".none")]
    assert stated == ["1.0", "2.5", None, None]
    assert stated_by("there_is_no_such_package") is None


MARKED = VALID.format(name="marked")
WARNED: dict[str, tuple[str, str]] = {
    "unmarked": (MARKED.replace("@hookimpl\n", ""), "genrebench_models isn't marked with @hookimpl"),
    "one unmarked": (f"{MARKED}\ndef genrebench_metrics(): return []\n", "genrebench_metrics isn't marked with @hookimpl"),
    "empty": ("", "it offers nothing"),
    "slow": (f"import time; time.sleep(0.3)\n{MARKED}", r"it takes 0\.\d s to import, in every command"),
}


@pytest.mark.parametrize("case", WARNED)
def test_what_an_author_should_know_is_a_warning(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "SLOW", 0.25 if case == "slow" else 60.0)
    code, said = WARNED[case]
    registry = registry_of(tiny.install_plugin(tmp_path, f"warned-{case.replace(' ', '-')}", code), monkeypatch)
    (plugin,) = [p for p in registry.plugins if p.distribution != "genrebench" and p.warnings]
    assert plugin.error is None
    with pytest.raises(UsageError, match=said):
        raise UsageError("; ".join(plugin.warnings))


def test_warnings_are_in_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from genrebench.door.plugins import PluginList

    shown = PluginList(registry_of(tiny.install_plugin(tmp_path, "listed-empty", ""), monkeypatch))
    assert "warning: listed-empty: it offers nothing" in shown.notes()
    (row,) = [row for row in json.loads(json.dumps(shown.to_json())) if row["plugin"] == "listed-empty"]
    assert row["warnings"] == ["it offers nothing"] and row["status"] == "ok"


def test_two_models_of_one_name_are_told_apart_by_their_distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("qualified-a", "Qualified_B"):
        tiny.install_plugin(tmp_path, name, VALID.format(name="forest"), module=f"m_{name[-1].lower()}")
    registry = registry_of(tmp_path, monkeypatch)
    with pytest.raises(UsageError, match=r"say (Q|q)ualified.*:forest or .*:forest, or uninstall one"):
        registry.model("forest")
    assert registry.model("qualified-a:forest").plugin.distribution == "qualified-a"
    assert registry.model("qualified.b:forest").plugin.distribution == "Qualified_B"
    assert registry.get(DATASET, "genrebench:demo").spec.name == "demo"
    for wrong in ("qualified-a:tree", "nobody:forest", ":forest", "qualified-a:"):
        with pytest.raises(UsageError, match="no model"):
            registry.model(wrong)


def test_an_unknown_name_says_which_plugin_might_have_brought_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.install_plugin(tmp_path, "might-have", "import a_missing_module")
    registry = registry_of(tiny.install_plugin(tmp_path, "works-here", VALID.format(name="forest")), monkeypatch)
    with pytest.raises(UsageError, match=r"no model 'svm'.*broken plugins: might-have: ModuleNotFoundError"):
        registry.model("svm")
    with pytest.raises(UsageError, match="might-have"):
        registry.model("might-have:svm")


def test_the_core_has_no_warnings() -> None:
    (core,) = discover([]).plugins
    assert (core.error, core.warnings) == (None, ())
