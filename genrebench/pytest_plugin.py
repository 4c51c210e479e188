"""The plugin for pytest, which pytest loads wherever genrebench is installed.

A file of tests names what is to be checked, which gives a test for each check::

    genrebench_checks = {"my-model": {"epochs": 1}}

A key is what ``genrebench plugins check`` takes, its value the options of a model; a list of names does without options. Until
a file has such a line, neither the rest of genrebench nor NumPy is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

VARIABLE = "genrebench_checks"


def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> list[pytest.Collector] | None:
    """Collect the checks that a file of tests names."""
    return _checks(collector, obj) if name == VARIABLE else None


def _checks(collector: pytest.Collector, named: object) -> list[pytest.Collector]:
    from genrebench.door.plugins import find_offers
    from genrebench.errors import GenrebenchError
    from genrebench.testing.collecting import ConformanceChecks

    if isinstance(named, list | tuple):
        named = {name: {} for name in named}
    if not isinstance(named, Mapping) or not all(isinstance(options, Mapping) for options in named.values()):
        raise collector.CollectError(f'{VARIABLE} is {named!r:.60}, not of the form {{"NAME": {{"option": value}}}}')
    found: list[pytest.Collector] = []
    for name, options in named.items():
        try:
            offers = find_offers(name, options)
        except GenrebenchError as error:
            raise collector.CollectError(f"{VARIABLE}: {error}") from None
        for spec, settings in offers:
            label = name if len(offers) == 1 else f"{name}:{spec.name}"
            found.append(ConformanceChecks.of(collector, label, spec, settings))
    return found
