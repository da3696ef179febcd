from __future__ import annotations

import os

import pytest

from superstaq_jobs.client.locks import ForkSafeLock


def test_it_is_one_lock_within_a_process():
    lock = ForkSafeLock()
    assert lock.of_this_process() is lock.of_this_process()
    with lock.of_this_process():
        assert not lock.of_this_process().acquire(blocking=False)
    assert lock.of_this_process().acquire(blocking=False)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_one_that_was_held_during_a_fork_is_free_in_the_child_and_held_in_the_parent():
    lock = ForkSafeLock()
    with lock.of_this_process():
        pid = os.fork()
        if pid == 0:
            taken = lock.of_this_process().acquire(blocking=False)
            again = lock.of_this_process().acquire(blocking=False)
            os._exit(0 if taken and not again else 1)
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert not lock.of_this_process().acquire(blocking=False)
