"""Reading and writing of run.json. Every value is validated when it is read, so that other code needn't check it.

Version 0.1.0 wrote the training curves into run.json, no origin of the model, and "external" as the plugin of imported
predictions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, TypeVar, get_args

from genrebench.reading import parse_json
from genrebench.records import Exclusion
from genrebench.runs.predictions import MAX_FOLDS
from genrebench.runs.record import (
    ExtraTrainingRecord,
    ModelRecord,
    Origin,
    PredictionsRecord,
    Run,
    Status,
    TaskRecord,
)

FORMAT = 1
"""Version of the format of run.json; a record with a higher version was written by a newer genrebench."""

MAX_GENRES = 1000
MAX_TEXT = 10_000
"""Characters of a name or a message."""

MAX_SECONDS = 1e10
MAX_CURVES = 100
"""Values of a point of a training curve."""

T = TypeVar("T")
_REQUIRED: Any = object()


class NewerFormatError(ValueError):
    """The record was written by a newer genrebench."""


def record_to_dict(run: Run) -> dict[str, Any]:
    """Content of run.json."""
    return {"format": FORMAT} | {field.name: getattr(run, field.name) for field in fields(Run)}


def record_from_json(data: bytes) -> Run:
    """Parse run.json.

    Raises
    ------
    ValueError, TypeError
        If it isn't the record of a run; `NewerFormatError` if it was written by a newer genrebench.
    """
    record = _Object(parse_json(data), "the record")
    if record.take("format", _integer, 0) > FORMAT:
        raise NewerFormatError
    status = record.take("status", _one_of(Status))
    return Run(
        id=record.take("id", _text),
        status=status,
        task=_task(record.take("task", _object)),
        model=_model(record.take("model", _object)),
        seed=record.take("seed", _integer),
        metrics=record.take("metrics", _optional(_mapping(_optional(_number))), None),
        timings=record.take("timings", _mapping(_amount), {}),
        peak_rss_mb=record.take("peak_rss_mb", _optional(_amount), None),
        environment=record.take("environment", _mapping(_text), {}),
        facts=record.take("facts", _mapping(_anything), {}),
        started=record.take("started", _text, ""),
        error=record.take("error", _optional(_message), None),
        metrics_version=record.take("metrics_version", _integer, 0),
        predictions=record.take("predictions", _optional(_predictions), None),
        lab=record.take("lab", _text, ""),
    )


def curves_from_json(data: bytes) -> tuple[Mapping[str, Any], ...]:
    """Training curves in a run.json of version 0.1.0; newer runs have them in curves.jsonl."""
    record = _Object(parse_json(data), "the record")
    return record.take("curves", _list(_point), ())


def curve_point(line: bytes) -> Mapping[str, Any]:
    """Parse a line of curves.jsonl.

    Raises
    ------
    ValueError, TypeError
        If it isn't a point of a training curve.
    """
    return _point(parse_json(line), "a point")


def task_from_json(value: Any) -> TaskRecord:
    """The record of a task from JSON types.

    Raises
    ------
    ValueError, TypeError
        If it is none.
    """
    return _task(_Object(value, "the task"))


# ------------------------------------------------------------------ parts of a record


def _task(value: _Object) -> TaskRecord:
    return TaskRecord(
        dataset=value.take("dataset", _text),
        source=value.take("source", _text, ""),
        version=value.take("version", _text, ""),
        split=value.take("split", _text),
        split_seed=value.take("split_seed", _integer, 0),
        split_source=value.take("split_source", _text, ""),
        fingerprint=value.take("fingerprint", _text),
        excerpt=value.take("excerpt", _text, "30"),
        excerpt_slack=value.take("excerpt_slack", _number, 0.0),
        n_training=value.take("n_training", _count, 0),
        n_validation=value.take("n_validation", _count, 0),
        n_test=value.take("n_test", _count, 0),
        n_folds=value.take("n_folds", _some_folds, 1),
        n_excluded=value.take("n_excluded", _count, 0),
        excluded=value.take("excluded", _list(_exclusion), ()),
        genres=value.take("genres", _genres),
        training_counts=value.take("training_counts", _list(_list(_count)), ()),
        shared_artists=value.take("shared_artists", _optional(_integer), None),
        extra_training=value.take("extra_training", _optional(_extra_training), None),
        synthetic=value.take("synthetic", _boolean, False),
        segments=value.take("segments", _text, "apart"),
        warnings=value.take("warnings", _list(_text), ()),
        reading=value.take("reading", _text, ""),
    )


def _model(value: _Object) -> ModelRecord:
    plugin = value.take("plugin", _text)
    return ModelRecord(
        name=value.take("name", _text),
        plugin=plugin,
        version=value.take("version", _text),
        options=value.take("options", _mapping(_anything), {}),
        changed=value.take("changed", _mapping(_anything), {}),
        calibrated=value.take("calibrated", _boolean, False),
        feature_source=value.take("feature_source", _optional(_text), None),
        origin=value.take("origin", _one_of(Origin), "imported" if plugin == "external" else "plugin"),
        trained_on=value.take("trained_on", _list(_text), ()),
        file=value.take("file", _optional(_text), None),
    )


def _extra_training(value: Any, where: str) -> ExtraTrainingRecord:
    record = _object(value, where)
    return ExtraTrainingRecord(
        dataset=record.take("dataset", _text),
        source=record.take("source", _text, ""),
        added=record.take("added", _mapping(_count), {}),
        ids=record.take("ids", _optional(_mapping(_list(_text))), None),
    )


def _exclusion(value: Any, where: str) -> Exclusion:
    record = _object(value, where)
    return Exclusion(record.take("id", _text), record.take("reason", _text, ""))


def _predictions(value: Any, where: str) -> PredictionsRecord:
    record = _object(value, where)
    return PredictionsRecord(
        sha256=record.take("sha256", _text),
        rows=record.take("rows", _count),
        test_counts=record.take("test_counts", _list(_list(_count)), ()),
    )


def _point(value: Any, where: str) -> Mapping[str, Any]:
    point = _mapping(_optional(_number))(value, where)
    if len(point) > MAX_CURVES:
        raise ValueError(f"{where} has more than {MAX_CURVES} values")
    _folds(point.get("fold"), f"fold of {where}")
    _integer(point.get("epoch"), f"epoch of {where}")
    return point


# ------------------------------------------------------------------ parsers; `where` names the value in error messages

Parser = Callable[[Any, str], T]


class _Object:
    """A JSON object whose values are validated when they are taken."""

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise TypeError(f"{where} is {value!r:.40}, not an object")
        self._values, self._where = value, where

    def take(self, name: str, parse: Parser[T], default: Any = _REQUIRED) -> T:
        """Parse a value, which is required unless there is a default."""
        if name not in self._values and default is not _REQUIRED:
            result: T = default
            return result
        if name not in self._values:
            raise ValueError(f"{self._where} has no {name!r}")
        return parse(self._values[name], name)


def _object(value: Any, where: str) -> _Object:
    return _Object(value, where)


def _anything(value: Any, where: str) -> Any:  # noqa: ARG001 - the signature of all parsers
    return value


def _typed(kind: type[T] | tuple[type, ...], name: str) -> Parser[Any]:
    def parse(value: Any, where: str) -> Any:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise TypeError(f"{where} is {value!r:.40}, not {name}")
        return value

    return parse


_any_text: Parser[str] = _typed(str, "text")
_any_integer: Parser[int] = _typed(int, "a whole number")
_any_number: Parser[float] = _typed((int, float), "a number")
_boolean: Parser[bool] = _typed(bool, "true or false")


def _text(value: Any, where: str) -> str:
    text = _any_text(value, where)
    if len(text) > MAX_TEXT:
        raise ValueError(f"{where} is longer than {MAX_TEXT} characters")
    return text


def _message(value: Any, where: str) -> str:
    return _any_text(value, where)[:MAX_TEXT]


def _integer(value: Any, where: str) -> int:
    number = _any_integer(value, where)
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"{where} is too large")
    return number


def _number(value: Any, where: str) -> float:
    number = _any_number(value, where)
    try:
        finite = math.isfinite(number)
    except OverflowError:
        finite = False
    if not finite:
        raise ValueError(f"{where} is too large")
    return number


def _amount(value: Any, where: str) -> float:
    number = _number(value, where)
    if not 0 <= number <= MAX_SECONDS:
        raise ValueError(f"{where} is negative or too large")
    return number


def _genres(value: Any, where: str) -> tuple[str, ...]:
    genres = _list(_text)(value, where)
    if len(genres) > MAX_GENRES or len(set(genres)) < len(genres):
        raise ValueError(f"{where} are more than {MAX_GENRES}, or one is among them twice")
    return genres


def _count(value: Any, where: str) -> int:
    number = _integer(value, where)
    if number < 0:
        raise ValueError(f"{where} isn't a number of tracks")
    return number


def _folds(value: Any, where: str, least: int = 0) -> int:
    number = _integer(value, where)
    if not least <= number <= MAX_FOLDS:
        raise ValueError(f"{where} is {number}, not a number of folds")
    return number


def _some_folds(value: Any, where: str) -> int:
    return _folds(value, where, least=1)


def _one_of(literal: Any) -> Parser[Any]:
    choices = get_args(literal)

    def parse(value: Any, where: str) -> Any:
        if value not in choices:
            raise ValueError(f"{where} is {value!r:.40}, not one of {', '.join(choices)}")
        return value

    return parse


def _optional(parse: Parser[T]) -> Parser[T | None]:
    return lambda value, where: None if value is None else parse(value, where)


def _list(parse: Parser[T]) -> Parser[tuple[T, ...]]:
    def parse_all(value: Any, where: str) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise TypeError(f"{where} is {value!r:.40}, not a list")
        return tuple(parse(item, f"an item of {where}") for item in value)

    return parse_all


def _mapping(parse: Parser[T]) -> Parser[Mapping[str, T]]:
    def parse_all(value: Any, where: str) -> Mapping[str, T]:
        if not isinstance(value, dict):
            raise TypeError(f"{where} is {value!r:.40}, not an object")
        return {key: parse(item, f"{key:.40} of {where}") for key, item in value.items()}

    return parse_all
