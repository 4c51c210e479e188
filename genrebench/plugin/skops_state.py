"""Whether the state of a loaded estimator can be used: scikit-learn's compiled code trusts the numbers that it finds.

Trees hold the numbers of their children and columns, and the compiled code goes there without looking; the arrays of a support
vector machine have to fit each other. A crafted file could make it read anywhere in memory, or go round in circles.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_OBJECTS = 5_000_000
"""Largest number of objects in an estimator, where one that is in it twice counts twice: so often it is asked to predict."""

SEARCH_TREES = ("KDTree", "BallTree")

_MEMBERS = ("steps", "transformer_list")
"""Parameters whose estimators are fitted in place, as pairs of a name and an estimator."""


def use_own_parameters(loaded: Any, own: Any) -> None:
    """Replace the parameters of a loaded estimator by those of the reader's estimator, of which it is the fitted form.

    Raises
    ------
    ValueError
        If it isn't.
    """
    if type(loaded) is not type(own):
        raise ValueError(f"it holds {type(loaded).__name__} where the model has {type(own).__name__}")
    parameters = own.get_params(deep=False)
    for name, value in parameters.items():
        current = getattr(loaded, name, None)
        if name in _MEMBERS:
            _use_own_members(current, value, name)
        elif hasattr(value, "get_params") and type(current) is type(value):
            use_own_parameters(current, value)
        else:
            setattr(loaded, name, value)


def _use_own_members(loaded: Any, own: Any, name: str) -> None:
    same = isinstance(loaded, list) and len(loaded) == len(own)
    if not same or any(not isinstance(pair, tuple) or pair[:1] != mine[:1] for pair, mine in zip(loaded, own, strict=True)):
        raise ValueError(f"its {name} aren't those of the model")
    for (_, member), (_, mine) in zip(loaded, own, strict=True):
        if hasattr(mine, "get_params"):
            use_own_parameters(member, mine)
        elif type(member) is not type(mine) or member != mine:
            raise ValueError(f"its {name} aren't those of the model")


# ------------------------------------------------------------------ trees, before they are made


def require_sound_trees(nodes: Iterable[Mapping[str, Any]], archive: zipfile.ZipFile) -> None:
    """Check the nodes of a skops schema that are trees of scikit-learn.

    Raises
    ------
    ValueError
        If a child isn't behind its parent in the tree, or a column isn't in the table that the tree says it sees.
    """
    for node in nodes:
        try:
            n_features, n_classes, n_outputs = (_value(item, archive) for item in node["__reduce__"]["args"]["content"])
            state = {name: _value(item, archive) for name, item in node["content"]["content"].items()}
            table, count = state["nodes"], state["node_count"]
            sound = (
                all(isinstance(number, int) for number in (n_features, n_outputs, count, state["max_depth"]))
                and n_classes.shape == (n_outputs,)
                and n_classes.dtype.kind in "iu"
                and n_classes.min() > 0
                and table.shape == (count,)
                and state["values"].shape == (count, n_outputs, n_classes.max())
                and _descends(table["left_child"], table["right_child"])
                and _inside(table["feature"][table["left_child"] != -1], n_features)
            )
        except (AttributeError, KeyError, IndexError, TypeError, ValueError):
            sound = False
        if not sound:
            raise ValueError("it contains a decision tree whose parts don't fit each other")


def _value(node: Mapping[str, Any], archive: zipfile.ZipFile) -> Any:
    if node["__loader__"] == "JsonNode":
        return json.loads(node["content"])
    if node["__loader__"] == "NdArrayNode" and node["type"] == "numpy":
        with archive.open(node["file"]) as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    raise ValueError


def _descends(left: NDArray[np.int64], right: NDArray[np.int64]) -> bool:
    """Whether each node has no children, or two that come after it: so every way down ends."""
    own = np.arange(len(left))
    leaf = (left == -1) & (right == -1)
    inner = (left > own) & (right > own) & (left < len(left)) & (right < len(left))
    return bool(len(left) and (leaf | inner).all())


def _inside(numbers: NDArray[Any], n: int) -> bool:
    return bool(((numbers >= 0) & (numbers < n)).all())


# ------------------------------------------------------------------ the loaded estimator


def require_sound(estimator: Any) -> None:
    """Check everything that compiled code reads in a loaded estimator, and build the search trees of neighbours anew.

    Parameters
    ----------
    estimator
        With the reader's own parameters.

    Raises
    ------
    ValueError
    """
    from sklearn.base import BaseEstimator

    own = {id(one) for one in _objects(estimator.get_params(deep=True))} | {id(estimator)}
    found = list(_objects(estimator))
    estimators = [one for one in found if isinstance(one, BaseEstimator)]
    for one in estimators:
        _check_estimator(one)
        if isinstance(getattr(one, "n_jobs", None), int) and id(one) not in own:
            one.n_jobs = None  # a file doesn't say how many processes to start
    built = {id(getattr(one, "_tree", None)) for one in estimators}
    if any(type(one).__name__ in SEARCH_TREES and id(one) not in built for one in _objects(estimator)):
        raise ValueError("it contains a search tree that belongs to no nearest neighbours")


def _objects(root: Any) -> Iterator[Any]:
    """Each object in `root` once, the inner ones first.

    Raises
    ------
    ValueError
        If an object is in itself, or all paths to objects are more than `MAX_OBJECTS`.
    """
    sizes: dict[int, int] = {}
    waiting: list[tuple[Any, list[Any] | None]] = [(root, None)]
    while waiting:
        one, children = waiting.pop()
        if children is None:
            if id(one) in sizes:
                if not sizes[id(one)]:
                    raise ValueError("it contains an object that is in itself")
                continue
            sizes[id(one)] = 0
            children = _children(one)
            waiting.append((one, children))
            waiting += [(child, None) for child in children if sizes.get(id(child), 0) == 0]
            continue
        sizes[id(one)] = 1 + sum(sizes[id(child)] for child in children)
        if sizes[id(one)] > MAX_OBJECTS:
            raise ValueError(f"it contains more than {MAX_OBJECTS} objects")
        yield one


def _children(one: Any) -> list[Any]:
    if isinstance(one, dict):
        items = list(one.values())
    elif isinstance(one, list | tuple | set | frozenset):
        items = list(one)
    elif isinstance(one, np.ndarray):
        items = one.ravel().tolist() if one.dtype.hasobject else []
    elif type(one).__module__.startswith("sklearn.") or hasattr(one, "get_params"):
        items = list(getattr(one, "__dict__", {}).values())
    else:
        items = []
    return [item for item in items if not isinstance(item, str | bytes | int | float | bool | None)]


def _check_estimator(one: Any) -> None:
    from sklearn.cluster import KMeans
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.ensemble._forest import BaseForest
    from sklearn.ensemble._gb import BaseGradientBoosting
    from sklearn.neighbors._base import NeighborsBase
    from sklearn.svm._base import BaseLibSVM
    from sklearn.tree import BaseDecisionTree

    for kinds, check in (
        (BaseDecisionTree, _sound_tree),
        (BaseForest, _sound_forest),
        (BaseGradientBoosting, _sound_boosting),
        ((HistGradientBoostingClassifier, HistGradientBoostingRegressor), _sound_histograms),
        (BaseLibSVM, _sound_machine),
        (NeighborsBase, _sound_neighbours),
        (KMeans, lambda one: one.cluster_centers_.shape[1:] == (one.n_features_in_,)),
    ):
        if isinstance(one, kinds) and hasattr(one, "n_features_in_"):  # fitted
            try:
                sound = check(one)
            except (AttributeError, KeyError, IndexError, TypeError, ValueError):
                sound = False
            if not sound:
                raise ValueError(f"it contains a {type(one).__name__} whose parts don't fit each other")


def _sound_tree(one: Any) -> bool:
    from sklearn.tree._tree import Tree

    return type(one.tree_) is Tree and one.tree_.n_features == one.n_features_in_


def _sound_forest(one: Any) -> bool:
    return all(_sound_tree(tree) and tree.n_features_in_ == one.n_features_in_ for tree in one.estimators_)


def _sound_boosting(one: Any) -> bool:
    trees = one.estimators_
    n = trees.shape[1]
    first = one.init_.predict_proba(np.zeros((1, one.n_features_in_))).shape[1] if hasattr(one.init_, "predict_proba") else n
    return (
        trees.ndim == 2
        and one.n_trees_per_iteration_ == n
        and first in (n, n + (n == 1))
        and all(_sound_tree(tree) and tree.n_features_in_ == one.n_features_in_ for tree in trees.ravel())
    )


def _sound_histograms(one: Any) -> bool:
    for predictor in [predictor for iteration in one._predictors for predictor in iteration]:
        nodes = predictor.nodes
        inner = nodes["is_leaf"] == 0
        left, right = (np.where(inner, nodes[name].astype(np.int64), -1) for name in ("left", "right"))
        columns = nodes["feature_idx"][inner].astype(np.int64)
        if not _descends(left, right) or not _inside(columns, one.n_features_in_) or nodes["is_categorical"].any():
            return False
    return True


def _sound_machine(one: Any) -> bool:
    n_vectors, n_classes = len(one.support_vectors_), len(getattr(one, "classes_", (0, 1)))
    pairs = n_classes * (n_classes - 1) // 2
    return (
        one._sparse is False
        and one.support_vectors_.shape == (n_vectors, one.n_features_in_)
        and one.support_.shape == (n_vectors,)
        and one._dual_coef_.shape == (n_classes - 1, n_vectors)
        and one._intercept_.shape == (pairs,)
        and one._probA.shape == one._probB.shape
        and one._probA.shape in ((0,), (pairs,), (1,))
        and (one._probA.shape != (1,) or pairs == 1 or not hasattr(one, "classes_"))
        and (one._n_support >= 0).all()
        and len(one._n_support) == n_classes
        and one._n_support.sum() == n_vectors
    )


def _sound_neighbours(one: Any) -> bool:
    from sklearn.neighbors import BallTree, KDTree

    table = one._fit_X
    if not isinstance(table, np.ndarray) or table.shape[1:] != (one.n_features_in_,) or table.dtype.kind not in "fiu":
        return False
    if hasattr(one, "classes_"):
        labels = one._y
        if labels.shape != (len(table),) or labels.dtype.kind not in "iu" or not _inside(labels, len(one.classes_)):
            return False
    if one._fit_method == "brute":
        one._tree = None
    else:
        build = {"kd_tree": KDTree, "ball_tree": BallTree}[one._fit_method]
        leaf_size = one.leaf_size if isinstance(one.leaf_size, int) and one.leaf_size > 0 else 30
        one._tree = build(table, leaf_size, metric=one.effective_metric_, **(one.effective_metric_params_ or {}))
    return True
