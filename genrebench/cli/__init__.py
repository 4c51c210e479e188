"""The command line; see `genrebench.cli.main`."""

from genrebench.cli.main import entry, main

__all__ = ["entry", "main"]
