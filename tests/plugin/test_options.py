from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrebench.api import Field, UsageError
from genrebench.errors import did_you_mean
from genrebench.plugin.options import describe_options, options_as_dict, parse_options


@dataclass(frozen=True)
class Options:
    epochs: Annotated[int, Field(ge=1, le=100, description="passes over the data")] = 2
    rate: Annotated[float, Field(gt=0, description="step size")] = 0.001
    loss: Annotated[Literal["bce", "cce"], Field(description="what is minimised")] = "bce"
    gamma: Annotated[float | None, Field(description="none: 1/columns")] = None
    balance: Annotated[bool, Field(description="even out genres")] = False
    steps: Annotated[
        tuple[Annotated[int, Field(ge=1, le=9)], ...], Field(min_length=1, max_length=3, description="frames between taps")
    ] = (1, 4)
    names: tuple[str, ...] = ()
    span: tuple[int, float] | None = None


def test_text_is_parsed_by_type() -> None:
    settings = {"epochs": "7", "rate": "0.5", "loss": "cce", "gamma": "none", "balance": "true"}
    assert parse_options("m", Options, settings) == Options(7, 0.5, "cce", None, True)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("steps", "1,4,9", (1, 4, 9)),
        ("steps", " 1, 4 ", (1, 4)),
        ("steps", "7", (7,)),
        ("steps", "[1, 4]", (1, 4)),
        ("names", "", ()),
        ("names", "[]", ()),
        ("names", "a b,none", ("a b", "none")),
        ("names", '["a,b"]', ("a,b",)),
        ("span", "2,0.5", (2, 0.5)),
        ("span", "none", None),
    ],
)
def test_sequences_are_parsed_from_text(name: str, text: str, value: object) -> None:
    assert getattr(parse_options("m", Options, {name: text}), name) == value


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", "0", "epochs='0'"),
        ("epochs", "two", "epochs='two'"),
        ("rate", "-1", "rate='-1'"),
        ("loss", "mse", "loss='mse' isn't one of bce, cce"),
        ("loss", "BCE", "did you mean bce?"),
        ("epochs", "1.5", "epochs='1.5' isn't a whole number >= 1, <= 100"),
        ("rate", "fast", "rate='fast' isn't a number > 0"),
        ("epoch", "3", "did you mean epochs?"),
        ("steps", "1,x", "steps='1,x'"),
        ("steps", "1,,4", "steps='1,,4'"),
        ("steps", "1,10", "steps='1,10'"),
        ("steps", "1,2,3,4", "at least 1 and at most 3"),
        ("steps", "", "at least 1 and at most 3"),
        ("steps", "[1, 4", "steps='[1, 4'"),
        ("span", "1", "a list: int and float, separated by commas or none"),
    ],
)
def test_an_invalid_value_is_reported_with_the_model(name: str, value: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_options("cnn-raw", Options, {name: value})
    assert message in str(error.value)
    assert "cnn-raw" in str(error.value)
    assert "\n" not in str(error.value)
    assert not any(phrase in str(error.value) for phrase in ("Input should", "Value error", "valid number", "unable to"))


@given(st.integers(1, 100), st.floats(1e-6, 1e6))
def test_recorded_options_give_the_same_options(epochs: int, rate: float) -> None:
    options = Options(epochs=epochs, rate=rate)
    assert parse_options("m", Options, options_as_dict(options)) == options


def test_options_are_described_by_type_range_and_help() -> None:
    described = {info.name: info for info in describe_options("m", Options)}
    assert described["epochs"].type == "int >= 1, <= 100"
    assert described["loss"].type == "bce | cce"
    assert described["gamma"].type == "float | none"
    assert described["rate"].help == "step size"
    assert described["steps"].type == "int >= 1, <= 9; at least 1 and at most 3, separated by commas"
    assert described["steps"].default == [1, 4]
    assert described["names"].type == "str; several, separated by commas"
    assert described["span"].type == "int and float, separated by commas | none"


def test_did_you_mean_lists_all_names_if_none_is_similar() -> None:
    assert did_you_mean("zzz", ["b", "a"]) == "known: a, b"
