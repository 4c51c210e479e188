"""Synthetic frames and fixtures for the tests of this plugin."""

from collections.abc import Callable

import numpy as np
import pytest

from genrebench.api import Examples, LazyInputs
from genrebench.testing import ListInputs

N_COEFFICIENTS = 4

SETTINGS = {"coefficients": N_COEFFICIENTS, "sample_rate": 4000, "hop_length": 200, "n_fft": 400}
"""Twenty frames per second, four values per frame."""

SMALL = {**SETTINGS, "crop_seconds": 3.0, "dilations": (1, 4), "hidden": 16, "members": 2, "epochs": 12, "batch_size": 8}


def track(genre: int, n_frames: int, rng: np.random.Generator) -> np.ndarray:
    """Noise with the same distribution in both genres: genre 0 changes with each frame, genre 1 ten times as slowly."""
    steps = 10 if genre else 1
    values = rng.normal(size=(n_frames // steps + 1, N_COEFFICIENTS))
    return np.repeat(values, steps, axis=0)[:n_frames].astype(np.float32)


def make_examples(n_per_genre: int, n_frames: int = 120, seed: int = 0) -> Examples[LazyInputs]:
    """Tracks of two genres that differ only in the order of their frames; four tracks share an artist."""
    rng = np.random.default_rng(seed)
    labels = np.arange(2 * n_per_genre) % 2
    return Examples(ListInputs([track(label, n_frames, rng) for label in labels]), labels, np.arange(len(labels)) // 4)


@pytest.fixture
def examples() -> Callable[..., Examples[LazyInputs]]:
    """The function that makes examples."""
    return make_examples


@pytest.fixture
def small() -> dict[str, object]:
    """Options of a small model of the synthetic frames."""
    return dict(SMALL)
