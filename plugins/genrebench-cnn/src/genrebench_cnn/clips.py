"""How much of each clip a network sees. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genrebench.api import LazyInputs
from genrebench_cnn.options import CnnOptions


@dataclass(frozen=True)
class Clips:
    """Lengths of some clips, in samples.

    Parameters
    ----------
    audio : ndarray of int, shape (n_tracks,)
        Samples that are heard, from the start of each clip.
    padded : ndarray of int, shape (n_tracks,)
        Samples that windows are cut from: `audio`, and silence after it.
    """

    audio: NDArray[np.int64]
    padded: NDArray[np.int64]

    @classmethod
    def of(cls, inputs: LazyInputs, options: CnnOptions) -> Clips:
        """Clips as they are or, with `clip_seconds`, cut or zero-padded to ``clip_seconds * sample_rate`` samples.

        Where audio isn't resampled, a clip is cut to its first `clip_seconds` in time too: at rates below `sample_rate` these
        are fewer samples.
        """
        lengths = np.asarray(inputs.lengths)
        if not options.clip:
            return cls(lengths, lengths)
        longest = np.full_like(lengths, options.clip)
        if inputs.sample_rates is not None:
            longest = np.minimum(longest, np.rint(options.clip_seconds * inputs.sample_rates).astype(lengths.dtype))
        return cls(np.minimum(lengths, longest), np.full_like(lengths, options.clip))
