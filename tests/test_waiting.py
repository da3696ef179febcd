from __future__ import annotations

import math
import threading

import pytest

from superstaq_jobs import InvalidValue
from superstaq_jobs.testing import FakeClock
from superstaq_jobs.waiting import RanOut, wait_for


def seen_at(*times: float, clock: FakeClock, **options):
    """Wait for the clock to have passed the last of some times, noting when it was looked at."""
    looks: list[float] = []

    def look() -> float:
        looks.append(clock.now())
        return clock.now()

    wait_for(look, lambda now: now >= times[-1], clock=clock, **options)
    return looks


def test_it_looks_at_once_and_then_at_the_interval():
    clock = FakeClock()
    assert seen_at(9, clock=clock, timeout_seconds=None, polling_seconds=5) == [0, 5, 10]


def test_what_is_so_at_once_takes_no_time():
    clock = FakeClock()
    assert seen_at(0, clock=clock, timeout_seconds=0, polling_seconds=5) == [0]
    assert clock.sleeps == ()


def test_a_time_of_zero_looks_once():
    clock, looks = FakeClock(), []
    with pytest.raises(RanOut):
        wait_for(
            lambda: looks.append(1),
            lambda _: False,
            clock=clock,
            timeout_seconds=0,
            polling_seconds=5,
        )
    assert len(looks) == 1
    assert clock.sleeps == ()


def test_the_last_pause_ends_at_the_deadline_where_it_looks_once_more():
    clock, looks = FakeClock(), []
    with pytest.raises(RanOut) as caught:
        wait_for(
            lambda: looks.append(clock.now()),
            lambda _: False,
            clock=clock,
            timeout_seconds=12,
            polling_seconds=5,
        )
    assert looks == [0, 5, 10, 12]
    assert clock.sleeps == (5, 5, 2)
    assert caught.value.waited_seconds == 12


def test_a_slow_look_does_not_make_it_sleep_past_the_deadline():
    clock = FakeClock()

    def look() -> None:
        clock.advance(7)

    with pytest.raises(RanOut) as caught:
        wait_for(look, lambda _: False, clock=clock, timeout_seconds=10, polling_seconds=5)
    assert clock.sleeps == (3,)
    assert caught.value.waited_seconds == 17


def test_an_error_of_the_look_ends_the_wait_as_it_is():
    class LookError(Exception):
        pass

    error = LookError()

    def look() -> None:
        raise error

    with pytest.raises(LookError) as caught:
        wait_for(look, lambda _: True, clock=FakeClock(), timeout_seconds=9, polling_seconds=1)
    assert caught.value is error


@pytest.mark.parametrize(
    ("timeout", "polling", "named"),
    [
        (-1, 5, ["timeout_seconds"]),
        (math.nan, 5, ["timeout_seconds"]),
        (math.inf, 5, ["timeout_seconds"]),
        (True, 5, ["timeout_seconds"]),
        (None, None, ["polling_seconds"]),
        ("10", -0.5, ["timeout_seconds", "polling_seconds"]),
    ],
)
def test_numbers_that_are_no_times_are_refused_before_anything_is_looked_at(
    timeout, polling, named
):
    looks: list[int] = []
    with pytest.raises(InvalidValue) as caught:
        wait_for(
            lambda: looks.append(1),
            lambda _: True,
            clock=FakeClock(),
            timeout_seconds=timeout,
            polling_seconds=polling,
        )
    assert [problem.where for problem in caught.value.problems] == named
    assert looks == []


def test_waits_of_many_threads_do_not_disturb_each_other():
    failures: list[BaseException] = []

    def wait() -> None:
        try:
            for _ in range(50):
                seen_at(3, clock=FakeClock(), timeout_seconds=10, polling_seconds=1)
        except BaseException as error:  # noqa: BLE001 - every failure counts
            failures.append(error)

    threads = [threading.Thread(target=wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
