"""The probes: the contract, the protocol, and odd training sets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench.api import Context, Examples, PluginError, log_loss
from genrebench.testing import assert_conforms
from genrebench_embeddings import genrebench_models
from genrebench_embeddings.options import KnnOptions, LinearOptions, MlpOptions

PROBES = {spec.name: spec for spec in genrebench_models()}
SMALL: dict[str, dict[str, Any]] = {
    "probe-linear": {"c": (0.01, 1.0)},
    "probe-mlp": {"alpha": (1.0,), "hidden": 8, "steps": 30},
    "probe-knn": {"k": (2, 5)},
}
OPTIONS = {"probe-linear": LinearOptions, "probe-mlp": MlpOptions, "probe-knn": KnnOptions}
COLUMNS = tuple((f"layer-{layer:02d}", "mean", f"{i:04d}") for layer in (0, 1) for i in range(4))


def tracks(n: int, seed: int, n_genres: int = 3) -> Examples[Any]:
    """Two layers of four values: noise, and noise around a mean of the genre's own."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % n_genres
    x = rng.normal(size=(n, 8))
    x[np.arange(n), 4 + labels] += 3
    return Examples(x, labels, np.arange(n) // 2)


def built(name: str, genres: tuple[str, ...] = ("a", "b", "c"), **context: Any) -> Any:
    options = OPTIONS[name](**SMALL[name])
    return PROBES[name].build(Context(genres, columns=COLUMNS, **context), options)


@pytest.mark.parametrize("name", PROBES)
def test_the_contract(name: str, tmp_path: Path) -> None:
    (tmp_path / "encoder.onnx").touch()  # which has to be there; the kit makes embeddings without it
    assert_conforms(PROBES[name], **SMALL[name], encoder=f"onnx:{tmp_path / 'encoder.onnx'}")


@pytest.mark.parametrize("with_validation", [True, False])
@pytest.mark.parametrize("name", PROBES)
def test_layer_and_setting_are_chosen_by_log_loss(name: str, with_validation: bool) -> None:
    facts: dict[str, Any] = {}
    curve: list[float] = []
    model = built(name, record=facts.__setitem__, log=lambda _, values: curve.append(values["validation log loss"]))
    train, validation, test = tracks(60, 0), tracks(30, 1), tracks(60, 2)
    model.fit(train, validation if with_validation else replace(validation, inputs=np.zeros((0, 8)), labels=np.zeros(0, int)))
    assert facts["layer"] == 1
    assert len(curve) == 2 * len(model.settings)
    best = int(np.argmin(curve))
    assert (facts["layer"], facts["setting"]) == (best // len(model.settings), model.settings[best % len(model.settings)])
    assert log_loss(test.labels, model.predict_proba(test.inputs)) < 0.6 < np.log(3)


def test_a_layer_that_tells_artists_apart_isnt_chosen() -> None:
    # layer 0 is the same for all tracks of an artist and says nothing of others; layer 1 tells genres apart, though badly
    rng = np.random.default_rng(0)
    artist = np.repeat(np.arange(30), 4)
    labels = artist % 3
    x = rng.normal(size=(120, 8))
    x[:, :4] = 10 * rng.normal(size=(30, 4))[artist] + 0.01 * x[:, :4]
    x[np.arange(120), 4 + labels] += 1.5
    facts: dict[str, Any] = {}
    none = Examples(x[:0], labels[:0], artist[:0])
    built("probe-knn", record=facts.__setitem__).fit(Examples(x, labels, artist), none)
    assert facts["layer"] == 1


def test_validation_tracks_choose_but_arent_trained_on() -> None:
    train = tracks(60, 0)
    predictions = []
    for seed in (1, 2):
        model = built("probe-linear")
        model.fit(train, tracks(300, seed))
        predictions.append(model.predict_proba(train.inputs))
    np.testing.assert_array_equal(*predictions)


@pytest.mark.parametrize("seen", [(0,), (1,), (0, 2), (1, 2), (0, 1, 3)])
@pytest.mark.parametrize("name", PROBES)
def test_genres_without_training_tracks_get_a_small_probability(name: str, seen: tuple[int, ...]) -> None:
    full = tracks(80, 0, n_genres=4)
    keep = np.isin(full.labels, seen)
    train = Examples(full.inputs[keep], full.labels[keep], full.groups[keep])
    model = built(name, ("a", "b", "c", "d"))
    model.fit(train, tracks(20, 1, n_genres=4))
    p = model.predict_proba(full.inputs)
    assert (p > 0).all()
    assert (p[keep].argmax(axis=1) == full.labels[keep]).mean() > 0.7
    assert p[:, [g for g in range(4) if g not in seen]].max() < 0.1


@pytest.mark.parametrize("content", [b"", b"no zip", None])
@pytest.mark.parametrize("name", PROBES)
def test_a_damaged_file_is_refused(name: str, content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "probe.npz").write_bytes(content)
    with pytest.raises(PluginError, match=r"probe\.npz isn't the file of this probe"):
        built(name).load(tmp_path)
