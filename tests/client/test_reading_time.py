"""A deadline bounds the reading of a response too, whatever its body is."""

from __future__ import annotations

import json
import math
import uuid
import warnings

import pytest
from servers import circuit
from worlds import HOST, job

import superstaq_jobs as sj
from superstaq_jobs.testing import FakeClock, ScriptedTransport

NUMBER = 3000
IDS = [str(uuid.UUID(int=place + 1)) for place in range(NUMBER)]


class TickingClock(FakeClock):
    """Each look at it takes a millisecond, as work does."""

    def now(self):
        self.advance(0.001)
        return super().now()


def one_job(**fields):
    return {IDS[0]: {**job("running").to_dict(), **fields}}


MANY = {each: job("running").to_dict() for each in IDS}
FINE = "2026-01-01T00:00:00.1234567Z"
BODIES = {
    "many jobs": MANY,
    "many jobs, times that are too fine": {
        name: {**data, "submission_timestamp": FINE} for name, data in MANY.items()
    },
    "many jobs, of which the last is wrong": {**MANY, IDS[-1]: {}},
    "jobs that are numbers": dict.fromkeys(IDS, 3),
    "many unknown fields": one_job(**{f"f{n}": {"a": [{}]} for n in range(NUMBER)}),
    "much metadata": one_job(metadata={f"f{n}": {"a": [{}]} for n in range(NUMBER)}),
    "much metadata, and a wrong field": one_job(
        dry_run=1, metadata={f"f{n}": {"a": [{}]} for n in range(NUMBER)}
    ),
    "many tags, of which the last is wrong": one_job(tags=["t"] * 100_000 + [3]),
    "circuits": {f"c{n}": circuit("Running") for n in range(NUMBER)},
    "circuits, of which the last is wrong": {
        **{f"c{n}": circuit("Running") for n in range(NUMBER)},
        "c": {},
    },
}


def client_of(data, clock, body=None):
    response = sj.Response(status=200, body=body or json.dumps(data).encode())
    version = "v0.2.0" if "c0" in data else "v0.3.0"
    return sj.SuperstaqClient(
        "a-key",
        HOST,
        api_version=version,
        clock=clock,
        transport=ScriptedTransport([response] * 99),
    )


@pytest.mark.parametrize("name", BODIES)
def test_reading_ends_soon_after_the_deadline(name):
    data, clock = BODIES[name], TickingClock()
    client = client_of(data, clock)
    job_id = next(iter(data))
    started = clock.now()
    with pytest.raises(
        sj.RequestTimeout, match=r"could not be read in time\. Allow more time"
    ) as e:
        sj.fetch_job(client, job_id, timeout_seconds=0.01)
    assert e.value.sent
    assert clock.now() - started < 0.3
    with pytest.raises(sj.WaitTimeout) as caught:
        sj.JobHandle(client, job_id).wait_until_complete(timeout_seconds=0.05, polling_seconds=0.01)
    assert any("read in time" in str(failure) for failure in caught.value.failures)


@pytest.mark.parametrize("name", ["many jobs", "many unknown fields", "circuits"])
def test_without_a_deadline_all_is_read(name):
    data, clock = BODIES[name], TickingClock()
    found = sj.fetch_job(client_of(data, clock), next(iter(data)))
    assert not found.is_terminal
    assert client_of(data, clock).deadline_in(None) == math.inf


def test_a_response_that_arrived_in_time_is_read_a_little_after_the_deadline():
    clock = FakeClock()

    def respond(_request):
        clock.advance(1.0)
        return sj.Response(status=200, body=json.dumps(MANY).encode())

    transport = ScriptedTransport.from_function(respond)
    client = sj.SuperstaqClient("a-key", HOST, clock=clock, transport=transport)
    assert sj.fetch_job(client, IDS[5], timeout_seconds=1.0).statuses == ("running",)


def test_the_jobs_that_can_be_read_are_found_beside_many_that_cannot():
    data = {**dict.fromkeys(IDS, 3), IDS[7]: MANY[IDS[7]], IDS[-1]: MANY[IDS[-1]]}
    with pytest.raises(sj.ProtocolError) as caught:
        sj.fetch_job(client_of(data, FakeClock()), IDS[3])
    assert [str(each.job_id) for each in caught.value.found] == [IDS[7], IDS[-1]]
    assert len(caught.value.problems) == 20
    assert caught.value.omitted == NUMBER - 22


def nested(depth, number):
    return b"[" + b",".join([b"[" * depth + b"]" * depth] * number) + b"]"


ONE_STEP = {
    "metadata of nested lists": one_job(metadata={"k": "HERE"}),
    "an unknown field of nested lists": one_job(unheard_of="HERE"),
    "nested warnings": {"warnings": "HERE", **one_job()},
    "a circuit's unknown field of nested lists": {"c0": {**circuit("Running"), "new": "HERE"}},
    "a circuit's warnings": {"warnings": "HERE", "c0": circuit("Running")},
}


@pytest.mark.parametrize("depth", [1, 9, 90])
@pytest.mark.parametrize("name", ONE_STEP)
def test_what_a_parser_cannot_read_in_time_is_not_begun(name, depth):
    data = ONE_STEP[name]
    template = json.dumps(data).encode()
    body = template.replace(b'"HERE"', nested(depth, 1_200_000 // depth))
    # The clock stands still while the body is read: only the estimate can end it.
    client = client_of(data, FakeClock(), body)
    with pytest.raises(sj.RequestTimeout, match=r"could not be read in time"):
        sj.fetch_job(client, "c0" if "c0" in data else IDS[0], timeout_seconds=0.1)


@pytest.mark.parametrize("name", ONE_STEP)
def test_what_can_be_read_in_time_is(name):
    body = json.dumps(ONE_STEP[name]).encode().replace(b'"HERE"', nested(3, 40_000))
    client = client_of(ONE_STEP[name], FakeClock(), body)
    job_id = "c0" if "c0" in ONE_STEP[name] else IDS[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sj.SuperstaqWarning)
        assert sj.fetch_job(client, job_id, timeout_seconds=0.1).statuses == ("running",)
