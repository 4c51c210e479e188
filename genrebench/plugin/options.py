"""Typed options of models: parsing, validation, description.

The options of a model are a frozen dataclass whose fields all have defaults. Types and ranges are validated by pydantic, so a
field can be declared as ``Annotated[float, Field(gt=0, description="penalty of the SVM")] = 1.0``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from genrebench.errors import PluginError, UsageError, did_you_mean, similar
from genrebench.jsontypes import plain

_UNIONS = (types.UnionType, typing.Union)


@dataclass(frozen=True, slots=True)
class OptionInfo:
    """Description of an option."""

    name: str
    type: str
    default: Any
    help: str


def parse_options(model: str, options: type, settings: Mapping[str, Any]) -> Any:
    """Create the options of `model` from the user's settings.

    Parameters
    ----------
    model : str
        The model's name, for messages.
    options : type
        Dataclass of the options.
    settings : mapping
        Option name to value. Text is parsed according to the type of the option: "2", "0.5", "true", "none" if None is allowed,
        "1,4" or "[1, 4]" for several values.

    Returns
    -------
    object
        An instance of `options`.

    Raises
    ------
    UsageError
        If an option is unknown, or a value has the wrong type or is out of range.
    """
    import pydantic

    names = [field.name for field in dataclasses.fields(options)]
    for name in settings:
        if name not in names:
            raise UsageError(f"{model} has no option {name!r}; {did_you_mean(name, names)}")
    hints = _hints(model, options)
    values = {name: _from_text(value, hints[name]) if isinstance(value, str) else value for name, value in settings.items()}
    try:
        return pydantic.TypeAdapter(options).validate_python(values)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else model
        of_plugin = first["type"] in ("value_error", "assertion_error")
        reason = f"is invalid: {first['msg'].partition(', ')[2]}" if of_plugin else f"isn't {_expected(hints.get(name))}"
        if (choices := _choices(hints.get(name))) and similar(str(first.get("input")), choices):
            reason = f"isn't valid; {did_you_mean(str(first.get('input')), choices)}"
        raise UsageError(
            f"{model}: {name}={settings.get(name, first.get('input'))!r:.100} {reason}; see 'genrebench plugins show {model}'"
        ) from None
    except (pydantic.PydanticUserError, NameError) as error:
        raise PluginError(f"the options class of {model} is invalid: {error}") from error


def describe_options(model: str, options: type) -> list[OptionInfo]:
    """Describe the options of a model, in order of declaration."""
    hints = _hints(model, options)
    result = []
    for field in dataclasses.fields(options):
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        result.append(OptionInfo(field.name, _type_text(hints[field.name]), plain(default), _help(hints[field.name])))
    return result


def options_as_dict(options: Any) -> dict[str, Any]:
    """Return the options in JSON types."""
    values: dict[str, Any] = plain(options)
    return values


def _hints(model: str, options: type) -> dict[str, Any]:
    if not dataclasses.is_dataclass(options):
        raise PluginError(f"the options class of {model} isn't a dataclass: {options!r}")
    return typing.get_type_hints(options, include_extras=True)


def _bare(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Split Annotated[type, ...] into the type and its annotations."""
    if typing.get_origin(hint) is typing.Annotated:
        base, *extras = typing.get_args(hint)
        return base, tuple(extras)
    return hint, ()


def _kinds(hint: Any) -> list[Any]:
    """The types that a value can have: the members of a union, or a single type."""
    base, _ = _bare(hint)
    return [_bare(part)[0] for part in typing.get_args(base)] if typing.get_origin(base) in _UNIONS else [base]


def _from_text(text: str, hint: Any) -> Any:
    """Parse None and sequences, which pydantic doesn't parse from text."""
    kinds = _kinds(hint)
    if text.lower() == "none" and type(None) in kinds:
        return None
    if not any(typing.get_origin(kind) is tuple for kind in kinds):
        return text
    if text.startswith("["):
        with contextlib.suppress(ValueError):
            return json.loads(text)
    return [part.strip() for part in text.split(",")] if text.strip() else []


def _help(hint: Any) -> str:
    return next((extra.description for extra in _bare(hint)[1] if getattr(extra, "description", None)), "")


def _choices(hint: Any) -> list[str]:
    """The words that an option takes, if it takes words of a list."""
    literals = [kind for kind in _kinds(hint) if typing.get_origin(kind) is typing.Literal]
    return [str(choice) for kind in literals for choice in typing.get_args(kind)]


def _expected(hint: Any) -> str:
    """What an option takes, for a message: "a whole number >= 1"."""
    base, extras = _bare(hint)
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text", type(None): "none"}
    origin = typing.get_origin(base)
    if origin is typing.Literal:
        return f"one of {', '.join(map(str, typing.get_args(base)))}"
    if origin in _UNIONS:
        parts = [_expected(typing.Annotated[part, *extras] if extras else part) for part in typing.get_args(base)]
        return " or ".join(dict.fromkeys(parts))
    if origin is tuple:
        return f"a list: {_several_text(typing.get_args(base), extras)}"
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    bounds = [] if base is type(None) else [f"{signs[name]} {value:g}" for name, value in _limits(extras, signs)]
    return " ".join([words.get(base, _type_text(base)), ", ".join(bounds)]).strip()


def _type_text(hint: Any) -> str:
    base, extras = _bare(hint)
    origin = typing.get_origin(base)
    if origin is typing.Literal:
        text = " | ".join(str(choice) for choice in typing.get_args(base))
    elif origin in _UNIONS:
        text = " | ".join(_type_text(part) for part in typing.get_args(base))
    elif origin is tuple:
        return _several_text(typing.get_args(base), extras)
    else:
        text = "none" if base is type(None) else getattr(base, "__name__", str(base))
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    bounds = [f"{signs[name]} {value:g}" for name, value in _limits(extras, signs)]
    return f"{text} {', '.join(bounds)}" if bounds else text


def _several_text(kinds: tuple[Any, ...], extras: tuple[Any, ...]) -> str:
    """Describe the items of a tuple, how many are allowed, and how they are separated."""
    if Ellipsis not in kinds:
        return f"{' and '.join(map(_type_text, kinds))}, separated by commas"
    signs = {"min_length": "at least", "max_length": "at most"}
    counts = [f"{signs[name]} {value}" for name, value in _limits(extras, signs)]
    return f"{_type_text(kinds[0])}; {' and '.join(counts) or 'several'}, separated by commas"


def _limits(extras: Iterable[Any], names: Iterable[str]) -> list[tuple[str, Any]]:
    """The limits with these names among the annotations of a type, in order."""
    candidates = [(name, bound) for extra in extras for bound in getattr(extra, "metadata", [extra]) for name in names]
    return [(name, getattr(bound, name)) for name, bound in candidates if getattr(bound, name, None) is not None]
