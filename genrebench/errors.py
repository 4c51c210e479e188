"""The errors that genrebench expects.

Every expected error is a `GenrebenchError`. The command line prints its message as one line and exits with its
`exit_code`; any other exception is a defect and is shown with its traceback. A message quotes the value that is wrong and
names the next step.
"""


class GenrebenchError(Exception):
    """Base class of all the expected errors."""

    exit_code = 2


class UsageError(GenrebenchError):
    """A name, an option or a value that the caller gave can't be used."""


class DataError(GenrebenchError):
    """A dataset or a file that was given is missing, malformed or inconsistent."""


class AudioError(DataError):
    """One audio file can't be decoded."""

    def reason(self, path: object) -> str:
        """The message without the path that it begins with, for where the file is named already."""
        return str(self).removeprefix(f"{path}: ")


class StoreError(GenrebenchError):
    """A run on disk is missing or damaged, or the disk refuses to take it."""


class PluginError(GenrebenchError):
    """A plugin can't be loaded, or broke the model contract; the message names it."""

    exit_code = 1


class RunError(GenrebenchError):
    """A run had begun and failed; its record says so."""

    exit_code = 1
