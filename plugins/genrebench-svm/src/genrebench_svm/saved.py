"""Whether the parts of a saved model fit each other; it may come from a stranger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from genrebench_svm.kernels import KernelName
from genrebench_svm.probabilities import METHODS


def require_sound(arrays: Mapping[str, NDArray[Any]], constants: Any, n_genres: int) -> None:
    """Check the arrays and constants of a saved model.

    Parameters
    ----------
    arrays, constants
        As `SvmModel.save` writes them.
    n_genres : int
        Number of genres of the task.

    Raises
    ------
    ValueError
        If one is missing, of the wrong type or shape, or not finite.
    """
    try:
        classes, vectors = arrays["classes"], arrays["vectors"]
        n_classes, pairs = len(classes), len(classes) * (len(classes) - 1) // 2
        n_columns = len(arrays["mean"])
        sigmoids = n_classes if constants["probabilities"] == "ovr" else pairs
        shapes = {
            "mean": (n_columns,),
            "scale": (n_columns,),
            "classes": (n_classes,),
            "vectors": (len(vectors), n_columns),
            "coefficients": (len(vectors), pairs),
            "intercepts": (pairs,),
            "sigmoids": (sigmoids, 2),
        }
        numbers = [constants["gamma"], constants["n_train"]]
        sound = (
            all(arrays[name].shape == shape for name, shape in shapes.items())
            and all(arrays[name].dtype.kind in "fiu" and np.isfinite(arrays[name]).all() for name in shapes)
            and n_columns > 0
            and classes.dtype.kind in "iu"
            and n_classes > 0
            and classes.min() >= 0
            and classes.max() < n_genres
            and bool((np.diff(classes.astype(np.int64)) > 0).all())
            and bool((arrays["scale"] > 0).all())
            and constants["n_classes"] == n_classes
            and constants["kernel"] in get_args(KernelName)
            and constants["probabilities"] in METHODS
            and all(isinstance(number, int | float) and 0 < number < 1e15 for number in numbers)
        )
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"a part is missing or of the wrong type ({error})") from None
    if not sound:
        raise ValueError("its parts don't fit each other")
