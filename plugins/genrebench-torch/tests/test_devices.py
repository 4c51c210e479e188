"""Devices, seeds and threads."""

import subprocess
import sys

import pytest
import torch

from genrebench.api import Context, UsageError
from genrebench_torch import check_device
from genrebench_torch.devices import CPU, own_randomness, own_threads, pick_device, random_states, set_random_states

ABSENT = [
    name for name, there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())) if not there
]


def test_the_cpu_is_always_available_and_auto_picks_a_device() -> None:
    assert pick_device("cpu") == CPU
    assert pick_device("auto").type not in ABSENT


@pytest.mark.parametrize("name", [*ABSENT, "abacus", "", "cpu:1"])
def test_a_device_that_isnt_available_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(UsageError, match=rf"device '{name}' is not available here; use --device auto or one of: .*cpu$"):
        pick_device(name)
    with pytest.raises(UsageError, match=f"device '{name}' is not available"):
        check_device(Context(("a", "b"), device=name))


def test_importing_the_package_imports_no_torch() -> None:
    code = "import sys, genrebench_torch; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_randomness_follows_from_the_seed_and_the_callers_stays() -> None:
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    drawn = []
    for seed in (5, 5, 6):
        with own_randomness(seed):
            drawn.append(torch.rand(2))
    assert torch.equal(torch.rand(2), expected)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_randomness_and_threads_are_restored_after_an_error() -> None:
    torch.manual_seed(1)
    expected, threads = torch.rand(2), torch.get_num_threads()
    torch.manual_seed(1)
    with pytest.raises(ZeroDivisionError), own_randomness(3), own_threads(threads + 1):
        assert torch.get_num_threads() == threads + 1
        raise ZeroDivisionError
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.rand(2), expected)


def test_random_states_go_back_and_forth() -> None:
    with own_randomness(0):
        states = random_states(CPU)
        first = torch.rand(3)
        set_random_states({}, CPU)
        assert not torch.equal(torch.rand(3), first)
        set_random_states(states, CPU)
        assert torch.equal(torch.rand(3), first)
