"""The seeds that a model gives to generators of random numbers."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np


class _Watched(type):
    """Instances of the class that is stood in for are instances of the class that stands in."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.__mro__[1])


@contextlib.contextmanager
def seeds() -> Iterator[list[str]]:
    """List the seeds of generators that are made or seeded in the body, as text; "None" where there was no seed."""
    found: list[str] = []

    def hear(arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        given = [*arguments, *named.values()]
        if not given or isinstance(given[0], int | np.integer | list | tuple | str | bytes | type(None)):
            found.append(repr(given[0]) if given else "None")

    with contextlib.ExitStack() as stack:
        for module, name in _seeded():
            _listen(stack, module, name, hear)
        _listen_to_generators(stack, hear)
        yield found


def _seeded() -> Iterator[tuple[Any, str]]:
    """What takes a seed, as module and name."""
    yield from ((np.random, name) for name in ("default_rng", "RandomState", "seed", "SeedSequence", "PCG64"))
    yield from ((random, name) for name in ("Random", "seed"))
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "manual_seed"):
        yield torch, "manual_seed"


def _listen_to_generators(stack: contextlib.ExitStack, hear: Any) -> None:
    """Replace torch's generators until the stack closes by some that tell the seed that they are given."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "Generator"):
        return
    original = torch.Generator
    stack.callback(setattr, torch, "Generator", original)

    class Told(original):  # type: ignore[misc, valid-type] # as torch is imported by the plugin
        def manual_seed(self, seed: int) -> Any:
            hear((seed,), {})
            return super().manual_seed(seed)

    torch.Generator = Told


def _listen(stack: contextlib.ExitStack, module: Any, name: str, hear: Any) -> None:
    """Replace a function or a class until the stack closes by one that tells its arguments."""
    original = getattr(module, name)
    stack.callback(setattr, module, name, original)
    if isinstance(original, type):

        def new(_cls: type, *args: Any, **named: Any) -> Any:
            hear(args, named)
            return original(*args, **named)

        setattr(module, name, _Watched(name, (original,), {"__new__": new}))
        return

    def told(*args: Any, **named: Any) -> Any:
        hear(args, named)
        return original(*args, **named)

    setattr(module, name, told)
