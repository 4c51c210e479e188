"""Compare music genre classifiers on fixed data, splits and metrics; models are plugins, and scores are ranked on leaderboards.

Use the command `genrebench`, or the functions of this module, which have the same names, parameters and defaults. Plugins
import `genrebench.api`. The functions are imported when they are first used, so that ``import genrebench`` is fast.

Examples
--------
>>> import genrebench as gb
>>> runs = gb.run("svm-baseline", dataset="./my-music", seeds=[0, 1])  # doctest: +SKIP
>>> gb.leaderboard("./my-music")[0].to_frame()  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genrebench.door.boards import leaderboard, write_report
    from genrebench.door.bundles import export_runs, import_runs
    from genrebench.door.citing import cite
    from genrebench.door.comparing import compare, standing, summarise_runs
    from genrebench.door.data import (
        cache_info,
        check_dataset,
        clear_cache,
        dataset,
        describe,
        get_dataset,
        list_datasets,
        task,
        write_features,
        write_split,
    )
    from genrebench.door.experiment_files import run_experiment, write_experiment
    from genrebench.door.experiments import ablate, leakage
    from genrebench.door.opening import GenrebenchWarning
    from genrebench.door.planning import needs
    from genrebench.door.plugins import check_model, check_plugin, describe_model, list_plugins, new_plugin
    from genrebench.door.prediction import predict, write_submission
    from genrebench.door.running import list_runs, load_run, remove_runs, reproduce, run, score
    from genrebench.door.serving import serve_report
    from genrebench.errors import GenrebenchError

__version__ = "0.1.0"

_PLACES = {
    "boards": ("leaderboard", "write_report"),
    "citing": ("cite",),
    "comparing": ("compare", "standing", "summarise_runs"),
    "bundles": ("export_runs", "import_runs"),
    "data": (
        "cache_info",
        "check_dataset",
        "clear_cache",
        "dataset",
        "describe",
        "get_dataset",
        "list_datasets",
        "task",
        "write_features",
        "write_split",
    ),
    "experiment_files": ("run_experiment", "write_experiment"),
    "experiments": ("ablate", "leakage"),
    "opening": ("GenrebenchWarning",),
    "planning": ("needs",),
    "plugins": ("check_model", "check_plugin", "describe_model", "list_plugins", "new_plugin"),
    "prediction": ("predict", "write_submission"),
    "running": ("list_runs", "load_run", "remove_runs", "reproduce", "run", "score"),
    "serving": ("serve_report",),
}
_MODULES = {name: f"genrebench.door.{place}" for place, names in _PLACES.items() for name in names} | {
    "GenrebenchError": "genrebench.errors"
}

__all__ = [
    "GenrebenchError",
    "GenrebenchWarning",
    "__version__",
    "ablate",
    "cache_info",
    "check_dataset",
    "check_model",
    "check_plugin",
    "cite",
    "clear_cache",
    "compare",
    "dataset",
    "describe",
    "describe_model",
    "export_runs",
    "get_dataset",
    "import_runs",
    "leaderboard",
    "leakage",
    "list_datasets",
    "list_plugins",
    "list_runs",
    "load_run",
    "needs",
    "new_plugin",
    "predict",
    "remove_runs",
    "reproduce",
    "run",
    "run_experiment",
    "score",
    "serve_report",
    "standing",
    "summarise_runs",
    "task",
    "write_experiment",
    "write_features",
    "write_report",
    "write_split",
    "write_submission",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'genrebench' has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
