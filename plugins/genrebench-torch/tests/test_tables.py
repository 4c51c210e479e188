"""Models of a few lines: the page of the docs passes the kit, learns, and keeps what it learned."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench.api import Context, FeatureTable, PluginError, log_loss
from genrebench.testing import GENRES, assert_conforms, tiny_examples

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "torch.md"
CODE: dict[str, Any] = {}
exec("\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)), CODE)
SPECS = {spec.name: spec for spec in CODE["genrebench_models"]()}
SMALL: dict[str, dict[str, Any]] = {"torch-mlp": {"epochs": 20, "learning_rate": 0.01}, "skorch-mlp": {}}


@pytest.fixture(autouse=True)
def _with_skorch(request: pytest.FixtureRequest) -> None:
    if "skorch" in request.node.name:
        pytest.importorskip("skorch")


@pytest.mark.parametrize("name", SPECS)
def test_the_models_of_the_docs_satisfy_the_contract(name: str) -> None:
    assert_conforms(SPECS[name], **SMALL[name])


@pytest.mark.parametrize("name", SPECS)
def test_they_learn_and_log_each_epoch(name: str) -> None:
    curve: list[dict[str, float]] = []
    facts: dict[str, Any] = {}
    train, validation, test = (tiny_examples(FeatureTable(), 20, seed=seed) for seed in range(3))
    columns = tuple(("mfcc", "mean", str(i)) for i in range(train.inputs.shape[1]))
    context = Context(GENRES, columns=columns, device="cpu", log=lambda _, v: curve.append(dict(v)), record=facts.__setitem__)
    spec = SPECS[name]
    model = spec.build(context, spec.options(**SMALL[name]))
    model.fit(train, validation)
    assert log_loss(test.labels, model.predict_proba(test.inputs)) < 0.8 < np.log(3)
    assert len(curve) == SMALL[name].get("epochs", 50)
    assert curve[-1]["train_loss"] < curve[0]["train_loss"] and len(curve[0]) == 2
    assert facts == {"device": "cpu", "parameters": 64 * (len(columns) + 1) + 3 * 65}


@pytest.mark.parametrize("name", SPECS)
def test_a_damaged_file_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "network.safetensors").write_bytes(b"damaged")
    spec = SPECS[name]
    with pytest.raises(PluginError, match=r"network\.safetensors isn't the file of this network"):
        spec.build(Context(GENRES, columns=(("a",),), device="cpu"), spec.options()).load(tmp_path)
