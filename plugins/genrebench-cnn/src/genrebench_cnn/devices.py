"""The device that the network runs on, with the precision that was asked for."""

from __future__ import annotations

import torch

from genrebench.api import Context, UsageError
from genrebench_cnn.options import CnnOptions
from genrebench_torch.devices import pick_device


def training_device(context: Context, options: CnnOptions) -> torch.device:
    """Return the device that the user asked for.

    Raises
    ------
    UsageError
        If it isn't available, or can't train in mixed precision where that is asked for.
    """
    device = pick_device(context.device)
    if options.precision == "mixed" and not has_bfloat16(device):
        raise UsageError(
            f"precision=mixed needs a CUDA device with bfloat16, or a CPU with AVX512-BF16 or AMX, not this {device.type}; "
            "use float32"
        )
    return device


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device computes faster in bfloat16 than in single precision."""
    if device.type == "cpu":
        known = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}  # older than torch 2.13
        return bool(known.get("avx512_bf16") or known.get("amx_bf16"))
    return device.type == "cuda" and torch.cuda.is_bf16_supported(False)
