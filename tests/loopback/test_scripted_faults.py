"""A fault does over a script what it does over a socket."""

from __future__ import annotations

import contextlib

import faults
from helpers import at_the_same_time
from hypothesis import given, settings

from superstaq_jobs.client import SuperstaqClient
from superstaq_jobs.errors import SuperstaqServerException, TransportError
from superstaq_jobs.fetch import fetch_balance
from superstaq_jobs.testing import FakeClock, Fault, FaultKind, ScriptedTransport, json_response
from superstaq_jobs.testing import strategies as sts
from superstaq_jobs.transport import HttpTransport
from superstaq_jobs.wire.request import Request, Response

REQUEST = Request(method="GET", path="/v0.3.0/client/balance")
BALANCE = json_response({"email": "ada@example.com", "balance": 3})
GOOD = faults.respond(BALANCE.body)
LIMIT = 100_000
ARGUMENTS = {
    FaultKind.CUT_BODY: (b"abc", 10),
    FaultKind.CUT_CHUNKS: (b"abc",),
    FaultKind.DRIP_HEADERS: (0.02,),
    FaultKind.DRIP_BODY: (0.02,),
    FaultKind.BOMB: (10 * LIMIT,),
}


def act(fault: Fault) -> faults.Act:
    """The same on a socket."""
    if fault.kind in {FaultKind.STATUS, FaultKind.WEB_PAGE, FaultKind.REDIRECT}:
        said = fault.play(REQUEST, timeout_seconds=1)
        return faults.respond(said.body, f"{said.status} Said", said.headers)
    if fault.kind is FaultKind.BAD_LENGTH:
        return faults.stated_length("many", b"abc")
    make = getattr(faults, fault.kind)
    return make(*ARGUMENTS.get(fault.kind, ()))


def outcome(transport: ScriptedTransport | HttpTransport, *, timeout_seconds: float = 60) -> object:
    """What became of a request: the response, or the error and whether the request was sent."""
    try:
        response: Response = transport.send(REQUEST, timeout_seconds=timeout_seconds)
    except TransportError as error:
        return type(error), error.sent
    except SuperstaqServerException as error:
        return type(error)
    return (
        response.status,
        response.body,
        response.header("retry-after"),
        response.header("location"),
    )


def real(origin: str) -> HttpTransport:
    return HttpTransport(origin=origin, max_body_bytes=LIMIT)


def test_a_fault_does_over_a_script_what_it_does_over_a_socket() -> None:
    at_the_same_time(assert_both_end_the_same, set(FaultKind) - {FaultKind.REFUSED})


def assert_both_end_the_same(kind: FaultKind) -> None:
    fault = Fault(kind, retry_after_seconds=7)
    with (
        faults.FaultServer(act(fault), then=GOOD) as server,
        contextlib.closing(real(server.origin)) as transport,
    ):
        # No longer than it has to be, where it lasts until the client gives up.
        seen = outcome(transport, timeout_seconds=0.5 if kind.takes_time else 60)
        assert bool(server.requests) is kind.arrives
    assert outcome(ScriptedTransport([fault])) == seen


def test_a_closed_port_does_the_same() -> None:
    with contextlib.closing(real(f"http://127.0.0.1:{faults.closed_port()}")) as transport:
        assert outcome(transport) == outcome(ScriptedTransport([Fault("refused")]))


QUICK = [kind for kind in FaultKind if not kind.takes_time and kind is not FaultKind.REFUSED]


def balance(client: SuperstaqClient) -> object:
    try:
        return fetch_balance(client)
    except SuperstaqServerException as error:
        return type(error)


@settings(max_examples=40)
@given(sts.fault_scripts(kinds=QUICK, max_faults=6))
def test_a_script_of_faults_ends_the_same_over_both(script: list[Fault | None]) -> None:
    acts = [GOOD if fault is None else act(fault) for fault in script]
    with faults.FaultServer(*acts, then=GOOD) as server:
        clock = FakeClock()
        with SuperstaqClient(
            "key", server.origin, clock=clock, jitter=lambda: 1.0, max_body_bytes=LIMIT
        ) as client:
            result, slept = balance(client), clock.sleeps
    scripted, clock = ScriptedTransport.from_function(lambda _: BALANCE, faults=script), FakeClock()
    imitation = SuperstaqClient(
        "key", server.origin, transport=scripted, clock=clock, jitter=lambda: 1.0
    )
    assert balance(imitation) == result
    assert clock.sleeps == slept
