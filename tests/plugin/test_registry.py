"""Discovery of real distributions on a path: valid, broken and conflicting ones."""

from __future__ import annotations

import importlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from genrebench.api import FeatureTable
from genrebench.errors import PluginError, UsageError
from genrebench.plugin.hookspecs import DATASET, INPUT, METRIC, MODEL, Kind
from genrebench.plugin.registry import GROUP, Registry, discover
from tests import tiny

VALID = """
from genrebench.api import hookimpl, sklearn_model

def forest(context, options):
    from sklearn.ensemble import RandomForestClassifier
    return RandomForestClassifier(5, random_state=context.seed)

@hookimpl
def genrebench_models():
    return [sklearn_model("{name}", "a small forest", forest)]
"""
BROKEN = {
    "import": "import a_missing_module",
    "syntax": "def (",
    "exit": "import sys; sys.exit(3)",
    "hook": "from genrebench.api import hookimpl\n@hookimpl\ndef genrebench_model(): return []",
    "raises": "from genrebench.api import hookimpl\n@hookimpl\ndef genrebench_models(): raise RuntimeError('a\\nb')",
    "type": "from genrebench.api import hookimpl\n@hookimpl\ndef genrebench_models(): return ['svm']",
    "name": VALID.replace("{name}", "My Model!"),
}


def registry_of(site: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    entry_points = [
        entry
        for dist in importlib.metadata.distributions(path=[str(site)])
        for entry in dist.entry_points
        if entry.group == GROUP
    ]
    return discover(entry_points)


def test_the_model_of_a_distribution_is_registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = registry_of(tiny.install_plugin(tmp_path, "forest-one", VALID.format(name="forest")), monkeypatch)
    model = registry.model("forest")
    assert (model.plugin.distribution, model.plugin.version) == ("forest-one", "1.0")
    assert model.plugin.offers["model"] == ("forest",)
    assert "demo" in registry.names(DATASET)


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_plugin_is_listed_with_its_error_and_affects_no_other(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.install_plugin(tmp_path, f"broken-{kind}", BROKEN[kind])
    tiny.install_plugin(tmp_path, f"valid-{kind}", VALID.format(name="forest"))
    registry = registry_of(tmp_path, monkeypatch)
    (broken,) = [plugin for plugin in registry.plugins if plugin.error]
    assert broken.distribution == f"broken-{kind}"
    assert broken.error is not None and "\n" not in broken.error
    assert registry.model("forest").plugin.distribution == f"valid-{kind}"


def test_two_models_with_the_same_name_are_an_error_that_names_both_plugins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.install_plugin(tmp_path, "twin-a", VALID.format(name="forest"))
    tiny.install_plugin(tmp_path, "twin-b", VALID.format(name="forest"))
    with pytest.raises(UsageError, match="twin-a and twin-b"):
        registry_of(tmp_path, monkeypatch).model("forest")


def test_an_unknown_name_suggests_similar_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = registry_of(tiny.install_plugin(tmp_path, "forest-two", VALID.format(name="forest")), monkeypatch)
    with pytest.raises(UsageError, match="did you mean forest"):
        registry.model("forst")


def test_without_any_model_the_error_says_how_to_install_one() -> None:
    with pytest.raises(UsageError, match=r"pip install \./plugins/genrebench-svm"):
        discover([]).model("svm-baseline")


def test_a_new_plugin_passes_the_check_of_the_command_line(tmp_path: Path) -> None:
    from genrebench.plugin import scaffold

    folder = scaffold.write("my-forest", tmp_path / "new")
    code = (folder / "src" / "genrebench_my_forest" / "__init__.py").read_text()
    site = tiny.install_plugin(tmp_path / "site", "genrebench-my-forest", code, "genrebench_my_forest")
    done = subprocess.run(
        [sys.executable, "-m", "genrebench", "plugins", "check", "my-forest", "--set", "epochs=50"],
        env={"PYTHONPATH": str(site), "PATH": "", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with pytest.raises(UsageError, match="exists"):
        scaffold.write("my-forest", tmp_path / "new")


def plugin_code(hook: str, specs: str) -> str:
    imports = "DatasetSpec, Dataset, InputSpec, MetricSpec, Prepared, hookimpl, sklearn_model"
    head = f"from dataclasses import dataclass\nfrom genrebench.api import {imports}"
    return f"{head}\n{specs}\n@hookimpl\ndef {hook}(): return SPECS\n"


TWINS: dict[str, tuple[Kind[Any], str]] = {
    "model": (MODEL, "SPECS = [sklearn_model('twin', 's', lambda context, options: None)]"),
    "dataset": (DATASET, "SPECS = [DatasetSpec('twin', 's', lambda home: Dataset('twin', '1', (), ()))]"),
    "metric": (METRIC, "SPECS = [MetricSpec('twin', 's', lambda labels, probabilities: 0.0)]"),
}


@pytest.mark.parametrize("name", TWINS)
def test_a_name_clash_of_any_kind_is_an_error_that_names_both_plugins(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, code = TWINS[name]
    for prefix in ("first", "second"):
        tiny.install_plugin(tmp_path, f"{prefix}-{name}", plugin_code(kind.hook, code))
    registry = registry_of(tmp_path, monkeypatch)
    with pytest.raises(UsageError, match=f"'twin' is offered by first-{name} and second-{name}"):
        registry.get(kind, "twin")
    assert "twin" not in [registered.spec.name for registered in registry.usable(kind)]
    assert [registry.clashes(plugin) for plugin in registry.plugins] == [[], ["twin"], ["twin"]]


@pytest.mark.parametrize(("hook", "name"), [("genrebench_datasets", "demo"), ("genrebench_metrics", "brier")])
def test_a_clash_with_a_name_of_the_core_is_an_error(
    hook: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = DATASET if hook == "genrebench_datasets" else METRIC
    code = TWINS[kind.name][1].replace("twin", name)
    registry = registry_of(tiny.install_plugin(tmp_path, f"another-{kind.name}", plugin_code(hook, code)), monkeypatch)
    with pytest.raises(UsageError, match=f"another-{kind.name} offers the {kind.name} '{name}', which genrebench has itself"):
        registry.get(kind, name)


EMBEDDINGS = """
@dataclass(frozen=True)
class Embeddings:
    layer: int = 0

SPECS = [InputSpec(Embeddings, "s", lambda requested, clips, context: Prepared([]))]
"""


def test_inputs_are_identified_by_type_not_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        tiny.install_plugin(tmp_path, f"input-{name}", plugin_code("genrebench_inputs", EMBEDDINGS))
    registry = registry_of(tmp_path, monkeypatch)
    for name in ("one", "two"):
        module = importlib.import_module(f"input_{name}")
        assert registry.get(INPUT, module.Embeddings).plugin.distribution == f"input-{name}"
        assert registry.input(module.Embeddings(3)) is module.SPECS[0]
    assert registry.names(INPUT).count("Embeddings") == 2
    with pytest.raises(PluginError, match=r"object, which isn't a registered input; known: FeatureTable, Waveforms, Frames"):
        registry.input(object())


def test_two_plugins_with_the_same_input_type_are_an_error_that_names_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "from genrebench.api import FeatureTable\nSPECS = [InputSpec(FeatureTable, 's', lambda *_: Prepared([]))]"
    registry = registry_of(tiny.install_plugin(tmp_path, "tables", plugin_code("genrebench_inputs", code)), monkeypatch)
    with pytest.raises(UsageError, match="tables offers the input 'FeatureTable', which genrebench has itself"):
        registry.input(FeatureTable())


@pytest.mark.parametrize(
    "name",
    [
        "rank",
        "options",
        "F1",
        "f1-macro",
        "",
        "log_loss_interval",
        "a.b",
        "tied_with",
        "seeds",
        "split",
        "dataset",
        "log_loss_low",
    ],
)
def test_metric_names_that_are_invalid_or_reserved_are_rejected(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = TWINS["metric"][1].replace("'twin'", repr(name))
    site = tiny.install_plugin(tmp_path, f"metric-{name.encode().hex()}", plugin_code("genrebench_metrics", code))
    (broken,) = [plugin for plugin in registry_of(site, monkeypatch).plugins if plugin.error]
    assert repr(name) in str(broken.error)
