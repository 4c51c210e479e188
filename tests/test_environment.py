import subprocess
import sys

from genrebench.environment import PeakMemory


def test_the_memory_of_a_child_counts() -> None:
    hold = "import sys; held = bytearray(200_000_000); sys.stdin.read()"
    with PeakMemory() as alone:
        pass
    child = subprocess.Popen([sys.executable, "-c", f"{hold}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with PeakMemory() as both:
        assert child.stdout is not None
        while both.peak_mb < alone.peak_mb + 190 and child.poll() is None:
            pass
        child.communicate()
    assert both.peak_mb >= alone.peak_mb + 190


def test_memory_that_has_been_given_back_counts() -> None:
    with PeakMemory(every=0.001) as before:
        pass
    with PeakMemory(every=0.001) as watched:
        held = bytearray(200_000_000)
        while watched.peak_mb < before.peak_mb + 190:
            pass
        del held
    assert watched.peak_mb >= before.peak_mb + 190
