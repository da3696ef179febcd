from __future__ import annotations

import itertools
import math
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superstaq_jobs import InvalidValue
from superstaq_jobs.testing import FakeClock
from superstaq_jobs.waiting.deadline import Countdown, Looks, check_timeout

TIMES = st.floats(0, 1000)


@pytest.mark.parametrize("timeout", [-1, math.nan, math.inf, True, "10"])
def test_a_timeout_that_is_no_time_is_refused(timeout):
    for refuse in (check_timeout, lambda given: Countdown(FakeClock(), given)):
        with pytest.raises(InvalidValue) as caught:
            refuse(timeout)
        assert [problem.where for problem in caught.value.problems] == ["timeout_seconds"]


def test_without_a_limit_there_is_always_time():
    clock = FakeClock(7)
    countdown = Countdown(clock, None)
    clock.advance(1e9)
    countdown.looked(50)
    assert countdown.seconds_left() == countdown.seconds_to_last_look() == math.inf
    assert countdown.seconds_for_requests() is None
    assert not countdown.looks_once
    assert countdown.waited_seconds() == 1e9


def test_a_time_of_zero_is_one_look_that_may_take_as_long_as_a_request():
    countdown = Countdown(FakeClock(7), 0)
    assert countdown.looks_once
    assert countdown.seconds_for_requests() is None
    assert countdown.seconds_to_last_look() == 0


@given(timeout=st.floats(0.001, 1000), passed=TIMES, look=TIMES)
def test_the_last_look_begins_before_the_deadline_by_what_a_look_takes(timeout, passed, look):
    clock = FakeClock()
    countdown = Countdown(clock, timeout)
    clock.advance(passed)
    countdown.looked(look)
    assert countdown.waited_seconds() == passed
    assert countdown.seconds_left() == timeout - passed
    assert countdown.seconds_for_requests() == max(0, timeout - passed)
    reserve = countdown.seconds_left() - countdown.seconds_to_last_look()
    # Two looks, but no more than a second, nor than a tenth of the time.
    assert reserve == pytest.approx(min(2 * look, 1, timeout / 10), abs=1e-9)


@given(number=st.integers(0, 60))
def test_the_last_twenty_failures_are_kept_and_all_are_counted(number):
    countdown = Countdown(FakeClock(), 1)
    errors = [ValueError(n) for n in range(number)]
    for error in errors:
        countdown.failed(error)
    assert countdown.failures() == (tuple(errors[-20:]), number)


# ---- looks -------------------------------------------------------------------------------------


def looked_at(end, timeout, interval, *, per_look=0.0):
    """When a wait looks at what is so from some time on."""
    clock = FakeClock()
    countdown = Countdown(clock, timeout)
    looks = Looks(countdown, lambda: interval)
    times = []
    pause = 0.0
    while pause is not None:
        clock.sleep(pause)
        times.append(clock.now())
        clock.advance(per_look)
        countdown.looked(per_look)
        pause = looks.pause_after(is_open=times[-1] < end)
    return times


def test_looks_come_at_the_interval_until_nothing_is_open():
    assert looked_at(9, None, 5) == [0, 5, 10]
    assert looked_at(0, 0, 5) == [0]
    assert looked_at(9, 0, 5) == [0]


def test_the_last_pause_ends_at_the_deadline_where_it_looks_once_more():
    assert looked_at(99, 12, 5) == [0, 5, 10, 12]
    assert looked_at(99, 10, 4, per_look=0.1) == pytest.approx([0, 4.1, 8.2, 9.8])


@given(end=TIMES, timeout=st.floats(0.1, 100), interval=st.floats(0.5, 200))
def test_no_look_comes_after_an_end_nor_past_the_deadline(end, timeout, interval):
    times = looked_at(end, timeout, interval)
    assert [at >= end for at in times[:-1]] == [False] * (len(times) - 1)
    assert times[-1] <= timeout + 1e-9
    assert times[-1] >= min(end, timeout) - 1e-9
    assert all(b - a <= interval + 1e-9 for a, b in itertools.pairwise(times))


def test_looks_may_go_on_in_another_thread():
    looks = Looks(Countdown(FakeClock(), None), lambda: 3.0)
    pauses = [looks.pause_after(is_open=True)]
    thread = threading.Thread(target=lambda: pauses.append(looks.pause_after(is_open=True)))
    thread.start()
    thread.join()
    assert [*pauses, looks.pause_after(is_open=False)] == [3.0, 3.0, None]
