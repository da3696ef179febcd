"""Moments as people write them."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superstaq_jobs.cli.arguments import moment_of

NOW = dt.datetime(2026, 3, 29, 12, 30, tzinfo=dt.UTC)
MOMENTS = st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2030, 1, 1))  # noqa: DTZ001


@given(MOMENTS)
def test_a_time_without_a_zone_is_a_local_one(moment):
    read = moment_of(moment.isoformat(" "), NOW)
    assert read.tzinfo is not None
    assert read == moment.astimezone()


@given(MOMENTS, st.integers(-14 * 60, 14 * 60))
def test_a_time_with_a_zone_keeps_it(moment, minutes):
    aware = moment.replace(tzinfo=dt.timezone(dt.timedelta(minutes=minutes)))
    assert moment_of(f"  {aware.isoformat()} ", NOW) == aware


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("now", dt.timedelta()),
        ("3 days", dt.timedelta(days=3)),
        ("1 day ago", dt.timedelta(days=1)),
        ("90min", dt.timedelta(minutes=90)),
        ("2h", dt.timedelta(hours=2)),
        ("1 w", dt.timedelta(weeks=1)),
        ("10 Seconds", dt.timedelta(seconds=10)),
    ],
)
def test_a_span_is_before_now(text, before):
    assert moment_of(text, NOW) == NOW - before


def test_a_day_means_its_beginning():
    today, yesterday = moment_of("today", NOW), moment_of("Yesterday", NOW)
    local = NOW.astimezone()
    assert today.timetuple()[:6] == (*local.timetuple()[:3], 0, 0, 0)
    assert yesterday.date() == local.date() - dt.timedelta(days=1)
    assert moment_of("2026-03-01", NOW) == dt.datetime(2026, 3, 1).astimezone()


@pytest.mark.parametrize(
    "text",
    ["", "tomorrow", "3", "days", "-3 days", "3 months", "2026-13-01", "999999 w", "1 d 2 h"],
)
def test_anything_else_is_refused(text):
    with pytest.raises((ValueError, OverflowError)):
        moment_of(text, NOW)
