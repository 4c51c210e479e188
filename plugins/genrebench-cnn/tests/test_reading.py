"""Pieces of audio are in order, padded where a track ends."""

import numpy as np
import torch

from genrebench_cnn.reading import read_pieces, resident_source


def test_pieces_are_cut_and_padded(waveforms) -> None:
    inputs = waveforms([np.arange(1, 11, dtype=np.float32), np.ones(3, np.float32)])
    pieces = read_pieces(inputs, inputs.lengths, [0, 0, 1, 1], [0, 8, 1, 5], 4)
    assert pieces.tolist() == [[1, 2, 3, 4], [9, 10, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]]


def test_audio_kept_on_the_device_is_the_same_audio(waveforms) -> None:
    rng = np.random.default_rng(0)
    inputs = waveforms([(rng.integers(-32768, 32768, n) / 32768).astype(np.float32) for n in (50, 20, 35)])
    source = resident_source(inputs, inputs.lengths, torch.device("cpu"))
    tracks, starts = [2, 0, 1, 1], [0, 33, 15, 40]
    np.testing.assert_array_equal(source(tracks, starts, 25).numpy(), read_pieces(inputs, inputs.lengths, tracks, starts, 25))
