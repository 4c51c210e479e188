"""The first Ctrl-C waits, the second doesn't."""

import signal
import threading
from collections.abc import Iterator

import pytest

from genrebench_torch.interrupts import deferred_interrupt


@pytest.fixture(autouse=True)
def _default_handler() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_first_is_held_back_and_the_second_interrupts() -> None:
    with pytest.raises(KeyboardInterrupt), deferred_interrupt() as interrupted:
        assert not interrupted()
        signal.raise_signal(signal.SIGINT)
        assert interrupted()
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the second didn't interrupt")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_afterwards_ctrl_c_interrupts_again() -> None:
    with deferred_interrupt():
        pass
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_another_handler_stays_in_place() -> None:
    seen: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _frame: seen.append(number))
    with deferred_interrupt() as interrupted:
        signal.raise_signal(signal.SIGINT)
        assert not interrupted()
    assert seen == [signal.SIGINT]


def test_in_another_thread_nothing_changes() -> None:
    outcomes: list[bool] = []

    def work() -> None:
        with deferred_interrupt() as interrupted:
            outcomes.append(interrupted())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert outcomes == [False]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
