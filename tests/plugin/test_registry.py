"""Discovery through real distributions on a path: good, broken and conflicting ones."""

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

GOOD = """
from genrebench.api import hookimpl, sklearn_model

def forest(context, options):
    from sklearn.ensemble import RandomForestClassifier
    return RandomForestClassifier(5, random_state=context.seed)

@hookimpl
def genrebench_models():
    return [sklearn_model("{name}", "a small forest", forest)]
"""
BROKEN = {
    "import": "import a_module_that_is_not_there",
    "syntax": "def (",
    "exit": "import sys; sys.exit(3)",
    "hook": "from genrebench.api import hookimpl\n@hookimpl\ndef genrebench_model(): return []",
    "raises": "from genrebench.api import hookimpl\n@hookimpl\ndef genrebench_models(): raise RuntimeError('a\\nb')",
    "type": "from genrebench.api import hookimpl\n@hookimpl\ndef genrebench_models(): return ['svm']",
    "name": GOOD.replace("{name}", "My Model!"),
}


def registry_of(site: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    found = [
        entry
        for dist in importlib.metadata.distributions(path=[str(site)])
        for entry in dist.entry_points
        if entry.group == GROUP
    ]
    return discover(found)


def test_a_distribution_offers_its_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = registry_of(tiny.install_plugin(tmp_path, "forest-one", GOOD.format(name="forest")), monkeypatch)
    offer = found.model("forest")
    assert (offer.plugin.distribution, offer.plugin.version) == ("forest-one", "1.0")
    assert offer.plugin.offers["model"] == ("forest",)
    assert "demo" in found.names(DATASET)


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_plugin_is_a_row_with_its_error_and_stops_nothing(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.install_plugin(tmp_path, f"broken-{kind}", BROKEN[kind])
    tiny.install_plugin(tmp_path, f"beside-{kind}", GOOD.format(name="forest"))
    found = registry_of(tmp_path, monkeypatch)
    (broken,) = [plugin for plugin in found.plugins if plugin.error]
    assert broken.distribution == f"broken-{kind}"
    assert broken.error is not None and "\n" not in broken.error
    assert found.model("forest").plugin.distribution == f"beside-{kind}"


def test_two_plugins_with_one_model_name_are_an_error_that_names_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.install_plugin(tmp_path, "twin-a", GOOD.format(name="forest"))
    tiny.install_plugin(tmp_path, "twin-b", GOOD.format(name="forest"))
    with pytest.raises(UsageError, match="twin-a and twin-b"):
        registry_of(tmp_path, monkeypatch).model("forest")


def test_an_unknown_name_gets_did_you_mean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = registry_of(tiny.install_plugin(tmp_path, "forest-two", GOOD.format(name="forest")), monkeypatch)
    with pytest.raises(UsageError, match="did you mean forest"):
        found.model("forst")


def test_no_plugin_says_how_to_get_one() -> None:
    with pytest.raises(UsageError, match=r"pip install \./plugins/genrebench-svm"):
        discover([]).model("svm-baseline")


def test_the_scaffold_makes_a_plugin_that_passes_its_own_check(tmp_path: Path) -> None:
    from genrebench.plugin import scaffold

    folder = scaffold.write("my-forest", tmp_path / "made")
    code = (folder / "src" / "genrebench_my_forest" / "__init__.py").read_text()
    site = tiny.install_plugin(tmp_path / "site", "genrebench-my-forest", code, "genrebench_my_forest")
    done = subprocess.run(
        [sys.executable, "-m", "genrebench", "plugins", "check", "my-forest", "--set", "n_trees=5"],
        env={"PYTHONPATH": str(site), "PATH": "", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with pytest.raises(UsageError, match="exists"):
        scaffold.write("my-forest", tmp_path / "made")


def offering(hook: str, specs: str) -> str:
    imports = "DatasetSpec, Dataset, InputSpec, MetricSpec, Prepared, hookimpl, sklearn_model"
    head = f"from dataclasses import dataclass\nfrom genrebench.api import {imports}"
    return f"{head}\n{specs}\n@hookimpl\ndef {hook}(): return SPECS\n"


TWINS: dict[str, tuple[Kind[Any], str]] = {
    "model": (MODEL, "SPECS = [sklearn_model('twin', 's', lambda context, options: None)]"),
    "dataset": (DATASET, "SPECS = [DatasetSpec('twin', 's', lambda home: Dataset('twin', '1', (), ()))]"),
    "metric": (METRIC, "SPECS = [MetricSpec('twin', 's', lambda labels, probabilities: 0.0)]"),
}


@pytest.mark.parametrize("kind", TWINS)
def test_a_name_that_two_plugins_offer_is_an_error_that_names_both_whatever_it_names(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sort, code = TWINS[kind]
    for name in ("first", "second"):
        tiny.install_plugin(tmp_path, f"{name}-{kind}", offering(sort.hook, code))
    found = registry_of(tmp_path, monkeypatch)
    with pytest.raises(UsageError, match=f"'twin' is offered by first-{kind} and second-{kind}"):
        found.get(sort, "twin")
    with pytest.raises(UsageError, match=f"first-{kind} and second-{kind}"):
        found.all(sort)
    assert [found.clashes(plugin) for plugin in found.plugins] == [[], ["twin"], ["twin"]]


@pytest.mark.parametrize(("hook", "name"), [("genrebench_datasets", "demo"), ("genrebench_metrics", "log_loss")])
def test_what_the_core_brings_is_no_exception(hook: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sort = DATASET if hook == "genrebench_datasets" else METRIC
    code = TWINS[sort.name][1].replace("twin", name)
    found = registry_of(tiny.install_plugin(tmp_path, f"another-{sort.name}", offering(hook, code)), monkeypatch)
    with pytest.raises(UsageError, match=f"genrebench and another-{sort.name}"):
        found.get(sort, name)


EMBEDDINGS = """
@dataclass(frozen=True)
class Embeddings:
    layer: int = 0

SPECS = [InputSpec(Embeddings, "s", lambda requested, clips, context: Prepared([]))]
"""


def test_inputs_are_told_apart_by_type_and_not_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        tiny.install_plugin(tmp_path, f"input-{name}", offering("genrebench_inputs", EMBEDDINGS))
    found = registry_of(tmp_path, monkeypatch)
    for name in ("one", "two"):
        module = importlib.import_module(f"input_{name}")
        assert found.get(INPUT, module.Embeddings).plugin.distribution == f"input-{name}"
        assert found.input(module.Embeddings(3)) is module.SPECS[0]
    assert found.names(INPUT).count("Embeddings") == 2
    with pytest.raises(PluginError, match=r"object, which is no kind of input; known: FeatureTable, Waveforms, Frames"):
        found.input(object())


def test_one_type_that_two_plugins_prepare_is_an_error_that_names_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "from genrebench.api import FeatureTable\nSPECS = [InputSpec(FeatureTable, 's', lambda *_: Prepared([]))]"
    found = registry_of(tiny.install_plugin(tmp_path, "tables", offering("genrebench_inputs", code)), monkeypatch)
    with pytest.raises(UsageError, match="'FeatureTable' is offered by genrebench and tables"):
        found.input(FeatureTable())


@pytest.mark.parametrize("name", ["rank", "options", "F1", "f1-macro", "", "log_loss_interval", "a.b", "tied_with", "seeds"])
def test_a_metric_s_name_can_take_no_other_s_place_in_the_json(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = TWINS["metric"][1].replace("'twin'", repr(name))
    site = tiny.install_plugin(tmp_path, f"metric-{name.encode().hex()}", offering("genrebench_metrics", code))
    (broken,) = [plugin for plugin in registry_of(site, monkeypatch).plugins if plugin.error]
    assert repr(name) in str(broken.error)
