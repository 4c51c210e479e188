"""Any ONNX file that hears samples: each of its outputs is a layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.api import UsageError
from genrebench_embeddings.encoders import Layers, digest

RATE_KEYS = ("sample_rate", "sampling_rate", "rate")
"""Names of a file's metadata in which it may say which rate it wants."""

_BATCH = 16


class OnnxEncoder:
    """A network in an ONNX file, run by onnxruntime.

    Its one input has the shape (n,), (batch, n), (batch, 1, n) or (batch, n, 1), where n samples are heard at once; if n is
    open, windows of `window` seconds are heard. Each output of shape (batch, values) or (batch, frames, values) is a layer.

    Parameters
    ----------
    path : Path
    rate : int or None
        Hz; by default what the file's metadata say.
    window : float
        Seconds, if the file leaves it open.
    device : str
    workers : int
        Number of threads on the CPU.

    Raises
    ------
    UsageError
        If the file can't be read, wants something else than samples, or the rate isn't known.
    """

    def __init__(self, path: Path, *, rate: int | None, window: float, device: str, workers: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = workers
        options.log_severity_level = 3
        gpu = [name for name in ("CUDAExecutionProvider", "CoreMLExecutionProvider") if device != "cpu"]
        providers = [name for name in (*gpu, "CPUExecutionProvider") if name in onnxruntime.get_available_providers()]
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        except Exception as error:  # onnxruntime raises classes of its own for each kind of damage
            raise UsageError(f"{path.name} can't be read as an ONNX file: {' '.join(str(error).split()):.200}") from None
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or inputs[0].type not in ("tensor(float)", "tensor(float16)", "tensor(double)"):
            told = ", ".join(f"{one.name}: {one.type} {one.shape}" for one in inputs)
            raise UsageError(f"{path.name} wants {told}; an encoder has one input, of samples as floating-point numbers")
        self._name, shape = inputs[0].name, list(inputs[0].shape)
        self._type = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}[inputs[0].type]
        self._axis = _samples_axis(shape, path)
        known = rate or self._rate_in_metadata()
        if known is None:
            raise UsageError(f"{path.name} doesn't say which sample rate it wants; say it with --set rate=HZ")
        self.sample_rate = known
        fixed = shape[self._axis]
        self.window = fixed if isinstance(fixed, int) else max(1, round(window * known))
        self._rank = len(shape)
        one_by_one = self._rank == 1 or (isinstance(shape[0], int) and shape[0] == 1)
        if not one_by_one and isinstance(shape[0], int):
            raise UsageError(f"{path.name} wants batches of exactly {shape[0]} windows; export it with an open batch size")
        self.batch_size = 1 if one_by_one else _BATCH
        self.key: list[Any] = ["onnx", digest(path), known, self.window]

    def __call__(self, windows: NDArray[np.float32]) -> Layers:
        """Encode windows, shape (n_windows, window)."""
        shape = [1] * self._rank
        shape[0], shape[self._axis] = (len(windows), self.window) if self._rank > 1 else (self.window, self.window)
        outputs = self._session.run(None, {self._name: windows.reshape(shape).astype(self._type)})
        layers = [_layer(np.asarray(output), len(windows)) for output in outputs if np.asarray(output).dtype.kind == "f"]
        if not layers:
            raise UsageError("the ONNX file has no output of floating-point numbers, so no embedding")
        return layers

    def _rate_in_metadata(self) -> int | None:
        values = self._session.get_modelmeta().custom_metadata_map
        return next((int(values[key]) for key in RATE_KEYS if str(values.get(key, "")).isdecimal()), None)


def _samples_axis(shape: list[Any], path: Path) -> int:
    """The axis of samples: the last, or the one before a last axis of length 1."""
    if len(shape) in (1, 2):
        return len(shape) - 1
    if len(shape) == 3 and shape[2] == 1:
        return 1
    if len(shape) == 3 and shape[1] == 1:
        return 2
    raise UsageError(f"{path.name} wants an array of shape {shape}, not samples: (batch, n), (batch, 1, n) or (batch, n, 1)")


def _layer(output: NDArray[Any], n: int) -> NDArray[np.float32]:
    """An output as frames of values; one without a batch axis belongs to a single window."""
    values = output.astype(np.float32)
    if n == 1 and (not values.ndim or values.shape[0] != 1):
        values = values[None]
    if values.shape[0] != n:
        raise UsageError(f"the ONNX file returned an output of shape {output.shape} for {n} windows")
    return values.reshape(n, 1, -1) if values.ndim < 3 else values.reshape(n, values.shape[1], -1)
