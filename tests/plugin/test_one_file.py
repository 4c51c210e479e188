"""Models in one file, and runs whose plugin has changed, is gone, or has another name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import genrebench as gb
from genrebench.cli.main import main
from genrebench.errors import PluginError, UsageError
from genrebench.plugin.registry import Plugin, Registered, discover, installed_plugins
from genrebench.plugin.trained import registered_model_of, require_compatible
from genrebench.runs import model_files
from tests import tiny

MODEL = """
from dataclasses import dataclass
from typing import Annotated
from genrebench.api import Field, hookimpl, sklearn_model

@dataclass(frozen=True)
class Options:
    depth: Annotated[int, Field(ge=1, description="depth of the tree")] = 3

def tree(context, options):
    from sklearn.tree import DecisionTreeClassifier
    return DecisionTreeClassifier(max_depth=options.depth, random_state=context.seed)

@hookimpl
def genrebench_models():
    return [sklearn_model("one-file-tree", "a tree", tree, options=Options)]
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A folder with model.py and data, from which commands are called."""
    tiny.write_table(tmp_path / "table")
    (tmp_path / "model.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    installed_plugins.cache_clear()


@pytest.mark.parametrize("head", ["", "from __future__ import annotations\n"])
def test_a_file_is_checked_in_other_processes_too(head: str, place: Path) -> None:
    (place / "model.py").write_text(head + MODEL)
    assert main(["plugins", "check", "./model.py", "--set", "depth=2"]) == 0


METRICS = """
from genrebench.api import MetricSpec, SplitSpec, hookimpl
from tests.testing import faulty_data

@hookimpl
def genrebench_metrics():
    return [MetricSpec("right", "a metric", faulty_data.accuracy), MetricSpec("first", "a metric", lambda labels, p: p[0, 0])]

@hookimpl
def genrebench_splits():
    return [SplitSpec("halves", "a split", faulty_data.halves)]
"""


def test_all_that_a_file_offers_is_checked(place: Path, capfd: Any) -> None:
    (place / "metrics.py").write_text(METRICS)
    assert main(["plugins", "check", "./metrics.py", "--format", "json"]) == 1
    results = json.loads(capfd.readouterr().out)
    assert {one["of"] for one in results} == {"right", "first", "halves"}
    assert {one["of"] for one in results if one["problem"]} == {"first"}
    assert main(["plugins", "check", "./metrics.py"]) == 1
    assert "first   track order" in capfd.readouterr().out
    (place / "nothing.py").write_text("")
    assert main(["plugins", "check", "./nothing.py"]) == 2
    assert "offers nothing" in capfd.readouterr().err


def test_a_file_is_run_and_ranked_with_the_hash_of_its_content(place: Path, capfd: Any) -> None:
    ids, versions = [], []
    for depth in ("2", "2", "3"):
        if len(ids) == 1:
            (place / "model.py").write_text(f"{MODEL}\n# edited\n")
        setting = "model.depth=" if depth == "3" else "depth="
        assert main(["run", "./model.py", "--dataset", "./table", "--set", f"{setting}{depth}", "--format", "json"]) == 0
        (result,) = json.loads(capfd.readouterr().out)
        assert result["status"] == "finished"
        assert (result["model"]["name"], result["model"]["plugin"]) == ("one-file-tree", "model.py")
        assert (result["model"]["origin"], result["model"]["options"]) == ("file", {"depth": int(depth)})
        assert result["model"]["file"].endswith("/model.py")
        ids.append(result["run_id"])
        versions.append(result["model"]["version"])
    assert versions[0].startswith("sha256:") and versions[0] != versions[1] == versions[2]
    assert main(["leaderboard", "--format", "md"]) == 0
    board = capfd.readouterr().out
    assert all(f"one-file-tree {version}" in board for version in versions[:2])
    assert main(["reproduce", ids[2], "--format", "json"]) == 0
    assert json.loads(capfd.readouterr().out)["agree"]


@pytest.mark.parametrize("own", [True, False])
def test_only_code_that_the_user_has_named_is_run_for_a_record(
    own: bool, place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A record from a stranger may name any file, also one that came with it."""
    (result,) = gb.run("./model.py", "./table", say=lambda _: None)
    record = json.loads((place / "runs" / result.id / "run.json").read_text())
    (place / "evil.py").write_text(f"open({str(place / 'stolen')!r}, 'w').close()\n{MODEL}")
    if not own:
        record["model"]["file"] = str(place / "evil.py")
        (place / "runs" / result.id / "run.json").write_text(json.dumps(record))
    monkeypatch.setattr(model_files, "_named", set())  # as in another process
    command = ["reproduce", result.id, "--dataset", "./table"]
    capfd.readouterr()
    assert main(command) == (0 if own else 2)
    assert ("allow it with: genrebench plugins show" in capfd.readouterr().err) != own
    assert not (place / "stolen").exists()
    if not own:
        with pytest.raises(UsageError, match="which you haven't run here"):
            gb.predict("model.py", result.id)
        assert not (place / "stolen").exists()
        assert main(["plugins", "show", "./evil.py"]) == main(command) == 0


FAULTS: dict[str, tuple[str, type[Exception], str]] = {
    "no model": ("", UsageError, "a model file has a function genrebench_models"),
    "unmarked": (MODEL.replace("@hookimpl\n", ""), UsageError, "isn't marked with @hookimpl"),
    "syntax": ("def (", PluginError, "SyntaxError"),
    "raises": ("1 / 0", PluginError, "ZeroDivisionError"),
    "exits": ("import sys; sys.exit(0)", PluginError, "SystemExit"),
    "neighbour": ("import a_neighbour_of_it", PluginError, "No module named 'a_neighbour_of_it'"),
    "newer": ("GENREBENCH_CONTRACT = '9.0'\nfrom genrebench.api import New", PluginError, "needs version 9.0"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_that_offers_no_model_is_refused(fault: str, place: Path) -> None:
    code, kind, said = FAULTS[fault]
    (place / "odd.py").write_text(code)
    with pytest.raises(kind, match=said):
        gb.run("./odd.py", "./table")


def test_a_file_that_isnt_there_is_refused(place: Path) -> None:
    for name in ("./none.py", "./table.py"):
        with pytest.raises(UsageError, match="can't be read"):
            gb.run(name, "./table")


def test_a_file_may_bring_its_own_input_and_be_edited(place: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "howto" / "input.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    tiny.write_music(place / "music", n=6)
    for edit in ("", "\n# another version\n"):
        (place / "loudness.py").write_text(code + edit)
        (result,) = gb.run("./loudness.py", "./music", workers=2, say=lambda _: None)
        assert result.status == "finished", result.record.error
    predictions = gb.predict("music/g0-0.wav", result, say=lambda _: None)
    assert predictions[0].problem is None


def registered(distribution: str, version: str, since: str = "") -> Registered[Any]:
    return Registered(replace(tiny.SPECS[0], reads_since=since), Plugin("p", distribution, version))


@pytest.mark.parametrize(
    ("trained", "answers", "since", "said"),
    [
        ("0.1.0", "0.1.0", "", None),
        ("0.1.0", "0.2.0", "", "trained by my-plugin 0.1.0, and my-plugin 0.2.0 answers"),
        ("0.2.0", "0.1.0", "", "trained by my-plugin 0.2.0, and my-plugin 0.1.0 answers"),
        ("0.9.0", "0.10.0", "0.10.0", "doesn't read models from before 0.10.0"),
        ("0.10.0", "0.11.0", "0.9.0", "trained by my-plugin 0.10.0"),
        ("odd version", "0.2.0", "0.2.0", "doesn't read models from before 0.2.0"),
    ],
)
def test_another_version_that_answers_is_said_or_refused(trained: str, answers: str, since: str, said: str | None) -> None:
    messages: list[str] = []
    try:
        require_compatible("a-run", registered("my-plugin", answers, since), trained, messages.append, "my_plugin")
    except UsageError as error:
        assert "before" in str(said)
        messages.append(str(error))
    assert len(messages) == (said is not None)
    if said is not None:
        assert said.replace("my-plugin 0.1.0, and", "my_plugin 0.1.0, and").split("my-plugin")[-1] in messages[0]


def test_a_run_whose_plugin_is_gone_or_renamed_says_what_it_needs() -> None:
    registry = discover([])
    registry.add(Plugin("new", "renamed-plugin", "2.0"), {"model": [tiny.SPECS[0]]})
    registry.add(Plugin("other", "other-plugin", "1.0"), {"model": [tiny.SPECS[1]]})
    with pytest.raises(UsageError, match=r"needed from old-plugin, which isn't installed; renamed-plugin 2.0 offers a model"):
        registered_model_of("a-run", "tiny-table", "old-plugin", registry)
    with pytest.raises(UsageError, match=r"needed from old-plugin, which isn't installed$"):
        registered_model_of("a-run", "tiny-none", "old-plugin", registry)
    with pytest.raises(UsageError, match=r"other-plugin, which 1.0 is installed and doesn't offer it"):
        registered_model_of("a-run", "tiny-table", "other-plugin", registry)
    with pytest.raises(UsageError, match=r"in the file ~/none.py, which isn't there any more"):
        registered_model_of("a-run", "tiny-table", "none.py", registry, "~/none.py")
    assert registered_model_of("a-run", "tiny-table", "Renamed.Plugin", registry).plugin.version == "2.0"
