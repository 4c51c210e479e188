"""Options of cnn-raw and cnn-report, and the shapes that follow from them. Imports no torch."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Annotated, Any, ClassVar, Literal

from genrebench.api import Field, UsageError

STRIDE = 4 * 4 * 20
"""Samples from one position of the third convolution to the next: two pools by 4 and its stride of 20."""

POSITIONS = 40
"""Width of the last pool in positions of the third convolution, so the smallest number that a window can have."""

MIN_WINDOW = 14_100
"""Samples in the shortest window for which the last pool has an output."""

MIN_STRETCHES = 8
"""Fewest stretches per training step: over the windows of one or two tracks, batch norm would subtract the genre itself."""


StretchSeconds = Annotated[
    float,
    Field(
        gt=0, description="length of audio whose windows share their convolutions; with that of a window, each is on its own"
    ),
]
Resample = Annotated[
    bool, Field(description="resample to sample_rate; false: as many samples of each file's own rate, whatever that is")
]
ClipSeconds = Annotated[
    float, Field(ge=0, description="cut or zero-pad each clip to its first seconds, at sample_rate; 0 leaves clips as they are")
]
Batches = Annotated[
    Literal["stratified", "even", "remainder"],
    Field(
        description="stratified: stretches spread over genres and tracks, steps of equal size (single windows are shuffled "
        "freely); even: shuffled freely, steps of equal size; remainder: shuffled freely, the last step takes what is left over"
    ),
]
NormStatistics = Annotated[
    Literal["settled", "running"],
    Field(
        description="batch norm's statistics for prediction. settled: mean over some batches with the weights at the end of "
        "the epoch; running: moving average over the training steps, momentum 0.1"
    ),
]
Gamma = Annotated[
    Literal["ones", "uniform"],
    Field(description="initial weights of batch norm. ones: 1; uniform: drawn from U(0, 1), as by PyTorch until 2018"),
]


@dataclass(frozen=True)
class CnnOptions:
    """Options of cnn-raw; `genrebench plugins show cnn-raw` lists them with their help."""

    model: ClassVar[str] = "cnn-raw"

    sample_rate: Annotated[
        int,
        Field(
            ge=4000,
            le=192_000,
            description="Hz that every clip is resampled to, and samples in a second of window, hop and clip; below "
            f"{MIN_WINDOW} with a longer window_seconds",
        ),
    ] = 44_100
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
    stretch_seconds: StretchSeconds = 1.75
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
        Literal["float32", "mixed"],
        Field(description="mixed: half precision (bfloat16) where it is safe, on CUDA, and on CPUs with AVX512-BF16 or AMX"),
    ] = "float32"
    resample: Resample = True
    clip_seconds: ClipSeconds = 0.0
    batches: Batches = "stratified"
    norm_statistics: NormStatistics = "settled"
    gamma: Gamma = "ones"

    def __post_init__(self) -> None:
        if self.window < MIN_WINDOW:
            needed = math.ceil(1000 * MIN_WINDOW / self.sample_rate) / 1000
            raise UsageError(
                f"{self.model}: a window of {self.window} samples ({self.window_seconds:g} s at {self.sample_rate} Hz) is too "
                f"short for the last pool, which needs {MIN_WINDOW}; add --set window_seconds={needed:g} (or more)"
            )
        if self.hop_seconds > self.window_seconds:
            raise UsageError(
                f"{self.model}: hop_seconds={self.hop_seconds:g} leaves gaps between windows of {self.window_seconds:g} s; "
                "set it to the window's length or less"
            )
        if 0 < self.clip < self.window:
            raise UsageError(
                f"{self.model}: clip_seconds={self.clip_seconds:g} is shorter than a window of {self.window_seconds:g} s; "
                "set it to the window's length or more, or to 0"
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
        """Samples from one training window to the next, as used: a multiple of `STRIDE` where windows share convolutions."""
        return self.requested_hop if self.stretch == 1 else self._shared_hop

    @property
    def _shared_hop(self) -> int:
        return STRIDE * max(1, round(self.requested_hop / STRIDE))

    @property
    def stretch(self) -> int:
        """Most windows that share their convolutions; few enough that a step mixes `MIN_STRETCHES` stretches."""
        if self.engine == "plain":
            return 1
        windows = 1 + round((self.stretch_seconds * self.sample_rate - self.window) / self._shared_hop)
        return max(1, min(windows, self.batch_size // MIN_STRETCHES))

    @property
    def clip(self) -> int:
        """Samples that each clip is cut or zero-padded to; 0 leaves clips as they are."""
        return round(self.clip_seconds * self.sample_rate)

    def identity(self) -> dict[str, Any]:
        """The options as version 0.1.0 had them, and the newer ones where they differ from their defaults."""
        defaults = {field.name: field.default for field in fields(CnnOptions)}
        return {k: v for k, v in asdict(self).items() if k not in SINCE_0_1_0 or v != defaults[k]}


SINCE_0_1_0 = ("resample", "clip_seconds", "batches", "norm_statistics", "gamma")
"""Options that checkpoints of version 0.1.0 don't know."""


@dataclass(frozen=True)
class ReportOptions(CnnOptions):
    """Options of cnn-report: those of cnn-raw, where they differ with the values of the report."""

    model: ClassVar[str] = "cnn-report"

    stretch_seconds: StretchSeconds = 1.0
    resample: Resample = False
    clip_seconds: ClipSeconds = 30.0
    batches: Batches = "remainder"
    norm_statistics: NormStatistics = "running"
    gamma: Gamma = "uniform"


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
