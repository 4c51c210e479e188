"""Audio models of transformers, from a folder or a pinned revision of the hub; code of a repository is never run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.api import UsageError
from genrebench_embeddings.encoders import Layers, digest

_FILES = ("*.json", "*.safetensors")
_BATCH = 4


class HubEncoder:
    """A transformers model that hears samples: its hidden states are the layers.

    Parameters
    ----------
    name : str
        A folder, or an id of the hub.
    revision : str or None
        The commit, for an id.
    window : float
        Seconds that are heard at once, unless the model's feature extractor has a length of its own.
    device : str
    workers : int
        Number of threads on the CPU.

    Raises
    ------
    UsageError
        If it can't be loaded, needs code of its own, or doesn't hear samples.
    """

    def __init__(self, name: str, revision: str | None, *, window: float, device: str, workers: int) -> None:
        import torch
        from transformers import AutoFeatureExtractor, AutoModel, logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        self._torch = torch
        more: dict[str, Any] = {"trust_remote_code": False, "local_files_only": revision is None}
        if revision is not None:
            more["revision"] = revision
        try:
            self._extract = AutoFeatureExtractor.from_pretrained(name, **more)
            model = AutoModel.from_pretrained(name, use_safetensors=True, **more)
        except Exception as error:  # of many classes: a missing file, a wrong id, no network, code of its own
            raise UsageError(f"the model {name!r} can't be loaded: {' '.join(str(error).split()):.300}") from None
        self.sample_rate = int(getattr(self._extract, "sampling_rate", 16_000))
        own = getattr(self._extract, "nb_max_samples", None) or getattr(self._extract, "n_samples", None)
        self.window = int(own or round(window * self.sample_rate))
        self.batch_size = _BATCH
        self.key: list[Any] = ["hf", self.window, *([name, revision] if revision else _digests(Path(name)))]
        self._model = _hearing(model).to(_device(torch, device)).eval()
        if self._model.device.type == "cpu":
            torch.set_num_threads(workers)

    def __call__(self, windows: NDArray[np.float32]) -> Layers:
        """Encode windows, shape (n_windows, window)."""
        features = self._extract(list(windows), sampling_rate=self.sample_rate, return_tensors="pt")
        given = {name: value for name, value in features.items() if name in ("input_values", "input_features", "is_longer")}
        with self._torch.inference_mode():
            output = self._model(
                **{name: value.to(self._model.device) for name, value in given.items()}, output_hidden_states=True
            )
        states = list(output.hidden_states or ())
        pooled = getattr(output, "pooler_output", None)
        return [_frames(state.float().cpu().numpy()) for state in [*states, *([] if pooled is None else [pooled])]]


def _hearing(model: Any) -> Any:
    """The part of a model that hears: the audio tower of CLAP, the encoder of an encoder and a decoder, or all of it."""
    if hasattr(model, "audio_model"):
        return model.audio_model
    if getattr(model.config, "is_encoder_decoder", False):
        return model.get_encoder()
    return model


def _device(torch: Any, device: str) -> str:
    if device != "auto":
        return device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _frames(state: NDArray[np.float32]) -> NDArray[np.float32]:
    """Hidden states as (n_windows, n_frames, n_values); maps of shape (n, values, height, width) are laid out as frames."""
    if state.ndim == 4:
        return state.reshape(*state.shape[:2], -1).swapaxes(1, 2)
    return state[:, None] if state.ndim == 2 else state


def _digests(folder: Path) -> list[str]:
    return [digest(path) for pattern in _FILES for path in sorted(folder.glob(pattern))]
