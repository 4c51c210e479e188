"""The conformance kit passes good models and finds what is wrong with bad ones."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench.plugin.contract import FeatureTable, ModelSpec
from genrebench.testing import assert_conforms, conformance
from tests import tiny


@pytest.mark.parametrize("spec", tiny.SPECS, ids=lambda spec: spec.name)
def test_good_models_pass(spec: ModelSpec) -> None:
    assert_conforms(spec, sharpness=2.0)


class Forgetful(tiny.Nearest):
    def load(self, folder: Path) -> None:
        super().load(folder)
        assert self.means is not None
        self.means = self.means[::-1]


class Pickler(tiny.Nearest):
    def save(self, folder: Path) -> None:
        super().save(folder)
        (folder / "model.bin").write_bytes(pickle.dumps(self.means))


class Peeking(tiny.Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        x = self.table(inputs)
        self.scale = x.std(axis=0) + 1.0
        return super().predict_proba(inputs)


class Restless(tiny.Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        return np.random.default_rng().dirichlet(np.ones(self.n), len(inputs))


class Fussy(tiny.Nearest):
    def fit(self, train: Any, validation: Any) -> None:
        if not len(validation):
            raise ValueError("needs validation")
        super().fit(train, validation)


class Wide(tiny.Nearest):
    def predict_proba(self, inputs: Any) -> Any:
        return np.hstack([super().predict_proba(inputs), np.zeros((len(inputs), 1))])


@pytest.mark.parametrize(
    ("model", "check"),
    [
        (Forgetful, "saved and loaded"),
        (Pickler, "saved and loaded"),
        (Peeking, "track by track"),
        (Restless, "same seed"),
        (Fussy, "without validation"),
        (Wide, "shape and sum"),
    ],
)
def test_a_bad_model_is_found_out(model: type[tiny.Nearest], check: str) -> None:
    failed = [c.name for c in conformance(tiny.spec("bad", model, FeatureTable())) if c.problem]
    assert any(check in name for name in failed), failed
    with pytest.raises(AssertionError, match="bad breaks the model contract"):
        assert_conforms(tiny.spec("bad", model, FeatureTable()))
