"""A plugin's kind of input as the host uses it: what it prepares is checked, and errors name the plugin that offers it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from genrebench.errors import AudioError, PluginError
from genrebench.plugin.blame import blaming
from genrebench.plugin.inputs import Clip, InputContext, InputSpec, Prepared, is_column
from genrebench.plugin.lazy import LazyInputs
from genrebench.plugin.registry import Registered
from genrebench.records import Dataset


def prepare_input(registered: Registered[InputSpec], requested: Any, clips: Sequence[Clip], context: InputContext) -> Prepared:
    """Prepare inputs with the plugin that offers their kind, and check them.

    Raises
    ------
    AudioError
        If a clip can't be decoded.
    PluginError
        If the plugin raises anything else than an error that genrebench expects, or returns something else than one entry per
        clip: a finite table with its columns' names, or lazy inputs.
    """
    spec, plugin = registered.spec, registered.plugin
    if plugin.distribution == "genrebench":
        return spec.prepare(requested, clips, context)
    label = _label(registered)
    with blaming(label, "prepare", kept=AudioError):
        prepared = spec.prepare(requested, clips, context)
    return _checked(prepared, [clip.id for clip in clips], label)


def given_values(
    registered: Registered[InputSpec], requested: Any, dataset: Dataset
) -> Callable[[Sequence[str]], Prepared] | None:
    """Return what takes the inputs of tracks from what comes with a dataset, and checks them; None if they need its audio.

    Raises
    ------
    DataError
        If the dataset lacks what is requested.
    PluginError
        As `prepare_input`.
    """
    spec, label = registered.spec, _label(registered)
    if spec.given is None:
        return None
    with blaming(label, "given"):
        take = spec.given(requested, dataset)
    if take is None or registered.plugin.distribution == "genrebench":
        return take

    def checked(ids: Sequence[str]) -> Prepared:
        with blaming(label, "given"):
            prepared = take(ids)
        return _checked(prepared, ids, label)

    return checked


def _label(registered: Registered[InputSpec]) -> str:
    return f"the input {registered.spec.name} ({registered.plugin.distribution} {registered.plugin.version})"


def _checked(prepared: Any, ids: Sequence[str], label: str) -> Prepared:
    try:
        problem = problem_of(prepared, ids)
    except Exception as error:  # a length or a value of the plugin's own object
        problem = f"{type(error).__name__}: {error}"
    if problem is not None:
        raise PluginError(f"{label}: {problem}")
    found: Prepared = prepared
    return found


def problem_of(prepared: Any, ids: Sequence[str]) -> str | None:
    """Say what is wrong with prepared inputs of the tracks `ids`; None if nothing is."""
    if not isinstance(prepared, Prepared):
        return f"prepare returned {type(prepared).__name__}, not genrebench.api.Prepared"
    inputs = prepared.inputs
    if not isinstance(inputs, np.ndarray | LazyInputs):
        return f"prepare returned inputs of type {type(inputs).__name__}; they have to be an array or LazyInputs"
    if len(inputs) != len(ids):
        return f"prepare returned {len(inputs)} inputs for {len(ids)} clips; it has to return one for each, in their order"
    odd = next((column for column in prepared.columns if not is_column(column)), None)
    if odd is not None:
        return f"prepare returned the column name {odd!r}; it has to be a tuple of texts"
    twice = next((column for column, n in Counter(prepared.columns).items() if n > 1), None)
    if twice is not None:
        return f"prepare returned two columns of the name {twice!r}; a trained model finds its columns by their names"
    if isinstance(inputs, LazyInputs):
        return None
    if inputs.ndim != 2 or inputs.dtype.kind not in "fiub":
        return f"prepare returned an array of shape {inputs.shape} and type {inputs.dtype}, not a table of numbers"
    bad = np.flatnonzero(~np.isfinite(inputs).all(axis=1))
    if len(bad):
        return f"prepare returned values that aren't finite for {len(bad)} clips, the first is {ids[bad[0]]!r}"
    if prepared.columns and len(prepared.columns) != inputs.shape[1]:
        return f"prepare returned {inputs.shape[1]} columns and the names of {len(prepared.columns)}"
    return None
