"""Law 7: a wait never polls after a terminal response, never sleeps past its deadline, returns the
same snapshot whatever the polling interval."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import random

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import circuit
from worlds import JOB, NOON, client_on, job

import superstaq_jobs as sj
from superstaq_jobs.testing import FakeClock, ScriptedTransport, jobs_response, json_response
from superstaq_jobs.testing import strategies as sjst

PATHS = [
    ["received", "awaiting_compile", "compiling", "awaiting_simulation", "simulating", "completed"],
    ["received", "awaiting_submission", "pending", "running", "pending", "running", "completed"],
    ["received", "compiling", "failed"],
    ["received", "cancelled"],
    ["awaiting_compile", "unheard_of", "unrecognized"],
]


OLD_PATHS = [
    ["Submitted", "Queued", "Running", "Queued", "Running", "Done"],
    ["Ready", "Done"],
    ["Submitted", "Running", "Failed"],
    ["Submitted", "Cancelled"],
    ["Queued", "Canceled"],
    ["Submitted", "Teleporting", "Deleted"],
]


@st.composite
def lives(draw, paths=None):
    """For each circuit, the times at which it takes each of its statuses; seconds, rising."""
    circuits = []
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(paths or PATHS))
        steps = draw(st.lists(st.integers(1, 9), min_size=len(path) - 1, max_size=len(path) - 1))
        times = [0]
        for step in steps:
            times.append(times[-1] + step)
        circuits.append(list(zip(times, path, strict=True)))
    return circuits


def now_of(circuits, now):
    """The last step that each circuit has taken."""
    return [[step for step in life if step[0] <= now][-1] for life in circuits]


def is_old(circuits):
    return circuits[0][0][1].istitle()


def job_id_of(circuits):
    return ",".join(f"c{place}" for place in range(len(circuits))) if is_old(circuits) else JOB


def state(circuits, now):
    current = now_of(circuits, now)
    if is_old(circuits):
        sent = {f"c{place}": circuit(word) for place, (_, word) in enumerate(current)}
        body = json.dumps(sent).encode()
        return sj.decode_jobs(body, api_version="v0.2.0", job_ids=[job_id_of(circuits)])[0]
    snapshot = job(*(status for _, status in current))
    stamped = [
        attrs.evolve(each, updated_at=NOON + dt.timedelta(seconds=at))
        for each, (at, _) in zip(snapshot.circuits, current, strict=True)
    ]
    return attrs.evolve(snapshot, circuits=stamped)


def respond(circuits, now, request):
    if not is_old(circuits):
        return jobs_response(state(circuits, now))
    # By hand, and only what was asked for.
    ids = json.loads(request.body)["job_ids"]
    words = {f"c{place}": word for place, (_, word) in enumerate(now_of(circuits, now))}
    return json_response({each: circuit(words[each]) for each in ids})


def client_for(circuits, transport, clock):
    version = "v0.2.0" if is_old(circuits) else "v0.3.0"
    return client_on(transport, clock=clock, api_version=version)


def world(circuits):
    """A handle on a server whose job lives by the clock, and the clock times of its requests."""
    clock = FakeClock()
    asked: list[float] = []

    def answer(request):
        asked.append(clock.now())
        return respond(circuits, clock.now(), request)

    client = client_for(circuits, ScriptedTransport.from_function(answer), clock)
    return sj.JobHandle(client, job_id_of(circuits)), clock, asked


LIVES = lives() | lives(OLD_PATHS)
INTERVALS = st.floats(1, 20)
quiet = pytest.mark.filterwarnings("ignore::superstaq_jobs.SuperstaqWarning")


@quiet
@given(circuits=LIVES, intervals=st.lists(INTERVALS, min_size=2, max_size=4))
def test_the_final_snapshot_does_not_depend_on_the_interval(circuits, intervals):
    finals = [
        world(circuits)[0].wait_until_complete(polling_seconds=interval) for interval in intervals
    ]
    assert all(final == finals[0] for final in finals)
    assert finals[0] == state(circuits, 10_000)


@quiet
@given(circuits=LIVES, interval=INTERVALS)
def test_nothing_is_sent_after_a_terminal_response(circuits, interval):
    handle, _, asked = world(circuits)
    handle.wait_until_complete(polling_seconds=interval)
    over = max(life[-1][0] for life in circuits)
    assert [at >= over for at in asked] == [False] * (len(asked) - 1) + [True]
    handle.wait_until_complete(polling_seconds=interval)
    handle.refresh()
    handle.status()
    handle.to_dict()
    assert [at >= over for at in asked].count(True) == 1


@quiet
@given(circuits=LIVES, interval=INTERVALS, timeout=st.floats(0, 60))
def test_it_never_sleeps_past_its_deadline_and_sees_what_was_so_in_time(
    circuits, interval, timeout
):
    handle, clock, asked = world(circuits)
    over = max(life[-1][0] for life in circuits)
    if over > timeout:
        with pytest.raises(sj.WaitTimeout) as caught:
            handle.wait_until_complete(timeout_seconds=timeout, polling_seconds=interval)
        assert clock.now() == pytest.approx(timeout)
        assert caught.value.snapshot == state(circuits, asked[-1])
    else:
        final = handle.wait_until_complete(timeout_seconds=timeout, polling_seconds=interval)
        assert over <= clock.now() <= timeout + 1e-9
        assert final.is_terminal
    assert asked[-1] == clock.now()


@quiet
@given(circuits=LIVES, interval=INTERVALS, data=st.data())
def test_a_wait_for_one_circuit_is_a_wait_for_that_circuit(circuits, interval, data):
    index = data.draw(st.integers(0, len(circuits) - 1))
    handle, _, asked = world(circuits)
    snapshot = handle.wait_until_complete(index, polling_seconds=interval)
    over = circuits[index][-1][0]
    assert [at >= over for at in asked] == [False] * (len(asked) - 1) + [True]
    assert snapshot.circuits[index].status == state(circuits, 10_000).circuits[index].status


@quiet
@given(circuits=lives(OLD_PATHS), interval=INTERVALS)
def test_a_circuit_of_v0_2_0_is_not_requested_again_once_it_was_seen_finished(circuits, interval):
    clock, seen_finished = FakeClock(), set()

    def answer(request):
        ids = json.loads(request.body)["job_ids"]
        assert seen_finished.isdisjoint(ids)
        for place, (_, word) in enumerate(now_of(circuits, clock.now())):
            if word in {"Done", "Failed", "Cancelled", "Canceled", "Deleted"}:
                seen_finished.add(f"c{place}")
        return respond(circuits, clock.now(), request)

    client = client_for(circuits, ScriptedTransport.from_function(answer), clock)
    handles = [sj.JobHandle(client, job_id_of(circuits)), sj.JobHandle(client, "c0")]
    finals = sj.wait_all(handles, polling_seconds=interval)
    assert finals == (state(circuits, 10_000), state(circuits[:1], 10_000))


# ---- the same for a coroutine

OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "index": st.integers(0, 3),
        "timeout_seconds": st.one_of(st.just(0), st.floats(0, 60), st.just(-1)),
        "polling_seconds": INTERVALS,
        "until": st.sampled_from(["compiled", "finished"]),
        "poll_policy": st.builds(
            sj.PollPolicy,
            queued=st.builds(sj.Pace, fraction=st.floats(0, 1)),
            jitter=st.floats(0, 1),
        ),
        "unknown_status_seconds": st.floats(0, 20),
    },
)


def facts(error):
    """Everything that an error says."""
    known = {
        name: list(map(facts, value)) if name == "failures" else value
        for name, value in vars(error).items()
    }
    return type(error), str(error), known


def course(wait, circuits, faults, options):
    """All that there is to see of a wait, from outside and from the server."""
    clock = FakeClock()
    transport = ScriptedTransport.from_function(
        lambda request: respond(circuits, clock.now(), request), faults=faults, clock=clock
    )
    version = "v0.2.0" if is_old(circuits) else "v0.3.0"
    client = sj.SuperstaqClient(
        "key",
        transport=transport,
        clock=clock,
        jitter=random.Random(7).random,
        api_version=version,
    )
    handle = sj.JobHandle(client, job_id_of(circuits))
    changes = []
    try:
        outcome = wait(handle, on_change=lambda *each: changes.append(each), **options)
    except sj.SuperstaqException as error:
        outcome = facts(error)
    asked = [(request, transport.timeouts[n]) for n, request in enumerate(transport.requests)]
    return outcome, changes, asked, clock.sleeps, handle.latest, handle.polled_at, client.traffic


def wait_async(handle, **options):
    return asyncio.run(handle.wait_until_complete_async(**options))


@quiet
@given(circuits=LIVES, faults=sjst.fault_scripts(), options=OPTIONS)
def test_a_coroutine_waits_as_a_thread_does(circuits, faults, options):
    by_thread = course(sj.JobHandle.wait_until_complete, circuits, faults, options)
    assert course(wait_async, circuits, faults, options) == by_thread
