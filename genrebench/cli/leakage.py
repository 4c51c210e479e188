"""`genrebench leakage`: what shared artists are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genrebench.cli import _task
from genrebench.cli._output import Format, FormatOption, echo, number, print_json, print_table


def command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model.")],
    dataset: _task.DatasetOption = "demo",
    split_seed: _task.SplitSeedOption = 0,
    excerpt: _task.ExcerptOption = "30",
    exclude: _task.ExcludeOption = None,
    seed: _task.SeedOption = None,
    seeds: _task.SeedsOption = None,
    settings: _task.SettingsOption = None,
    device: _task.DeviceOption = "auto",
    runs: _task.RunsOption = Path("runs"),
    workers: _task.WorkersOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Measure what a model gains from artists that are in training and test.

    One test set, two training sets of the same size and genre counts: without and with other tracks of the test's artists. The
    runs are kept below RUNS/.leakage, apart from the boards; a second call goes on with what is there.
    """
    from genrebench.experiments import leakage
    from genrebench.plugin.options import parse_options
    from genrebench.plugin.registry import registry
    from genrebench.runs.store import RunStore

    found = registry()
    offer = found.model(model)
    options = parse_options(model, offer.spec.options, _task.parse_settings([model], settings or [])[model])
    all_seeds = _task.parse_seeds(seed, seeds)
    around = _task.session(found, device, workers)
    task = _task.make_task(found, dataset, "stratified", split_seed, excerpt, exclude)
    measured = leakage.measure(task, offer, options, all_seeds, RunStore(leakage.folder(runs)), around)
    value = leakage.as_json(measured)
    if form is Format.json:
        print_json(value)
        return
    sides = [("without", value["without"]), ("with", value["with"])]
    rows = [(f"{name} the test's artists", number(v["log_loss"]), number(v["f1_micro"])) for name, v in sides]
    rows.append(("gap", number(measured.log_loss_gap), number(measured.f1_micro_gap)))
    rows.append(("95 %", _interval(measured.log_loss_interval), _interval(measured.f1_micro_interval)))
    made = " (synthetic music)" if task.dataset.synthetic else ""
    title = (
        f"{model} on {task.dataset.name}{made}: {measured.n_test} test tracks, {measured.n_training} training tracks, "
        f"{measured.n_replaced} of them by the test's artists in 'with'"
    )
    print_table(title, ("training", "log loss", "F1 micro"), rows, right=("log loss", "F1 micro"))
    echo(f"Paired permutation test of the log loss, by artist: p = {measured.p_value:.2g}")


def _interval(pair: tuple[float, float]) -> str:
    return "too few artists to say" if pair[1] == float("inf") else f"{number(pair[0])} .. {number(pair[1])}"
