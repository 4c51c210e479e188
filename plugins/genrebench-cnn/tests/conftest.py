"""Synthetic audio and fixtures for the tests of this plugin."""

from collections.abc import Iterable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from genrebench.api import Examples, LazyInputs


class ArrayWaveforms(LazyInputs):
    """Waveforms in memory; several tracks may share an array."""

    def __init__(self, arrays: Iterable[NDArray[np.float32]]) -> None:
        self.arrays = list(arrays)

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.array([len(a) for a in self.arrays], dtype=np.int64)

    def __len__(self) -> int:
        return len(self.arrays)

    def read(self, index: int, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        return self.arrays[index][start:stop]

    def subset(self, indices: Iterable[int]) -> "ArrayWaveforms":
        return ArrayWaveforms(self.arrays[i] for i in indices)


def make_examples(
    n_per_genre: int, rate: int = 16_000, seconds: float = 4.0, seed: int = 0, n_genres: int = 2
) -> Examples[LazyInputs]:
    """Noisy tones whose pitch is the genre."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(rate * seconds)) / rate
    tracks, labels = [], []
    for number in range(n_per_genre * n_genres):
        genre = number % n_genres
        pitch = 200 * 4**genre * rng.uniform(0.9, 1.1)
        wave = 0.3 * np.sin(2 * np.pi * pitch * time) + 0.05 * rng.standard_normal(len(time))
        tracks.append(wave.astype(np.float32))
        labels.append(genre)
    return Examples(ArrayWaveforms(tracks), np.array(labels), np.arange(len(labels)))


@pytest.fixture(scope="session")
def examples() -> type:
    """The function that makes examples."""
    return make_examples


@pytest.fixture(scope="session")
def waveforms() -> type:
    """The class of waveforms in memory."""
    return ArrayWaveforms


@pytest.fixture(scope="module", params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> str:
    """The CPU and, on a machine that has one, a GPU: what is tested there is known to work here."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip(f"torch {torch.__version__} finds no CUDA device here")
    return request.param
