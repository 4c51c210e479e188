"""Adapter from scikit-learn classifiers to the model contract."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.errors import PluginError
from genrebench.plugin.contract import Context, Examples, FeatureTable, Model, ModelSpec, NoOptions, Table


class SklearnModel(Model[Table]):
    """A scikit-learn classifier with `predict_proba`, adapted to the model contract.

    Parameters
    ----------
    context : Context
    estimator : classifier
        An unfitted classifier or pipeline.

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
        """Return probabilities with a column for every genre of the task."""
        fitted_genres = self.estimator.predict_proba(np.asarray(inputs))
        result = np.zeros((len(fitted_genres), len(self.context.genres)))
        result[:, self.estimator.classes_] = fitted_genres
        return result

    def save(self, folder: Path) -> None:
        """Save the estimator with skops, which stores no code."""
        import skops.io

        skops.io.dump(_for_prediction(self.estimator), folder / "estimator.skops")

    def load(self, folder: Path) -> None:
        """Load the estimator; see `genrebench.plugin.skops_file` for what a file may contain."""
        from genrebench.plugin.skops_file import load_estimator

        file = folder / "estimator.skops"
        try:
            self.estimator = load_estimator(file, self.estimator)
        except (ValueError, KeyError, TypeError, AttributeError, OSError, MemoryError) as error:
            raise PluginError(f"{file.name} isn't loaded: {error}") from error


def _for_prediction(estimator: Any) -> Any:
    """The estimator without the functions that scored it in a search for parameters, which files never contain."""
    kept = copy.copy(estimator)
    for name in ("scorer_", "_curve_scorer"):
        vars(kept).pop(name, None)
    return kept


def sklearn_model(
    name: str,
    summary: str,
    make: Callable[..., Any],
    *,
    options: type = NoOptions,
    inputs: Callable[[Any], Any] = lambda _: FeatureTable(),
) -> ModelSpec:
    """Create a model from a scikit-learn classifier.

    Parameters
    ----------
    name, summary : str
        As in `ModelSpec`.
    make : callable
        ``make(context, options)`` returns the unfitted classifier or pipeline. Import scikit-learn inside this function.
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
