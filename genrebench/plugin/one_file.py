"""Models in one file: a Python file with the hooks of a plugin, used by its path, without a package."""

from __future__ import annotations

import contextlib
import copyreg
import dataclasses
import hashlib
import importlib.util
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

from genrebench.environment import without_home
from genrebench.errors import PluginError, UsageError
from genrebench.plugin.contract import ModelSpec
from genrebench.plugin.hookspecs import MODEL, Kind
from genrebench.plugin.loading import Plugin, load
from genrebench.plugin.registry import Registered, Registry
from genrebench.plugin.versions import stated_in
from genrebench.reading import UnsafeFileError, read_ordinary

MAX_FILE = 2**24
"""Largest file with models, in bytes."""


def is_file_name(name: str) -> bool:
    """Whether a model is named by the path of its file: ./model.py."""
    return name.endswith(".py")


def models_of_file(file: str | Path, registry: Registry) -> list[Registered[ModelSpec]]:
    """Import a file, register what it offers besides models, and return its models.

    What an earlier version of the file offered isn't registered any more. A file's models are found by its path alone.

    Parameters
    ----------
    file : path
    registry : Registry
        Gets the inputs, datasets and metrics of the file.

    Raises
    ------
    UsageError
        If there is no such file, or it offers no model.
    PluginError
        If it can't be imported, or a hook fails.
    """
    plugin, offered = _loaded(file, registry)
    models = offered[MODEL.name]
    if not models:
        why = plugin.warnings[0] if plugin.warnings else "it offers no model"
        raise UsageError(f"{file}: {why}; a model file has a function genrebench_models, marked with hookimpl")
    return [Registered(model, plugin, "file") for model in models]


def offers_of_file(file: str | Path, kinds: Iterable[Kind[Any]], registry: Registry) -> list[tuple[Kind[Any], Registered[Any]]]:
    """Import a file, and return what it offers of these kinds, models or others; parameters and errors as of `models_of_file`.

    Raises
    ------
    UsageError
        If it offers nothing of them.
    """
    plugin, offered = _loaded(file, registry)
    found = [(kind, Registered(spec, plugin, "file")) for kind in kinds for spec in offered[kind.name]]
    if not found:
        hooks = ", ".join(f"genrebench_{kind.name}s" for kind in kinds)
        why = plugin.warnings[0] if plugin.warnings else "it offers nothing that can be checked"
        raise UsageError(f"{file}: {why}; a plugin's file has a function marked with hookimpl, one of {hooks}")
    return found


def _loaded(file: str | Path, registry: Registry) -> tuple[Plugin, dict[str, Any]]:
    """Import a file, register what it offers besides models, and return all by kind."""
    path = Path(file).expanduser()
    try:
        content = read_ordinary(path, MAX_FILE)
    except OSError as error:
        raise UsageError(f"the model file {str(file)!r} can't be read: {error.strerror or error}") from None
    except UnsafeFileError as error:
        raise UsageError(f"the model file {str(file)!r} can't be read: {error}") from None
    digest = hashlib.sha256(content).hexdigest()
    name = f"genrebench_file_{re.sub(r'[^A-Za-z0-9_]', '_', path.stem)}_{digest[:12]}"
    plugin = Plugin(path.stem, path.name, f"sha256:{digest[:12]}", file=without_home(str(path.resolve())))
    plugin, offered = load(plugin, lambda: _imported(name, path.resolve(), content), stated_in(content))
    if plugin.error is not None:
        raise PluginError(f"{file}: {plugin.error}")
    registry.discard(plugin)
    registry.add(plugin, {kind: specs for kind, specs in offered.items() if kind != MODEL.name})
    return plugin, dict(offered)


def model_of_file(file: str | Path, registry: Registry) -> Registered[ModelSpec]:
    """The model of a file that offers one; see `models_of_file`.

    Raises
    ------
    UsageError
        If it offers several.
    """
    models = models_of_file(file, registry)
    if len(models) > 1:
        names = ", ".join(model.spec.name for model in models)
        raise UsageError(f"{file} offers several models ({names}); put the one to check into a file of its own")
    return models[0]


def _imported(name: str, path: Path, content: bytes) -> ModuleType:
    """The module of a file; its objects are sent to worker processes by value, as these can't import it."""
    if name in sys.modules:
        return sys.modules[name]
    import cloudpickle

    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise PluginError(f"{path.name} isn't a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        code = compile(content, str(path), "exec", dont_inherit=True)  # annotations in it are what the file says they are
        exec(code, module.__dict__)  # noqa: S102 - the user's own file, just these bytes
        _resolve_annotations(module)
    except BaseException:
        del sys.modules[name]
        raise
    cloudpickle.register_pickle_by_value(module)
    copyreg.pickle(type(dataclasses.MISSING), lambda _: "MISSING")  # compared by identity
    return module


def _resolve_annotations(module: ModuleType) -> None:
    """Turn annotations that are text into types: where objects arrive by value, there is no module to look names up in."""
    for value in list(vars(module).values()):
        if not isinstance(value, type) or value.__module__ != module.__name__:
            continue
        hints: dict[str, Any] = {}
        with contextlib.suppress(Exception):  # whatever the author wrote; it is reported where it is used
            hints = get_type_hints(value, include_extras=True)
        value.__annotations__ = {name: hints.get(name, kind) for name, kind in vars(value).get("__annotations__", {}).items()}
        for field in vars(value).get("__dataclass_fields__", {}).values():
            field.type = hints.get(field.name, field.type)
