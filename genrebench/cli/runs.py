"""`genrebench runs`: the records of runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genrebench.cli import _task
from genrebench.cli._output import (
    Format,
    FormatOption,
    ListFormat,
    ListFormatOption,
    number,
    print_json,
    print_list,
    print_table,
    say,
    warn_all,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

app = typer.Typer(no_args_is_help=True, help="List, show and remove runs.")
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="A run's id, see 'genrebench runs list'.")]


@app.command("list")
def list_(runs: _task.RunsOption = Path("runs"), form: ListFormatOption = ListFormat.table) -> None:
    """List the runs, newest first."""
    from genrebench.cli.run import as_json
    from genrebench.runs.store import RunStore

    [folder] = _task.run_folders(None if runs == Path("runs") else [runs])
    found, problems = RunStore(folder).scan()
    warn_all(problems)
    columns = ("run", "status", "dataset", "split", "model", "seed", "log loss", "F1 micro", "started")
    rows = [
        (
            run.id,
            run.status,
            run.task.get("dataset"),
            run.task.get("split"),
            run.model.get("name"),
            run.seed,
            number((run.metrics or {}).get("log_loss")),
            number((run.metrics or {}).get("f1_micro")),
            run.started[:16].replace("T", " "),
        )
        for run in found
    ]
    if not found and form is ListFormat.table:
        say(f"no run in {str(runs)!r}; start with: genrebench run svm-baseline")
        return
    print_list(form, None, columns, rows, lambda: [as_json(run) for run in found], right=("seed", "log loss", "F1 micro"))


@app.command()
def show(id_: IdArgument, runs: _task.RunsOption = Path("runs"), form: FormatOption = Format.table) -> None:
    """Show all that is known of a run."""
    from genrebench.boards.comparability import extra_training
    from genrebench.cli.run import as_json
    from genrebench.runs.store import RunStore

    store = RunStore(runs)
    run = store.load(id_)
    value = as_json(run) | {"curves": list(run.curves)}
    if form is Format.json:
        print_json(value)
        return
    rows: list[tuple[str, object]] = [("run", run.id), ("status", run.status), ("started", run.started)]
    if run.error:
        rows.append(("error", run.error))
    for section in ("task", "model", "metrics", "timings", "facts", "environment"):
        for key, item in (value[section] or {}).items():
            text = f"{item:.6g}" if isinstance(item, float) else item
            if key == "excluded" and isinstance(item, list):
                text = f"{len(item)} tracks" if item else "none"
            if key == "extra_training":
                text = extra_training(run.task, by_genre=True) or "none"
            rows.append((f"{section}.{key}", text))
    rows += _curves(run.curves)
    rows += [("seed", run.seed), ("peak memory", f"{run.peak_rss_mb} MB"), ("folder", store.folder(run.id))]
    print_table(None, ("what", "value"), rows)


def _curves(points: Sequence[Mapping[str, Any]]) -> list[tuple[str, object]]:
    """A row for each curve, its values by epoch."""
    folds = {point["fold"] for point in points}
    curves: dict[str, list[str]] = {}
    for point in points:
        where = f"fold {int(point['fold']) + 1}." if len(folds) > 1 else ""
        for name, value in point.items():
            if name not in ("fold", "epoch"):
                curves.setdefault(f"curve.{where}{name}", []).append(number(value))
    return [(name, " ".join(values)) for name, values in curves.items()]


@app.command()
def rm(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Runs to remove.")], runs: _task.RunsOption = Path("runs")
) -> None:
    """Remove runs for good."""
    from genrebench.runs.store import RunStore

    store = RunStore(runs)
    for id_ in ids:
        store.folder(id_)  # refuse a bad id before anything is removed
    for id_ in ids:
        store.remove(id_)
        say(f"removed {id_}")
