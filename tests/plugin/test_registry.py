"""Discovery through real distributions on a path: good, broken and conflicting ones."""

from __future__ import annotations

import importlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from genrebench.errors import UsageError
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
    assert (offer.plugin.distribution, offer.plugin.version, offer.plugin.models) == ("forest-one", "1.0", ("forest",))
    assert "demo" in found.dataset_specs()


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
    with pytest.raises(UsageError, match="pip install genrebench-svm"):
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
