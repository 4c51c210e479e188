"""What a model answers and reports, as plain data that another process can read."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np


def described(answer: Any) -> dict[str, Any]:
    """What `predict_proba` returned, as plain data: its type, dtype, shape and values."""
    array = answer if isinstance(answer, np.ndarray) else None
    values = None
    with contextlib.suppress(TypeError, ValueError):
        values = np.array(answer, dtype=np.float64)
    return {
        "type": type(answer).__name__,
        "dtype": "" if array is None else str(array.dtype),
        "values": values,
    }


def plain(pair: tuple[Any, Any]) -> tuple[Any, Any]:
    """A pair whose parts are plain data, or the text of them in a tuple."""
    return tuple(_value(part) for part in pair)


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key) if isinstance(key, str) else (repr(key),): _value(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_value(v) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, str | int | float | bool | type(None)) else (repr(value)[:80],)
