from __future__ import annotations

import os
import sys
import threading

import pytest

from superstaq_jobs.client.locks import ForkSafeLock


def is_held(lock):
    """Whether another thread would have to wait for it."""
    found = []
    thread = threading.Thread(
        target=lambda: found.append(not lock.of_this_process().acquire(blocking=False))
    )
    thread.start()
    thread.join()
    return found == [True]


def test_it_is_one_lock_within_a_process():
    lock = ForkSafeLock()
    assert lock.of_this_process() is lock.of_this_process()
    with lock.of_this_process():
        assert is_held(lock)


def test_a_signal_handler_does_not_wait_for_the_thread_that_it_interrupts():
    lock = ForkSafeLock()
    with lock.of_this_process():
        assert lock.of_this_process().acquire(timeout=1)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_one_that_was_held_during_a_fork_is_free_in_the_child_and_held_in_the_parent():
    lock = ForkSafeLock()
    with lock.of_this_process():
        pid = os.fork()
        if pid == 0:
            os._exit(1 if is_held(lock) else 0)
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert is_held(lock)


def locks_of_two_threads(locks):
    """What two threads get as the lock of this process, at the same time."""
    got = [[], []]
    together = threading.Barrier(2)

    def take(mine):
        for each in locks:
            together.wait()
            mine.append(each.of_this_process())

    threads = [threading.Thread(target=take, args=(mine,)) for mine in got]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return got


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_the_threads_of_a_child_get_the_same_lock():
    locks = [ForkSafeLock() for _ in range(2000)]
    pid = os.fork()
    if pid == 0:
        sys.setswitchinterval(1e-6)
        first, second = locks_of_two_threads(locks)
        os._exit(sum(a is not b for a, b in zip(first, second, strict=True)) != 0)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
