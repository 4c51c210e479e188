"""The command line, with one file per command; all computation is in the functions of `genrebench`.

Commands import their dependencies inside their functions, so that `genrebench --help` stays fast.
"""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from genrebench.cli import (
    _streams,
    ablate,
    cache,
    cite,
    compare,
    data,
    leaderboard,
    leakage,
    plugins,
    predict,
    report,
    reproduce,
    run,
    runs,
    score,
    submission,
)
from genrebench.cli._group import Group
from genrebench.cli._output import checked_stdout, fail, reserved_stdout, say_unescaped
from genrebench.errors import GenrebenchError
from genrebench.files import FULL_DISK

INTERRUPTED = 130

_OF_THE_MACHINE = FULL_DISK | {errno.EIO, errno.ESTALE, errno.EROFS, errno.EMFILE, errno.ENFILE}
"""Errors of disks and limits, which can meet any line; a traceback of one would help nobody."""

COMPLETE = "_GENREBENCH_COMPLETE"
"""The environment variable by which a shell asks for completions."""

TO_STDOUT = {"-h", "--help", "--version", "-V", "--install-completion", "--show-completion"}
"""Options whose answer typer prints itself."""

app = typer.Typer(
    name="genrebench",
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("run")(run.command)
app.command("leaderboard")(leaderboard.command)
app.command("compare")(compare.command)
app.command("leakage")(leakage.command)
app.command("ablate")(ablate.command)
app.command("report")(report.command)
app.command("cite")(cite.command)
app.command("reproduce")(reproduce.command)
app.command("score")(score.command)
app.command("predict")(predict.command)
app.command("submission")(submission.command)
app.add_typer(data.app, name="data")
app.add_typer(plugins.app, name="plugins")
app.add_typer(runs.app, name="runs")
app.add_typer(cache.app, name="cache")


def _version(requested: bool) -> None:
    if requested:
        from genrebench import __version__

        typer.echo(f"genrebench {__version__}")
        raise typer.Exit


def _data_dir(folder: Path | None) -> None:
    if folder is not None:
        from genrebench.session import DATA_DIR

        os.environ[DATA_DIR] = str(folder)


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data-dir",
            callback=_data_dir,
            help="Folder that has FMA already (fma_metadata, fma_small and the like); also GENREBENCH_DATA_DIR. It stands "
            "before the command.",
        ),
    ] = None,
) -> None:
    """Compare music genre classifiers on fixed data, splits and metrics; models are plugins.

    First steps: `genrebench run svm-baseline` trains a reference model on the synthetic demo music, `genrebench leaderboard`
    shows its rank.
    """


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 success, 1 a run failed, 2 bad use or input, 130 Ctrl-C."""
    signal.signal(signal.SIGTERM, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # for characters that the terminal's encoding lacks
    # help and version also go to stdout, and typer prints them itself
    words = sys.argv[1:] if arguments is None else arguments
    help_requested = COMPLETE in os.environ or any(word.split("=")[0] in TO_STDOUT for word in words)
    with _streams.guarded():
        try:
            with checked_stdout() if help_requested else reserved_stdout(), _quiet_libraries():
                return _run(arguments)
        except BrokenPipeError:  # the reader has closed the pipe, as in `genrebench ... | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return 128 + 13
        except _streams.OutputError as error:
            return fail(str(error), 1)


@contextlib.contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Keep warnings of libraries off the terminal, unless -W or PYTHONWARNINGS ask for them; logs of runs have them."""
    if sys.warnoptions:
        yield
        return
    last_resort = logging.lastResort
    os.environ["PYTHONWARNINGS"] = "ignore"  # for processes that are started
    with warnings.catch_warnings():
        warnings.showwarning = lambda *_, **__: None
        logging.lastResort = logging.NullHandler()  # None would say that there are no handlers
        try:
            yield
        finally:
            logging.lastResort = last_resort
            del os.environ["PYTHONWARNINGS"]


def _run(arguments: list[str] | None) -> int:
    try:
        os.getcwd()  # noqa: PTH109
    except OSError:
        return fail("the current folder doesn't exist any more; change to another one", 2)
    try:
        code = app(arguments, prog_name="genrebench", standalone_mode=False)
    except GenrebenchError as error:
        return fail(str(error), error.exit_code)
    except typer.exceptions.TyperException as error:
        from genrebench.cli import _mistakes

        message = _mistakes.explained(error, sys.argv[1:] if arguments is None else arguments)
        if message.lstrip().startswith("Usage:"):  # without a command, typer's message is the help text
            say_unescaped(message)
            return 2
        return fail(message, getattr(error, "exit_code", 2)) if message else 2
    except (KeyboardInterrupt, typer.Abort):
        return fail("interrupted", INTERRUPTED)
    except MemoryError:
        return fail("the memory isn't enough; use fewer --workers, a shorter --excerpt, or a machine with more memory", 1)
    except OSError as error:
        if error.errno is None or error.errno not in _OF_THE_MACHINE:
            raise
        where = f"{error.filename}: " if error.filename else ""
        return fail(f"{where}{os.strerror(error.errno)}; what is finished is kept, and the same command goes on from there", 1)
    if code == INTERRUPTED:  # typer caught the Ctrl-C
        return fail("interrupted", INTERRUPTED)
    return code if isinstance(code, int) else 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def entry() -> None:
    """Entry point of the console script."""
    code = main()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C while Python shuts down would print a traceback
    sys.exit(code)
