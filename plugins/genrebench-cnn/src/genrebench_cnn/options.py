"""Options of cnn-raw, with the report's values as defaults, and the shapes that follow from them. Imports no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from genrebench.api import Field, UsageError

STRIDE = 4 * 4 * 20
"""Samples from one position of the third convolution to the next: two pools by 4 and its stride of 20."""

POSITIONS = 40
"""Width of the last pool in positions of the third convolution, so the smallest number that a window can have."""

MIN_WINDOW = 14_100
"""Samples in the shortest window for which the last pool has an output."""

MIN_STRETCHES = 8
"""Fewest stretches per training step: over the windows of one or two tracks, batch norm would subtract the genre itself."""


@dataclass(frozen=True)
class CnnOptions:
    """Typed options; `genrebench plugins show cnn-raw` lists them with their help."""

    sample_rate: Annotated[int, Field(ge=4000, le=192_000, description="Hz that every clip is resampled to")] = 44_100
    window_seconds: Annotated[float, Field(gt=0, le=60, description="length of the network's input window")] = 1.0
    hop_seconds: Annotated[float, Field(gt=0, description="shift from one training window to the next")] = 0.25
    epochs: Annotated[int, Field(ge=1, description="passes over the training windows")] = 2
    batch_size: Annotated[int, Field(ge=2, description="windows per training step")] = 1000
    learning_rate: Annotated[float, Field(gt=0, le=1, description="learning rate of Adam")] = 0.001
    weight_decay: Annotated[float, Field(ge=0, description="L2 penalty in Adam")] = 0.0
    dropout: Annotated[
        float, Field(ge=0, lt=1, description="probability of dropping a value before each convolution, fc 70 and fc 30")
    ] = 0.0
    loss: Annotated[
        Literal["binary", "categorical"],
        Field(description="binary: cross entropy of each softmax output with the one-hot label; categorical: cross entropy"),
    ] = "binary"
    engine: Annotated[
        Literal["shared", "plain"],
        Field(description="shared: overlapping windows share their convolutions; plain: window by window, the reference"),
    ] = "shared"
    stretch_seconds: Annotated[
        float,
        Field(gt=0, description="length of audio whose windows share their convolutions; shorter makes batches more varied"),
    ] = 1.75
    balance: Annotated[bool, Field(description="shorter shifts for small genres, so that all genres have as many windows")] = (
        False
    )
    keep: Annotated[
        Literal["last", "best"], Field(description="keep the last epoch, or the one with the lowest validation log loss")
    ] = "last"
    patience: Annotated[
        int, Field(ge=0, description="stop after this many epochs without a lower validation log loss; 0 never stops early")
    ] = 0
    checkpoint_minutes: Annotated[float, Field(gt=0, description="time between checkpoints inside an epoch")] = 3.0
    max_steps: Annotated[int, Field(ge=0, description="stop after this many training steps, for trials; 0 sets no limit")] = 0
    precision: Annotated[
        Literal["float32", "mixed"], Field(description="mixed: half precision (bfloat16) where it is safe, on CUDA only")
    ] = "float32"

    def __post_init__(self) -> None:
        if self.window < MIN_WINDOW:
            needed = math.ceil(1000 * MIN_WINDOW / self.sample_rate) / 1000
            raise UsageError(
                f"cnn-raw: a window of {self.window} samples ({self.window_seconds:g} s at {self.sample_rate} Hz) is too short "
                f"for the last pool, which needs {MIN_WINDOW}; set window_seconds to {needed:g} or more"
            )
        if self.hop_seconds > self.window_seconds:
            raise UsageError(
                f"cnn-raw: hop_seconds={self.hop_seconds:g} leaves gaps between windows of {self.window_seconds:g} s; "
                "set it to the window's length or less"
            )

    @property
    def window(self) -> int:
        """Samples per window."""
        return round(self.window_seconds * self.sample_rate)

    @property
    def requested_hop(self) -> int:
        """Samples from one training window to the next, as requested."""
        return max(1, round(self.hop_seconds * self.sample_rate))

    @property
    def hop(self) -> int:
        """Samples from one training window to the next, as used: for the shared engine a multiple of `STRIDE`."""
        if self.engine == "plain":
            return self.requested_hop
        return STRIDE * max(1, round(self.requested_hop / STRIDE))

    @property
    def stretch(self) -> int:
        """Most windows that share their convolutions; few enough that a step mixes `MIN_STRETCHES` stretches."""
        if self.engine == "plain":
            return 1
        windows = 1 + round((self.stretch_seconds * self.sample_rate - self.window) / self.hop)
        return max(1, min(windows, self.batch_size // MIN_STRETCHES))


def lengths(samples: int) -> tuple[int, int, int, int, int, int, int]:
    """Length after each step of the network up to the pool before the fully connected layers.

    Parameters
    ----------
    samples : int
        Length of the window, or of a longer stretch.

    Returns
    -------
    tuple of int
        Samples, convolution 1, pool 1, convolution 2, pool 2, convolution 3, pool 3.

    Examples
    --------
    >>> lengths(44100)
    (44100, 44096, 11024, 11020, 2755, 133, 4)
    """
    conv1 = samples - 4
    pool1 = conv1 // 4
    conv2 = pool1 - 4
    pool2 = conv2 // 4
    conv3 = (pool2 - 100) // 20 + 1
    return samples, conv1, pool1, conv2, pool2, conv3, (conv3 - POSITIONS) // 30 + 1
