"""Checks of what a model declares: its spec, its options, its module."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

from packaging.version import InvalidVersion, Version

from genrebench.plugin.contract import ModelSpec
from genrebench.plugin.hookspecs import MODEL
from genrebench.plugin.options import describe_options
from genrebench.testing.apart import Probe
from genrebench.testing.check import Rule
from genrebench.testing.declarations import IMPORT, declaration_problem
from genrebench.testing.models.bench import ModelBench


def spec(bench: ModelBench) -> str | None:
    """Name, summary, an input that is registered and the same for the same options; what boards and citations show."""
    found: str | None = bench.outcome("declared", _declared)["spec"]
    return found


def options(bench: ModelBench) -> str | None:
    """A frozen dataclass whose fields have help, a range where they are numbers, and defaults within it."""
    found: str | None = bench.outcome("declared", _declared)["options"]
    return found


def _declared(bench: ModelBench, probe: Probe) -> None:
    with probe.step("options", final=True):
        problem = _options_problem(bench)
        probe.note("options", problem)
    with probe.step("spec"):
        probe.note("spec", None if problem else _spec_problem(bench))


def _spec_problem(bench: ModelBench) -> str | None:
    declared = bench.spec
    problem = declaration_problem(declared, MODEL)
    if problem:
        return problem
    try:
        requested, again = declared.inputs(bench.options), declared.inputs(bench.options)
        hash(requested)
    except Exception as error:
        return f"inputs raised {type(error).__name__}: {error}"
    if requested != again:
        return f"inputs returned {requested!r} and then {again!r} for the same options"
    try:
        bench.one  # noqa: B018, made from the examples of the input
    except Exception as error:
        return str(error)
    try:
        seen = declared.trained_on(bench.options)
    except Exception as error:
        return f"trained_on raised {type(error).__name__}: {error}"
    if not isinstance(seen, list | tuple) or not all(isinstance(name, str) for name in seen):
        return f"trained_on returned {seen!r:.60}, not a list of names of data sets"
    try:
        Version(declared.reads_since or "0")
    except (InvalidVersion, TypeError):
        return f"reads_since is {declared.reads_since!r}, which isn't a version such as '1.2.0'"
    return None


def _options_problem(bench: ModelBench) -> str | None:
    kind = bench.spec.options
    if not dataclasses.is_dataclass(kind) or not isinstance(kind, type):
        return f"options is {kind!r:.60}, which isn't a dataclass"
    if not kind.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        return "the dataclass of the options isn't frozen"
    hints = typing.get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            return f"option {field.name!r} has no default"
        if not _is_known(hints[field.name]):
            return f"option {field.name!r} takes anything, so that its values can't be checked; name its type"
        if not _bounded(hints[field.name]):
            return f"option {field.name!r} is a number without a range"
    missing = next((info.name for info in describe_options(bench.spec.name, kind) if not info.help.strip()), None)
    if missing:
        return f"option {missing!r} has no description"
    return _default_problem(bench.spec)


def _is_known(hint: Any) -> bool:
    """Whether a type says what a value is."""
    parts = () if typing.get_origin(hint) is typing.Literal else typing.get_args(hint)
    return hint not in (Any, object) and all(map(_is_known, parts))


def _bounded(hint: Any, extras: tuple[Any, ...] = ()) -> bool:
    """Whether each number in the type of an option has a bound."""
    if typing.get_origin(hint) is typing.Annotated:
        base, *more = typing.get_args(hint)
        return _bounded(base, (*extras, *more))
    if typing.get_origin(hint) is typing.Literal:
        return True
    parts = typing.get_args(hint)
    if parts:
        return all(part is Ellipsis or _bounded(part, extras) for part in parts)
    if hint not in (int, float):
        return True
    constraints = [bound for extra in extras for bound in getattr(extra, "metadata", [extra])]
    bounds = ("gt", "ge", "lt", "le")
    return any(getattr(bound, name, None) is not None for bound in constraints for name in bounds) or any(
        callable(getattr(bound, "func", None))
        for bound in constraints  # a validator of the author's own
    )


def _default_problem(declared: ModelSpec) -> str | None:
    import pydantic

    defaults = {field.name: getattr(declared.options(), field.name) for field in dataclasses.fields(declared.options)}
    try:
        pydantic.TypeAdapter(declared.options).validate_python(defaults)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        return f"the default of option {'.'.join(map(str, first['loc']))!r} is out of its own range: {first['msg']}"
    return None


RULES = (
    Rule(
        "options",
        options,
        "Options are shown by 'plugins show', recorded, and set by people who haven't read the code.",
        'Annotate each field of a frozen dataclass: Annotated[int, Field(ge=1, description="passes over the data")] = 20.',
        owns=("declared.start", "declared.options"),
    ),
    Rule(
        "spec",
        spec,
        "The command line finds a model, and its input, by what the spec says.",
        "Correct the arguments of ModelSpec; inputs(options) returns one of FeatureTable, Waveforms, Frames, or another "
        "registered input, a frozen dataclass.",
        needs=("options",),
        owns=("declared.spec",),
    ),
    IMPORT,
)
