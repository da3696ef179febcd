from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superstaq_jobs.testing import FakeClock
from superstaq_jobs.waiting.deadline import Alarm, Deadline

TIMES = st.floats(0, 1000)


def test_without_a_limit_there_is_always_time():
    clock = FakeClock(7)
    deadline = Deadline(clock, None)
    clock.advance(1e9)
    deadline.note_poll(50)
    assert deadline.seconds_left() == deadline.seconds_to_last_poll() == math.inf
    assert deadline.seconds_for_requests() is None
    assert not deadline.allows_only_one_poll
    assert deadline.waited_seconds() == 1e9


def test_a_timeout_of_zero_is_one_poll_that_may_take_as_long_as_a_request():
    deadline = Deadline(FakeClock(7), 0)
    assert deadline.allows_only_one_poll
    assert deadline.seconds_for_requests() is None
    assert deadline.seconds_to_last_poll() == 0


@given(timeout=st.floats(0.001, 1000), passed=TIMES, poll=TIMES)
def test_the_last_poll_begins_before_the_deadline_by_the_time_of_a_poll(timeout, passed, poll):
    clock = FakeClock()
    deadline = Deadline(clock, timeout)
    clock.advance(passed)
    deadline.note_poll(poll)
    assert deadline.waited_seconds() == passed
    assert deadline.seconds_left() == timeout - passed
    slept = passed > timeout + 1
    assert deadline.seconds_for_requests() == (5 if slept else max(0, timeout - passed))
    reserve = deadline.seconds_left() - deadline.seconds_to_last_poll()
    # Two polls, but at most a second, and at most a tenth of the time.
    assert reserve == pytest.approx(min(2 * poll, 1, timeout / 10), abs=1e-9)


# ---- the schedule ------------------------------------------------------------------------------


def polled_at(end, timeout, interval, *, per_poll=0.0):
    """When a wait polls for a job that is finished at some time."""
    clock = FakeClock()
    deadline = Deadline(clock, timeout)
    times = []
    pause = 0.0
    while pause is not None:
        clock.sleep(pause)
        times.append(clock.now())
        clock.advance(per_poll)
        deadline.note_poll(per_poll)
        if times[-1] >= end:
            break
        pause = deadline.pause_before_next(interval, last_began=times[-1])
    return times


def test_polls_come_at_the_interval_until_nothing_is_open():
    assert polled_at(9, None, 5) == [0, 5, 10]
    assert polled_at(0, 0, 5) == [0]
    assert polled_at(9, 0, 5) == [0]


def test_the_last_pause_ends_at_the_deadline_with_one_more_poll():
    assert polled_at(99, 12, 5) == [0, 5, 10, 12]
    assert polled_at(99, 10, 4, per_poll=0.1) == pytest.approx([0, 4.1, 8.2, 9.8])


@given(end=TIMES, timeout=st.floats(0.1, 100), interval=st.floats(0.5, 200))
def test_no_poll_comes_after_the_end_nor_past_the_deadline(end, timeout, interval):
    times = polled_at(end, timeout, interval)
    assert [at >= end for at in times[:-1]] == [False] * (len(times) - 1)
    assert times[-1] <= timeout + 1e-9
    assert times[-1] >= min(end, timeout) - 1e-9
    assert all(b - a <= interval + 1e-9 for a, b in itertools.pairwise(times))


@given(timeout=st.floats(0.1, 100), began=st.floats(0, 1), late=st.floats(0, 100))
def test_only_a_wait_that_slept_past_its_deadline_polls_after_it(timeout, began, late):
    clock = FakeClock()
    deadline = Deadline(clock, timeout)
    clock.advance(timeout + late)
    slept = deadline.seconds_left() < -1
    pause = deadline.pause_before_next(5, last_began=began * 0.9 * timeout)
    assert pause == (0 if slept else None)
    assert deadline.seconds_for_requests() == (5 if slept else 0)
    assert deadline.pause_before_next(5, last_began=clock.now()) is None


def test_an_alarm_rings_after_30_s_and_then_at_doubled_times():
    alarm = Alarm()
    times = [now for now in range(1000) if alarm.rings(now, since=0)]
    assert times == [30, 60, 120, 240, 480, 960]
    assert not alarm.rings(1020, since=1000)
    assert alarm.rings(1030, since=1000)


def test_an_alarm_is_not_repeated_for_what_began_before_it():
    alarm = Alarm()
    rung = []
    for now in range(0, 1200, 5):  # one part fails all the time, another one now and then
        rung += [now] if alarm.rings(now, since=0) else []
        rung += [now] if now % 20 and alarm.rings(now, since=now - now % 20) else []
    assert rung == [30, 60, 120, 240, 480, 960]
