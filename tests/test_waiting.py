from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superstaq_jobs import InvalidValue
from superstaq_jobs.testing import FakeClock
from superstaq_jobs.waiting import Countdown, check_timeout

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
