import os
import subprocess
import sys
import time

import joblib

from genrebench.environment import PeakMemory, cpus

HELD = 200_000_000


def reached(watched: PeakMemory, peak_mb: float) -> bool:
    """Wait for a sample as large as this, some seconds at most."""
    for _ in range(400):
        if watched.peak_mb >= peak_mb:
            return True
        time.sleep(0.025)
    return False


def test_the_memory_of_a_child_counts() -> None:
    with PeakMemory() as alone:
        pass
    hold = f"import sys; held = bytearray({HELD}); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE) as child, PeakMemory() as both:
        assert reached(both, alone.peak_mb + 190)
        child.communicate()


def test_memory_that_has_been_given_back_counts() -> None:
    with PeakMemory(every=0.001) as before:
        pass
    with PeakMemory(every=0.001) as watched:
        held = bytearray(HELD)
        assert reached(watched, before.peak_mb + 190)
        del held
    assert watched.peak_mb >= before.peak_mb + 190


def test_the_number_of_processors_is_the_one_that_joblib_uses() -> None:
    assert cpus() == joblib.cpu_count() >= 1


def test_the_number_of_processors_follows_a_limit() -> None:
    count = [sys.executable, "-c", "from genrebench.environment import cpus; print(cpus())"]
    limited = subprocess.run(count, env=os.environ | {"LOKY_MAX_CPU_COUNT": "1"}, capture_output=True, text=True, check=True)
    assert limited.stdout == "1\n"
