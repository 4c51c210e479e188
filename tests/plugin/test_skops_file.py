"""Fitted scikit-learn models from a stranger: what is loaded, and what isn't."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from genrebench.errors import PluginError
from genrebench.plugin.contract import Context, Examples
from genrebench.plugin.sklearn import SklearnModel

RNG = np.random.default_rng(0)
LABELS = np.arange(60) % 3
TABLE = RNG.random((60, 4)) + LABELS[:, None] * [1, 0, 0, 0]
CONTEXT = Context(("a", "b", "c"), seed=3)


def fitted(estimator: Any, folder: Path) -> Path:
    """Fit and save a model; returns its file."""
    model = SklearnModel(CONTEXT, clone(estimator))
    model.fit(Examples(TABLE, LABELS, LABELS), Examples(TABLE[:0], LABELS[:0], LABELS[:0]))
    model.save(folder)
    return folder / "estimator.skops"


def load(file: Path, estimator: Any) -> SklearnModel:
    model = SklearnModel(CONTEXT, clone(estimator))
    model.load(file.parent)
    return model


def edit(file: Path, change: Callable[[dict[str, Any], dict[str, bytes]], None]) -> None:
    """Change the schema and the other members of a skops file."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members["schema.json"])
    change(schema, members)
    members["schema.json"] = json.dumps(schema).encode()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "__loader__" in value:
            yield value
        for item in value.values():
            yield from nodes(item)
    elif isinstance(value, list):
        for item in value:
            yield from nodes(item)


def attribute(schema: dict[str, Any], class_name: str, name: str) -> dict[str, Any]:
    """The node of an attribute of the first object of a class."""
    found = next(node for node in nodes(schema) if node["__class__"] == class_name)
    return found["content"]["content"][name]


HONEST = [
    make_pipeline(StandardScaler(), LogisticRegression()),
    make_pipeline(FunctionTransformer(np.log1p), RandomForestClassifier(5, random_state=np.random.RandomState(0))),
    CalibratedClassifierCV(DecisionTreeClassifier(), method="isotonic"),
    VotingClassifier([("a", LogisticRegression()), ("b", RandomForestClassifier(3, n_jobs=2))], voting="soft"),
    StackingClassifier([("a", LogisticRegression()), ("b", KNeighborsClassifier())]),
    HistGradientBoostingClassifier(max_iter=3),
    GradientBoostingClassifier(n_estimators=3),
    KNeighborsClassifier(algorithm="ball_tree", p=3),
    KNeighborsClassifier(algorithm="kd_tree", metric="manhattan"),
    GaussianProcessClassifier(1.0 * RBF(), optimizer=None),
    GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, scoring="neg_log_loss", cv=2),
]


@pytest.mark.parametrize("estimator", HONEST, ids=lambda estimator: type(estimator).__name__)
def test_an_honest_model_predicts_the_same(estimator: Any, tmp_path: Path) -> None:
    model = SklearnModel(CONTEXT, clone(estimator))
    model.fit(Examples(TABLE, LABELS, LABELS), Examples(TABLE[:0], LABELS[:0], LABELS[:0]))
    model.save(tmp_path)
    loaded = load(tmp_path / "estimator.skops", estimator)
    np.testing.assert_allclose(loaded.predict_proba(TABLE), model.predict_proba(TABLE), rtol=1e-12)


# ------------------------------------------------------------------ code


def test_a_string_in_a_file_is_never_executed(tmp_path: Path) -> None:
    """The table becomes a table of code, and a function of NumPy's tests executes it: version 0.1.0 did."""
    from numpy.testing._private.utils import runstring

    mark = tmp_path / "executed"
    code = f"open({str(mark)!r}, 'w').write('x')"
    write = FunctionTransformer(np.full_like, kw_args={"fill_value": code, "dtype": "U500"})
    execute = FunctionTransformer(np.vectorize(runstring, otypes="O"), kw_args={"dict": {}})
    own = make_pipeline(FunctionTransformer(), FunctionTransformer(), LogisticRegression())
    crafted = make_pipeline(write, execute, LogisticRegression())
    skops.io.dump(crafted, tmp_path / "estimator.skops")
    with pytest.raises(PluginError, match="isn't on the list of what a model may hold"):
        load(tmp_path / "estimator.skops", own).predict_proba(TABLE)
    assert not mark.exists()


FUNCTIONS = {
    "a function": {"__loader__": "FunctionNode", "__module__": "os", "__class__": "system"},
    "a function of scikit-learn": {"__loader__": "FunctionNode", "__module__": "sklearn.datasets", "__class__": "fetch_openml"},
    "a universal function, which skops trusts": {"__loader__": "FunctionNode", "__module__": "numpy", "__class__": "exp"},
    "a part of a function": {
        "__loader__": "PartialNode", "__module__": "functools", "__class__": "partial", "content": {},
    },
    "a method": {
        "__loader__": "MethodNode", "__module__": "sklearn.linear_model._logistic", "__class__": "LogisticRegression",
        "content": {"func": "fit"},
    },
    "an operator": {"__loader__": "OperatorFuncNode", "__module__": "operator", "__class__": "methodcaller", "attrs": {}},
    "a call of a class": {"__loader__": "ConstructorFromReduceNode", "__module__": "subprocess", "__class__": "Popen"},
    "a class that isn't listed": {"__loader__": "ObjectNode", "__module__": "joblib.memory", "__class__": "Memory"},
    "a class of a listed module": {"__loader__": "ObjectNode", "__module__": "sklearn.svm", "__class__": "l1_min_c"},
    "a type": {"__loader__": "TypeNode", "__module__": "numpy", "__class__": "memmap"},
    "an array of another class": {"__loader__": "NdArrayNode", "__module__": "numpy", "__class__": "memmap", "type": "numpy"},
    "a loss of another module": {"__loader__": "LossNode", "__module__": "subprocess", "__class__": "Popen"},
    "a tuple of another class": {"__loader__": "TupleNode", "__module__": "subprocess", "__class__": "Popen", "content": []},
    "a dict of another class": {"__loader__": "DictNode", "__module__": "subprocess", "__class__": "Popen", "content": {}},
    "a loader that nobody knows": {"__loader__": "SurpriseNode", "__module__": "numpy", "__class__": "ndarray"},
    "an object without a class": {"__loader__": "ObjectNode", "__module__": None, "__class__": ["list"]},
}  # fmt: skip


@pytest.mark.parametrize("what", FUNCTIONS)
def test_what_is_not_on_the_list_is_refused(what: str, tmp_path: Path) -> None:
    own = make_pipeline(StandardScaler(), LogisticRegression())
    file = fitted(own, tmp_path)

    def plant(schema: dict[str, Any], _: dict[str, bytes]) -> None:
        content = next(node for node in nodes(schema) if node["__class__"] == "StandardScaler")["content"]["content"]
        content["with_mean"] = FUNCTIONS[what] | {"__id__": 7}

    edit(file, plant)
    with pytest.raises(PluginError, match=r"isn't on the list|without a class"):
        load(file, own)


def test_a_function_is_accepted_only_where_the_readers_model_has_the_same(tmp_path: Path) -> None:
    file = fitted(make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()), tmp_path)
    with pytest.raises(PluginError, match="isn't on the list"):
        load(file, make_pipeline(FunctionTransformer(np.exp), LogisticRegression()))


def test_parameters_come_from_the_reader(tmp_path: Path) -> None:
    honest = make_pipeline(FunctionTransformer(np.log1p, kw_args={}), KNeighborsClassifier())
    crafted = make_pipeline(FunctionTransformer(np.log1p, kw_args={"casting": "safe"}), KNeighborsClassifier(9, n_jobs=2))
    model = load(fitted(crafted, tmp_path), honest)
    assert model.estimator[0].kw_args == {}
    assert (model.estimator[1].n_jobs, model.estimator[1].n_neighbors) == (None, 5)


@pytest.mark.parametrize(
    ("saved", "own"),
    [
        (LogisticRegression(), KNeighborsClassifier()),
        (make_pipeline(StandardScaler(), LogisticRegression()), LogisticRegression()),
        (make_pipeline(LogisticRegression()), make_pipeline(StandardScaler(), LogisticRegression())),
        (make_pipeline(FunctionTransformer(), LogisticRegression()), make_pipeline(StandardScaler(), LogisticRegression())),
    ],
)
def test_another_model_than_the_readers_is_refused(saved: Any, own: Any, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"where the model has|aren't those of the model"):
        load(fitted(saved, tmp_path), own)


def test_a_version_in_a_file_can_not_steer_the_terminal(tmp_path: Path) -> None:
    file = fitted(LogisticRegression(), tmp_path)

    def plant(schema: dict[str, Any], _: dict[str, bytes]) -> None:
        version = attribute(schema, "LogisticRegression", "_sklearn_version")
        version["content"] = json.dumps("\x1b[2J0.1")

    edit(file, plant)
    with pytest.warns(UserWarning, match=r"\\x1b\[2J0\.1"):
        load(file, LogisticRegression())


# ------------------------------------------------------------------ numbers that compiled code trusts


def array(members: dict[str, bytes], node: dict[str, Any], change: Callable[[Any], Any]) -> None:
    """Replace the array of a node."""
    changed = change(np.load(io.BytesIO(members[node["file"]])))
    out = io.BytesIO()
    np.save(out, changed)
    members[node["file"]] = out.getvalue()


def put(field: str, index: int, value: float) -> Callable[[Any], Any]:
    def change(table: Any) -> Any:
        table[field][index] = value
        return table

    return change


@pytest.mark.parametrize(
    "change",
    [
        put("left_child", 0, 10**9),
        put("right_child", 0, -7),
        put("left_child", 0, 0),
        put("feature", 0, 4),
        put("feature", 0, -3),
        lambda table: table[:-1],
    ],
)
@pytest.mark.parametrize(
    "own", [DecisionTreeClassifier(), RandomForestClassifier(2), GradientBoostingClassifier(n_estimators=1)]
)
def test_a_tree_that_leads_out_of_itself_is_refused(own: Any, change: Any, tmp_path: Path) -> None:
    file = fitted(own, tmp_path)

    def damage(schema: dict[str, Any], members: dict[str, bytes]) -> None:
        array(members, attribute(schema, "Tree", "nodes"), change)

    edit(file, damage)
    with pytest.raises(PluginError, match="decision tree whose parts don't fit"):
        load(file, own)


@pytest.mark.parametrize(("argument", "value"), [(0, 10**6), (2, 10**6), (2, -1)])
def test_a_tree_of_other_dimensions_is_refused(argument: int, value: int, tmp_path: Path) -> None:
    file = fitted(DecisionTreeClassifier(), tmp_path)

    def damage(schema: dict[str, Any], _: dict[str, bytes]) -> None:
        tree = next(node for node in nodes(schema) if node["__class__"] == "Tree")
        number = tree["__reduce__"]["args"]["content"][argument]
        number |= {"content": str(value), "__id__": 5}

    edit(file, damage)
    with pytest.raises(PluginError, match="whose parts don't fit"):
        load(file, DecisionTreeClassifier())


def test_a_checked_part_of_a_tree_can_not_be_exchanged_by_its_number(tmp_path: Path) -> None:
    file = fitted(DecisionTreeClassifier(), tmp_path)

    def damage(schema: dict[str, Any], _: dict[str, bytes]) -> None:
        tree = next(node for node in nodes(schema) if node["__class__"] == "Tree")
        content = next(node for node in nodes(schema) if node["__class__"] == "DecisionTreeClassifier")["content"]["content"]
        number = tree["__reduce__"]["args"]["content"][0]["__id__"]
        content["max_depth"] = content["max_depth"] | {"content": "1000000", "__id__": number}

    edit(file, damage)
    with pytest.raises(PluginError, match="two objects the same number"):
        load(file, DecisionTreeClassifier())


@pytest.mark.parametrize(
    ("own", "class_name", "name", "change"),
    [
        (HistGradientBoostingClassifier(max_iter=2), "TreePredictor", "nodes", put("feature_idx", 0, 1000)),
        (HistGradientBoostingClassifier(max_iter=2), "TreePredictor", "nodes", put("left", 0, 10**8)),
        (HistGradientBoostingClassifier(max_iter=2), "TreePredictor", "nodes", put("is_categorical", 0, 1)),
        (KNeighborsClassifier(), "KNeighborsClassifier", "_y", lambda labels: labels + 10**6),
        (KNeighborsClassifier(), "KNeighborsClassifier", "_y", lambda labels: labels[:5]),
        (KNeighborsClassifier(), "KNeighborsClassifier", "_fit_X", lambda table: table[:, :2]),
    ],
)
def test_arrays_that_do_not_fit_each_other_are_refused(
    own: Any, class_name: str, name: str, change: Any, tmp_path: Path
) -> None:
    file = fitted(own, tmp_path)
    edit(file, lambda schema, members: array(members, attribute(schema, class_name, name), change))
    with pytest.raises(PluginError, match="whose parts don't fit each other"):
        load(file, own)


@pytest.mark.parametrize("name", ["_dual_coef_", "_intercept_", "_n_support", "support_", "support_vectors_", "_probA"])
def test_a_support_vector_machine_of_other_dimensions_is_refused(name: str, tmp_path: Path) -> None:
    from sklearn.svm import SVC

    machine = SVC().fit(TABLE, LABELS)
    machine._probA = machine._probB = np.ones(3)  # as with probability=True, which scikit-learn 1.9 warns of
    skops.io.dump(machine, tmp_path / "estimator.skops")
    edit(
        tmp_path / "estimator.skops",
        lambda schema, members: array(members, attribute(schema, "SVC", name), lambda values: values[:-1]),
    )
    with pytest.raises(PluginError, match="SVC whose parts don't fit"):
        load(tmp_path / "estimator.skops", clone(machine))


def test_an_object_that_is_in_itself_a_million_times_is_refused(tmp_path: Path) -> None:
    own = VotingClassifier([("a", LogisticRegression())], voting="soft")
    model = SklearnModel(CONTEXT, clone(own))
    model.fit(Examples(TABLE, LABELS, LABELS), Examples(TABLE[:0], LABELS[:0], LABELS[:0]))
    inner = model.estimator.estimators_[0]
    for _ in range(25):  # 2^25 predictions of the same model
        outer = clone(own)
        vars(outer).update({**vars(model.estimator), "estimators_": [inner, inner]})
        inner = outer
    from genrebench.plugin.skops_state import require_sound

    with pytest.raises(ValueError, match="more than 5000000 objects"):
        require_sound(inner)


# ------------------------------------------------------------------ sizes


def test_the_size_that_an_array_claims_is_checked_first(tmp_path: Path) -> None:
    file = fitted(LogisticRegression(), tmp_path)

    def claim(_: dict[str, Any], members: dict[str, bytes]) -> None:
        name = next(name for name in members if name.endswith(".npy"))
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**11,)})
        members[name] = header.getvalue() + b"\0" * 8

    edit(file, claim)
    with pytest.raises(PluginError, match="has the shape"):
        load(file, LogisticRegression())


def test_a_compressed_bomb_is_refused(tmp_path: Path) -> None:
    file = fitted(LogisticRegression(), tmp_path)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.npy", b"\0" * (100 * 2**20))
    assert file.stat().st_size < 10**6
    with pytest.raises(PluginError, match="would take more than"):
        load(file, LogisticRegression())


@pytest.mark.parametrize("content", [b"", b"PK", b"{}", b"\0" * 100])
def test_what_is_no_skops_file_is_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "estimator.skops").write_bytes(content)
    with pytest.raises(PluginError, match=r"estimator\.skops isn't loaded: "):
        load(tmp_path / "estimator.skops", LogisticRegression())


def test_a_schema_nested_too_deeply_is_one_line(tmp_path: Path) -> None:
    for depth in (300, 100_000):
        with zipfile.ZipFile(tmp_path / "estimator.skops", "w") as archive:
            archive.writestr("schema.json", '{"a":' * depth + "1" + "}" * depth)
        with pytest.raises(PluginError, match="nested too deeply"):
            load(tmp_path / "estimator.skops", LogisticRegression())
