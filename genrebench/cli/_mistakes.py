"""Mistakes on the command line, answered with the command that was meant."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genrebench.errors import similar

MEANT = {
    "models": "plugins list",
    "model": "plugins show MODEL",
    "options": "plugins show MODEL",
    "datasets": "data list",
    "dataset": "data show DATASET",
    "download": "data get DATASET",
    "board": "leaderboard",
    "boards": "leaderboard",
    "results": "leaderboard",
    "scores": "leaderboard",
    "rank": "leaderboard",
    "train": "run MODEL",
    "fit": "run MODEL",
    "evaluate": "run MODEL",
    "test": "run MODEL",
    "classify": "predict FILE --run latest",
    "diff": "compare A B",
    "repeat": "reproduce RUN_ID",
    "history": "runs list",
    "ls": "runs list",
    "delete": "runs rm ID",
    "remove": "runs rm ID",
    "html": "report",
    "version": "--version",
    "help": "--help",
}
"""What other words for a command mean, within `genrebench`."""

WITHIN = {
    "ls": "list", "delete": "rm", "remove": "rm", "del": "rm", "info": "show", "describe": "show", "download": "get",
    "show": "info", "list": "info", "clean": "clear", "empty": "clear",
}  # fmt: skip
"""What other words mean within a group of commands, such as `genrebench runs`."""

_WORDS = (
    (r"Value error, (.*) is not one of (.*?)\.?$", r"\1 isn't one of \2"),
    (r"Input should be a valid integer.*", "it has to be a whole number"),
    (r"Input should be a valid number.*", "it has to be a number"),
    (r"Input should be greater than or equal to (.*)", r"it has to be \1 or more"),
    (r"Input should be greater than (.*)", r"it has to be more than \1"),
    (r"Input should be less than or equal to (.*)", r"it has to be \1 or less"),
    (r"Input should be less than (.*)", r"it has to be less than \1"),
    (r"(?:Input should be|Value error,) ?", ""),
)
"""The phrases of the library that parses values, and ours."""

MISSING = {
    "--run": "say whose model is meant: --run latest for the newest run, or --run MODEL@latest",
    "MODEL": "name a model; 'genrebench plugins list' has the installed ones",
    "ID": "name a run by its id, the beginning of it, 'latest', or MODEL@latest",
    "RUN_ID": "name a run by its id, the beginning of it, 'latest', or MODEL@latest",
    "A": "name two models, rows or runs to compare",
    "B": "name two models, rows or runs to compare",
    "FILE": "name audio files, folders or playlists",
    "DATASET": "name a dataset or a folder; 'genrebench data list' has the registered ones",
}


def unknown_command(word: str, group: Any, path: str) -> str:
    """What is said of a word that isn't a command of a group.

    Parameters
    ----------
    word : str
    group : TyperGroup
    path : str
        The words that call the group, such as "genrebench runs".
    """
    commands: Mapping[str, Any] = group.commands
    within: dict[str, list[str]] = {}
    for name, command in commands.items():
        for inner in getattr(command, "commands", {}):
            within.setdefault(inner, []).append(f"{name} {inner}")
    synonyms = MEANT if within else {key: value for key, value in WITHIN.items() if value in commands}
    known = {**{inner: " or ".join(meant) for inner, meant in within.items()}, **synonyms, **{name: name for name in commands}}
    meant = dict.fromkeys(one for name in similar(word, known, 1) for one in known[name].split(" or "))
    hint = f"did you mean {' or '.join(f'{path!s} {one}' for one in meant)}?" if meant else f"see '{path} --help'"
    return f"there is no command {word!r}; {hint}"


def explained(error: Any, arguments: Sequence[str]) -> str:
    """The message of an error of the command line, in our words and with the next step.

    Parameters
    ----------
    error : TyperException
    arguments : sequence of str
        The words of the command line.
    """
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "genrebench"
    see = f"; see '{path} --help'"
    kind = type(error).__name__
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    if kind == "NoSuchOption" and error.option_name == "--data-dir":
        return f"--data-dir stands before the command: genrebench --data-dir FOLDER {path.removeprefix('genrebench ')} ..."
    if kind == "NoSuchOption" and (whole := _one_dash(error, context, arguments)):
        return f"there is no option -{whole}; did you mean --{whole}?"
    if kind == "NoSuchOption":
        return f"there is no option {error.option_name}{_similar_option(error, context)}{see}"
    if kind == "MissingParameter":
        return _missing(error, path)
    if kind == "BadParameter" and error.param is not None:
        return f"{_value(error, arguments)}: {_in_our_words(error.message)}{see}"
    if kind == "BadOptionUsage":
        return f"{error.option_name} needs a value{see}"
    extra = re.search(r"unexpected extra argument[s()]* \((.*)\)", message)
    if extra is not None:
        return _extra(extra[1], context, path)
    return message.rstrip(".") + (see if context is not None and "did you mean" not in message else "")


def _one_dash(error: Any, context: Any, arguments: Sequence[str]) -> str:
    """The name of an option that was written with one dash, which stands for several options of one letter."""
    known = {name for parameter in (context.command.params if context is not None else ()) for name in parameter.opts}
    written = (word[1:].partition("=")[0] for word in arguments if word.startswith(error.option_name) and word[1:2] != "-")
    return next((name for name in written if f"--{name}" in known), "")


def _similar_option(error: Any, context: Any) -> str:
    options = [name for parameter in (context.command.params if context is not None else ()) for name in parameter.opts]
    known = [name for name in options if name.startswith("--")]
    meant = similar(error.option_name.lstrip("-"), [name.lstrip("-") for name in known], 2)
    return f"; did you mean {' or '.join(f'--{name}' for name in meant)}?" if meant else ""


def _missing(error: Any, path: str) -> str:
    parameter = error.param
    names = [] if parameter is None else [*parameter.opts, str(parameter.metavar or "").split(".")[0].strip("{}[]")]
    if parameter is not None and not names[0].startswith("--"):
        names = [names[-1] or names[0].upper()]
    hint = next((MISSING[name] for name in names if name in MISSING), f"see '{path} --help'")
    return f"{names[0] if names else 'an argument'} is missing; {hint}"


def _value(error: Any, arguments: Sequence[str]) -> str:
    """The option with its value as it was typed."""
    for option in error.param.opts:
        for word, after in zip(arguments, [*arguments[1:], ""], strict=True):
            if word == option:
                return f"{option} {after!r} isn't valid"
            if word.startswith(f"{option}="):
                return f"{option} {word.partition('=')[2]!r} isn't valid"
    return f"{error.param.opts[0]} isn't valid"


def _in_our_words(message: str) -> str:
    for pattern, ours in _WORDS:
        message = re.sub(pattern, ours, message)
    quoted = re.fullmatch(r"'(.*)' isn't one of (.*)", message)
    if quoted is None:
        return message.rstrip(".")
    choices = [choice.strip(" '") for choice in quoted[2].split(",")]
    meant = similar(quoted[1], choices, 1)
    return f"did you mean {meant[0]}?" if meant else f"choose one of {', '.join(choices)}"


def _extra(words: str, context: Any, path: str) -> str:
    """What is said of words too many; a folder or a dataset belongs to --dataset."""
    options = {name for parameter in context.command.params for name in parameter.opts}
    first = words.split()[0]
    if "--dataset" in options:
        import genrebench as gb

        datasets = [one["name"] for one in gb.list_datasets().to_json()]
        if first in datasets or Path(first).expanduser().is_dir():
            return f"{first!r} is one argument too many; did you mean: {path} ... --dataset {first}"
    if "--runs" in options and Path(first).expanduser().is_dir():
        return f"{first!r} is one argument too many; did you mean: {path} ... --runs {first}"
    return f"too many arguments ({words}); see '{path} --help'"
