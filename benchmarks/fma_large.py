"""Time and memory of what runs on a made dataset of fma-large's size and form, without audio: 106,574 rows.

The metadata is in the official form, as in `fma_medium.py`. Each command is a process of its own: show (split, counts), check,
a run of a model that takes no time, another seed of it, and the board. Beside each stands what the table of features takes.
"""

import argparse
import json
import tempfile
from pathlib import Path

from fma_medium import make, measured
from measuring import show

from genrebench.inputs.features import COLUMNS

PRIOR = """
from genrebench.api import hookimpl, sklearn_model


def make(context, options):
    from sklearn.dummy import DummyClassifier

    return DummyClassifier(strategy="prior")


@hookimpl
def genrebench_models():
    return [sklearn_model("prior", "the shares of the training tracks", make)]
"""


def main() -> None:
    """Make the dataset, run the commands and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=106_574)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    result: dict[str, float | int] = {"rows": options.rows, "table_mb": options.rows * len(COLUMNS) * 8 / 1e6}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        make(home / "fma", options.rows, subset="large", audio=False)
        model, runs = home / "prior.py", home / "runs"
        model.write_text(PRIOR)
        run = "run", str(model), "--dataset", "fma-large", "--runs", str(runs), "--format", "json"
        for name, words in (
            ("show", ("data", "show", "fma-large", "--format", "json")),
            ("show_again", ("data", "show", "fma-large", "--format", "json")),
            ("check", ("data", "check", "fma-large", "--format", "json")),
            ("run", (*run, "--seed", "0")),
            ("run_artist_cv5", (*run, "--seeds", "0,1", "--split", "artist-cv5")),
            ("board", ("leaderboard", "--runs", str(runs), "--format", "json")),
            ("board_again", ("leaderboard", "--runs", str(runs), "--format", "json")),
        ):
            seconds, peak, printed = measured(*words, home=home, codes=(0, 1))
            json.loads(printed)
            result |= {f"{name}_s": seconds, f"{name}_peak_rss_mb": peak}
    show(result, options.json)


if __name__ == "__main__":
    main()
