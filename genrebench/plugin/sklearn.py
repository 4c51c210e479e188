"""Any scikit-learn classifier as a model, in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.errors import PluginError
from genrebench.plugin.contract import Context, Examples, FeatureTable, Model, ModelSpec, NoOptions, Table

TRUSTED = ("sklearn.", "numpy.", "scipy.")
"""Packages whose types a saved estimator may name beyond those that skops trusts itself, trees for one."""


class SklearnModel(Model[Table]):
    """A scikit-learn classifier with `predict_proba` behind the model contract.

    Parameters
    ----------
    context : Context
    estimator : classifier
        Unfitted; a pipeline is one too.

    Notes
    -----
    A genre without a training track gets probability 0, which the log loss clips.
    """

    def __init__(self, context: Context, estimator: Any) -> None:
        self.context = context
        self.estimator = estimator

    def fit(self, train: Examples[Table], validation: Examples[Table]) -> None:  # noqa: ARG002 - nothing is chosen on validation
        """Fit the estimator on the training table."""
        self.estimator.fit(np.asarray(train.inputs), train.labels)

    def predict_proba(self, inputs: Table) -> NDArray[np.float64]:
        """Probabilities with a column for every genre of the task."""
        known = self.estimator.predict_proba(np.asarray(inputs))
        result = np.zeros((len(known), len(self.context.genres)))
        result[:, self.estimator.classes_] = known
        return result

    def save(self, folder: Path) -> None:
        """Write the estimator with skops, which stores no code."""
        import skops.io

        skops.io.dump(self.estimator, folder / "estimator.skops")

    def load(self, folder: Path) -> None:
        """Read the estimator; a file that asks for types from elsewhere than scikit-learn and its base is refused."""
        import skops.io

        file = folder / "estimator.skops"
        asked = skops.io.get_untrusted_types(file=file)
        unknown = [name for name in asked if not name.startswith(TRUSTED)]
        if unknown:
            raise PluginError(f"{file} asks for types that are not trusted: {', '.join(unknown)}; save the model anew")
        self.estimator = skops.io.load(file, trusted=asked)


def sklearn_model(
    name: str,
    summary: str,
    make: Callable[..., Any],
    *,
    options: type = NoOptions,
    inputs: Callable[[Any], Any] = lambda _: FeatureTable(),
) -> ModelSpec:
    """Make a model of a scikit-learn classifier.

    Parameters
    ----------
    name, summary : str
        As in `ModelSpec`.
    make : callable
        ``make(context, options)`` gives the unfitted classifier or pipeline. Import scikit-learn in there.
    options : type
        Dataclass of the options.
    inputs : callable
        As in `ModelSpec`; by default the whole feature table.

    Returns
    -------
    ModelSpec

    Examples
    --------
    >>> def forest(context, options):
    ...     from sklearn.ensemble import RandomForestClassifier
    ...     return RandomForestClassifier(random_state=context.seed, n_jobs=context.workers)
    >>> spec = sklearn_model("forest", "random forest on the feature table", forest)
    """
    return ModelSpec(name, summary, lambda context, opts: SklearnModel(context, make(context, opts)), inputs, options)
