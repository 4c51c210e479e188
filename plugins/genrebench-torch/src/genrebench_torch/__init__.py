"""What genrebench models on torch share. Importing this package or `tables` imports no torch, the other modules do.

- `genrebench_torch.tables`: a torch module or a skorch network on a table as a model
- `genrebench_torch.devices`: the device that the user asked for, seeds and threads
- `genrebench_torch.launch`: a training on several devices
- `genrebench_torch.ranks`: what its processes share, and who does what
- `genrebench_torch.reading`: batches that are read in the background
- `genrebench_torch.state`: a training with checkpoints, its best epoch and early stopping
- `genrebench_torch.checkpoint`: the file behind it
- `genrebench_torch.tensors`: a saved model's tensors
- `genrebench_torch.interrupts`: Ctrl-C that waits for the end of a training step
"""

from __future__ import annotations

from typing import Any

from genrebench.api import Context


def check_device(context: Context, _options: Any = None) -> None:
    """Refuse a device that isn't available, before any work is done: for ``ModelSpec(..., check=check_device)``.

    Parameters
    ----------
    context : Context
        Its `device` and `devices` are what the user asked for.

    Raises
    ------
    UsageError
        If there is no such device on this machine, or fewer than were asked for.
    """
    if context.devices > 1:
        from genrebench_torch.launch import check_devices

        check_devices(context)
        return
    if context.device in ("auto", "cpu"):  # always available, so there is no need to wait for torch's import
        return
    from genrebench_torch.devices import pick_device

    pick_device(context.device)


def join(context: Context) -> None:
    """Take part in the trainings of torchrun's first process until that ends: for ``ModelSpec(..., join=join)``.

    Parameters
    ----------
    context : Context
        Its `device` is what the user asked for.
    """
    from genrebench_torch.launch import follow

    follow(context)
