"""The checks as items that pytest collects, for `genrebench.pytest_plugin`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from genrebench.testing.apart import TIME_LIMIT
from genrebench.testing.check import Checks
from genrebench.testing.conformance import checks_of, rules_of
from genrebench.testing.tests import assert_passed, id_of


class ConformanceChecks(pytest.Collector):
    """The checks of something that a plugin offers; what they share is run once, and removed after the last of them."""

    spec: Any
    settings: Mapping[str, Any]
    checks: Checks

    @classmethod
    def of(cls, parent: pytest.Collector, name: str, spec: Any, settings: Mapping[str, Any]) -> ConformanceChecks:
        """Collect below `parent` the checks of a spec with settings."""
        found = cls.from_parent(parent, name=name)
        found.spec, found.settings = spec, settings
        return found

    def collect(self) -> Iterator[pytest.Item]:
        """One item for each check."""
        for rule in rules_of(self.spec):
            item = ConformanceCheck.from_parent(self, name=id_of(rule.name))
            item.check = rule.name
            if self.config.pluginmanager.hasplugin("xdist"):  # which defines this mark
                item.add_marker(pytest.mark.xdist_group(f"genrebench {self.name}"))
            yield item

    def setup(self) -> None:
        """Called before the first of them."""
        self._stack = contextlib.ExitStack()
        self.checks = self._stack.enter_context(checks_of(self.spec, TIME_LIMIT, self.settings))

    def teardown(self) -> None:
        """Called after the last of them."""
        self._stack.close()


class ConformanceCheck(pytest.Item):
    """One check."""

    check: str
    parent: ConformanceChecks

    def runtest(self) -> None:
        """Fail if the check found something."""
        assert_passed(self.parent.name, self.parent.checks, self.check)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where the check was named, and what it is."""
        return self.path, None, f"{self.parent.name}: {self.check}"
