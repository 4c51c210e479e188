"""The command line; see `genrebench.cli.main`."""

import sys

try:
    from genrebench.cli.main import entry, main
except KeyboardInterrupt:  # while the command line was being loaded
    sys.stderr.write("error: interrupted\n")
    sys.exit(130)

__all__ = ["entry", "main"]
