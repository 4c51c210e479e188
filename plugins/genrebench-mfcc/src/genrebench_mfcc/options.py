"""Options of mfcc-frames. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from genrebench.api import Field


@dataclass(frozen=True)
class MfccOptions:
    """Typed options; `genrebench plugins show mfcc-frames` lists them with their help."""

    coefficients: Annotated[int, Field(ge=1, le=128, description="cepstral coefficients per frame, of 128 mel bands")] = 64
    sample_rate: Annotated[int, Field(ge=4000, le=192_000, description="Hz that every clip is resampled to")] = 22_050
    hop_length: Annotated[int, Field(ge=16, le=65_536, description="samples from one frame to the next")] = 512
    n_fft: Annotated[int, Field(ge=64, le=65_536, description="samples per frame")] = 2048
    crop_seconds: Annotated[float, Field(gt=0, le=600, description="length of the crops that are classified")] = 10.0
    timeline_seconds: Annotated[
        float, Field(gt=0, le=600, description="length of the excerpt around each second of a timeline")
    ] = 3.0
    dilations: Annotated[
        tuple[Annotated[int, Field(ge=1, le=1000)], ...],
        Field(min_length=1, max_length=12, description="frames between the taps of the filters in time, one bank per value"),
    ] = (1, 4, 16)
    hidden: Annotated[int, Field(ge=1, le=4096, description="hidden units of each small network")] = 128
    members: Annotated[int, Field(ge=1, le=64, description="small networks whose probabilities are averaged")] = 4
    dropout: Annotated[float, Field(ge=0, lt=1, description="probability of dropping a pooled value or hidden unit")] = 0.3
    epochs: Annotated[int, Field(ge=1, le=100_000, description="passes over the training tracks, one crop per track")] = 60
    batch_size: Annotated[int, Field(ge=1, le=4096, description="crops per training step")] = 32
    learning_rate: Annotated[float, Field(gt=0, le=1, description="largest learning rate of AdamW")] = 0.002
    weight_decay: Annotated[float, Field(ge=0, le=10, description="weight decay of AdamW")] = 0.05
    short_crops: Annotated[
        float, Field(ge=0, le=1, description="share of training steps with shorter crops, down to a second")
    ] = 0.25
    gain_db: Annotated[
        float, Field(ge=0, le=60, description="standard deviation of the random gain of a training crop, in dB")
    ] = 0.0
    mask_seconds: Annotated[
        float,
        Field(ge=0, le=60, description="longest part of a training crop to replace by its mean; 0 masks nothing"),
    ] = 2.0
    patience: Annotated[
        int, Field(ge=0, description="stop after this many epochs without a lower validation log loss; 0 never stops early")
    ] = 15
    calibrate: Annotated[
        bool,
        Field(
            description="fit a temperature and the trust in short clips on validation, or on inner folds by artist where there "
            "is none"
        ),
    ] = True

    @property
    def frames_per_second(self) -> float:
        """Frames per second."""
        return self.sample_rate / self.hop_length

    @property
    def crop(self) -> int:
        """Frames per crop: at least as many as the widest filter spans."""
        return max(self.reach, round(self.crop_seconds * self.frames_per_second))

    @property
    def reach(self) -> int:
        """Frames that the widest filter spans; shorter crops are extended by mirroring."""
        return 2 * max(self.dilations) + 1
