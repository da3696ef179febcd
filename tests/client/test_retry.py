from __future__ import annotations

import gc
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import scripted

from superstaq_jobs import (
    AnswerTooLarge,
    AuthenticationError,
    InvalidValue,
    ProtocolError,
    RequestTimeout,
    RetryPolicy,
    SuperstaqServerException,
    TlsError,
    TransportError,
    fetch_balance,
)
from superstaq_jobs.testing import json_response

JITTERS = st.floats(0, 1)


@given(attempt=st.integers(1, 10_000), jitter=JITTERS)
def test_a_pause_lies_between_nothing_and_the_doubled_base_and_never_past_the_cap(attempt, jitter):
    policy = RetryPolicy(base_seconds=0.5, cap_seconds=8)
    pause = policy.delay_seconds(attempt, jitter=jitter)
    assert 0 <= pause <= min(8, 0.5 * 2 ** min(attempt - 1, 50))


def test_the_longest_pauses_double_up_to_the_cap():
    policy = RetryPolicy(base_seconds=0.25, cap_seconds=3)
    assert [policy.delay_seconds(n, jitter=1.0) for n in range(1, 7)] == [0.25, 0.5, 1, 2, 3, 3]


@given(attempt=st.integers(1, 100), jitter=JITTERS, asked=st.floats(0, 1000))
def test_retry_after_is_a_floor_of_the_pause_up_to_a_cap(attempt, jitter, asked):
    policy = RetryPolicy(cap_seconds=10, retry_after_cap_seconds=60)
    pause = policy.delay_seconds(attempt, jitter=jitter, retry_after_seconds=asked)
    without = policy.delay_seconds(attempt, jitter=jitter)
    assert pause == max(without, min(asked, 60))


@pytest.mark.parametrize("status", range(100, 600))
def test_a_read_is_retried_after_these_statuses_and_no_other(status):
    error = SuperstaqServerException("no", status)
    assert RetryPolicy().may_repeat(error, safe_to_repeat=True) is (
        status in {408, 429, 500, 502, 503, 504, *range(520, 531)}
    )
    assert not RetryPolicy().may_repeat(error, safe_to_repeat=False)


@pytest.mark.parametrize(
    ("error", "safe", "unsafe"),
    [
        (TransportError("refused", sent=False), True, True),
        (TransportError("reset", sent=True), True, False),
        (RequestTimeout("connecting", sent=False), True, True),
        (RequestTimeout("reading", sent=True), True, False),
        (TlsError("untrusted", sent=False), False, False),
        (AnswerTooLarge("too large", sent=True), False, False),
        (ProtocolError("no JSON", status_code=200), False, False),
        (AuthenticationError("key", 401), False, False),
    ],
)
def test_which_request_is_retried_after_which_error(error, safe, unsafe):
    assert RetryPolicy().may_repeat(error, safe_to_repeat=True) is safe
    assert RetryPolicy().may_repeat(error, safe_to_repeat=False) is unsafe


def test_every_bad_number_is_named():
    with pytest.raises(InvalidValue) as caught:
        RetryPolicy(max_attempts=0, base_seconds=-1, cap_seconds=math.nan)
    assert [p.where for p in caught.value.problems] == [
        "max_attempts",
        "base_seconds",
        "cap_seconds",
    ]


# ---- the loop


@pytest.mark.parametrize("failures", [0, 1, 3])
def test_a_call_leaves_nothing_to_the_garbage_collector(failures):
    """Reference cycles would make it run more often, and a polling program slower."""
    balance = json_response({"email": "a@b.c", "balance": 1})
    busy = json_response("busy", status=503)
    client = scripted(balance, *[busy] * failures, balance)
    fetch_balance(client)  # loads what is loaded late
    gc.collect()
    gc.disable()
    try:
        fetch_balance(client)
        assert gc.collect() == 0
    finally:
        gc.enable()
