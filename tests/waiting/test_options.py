"""The keyword options of waits: which function takes which, and what it says about the others."""

from __future__ import annotations

import ast
import inspect
import itertools
import math
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import JOB, client_on

import superstaq_jobs as sj
from superstaq_jobs import waiting
from superstaq_jobs.testing import ScriptedTransport

ONE = [sj.JobHandle.wait_until_complete, sj.JobHandle.wait_until_complete_async]
MANY = [
    sj.wait_all,
    sj.wait_any,
    sj.as_completed,
    sj.watch,
    sj.wait_all_async,
    sj.as_completed_async,
    sj.watch_async,
]
KINDS = {
    **dict.fromkeys(ONE, waiting.JobWaitOptions),
    **dict.fromkeys(MANY, waiting.JobsWaitOptions),
}
VALUES = {
    "until": "compiled",
    "poll_policy": sj.PollPolicy(),
    "unknown_status_seconds": None,
    "on_change": print,
    "requests_at_once": 2,
    "progress": False,
}
functions = pytest.mark.parametrize("function", KINDS, ids=lambda function: function.__name__)


def call(function, options):
    """Call it with a handle; returns what it raised, at once or when it was awaited."""
    transport = ScriptedTransport()
    handle = sj.JobHandle(client_on(transport), JOB)
    try:
        result = function(handle if function in ONE else [handle], **options)
        if inspect.iscoroutine(result):
            result.send(None)
    except (TypeError, AssertionError) as error:
        return error
    finally:
        assert transport.requests == ()
    return None


def names_of(function):
    named = [n for n in inspect.signature(function).parameters if n.endswith(("_seconds", "index"))]
    return [*named, *KINDS[function].__optional_keys__]


@functions
def test_the_signature_says_which_options_it_takes(function):
    (kind,) = typing.get_args(typing.get_type_hints(function)["options"])
    assert kind is KINDS[function]
    assert kind.__required_keys__ == frozenset()


def test_every_option_is_documented_once():
    documented = []
    for kind in (waiting.WaitOptions, waiting.JobWaitOptions, waiting.JobsWaitOptions):
        body = ast.parse(inspect.getsource(kind)).body[0].body
        for option, text in itertools.pairwise(body):
            if isinstance(option, ast.AnnAssign):
                assert isinstance(text, ast.Expr)
                documented.append(option.target.id)
    assert sorted(documented) == sorted(VALUES)


@functions
def test_an_option_of_another_function_is_refused_before_anything_is_sent(function):
    for name in VALUES.keys() - KINDS[function].__optional_keys__:
        error = call(function, {name: VALUES[name]})
        assert isinstance(error, TypeError)
        assert str(error).startswith(f"{function.__name__}() got an unexpected keyword argument")
        assert repr(name) in str(error)
        assert all(known in str(error) for known in names_of(function))
        assert "Nothing was sent" in str(error)


@functions
@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("timeout", "timeout_seconds"),
        ("time_out_seconds", "timeout_seconds"),
        ("polling", "polling_seconds"),
        ("poll_seconds", "polling_seconds"),
        ("untill", "until"),
        ("polling_policy", "poll_policy"),
        ("unknown_status", "unknown_status_seconds"),
    ],
)
def test_a_misspelled_option_is_named_with_the_right_one(function, wrong, right):
    error = call(function, {wrong: 3})
    assert isinstance(error, TypeError)
    assert f"keyword argument {wrong!r}; did you mean {right!r}?" in str(error)


@given(function=st.sampled_from(list(KINDS)), data=st.data())
def test_one_letter_more_less_or_other_is_recognized(function, data):
    right = data.draw(st.sampled_from(names_of(function)))
    place = data.draw(st.integers(1, len(right) - 1))
    letter = data.draw(st.sampled_from(["", "z", right[place] + "z"]))
    wrong = right[:place] + letter + right[place + 1 :]
    assert f"did you mean {right!r}?" in str(call(function, {wrong: 3}))


@pytest.mark.parametrize("bad", [-1, math.nan, math.inf, True, "1", None])
@pytest.mark.parametrize("name", ["fraction", "min_seconds", "max_seconds"])
def test_a_pace_names_each_number_out_of_range(name, bad):
    with pytest.raises(sj.InvalidValue, match="must be a finite number >= 0") as caught:
        sj.Pace(**{name: bad})
    assert [problem.where for problem in caught.value.problems] == [name]


def test_the_longest_pause_of_a_pace_is_not_below_the_shortest():
    with pytest.raises(sj.InvalidValue, match="max_seconds: must not be less than min_seconds"):
        sj.Pace(min_seconds=5, max_seconds=4)
    assert sj.Pace(min_seconds=5, max_seconds=5).pause_seconds(0) == 5


@pytest.mark.parametrize("bad", [-0.1, 1.1, math.nan, True, "1", None])
@pytest.mark.parametrize("name", ["snap_back", "jitter"])
def test_a_poll_policy_names_each_share_out_of_range(name, bad):
    with pytest.raises(sj.InvalidValue, match="must be a number from 0 to 1") as caught:
        sj.PollPolicy(**{name: bad})
    assert [problem.where for problem in caught.value.problems] == [name]


@functions
def test_the_options_it_does_take_are_checked_by_value(function):
    bad = {name: object() for name in KINDS[function].__optional_keys__}
    with pytest.raises(sj.InvalidValue) as caught:
        call(function, bad)
    assert {problem.where for problem in caught.value.problems} == bad.keys()


SECONDS = st.floats(0, 1000)


@given(SECONDS, st.floats(0, 1), st.tuples(SECONDS, SECONDS).map(sorted))
def test_a_pause_is_a_fraction_of_the_quiet_time_within_its_limits(quiet, fraction, limits):
    least, most = limits
    pace = sj.Pace(fraction=fraction, min_seconds=least, max_seconds=most)
    assert pace.pause_seconds(quiet) == min(max(fraction * quiet, least), most)


def test_after_a_change_a_pace_without_a_fraction_counts_from_now():
    constant = sj.PollPolicy(queued=sj.Pace(fraction=0))
    assert constant.quiet_after_change(sj.CircuitStatus.PENDING, 100) == 0
    growing = sj.PollPolicy(queued=sj.Pace(fraction=0.5, max_seconds=1000), snap_back=0.2)
    assert growing.quiet_after_change(sj.CircuitStatus.PENDING, 100) == pytest.approx(20)
