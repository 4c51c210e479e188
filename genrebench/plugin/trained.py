"""The plugin that answers for a finished run: the one that trained it, another version of it, or none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from packaging.version import InvalidVersion, Version

from genrebench.errors import UsageError
from genrebench.plugin.contract import ModelSpec
from genrebench.plugin.one_file import models_of_file
from genrebench.plugin.registry import Registered, Registry, same_distribution


def registered_model_of(
    run: str, name: str, distribution: str, registry: Registry, file: str | None = None
) -> Registered[ModelSpec]:
    """Find the model of a run among the installed plugins, or in its file.

    Parameters
    ----------
    run : str
        Id of the run, for messages.
    name, distribution : str
        The model, and the distribution that trained the run.
    registry : Registry
    file : str, optional
        The model's file, with ~ for the home folder.

    Raises
    ------
    UsageError
        If the distribution isn't installed, or doesn't offer the model any more; the message says what is needed.
    """
    if file is not None:
        path = Path(file).expanduser()
        if not path.is_file():
            raise UsageError(f"the model of {run} is in the file {file}, which isn't there any more; put it back")
        found = [model for model in models_of_file(path, registry) if model.spec.name == name]
        if not found:
            raise UsageError(f"{file} doesn't offer the model {name!r} of {run} any more")
        return found[0]
    return registry.model_of(name, distribution)


def require_compatible(
    run: str, model: Registered[ModelSpec], version: str, say: Callable[[str], None], distribution: str
) -> None:
    """Say which version trained a run and which answers, if they differ.

    Parameters
    ----------
    run : str
        Id of the run, for messages.
    model : Registered of ModelSpec
        The model that answers.
    version : str
        Version of the plugin that trained the run.
    say : callable
        Gets a warning, if the versions differ.
    distribution : str
        The distribution that trained the run.

    Raises
    ------
    UsageError
        If the plugin declares that it doesn't read models of that version.
    """
    plugin, since = model.plugin, model.spec.reads_since
    if model.origin == "object" or (plugin.version == version and same_distribution(plugin.distribution, distribution)):
        return
    told = f"{run} was trained by {distribution} {version}, and {plugin.distribution} {plugin.version} answers"
    if since and _older(version, since):
        raise UsageError(
            f"{told}, which doesn't read models from before {since}; install the old one (pip install "
            f"'{distribution}=={version}'), or repeat the run"
        )
    say(f"warning: {told}; if they differ in what they compute, so do the predictions")


def _older(version: str, since: str) -> bool:
    try:
        return Version(version) < Version(since)
    except InvalidVersion:
        return version != since
