"""What rows are called where two look alike, and which of them have seen the test tracks."""

from typing import Any

import pytest

from genrebench.boards.columns import COLUMNS
from genrebench.boards.naming import has_seen, told_apart
from genrebench.boards.row import Row


def row(model: str, plugin: str = "p", version: str = "0.1.0", **more: Any) -> Row:
    return Row(f"{model}{plugin}{version}{more}", 1, model, plugin, version, {}, (), (), {}, {}, **more)


def names(*rows: Row) -> list[str]:
    return [one.label for one in told_apart(rows)]


def test_only_rows_that_look_alike_get_versions_and_distributions() -> None:
    assert names(row("a"), row("b")) == ["a", "b"]
    assert names(row("a"), row("a", version="0.2.0"), row("b")) == ["a 0.1.0", "a 0.2.0", "b"]
    assert names(row("a"), row("a", "q")) == ["p:a 0.1.0", "q:a 0.1.0"]
    assert names(row("a"), row("a", changed={"c": 1})) == ["a", "a (c=1)"]
    assert names(row("a", version="0.2.0", changed={"c": 1}), row("a", changed={"c": 1})) == ["a 0.2.0 (c=1)", "a 0.1.0 (c=1)"]
    assert names(row("uniform", baseline=True), row("uniform", baseline=True)) == ["uniform", "uniform"]


@pytest.mark.parametrize(
    ("trained_on", "dataset", "seen"),
    [
        ((), "demo", False),
        (("audioset", "msd"), "gtzan", False),
        (("GTZAN",), "gtzan", True),
        (("gtzan",), "gtzan-fault-filtered", True),
        (("fma-large",), "fma-small", True),
        (("fma",), "fma-medium", True),
        (("FMA_Large",), "fma-medium", True),
        (("fm",), "fma-medium", False),
        (("my music",), "my-music", True),
    ],
)
def test_a_data_set_that_was_seen(trained_on: tuple[str, ...], dataset: str, seen: bool) -> None:
    assert has_seen(trained_on, dataset) is seen


def test_a_pretrained_row_says_so() -> None:
    (clean, seen) = told_apart([row("a", trained_on=("msd",)), row("b", trained_on=("fma-large", "msd"), test_seen=True)])
    note = COLUMNS["note"].text
    assert note(clean, {}) == "pretrained on msd"
    assert note(seen, {}) == "HAS SEEN THE TEST SET: pretrained on fma-large, msd"
    assert (seen.to_json()["trained_on"], seen.to_json()["test_seen"]) == (["fma-large", "msd"], True)
