"""`genrebench submission`: the challenge's file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genrebench import files
from genrebench.cli import _task
from genrebench.cli._output import Format, FormatOption, print_json, say, warn
from genrebench.errors import UsageError


def command(
    run_id: Annotated[str, typer.Option("--run", metavar="ID", help="The run whose model answers.")],
    clips: Annotated[Path, typer.Option("--clips", help="Folder of unlabelled clips; its subfolders are looked through.")],
    out: Annotated[Path, typer.Option("--out", help="The CSV file to write.")],
    runs: _task.RunsOption = Path("runs"),
    device: _task.DeviceOption = "auto",
    workers: _task.WorkersOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Predict a folder of clips into the challenge's format.

    Clips that can't be decoded or are silent are listed and get the frequencies of the training genres; none is dropped.
    """
    from genrebench import audio
    from genrebench.plugin.registry import registry
    from genrebench.runs import submission
    from genrebench.runs.predict import predict
    from genrebench.runs.store import RunStore

    if not clips.is_dir():
        raise UsageError(f"there is no folder of clips {str(clips)!r}")
    files.require_place(out)
    paths = audio.find(clips)
    if not paths:
        raise UsageError(f"{str(clips)!r} holds no audio file")
    found, store = registry(), RunStore(runs)
    run = store.load(run_id)
    answers = predict(run, store, found, paths, _task.session(found, device, workers))
    genres = [str(genre) for genre in run.task["genres"]]
    submission.write(out, answers, genres)
    problems = [answer for answer in answers if answer.problem]
    if set(genres) != set(submission.GENRES):
        warn(
            f"run {run.id} knows {len(genres)} genres, not the challenge's {len(submission.GENRES)}; the challenge refuses that"
        )
    if form is Format.json:
        listed = [{"file": str(answer.path), "problem": answer.problem} for answer in problems]
        print_json({"out": str(out), "rows": len(answers), "prior_used_for": listed})
        return
    for answer in problems:
        warn(f"{answer.path}: {answer.problem}; its row holds the training prior")
    say(f"wrote {len(answers)} rows to {out}, {len(problems)} of them with the training prior")
