from __future__ import annotations

import math
import threading

import pytest

from superstaq_jobs import InvalidValue
from superstaq_jobs.testing import FakeClock
from superstaq_jobs.waiting import RanOut, wait_for


def every(seconds):
    return lambda _seen, _error: seconds


def seen_at(end: float, *, clock: FakeClock, **options):
    """Wait for the clock to have passed a time, noting when it was looked at."""
    looks: list[float] = []

    def look(_left) -> float:
        looks.append(clock.now())
        return clock.now()

    wait_for(look, lambda now: now >= end, clock=clock, **options)
    return looks


def test_it_looks_at_once_and_then_at_the_interval():
    clock = FakeClock()
    assert seen_at(9, clock=clock, timeout_seconds=None, pause=every(5)) == [0, 5, 10]


def test_what_is_so_at_once_takes_no_time():
    clock = FakeClock()
    assert seen_at(0, clock=clock, timeout_seconds=0, pause=every(5)) == [0]
    assert clock.sleeps == ()


def test_a_time_of_zero_looks_once():
    clock, looks = FakeClock(), []
    with pytest.raises(RanOut):
        wait_for(
            lambda _left: looks.append(1),
            lambda _: False,
            clock=clock,
            timeout_seconds=0,
            pause=every(5),
        )
    assert len(looks) == 1
    assert clock.sleeps == ()


def test_the_last_pause_ends_at_the_deadline_where_it_looks_once_more():
    clock, looks = FakeClock(), []
    with pytest.raises(RanOut) as caught:
        wait_for(
            lambda _left: looks.append(clock.now()),
            lambda _: False,
            clock=clock,
            timeout_seconds=12,
            pause=every(5),
        )
    assert looks == [0, 5, 10, 12]
    assert clock.sleeps == (5, 5, 2)
    assert caught.value.waited_seconds == 12


def test_a_slow_look_does_not_make_it_sleep_past_the_deadline():
    clock, began = FakeClock(), []

    def look(left) -> None:
        began.append(clock.now())
        clock.advance(min(7, left))

    with pytest.raises(RanOut) as caught:
        wait_for(look, lambda _: False, clock=clock, timeout_seconds=10, pause=every(5))
    assert began == [0, 9]
    assert caught.value.waited_seconds == 10


def test_an_error_of_the_look_ends_the_wait_as_it_is():
    class LookError(Exception):
        pass

    error = LookError()

    def look(_left) -> None:
        raise error

    with pytest.raises(LookError) as caught:
        wait_for(look, lambda _: True, clock=FakeClock(), timeout_seconds=9, pause=every(1))
    assert caught.value is error


@pytest.mark.parametrize("timeout", [-1, math.nan, math.inf, True, "10"])
def test_a_timeout_that_is_no_time_is_refused_before_anything_is_looked_at(timeout):
    looks: list[int] = []
    with pytest.raises(InvalidValue) as caught:
        wait_for(
            lambda _left: looks.append(1),
            lambda _: True,
            clock=FakeClock(),
            timeout_seconds=timeout,
            pause=every(5),
        )
    assert [problem.where for problem in caught.value.problems] == ["timeout_seconds"]
    assert looks == []


def test_a_look_is_told_how_much_time_is_left():
    clock, told = FakeClock(), []
    with pytest.raises(RanOut):
        wait_for(told.append, lambda _: False, clock=clock, timeout_seconds=12, pause=every(5))
    assert told == [12, 7, 2, 0]
    wait_for(told.append, lambda _: True, clock=clock, timeout_seconds=None, pause=every(5))
    assert told[-1] == math.inf


def test_the_last_look_of_a_slow_observer_begins_before_the_deadline():
    clock, began = FakeClock(), []

    def look(left) -> None:
        began.append(clock.now())
        clock.advance(min(0.1, left))

    with pytest.raises(RanOut) as caught:
        wait_for(look, lambda _: False, clock=clock, timeout_seconds=10, pause=every(4))
    assert began == pytest.approx([0, 4.1, 8.2, 9.8])
    assert caught.value.waited_seconds <= 10


class PassingError(Exception):
    pass


def test_failures_that_pass_are_absorbed_counted_and_kept():
    clock, looks = FakeClock(), []

    def look(_left):
        looks.append(clock.now())
        if len(looks) < 30:
            raise PassingError(len(looks))
        return "done"

    def absorbs(error):
        return isinstance(error, PassingError)

    seen = wait_for(
        look,
        lambda _: True,
        clock=clock,
        timeout_seconds=100,
        pause=lambda _seen, error: 2 if isinstance(error, PassingError) else 1,
        absorbs=absorbs,
    )
    assert seen == "done"
    assert clock.now() == 58
    looks.clear()
    with pytest.raises(RanOut) as caught:
        wait_for(
            look,
            lambda _: True,
            clock=clock,
            timeout_seconds=50,
            pause=lambda _seen, _error: 2,
            absorbs=absorbs,
        )
    assert caught.value.num_failures == 26
    assert [error.args[0] for error in caught.value.failures] == list(range(7, 27))


def test_waits_of_many_threads_do_not_disturb_each_other():
    failures: list[BaseException] = []

    def wait() -> None:
        try:
            for _ in range(50):
                seen_at(3, clock=FakeClock(), timeout_seconds=10, pause=every(1))
        except BaseException as error:  # noqa: BLE001 - every failure counts
            failures.append(error)

    threads = [threading.Thread(target=wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
