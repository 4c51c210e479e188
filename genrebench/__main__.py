"""`python -m genrebench` is the command `genrebench`."""

from genrebench.cli import entry

if __name__ == "__main__":  # worker processes started by spawn import this module
    entry()
