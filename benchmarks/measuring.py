"""How the benchmarks take time and memory, and print what they found."""

import contextlib
import json
import resource
import subprocess
import sys
import threading
import time

import numpy as np
import psutil


def side_by_side(computations, items, repeats):
    """Time several ways of doing the same, in turn on each item, so that what else the machine does hits all alike.

    Parameters
    ----------
    computations : sequence of callable
        Each takes an item; each is run once on the first item before the clock starts.
    items : sequence
    repeats : int
        Passes over the items; an item's fastest counts.

    Returns
    -------
    seconds : list of float
        Mean over the items, one a computation.
    values : list of list
        What the computations gave, one list a computation.
    """
    best = np.full((len(computations), len(items)), np.inf)
    values = [[compute(items[0])] * len(items) for compute in computations]
    for _ in range(repeats):
        for i, item in enumerate(items):
            for j, compute in enumerate(computations):
                begun = time.perf_counter()
                values[j][i] = compute(item)
                best[j, i] = min(best[j, i], time.perf_counter() - begun)
    return best.mean(axis=1).tolist(), values


def peak_rss_mb():
    """Largest memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextlib.contextmanager
def used_processor():
    """Processor seconds of the body, those of processes that work for it included: on a busy machine, what time can't tell.

    Yields
    ------
    list of float
        Holds the seconds once the body has ended. What a process did in its last tenth of a second may be missing.
    """
    this, seconds, over, result = psutil.Process(), {}, threading.Event(), []

    def look():
        for process in (this, *this.children(recursive=True)):
            with contextlib.suppress(psutil.Error):  # it has ended
                times = process.cpu_times()
                seconds[process.pid, process.create_time()] = times.user + times.system

    def watch():
        while not over.wait(0.1):
            look()

    look()
    before = sum(seconds.values())
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield result
    finally:
        over.set()
        watcher.join()
        look()
        result.append(sum(seconds.values()) - before)


def memory_of_rows(script, n_rows, *words):
    """Run a script with ``--peak-of``, a number of rows, in a process each for 250 rows and for `n_rows`.

    Parameters
    ----------
    script : str
        It prints its `peak_rss_mb`.
    n_rows : int
    *words : str
        Further arguments.

    Returns
    -------
    dict
        Peak memory of both in MB, and the difference.
    """

    def run(n):
        command = [sys.executable, script, *words, "--peak-of", str(n)]
        return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)  # noqa: S603 - our own

    few, many = run(250), run(n_rows)
    return {"rows": n_rows, "peak_rss_mb": many, "peak_rss_mb_of_250_rows": few, "difference_mb": many - few}


def show(result, as_json, digits=3):
    """Print figures by name, decimal ones rounded: a line each, or one JSON object."""
    result = {name: round(value, digits) if isinstance(value, float) else value for name, value in result.items()}
    if as_json:
        print(json.dumps(result))
        return
    width = max(map(len, result))
    for name, value in result.items():
        print(f"{name:{width}}  {value}")
