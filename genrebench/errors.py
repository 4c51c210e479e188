"""Expected errors.

Every expected error is a `GenrebenchError`. The command line prints its message as one line and exits with its `exit_code`;
any other exception is a bug and is shown with its traceback. Messages quote the invalid value and name the next step.
"""


class GenrebenchError(Exception):
    """Base class of all expected errors."""

    exit_code = 2


class UsageError(GenrebenchError):
    """A name, an option or a value is invalid."""


class DataError(GenrebenchError):
    """A dataset or a file is missing, malformed or inconsistent."""


class AudioError(DataError):
    """An audio file can't be decoded."""

    def reason(self, path: object) -> str:
        """The message without the path at its beginning, for use where the file is already named."""
        return str(self).removeprefix(f"{path}: ")


class StoreError(GenrebenchError):
    """A run on disk is missing, damaged or can't be written."""


class PluginError(GenrebenchError):
    """A plugin can't be loaded or breaks the model contract; the message names it."""

    exit_code = 1


class RunError(GenrebenchError):
    """A run failed after it had begun; its record has the status "failed"."""

    exit_code = 1
