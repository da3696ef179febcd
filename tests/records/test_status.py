"""Statuses: parsing, and the table of steps against its meaning."""

from __future__ import annotations

import pytest
from hypothesis import given

from superstaq_jobs.records import STATUS_PRIORITY_ORDER, CircuitStatus, Stage
from superstaq_jobs.records.status import (
    NEXT_STATUSES,
    PROGRESS,
    TERMINAL_CIRCUIT_STATES,
    fold_statuses,
    parse_status,
)
from superstaq_jobs.testing import strategies as sts


def test_every_name_is_parsed_to_its_status():
    for status in CircuitStatus:
        assert parse_status(status.value) is status


@given(sts.unknown_status_texts())
def test_any_other_name_is_unknown(text):
    status = parse_status(text)
    assert status is CircuitStatus.UNKNOWN
    assert not status.is_terminal
    assert not status.is_compiled
    assert not status.is_unsuccessful


def test_unsuccessful_statuses_by_name():
    unsuccessful = [s.value for s in CircuitStatus if s.is_unsuccessful]
    assert unsuccessful == ["failed", "cancelled", "deleted"]


def test_a_job_without_circuits_was_received():
    assert fold_statuses([]) is CircuitStatus.RECEIVED


def test_the_tables_name_every_status():
    every = set(CircuitStatus)
    assert set(NEXT_STATUSES) == set(PROGRESS) == every
    assert {*STATUS_PRIORITY_ORDER, CircuitStatus.UNKNOWN} == every
    assert len(STATUS_PRIORITY_ORDER) == len(every) - 1


def test_every_end_is_further_than_all_before_it_and_as_far_as_any_other_but_deletion():
    unfinished = set(CircuitStatus) - TERMINAL_CIRCUIT_STATES
    (end,) = {PROGRESS[s] for s in TERMINAL_CIRCUIT_STATES - {CircuitStatus.DELETED}}
    assert max(PROGRESS[s] for s in unfinished) < end < PROGRESS[CircuitStatus.DELETED]


@pytest.mark.parametrize("status", sorted(TERMINAL_CIRCUIT_STATES))
def test_nothing_leaves_a_terminal_status_but_by_deletion(status):
    assert NEXT_STATUSES[status] <= {CircuitStatus.DELETED}


@pytest.mark.parametrize("status", list(CircuitStatus))
def test_every_life_can_end(status):
    seen, frontier = {status}, {status}
    while frontier:
        frontier = {after for before in frontier for after in NEXT_STATUSES[before]} - seen
        seen |= frontier
    assert seen & TERMINAL_CIRCUIT_STATES


def test_a_step_forward_is_progress_but_for_the_queue():
    backward = {
        (before, after)
        for before, afters in NEXT_STATUSES.items()
        for after in afters
        if PROGRESS[after] < PROGRESS[before]
    }
    assert {(b, a) for b, a in backward if b is not CircuitStatus.UNKNOWN} == {
        (CircuitStatus.RUNNING, CircuitStatus.PENDING)
    }


@pytest.mark.parametrize(
    ("status", "compiled", "finished"),
    [
        ("compiling", False, False),
        ("pending", True, False),
        ("completed", True, True),
        ("failed", True, True),
    ],
)
def test_stages(status, compiled, finished):
    assert Stage.COMPILED.is_reached(parse_status(status)) is compiled
    assert Stage.FINISHED.is_reached(parse_status(status)) is finished
