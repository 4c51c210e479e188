"""Compare models of musical genre. Plugins import `genrebench.api`; people use the command `genrebench`."""

__version__ = "0.1.0"
