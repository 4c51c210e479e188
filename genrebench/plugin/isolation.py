"""What a plugin may change in this process, put back after it: folder, environment, random state, threads, settings."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

_BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Put back at the end what the body changes in the state of this process, so that one model can't affect the next.

    BLAS has one thread in the body; see `fix_blas`.
    """
    with contextlib.ExitStack() as stack:
        stack.callback(sys.path.__setitem__, slice(None), list(sys.path))
        _keep_environment(stack)
        stack.callback(_restore_folder, _folder())
        stack.callback(random.setstate, random.getstate())
        stack.callback(np.random.set_state, np.random.get_state())  # noqa: NPY002, the global state that plugins may use
        stack.enter_context(np.errstate())
        stack.callback(sys.setrecursionlimit, sys.getrecursionlimit())
        stack.enter_context(warnings.catch_warnings())
        _keep_signals(stack)
        _keep_threads(stack)
        _keep_torch(stack)
        if "matplotlib" in sys.modules:
            stack.enter_context(sys.modules["matplotlib"].rc_context())
        fix_blas()
        yield


def fix_blas() -> None:
    """Give BLAS one thread: another number would add in another order, and results would depend on the number of processors."""
    import threadpoolctl

    os.environ.update(dict.fromkeys(_BLAS_THREADS, "1"))  # for libraries that are loaded later
    for library in threadpoolctl.ThreadpoolController().select(user_api="blas").lib_controllers:
        library.set_num_threads(1)


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Give BLAS one thread in the body, and as many as before after it; see `fix_blas`."""
    with contextlib.ExitStack() as stack:
        _keep_environment(stack)
        _keep_threads(stack)
        fix_blas()
        yield


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109, as a file descriptor wouldn't outlive a rename
    except OSError:  # it was deleted
        return None


def _restore_folder(folder: str | None) -> None:
    if folder is not None:
        with contextlib.suppress(OSError):
            os.chdir(folder)


def _keep_environment(stack: contextlib.ExitStack) -> None:
    import threadpoolctl  # noqa: F401, sets a variable when it is imported, which must not look like one of the body

    stack.callback(_restore_environment, dict(os.environ))


def _restore_environment(environment: dict[str, str]) -> None:
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    for name, value in environment.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def _keep_signals(stack: contextlib.ExitStack) -> None:
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if handler is not None:  # set by code that isn't Python
                stack.callback(signal.signal, number, handler)


def _keep_threads(stack: contextlib.ExitStack) -> None:
    """Keep the numbers of threads of BLAS and OpenMP; libraries that the body loads get their default number back."""
    import threadpoolctl

    before = {library["filepath"]: library["num_threads"] for library in threadpoolctl.threadpool_info()}
    default = os.environ.get("OMP_NUM_THREADS", "")
    n_default = int(default) if default.isdecimal() and int(default) else os.cpu_count() or 1

    def restore() -> None:
        for library in threadpoolctl.ThreadpoolController().lib_controllers:
            library.set_num_threads(before.get(library.filepath, n_default))
        if "torch" in sys.modules:  # counts threads itself
            sys.modules["torch"].set_num_threads(torch_threads or n_default)

    torch_threads = sys.modules["torch"].get_num_threads() if "torch" in sys.modules else None
    stack.callback(restore)


def _keep_torch(stack: contextlib.ExitStack) -> None:
    """Keep torch's settings; if the body loads torch, it gets its defaults back."""
    torch: Any = sys.modules.get("torch")
    state = dtype = None
    grad, deterministic, warn_only = True, False, False
    if torch is not None:
        state, dtype, grad = torch.get_rng_state(), torch.get_default_dtype(), torch.is_grad_enabled()
        deterministic = torch.are_deterministic_algorithms_enabled()
        warn_only = torch.is_deterministic_algorithms_warn_only_enabled()

    def restore() -> None:
        torch: Any = sys.modules.get("torch")
        if torch is None:
            return
        if state is not None:
            torch.set_rng_state(state)
        torch.set_default_dtype(dtype or torch.float32)
        torch.set_grad_enabled(grad)
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)

    stack.callback(restore)
