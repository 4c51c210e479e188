"""Reading a fitted scikit-learn estimator from a skops file that may come from a stranger.

The file says of each object which class it has. A class is accepted if it is on a closed list: the estimators that scikit-learn
itself lists, the parts that they keep when they are fitted, NumPy's arrays and random states, and Python's containers. A
function is never accepted, except where the unfitted estimator, which is the reader's own, has the very same one.

After that the object is held against the reader's estimator: it has the same classes, and its parameters are replaced by those
of the reader. So the file decides what was learned, and the program what is done with it.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from genrebench.plugin.skops_state import require_sound, require_sound_trees, use_own_parameters
from genrebench.reading import open_archive, parse_json
from genrebench.tables import printable

OLDEST_PROTOCOL = 2
"""Protocol of skops 0.11; files of older ones are read by other rules."""

MAX_NODES = 10_000_000

_NAMES: Mapping[str, frozenset[str]] = {
    "DictNode": frozenset({"builtins.dict", "collections.OrderedDict", "sklearn.utils._bunch.Bunch"}),
    "ListNode": frozenset({"builtins.list"}),
    "SetNode": frozenset({"builtins.set", "builtins.frozenset"}),
    "TupleNode": frozenset({"builtins.tuple"}),
    "SliceNode": frozenset({"builtins.slice"}),
    "JsonNode": frozenset({"builtins.str"}),
    "BytesNode": frozenset({"builtins.bytes"}),
    "BytearrayNode": frozenset({"builtins.bytearray"}),
    "DTypeNode": frozenset({"numpy.dtype"}),
    "MaskedArrayNode": frozenset({"numpy.ma.MaskedArray"}),
    "RandomStateNode": frozenset({"numpy.random.mtrand.RandomState"}),
    "RandomGeneratorNode": frozenset({"numpy.random._generator.Generator"}),
    "TreeNode": frozenset({"sklearn.tree._tree.Tree"}),
}
"""Classes that each kind of node may have; `_installed_names` has those that depend on the installed libraries."""

_PARTS: Mapping[str, tuple[str, ...]] = {
    "sklearn._loss.link": ("HalfLogitLink", "IdentityLink", "Interval", "LogLink", "LogitLink", "MultinomialLogit"),
    "sklearn._loss.loss": (
        "AbsoluteError", "ExponentialLoss", "HalfBinomialLoss", "HalfGammaLoss", "HalfMultinomialLoss", "HalfPoissonLoss",
        "HalfSquaredError", "HalfTweedieLoss", "HalfTweedieLossIdentity", "HuberLoss", "PinballLoss",
    ),
    "sklearn.calibration": ("_CalibratedClassifier", "_SigmoidCalibration", "_TemperatureScaling"),
    "sklearn.ensemble._hist_gradient_boosting.binning": ("_BinMapper",),
    "sklearn.ensemble._hist_gradient_boosting.predictor": ("TreePredictor",),
    "sklearn.gaussian_process._gpc": ("_BinaryGaussianProcessClassifierLaplace",),
    "sklearn.gaussian_process.kernels": (
        "CompoundKernel", "ConstantKernel", "DotProduct", "ExpSineSquared", "Exponentiation", "Hyperparameter", "Matern",
        "Product", "RBF", "RationalQuadratic", "Sum", "WhiteKernel",
    ),
    "sklearn.metrics._dist_metrics": (
        "ChebyshevDistance64", "EuclideanDistance64", "ManhattanDistance64", "MinkowskiDistance64",
    ),
    "sklearn.model_selection._split": ("GroupKFold", "KFold", "StratifiedGroupKFold", "StratifiedKFold"),
    "sklearn.neighbors._ball_tree": ("BallTree",),
    "sklearn.neighbors._kd_tree": ("KDTree",),
    "sklearn.neural_network._stochastic_optimizers": ("AdamOptimizer", "SGDOptimizer"),
}  # fmt: skip
"""What fitted estimators keep that isn't an estimator. Each of them is only data: none calls what it holds."""

_LOSSES: Mapping[str, tuple[str, ...]] = {
    "sklearn._loss._loss": (
        "CyAbsoluteError", "CyExponentialLoss", "CyHalfBinomialLoss", "CyHalfGammaLoss", "CyHalfMultinomialLoss",
        "CyHalfPoissonLoss", "CyHalfSquaredError", "CyHalfTweedieLoss", "CyHalfTweedieLossIdentity", "CyHuberLoss",
        "CyPinballLoss",
    ),
    "sklearn.linear_model._sgd_fast": (
        "EpsilonInsensitive", "Hinge", "Huber", "Log", "ModifiedHuber", "SquaredEpsilonInsensitive", "SquaredHinge",
        "SquaredLoss",
    ),
}  # fmt: skip

FUNCTIONS = ("FunctionNode", "MethodNode", "PartialNode", "OperatorFuncNode")
"""Nodes that make something to call, accepted only where the reader's own estimator has an equal one."""

MAX_DEPTH = 200
"""How deep a schema may be nested."""


def load_estimator(file: Path, own: Any) -> Any:
    """Read a fitted estimator.

    Parameters
    ----------
    file : Path
    own : estimator
        The unfitted estimator that was fitted and saved: an object of the reader's.

    Returns
    -------
    estimator
        A fitted estimator with the parameters of `own`.

    Raises
    ------
    ValueError
        If it isn't a skops file or too large, names a function or a class that isn't on the list, holds another estimator than
        `own`, or arrays that don't fit each other.
    """
    import skops.io

    with open_archive(file) as (archive, stream):
        schema = _schema(archive)
        names = audit(schema, _schema_of(own))
        require_sound_trees((node for node in _nodes(schema) if node["__loader__"] == "TreeNode"), archive)
        with warnings.catch_warnings(record=True) as caught:
            loaded = skops.io.load(stream, trusted=sorted(names))
    for warning in dict.fromkeys(printable(one.message) for one in caught):  # some quote the file
        warnings.warn(warning, stacklevel=2)
    use_own_parameters(loaded, own)
    require_sound(loaded)
    return loaded


def _schema(archive: zipfile.ZipFile) -> dict[str, Any]:
    schema = parse_json(archive.read("schema.json"), max_depth=MAX_DEPTH)
    if not isinstance(schema, dict) or not isinstance(protocol := schema.get("protocol"), int) or protocol < OLDEST_PROTOCOL:
        raise ValueError("it has no schema of a known version of skops")
    return schema


def _schema_of(estimator: Any) -> dict[str, Any]:
    import skops.io

    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(estimator))) as archive:
        return _schema(archive)


def audit(schema: dict[str, Any], own: dict[str, Any]) -> set[str]:
    """Check each node of a schema.

    Parameters
    ----------
    schema : dict
        Of the file.
    own : dict
        Of the reader's unfitted estimator, whose own classes and functions are accepted too.

    Returns
    -------
    set of str
        The names that skops is to trust: all that are in the file.

    Raises
    ------
    ValueError
        If a node is not allowed.
    """
    own_nodes = list(_nodes(own))
    own_classes = {_name(node) for node in own_nodes if node["__loader__"] == "ObjectNode"}
    digest = _Digests()
    own_functions = {digest(node) for node in own_nodes if node["__loader__"] in FUNCTIONS}
    allowed = {**_NAMES, **_installed_names()}
    allowed["ObjectNode"] |= own_classes
    trees = [node for node in _nodes(schema) if node["__loader__"] == "TreeNode"]
    checked = {part.get("__id__"): digest(part) for tree in trees for part in _nodes(list(tree.values()))}
    names = set()
    for node in _nodes(schema):
        loader, name = node["__loader__"], _name(node)
        mine = loader in FUNCTIONS and digest(node) in own_functions
        if not mine and name not in allowed.get(loader, frozenset()):
            raise ValueError(f"it contains {name} ({loader}), which isn't on the list of what a model may hold")
        # skops takes a node of a number that it knows for the earlier one, so a checked part could be another
        number = node.get("__id__")
        if not isinstance(number, int) or checked.get(number, digest(node)) != digest(node):
            raise ValueError("it gives two objects the same number")
        names.add(name)
    return names


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """All nodes of a schema, wherever they are."""
    waiting, count = [schema], 0
    while waiting:
        value = waiting.pop()
        count += 1
        if count > MAX_NODES:
            raise ValueError(f"it has more than {MAX_NODES} values")
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            if "__loader__" in value:
                yield value
            waiting += value.values()


def _name(node: Mapping[str, Any]) -> str:
    module, name = node.get("__module__"), node.get("__class__")
    if not isinstance(module, str) or not isinstance(name, str) or not isinstance(node["__loader__"], str):
        raise ValueError("it has an object without a class")
    return f"{module}.{name}"


class _Digests:
    """Digests of nodes without the numbers of their objects; nodes of one digest make equal objects."""

    def __init__(self) -> None:
        self._known: dict[int, bytes] = {}

    def __call__(self, node: Any) -> bytes:
        if isinstance(node, list):
            return hashlib.sha256(b"[" + b"".join(map(self, node))).digest()
        if not isinstance(node, dict):
            return hashlib.sha256(json.dumps(node).encode()).digest()
        if id(node) not in self._known:
            parts = [json.dumps(key).encode() + self(item) for key, item in sorted(node.items()) if key != "__id__"]
            self._known[id(node)] = hashlib.sha256(b"{" + b"".join(parts)).digest()
        return self._known[id(node)]


@functools.cache
def _installed_names() -> dict[str, frozenset[str]]:
    """The estimators of the installed scikit-learn, and NumPy's types of numbers."""
    from sklearn.utils import all_estimators

    estimators = [kind for _, kind in all_estimators() if kind.__module__.startswith("sklearn.")]
    numbers = {kind for kind in np.sctypeDict.values() if issubclass(kind, np.number | np.bool_ | np.str_ | np.bytes_)}
    scalars = frozenset(f"{kind.__module__}.{kind.__name__}" for kind in numbers)
    return {
        "ObjectNode": frozenset(f"{kind.__module__}.{kind.__name__}" for kind in estimators) | _dotted(_PARTS),
        "LossNode": _dotted(_LOSSES),
        "NdArrayNode": scalars | {"numpy.ndarray"},
        "TypeNode": scalars | {"builtins.int", "builtins.float", "builtins.str", "builtins.bool"},
    }


def _dotted(names: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    return frozenset(f"{module}.{name}" for module, of_module in names.items() for name in of_module)
