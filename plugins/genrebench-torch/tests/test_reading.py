"""Reading ahead keeps the order, stays within bounds and passes errors on."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from genrebench_torch.devices import CPU
from genrebench_torch.reading import ahead, pinned


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_results_come_in_order_and_errors_are_passed_on(threads: int) -> None:
    def work(n: int) -> int:
        time.sleep(0.001 * (n % 3))
        return 10 // (7 - n)

    assert list(ahead(work, range(6), threads)) == [10 // (7 - n) for n in range(6)]
    results = ahead(work, range(9), threads)
    assert [next(results) for _ in range(7)] == [1, 1, 2, 2, 3, 5, 10]
    with pytest.raises(ZeroDivisionError):
        next(results)


@pytest.mark.parametrize("threads", [1, 3])
def test_one_item_per_thread_is_read_ahead_in_the_background(threads: int) -> None:
    taken: list[int] = []
    workers: set[int] = set()

    def items() -> Iterator[int]:
        for n in range(10):
            taken.append(n)
            yield n

    def work(n: int) -> int:
        workers.add(threading.get_ident())
        return n

    results = ahead(work, items(), threads)
    assert taken == []
    for n in range(10):
        assert next(results) == n
        assert len(taken) == min(10, n + 1 + threads)
    assert threading.get_ident() not in workers
    assert len(workers) <= threads


def test_what_is_left_is_not_read_when_nobody_asks_for_more() -> None:
    done: list[int] = []
    results = ahead(done.append, range(100), 1)
    next(results)
    results.close()
    assert len(done) <= 3


def test_an_array_becomes_a_tensor_over_the_same_memory() -> None:
    array = np.arange(4, dtype=np.float32)
    tensor = pinned(array, CPU)
    array[0] = 9
    assert tensor.tolist() == [9, 1, 2, 3]
