"""Row 9: the key and the tokens in anything that a person, a log, a debugger or a file could show.

Every call is made against every fault of a server, which returns what it was sent where the fault
allows that, and the secrets in several spellings.
"""

# ruff: noqa: RUF001 - the multiplication sign of the issue's table

from __future__ import annotations

import base64
import contextlib
import html
import io
import json
import logging
import pickle
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import attrs
import general_superstaq as gss

import superstaq_jobs as sj
from superstaq_jobs.transport import HttpTransport

from .shared import (
    BENCHMARKS,
    JOB,
    KEY,
    TARGET,
    Row,
    faults,
    job_data,
    jobs_body,
    new_job,
    official_client,
    our_client,
    serve_jobs,
)

__all__ = ["leaks"]

EVERY_CHARACTER = "cAn\"A/r\\y'<&>%41+= {}[]:,u0041~|`^$#@!?*"
PART = f"part {EVERY_CHARACTER}"
TOKENS = {"ibmq_token": EVERY_CHARACTER, "cq_token": json.dumps({"deep": [{"token": PART}]})}
SECRETS = (KEY, EVERY_CHARACTER)
SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in JSON": lambda text: json.dumps(text)[1:-1],
    "in JSON, every character": lambda text: "".join(f"\\u{ord(c):04X}" for c in text),
    "in JSON in JSON": lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
    "in a URL": lambda text: quote(text, safe=""),
    "in HTML": html.escape,
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in hex": lambda text: text.encode().hex(),
}
SPELLED = {spell(secret) for spell in SPELLINGS.values() for secret in SECRETS}
OUR_CALLS: dict[str, Callable[[sj.SuperstaqClient], object]] = {
    "fetch": lambda client: sj.fetch_job(client, JOB),
    "query": lambda client: sj.query_jobs(client, sj.JobQuery(tags=["t"])),
    "submit": lambda client: sj.submit_job(client, new_job()),
    "cancel": lambda client: sj.cancel_jobs(client, [JOB]),
    "targets": sj.fetch_targets,
    "target info": lambda client: sj.fetch_target_info(client, "ibmq_fez_qpu"),
    "balance": sj.fetch_balance,
    "wait": lambda client: sj.JobHandle(client, JOB).wait_until_complete(
        timeout_seconds=0.05, polling_seconds=0.01
    ),
}
THEIR_CALLS: dict[str, Callable[[Any], object]] = {
    "fetch": lambda client: client.fetch_jobs([JOB]),
    "submit": lambda client: client.create_job({"qiskit_circuits": "x"}, target=TARGET),
    "cancel": lambda client: client.cancel_jobs([JOB]),
    "targets": lambda client: client.get_targets(),
    "target info": lambda client: client.target_info("ibmq_fez_qpu"),
    "balance": lambda client: client.get_balance(),
    "wait": lambda client: gss.Job(client, JOB).wait_until_terminal_state(
        timeout_seconds=0.02, polling_seconds=0.01
    ),
}


def _handed_back(make: Callable[[str], faults.Act], spelling: str) -> faults.Act:
    """A response with the secrets in a spelling, all header values of the request, and its body."""
    spelled = " ".join(map(SPELLINGS[spelling], (KEY, EVERY_CHARACTER, PART)))

    def run(connection: faults.Connection, request: faults.Received | None) -> None:
        assert request is not None
        sent = " ".join(value for _, value in request.headers)
        make(f"{spelled} {sent} {request.body.decode()}").run(connection, request)

    return faults.Act(run)


def _json(value: Any, status: str) -> faults.Act:
    return faults.respond(json.dumps(value).encode(), status)


def _scripts() -> dict[str, faults.Act]:
    good = jobs_body(JOB)
    back = {
        "body of an error": lambda sent: faults.respond(sent.encode(), "400 Bad Request"),
        "message of a 401": lambda sent: _json({"message": sent}, "401 Unauthorized"),
        "detail of a 422": lambda sent: _json({"detail": [{"msg": sent}]}, "422 No"),
        "page of a proxy": lambda sent: faults.respond(b"<html>" + sent.encode()),
        "id of a job": lambda sent: _json({sent: {}}, "200 OK"),
        "field of a job": lambda sent: _json({str(JOB): job_data(statuses=sent)}, "200 OK"),
        "warning": lambda sent: _json({"warnings": [{"message": sent}]}, "200 OK"),
        "status line": lambda sent: faults.raw(f"HTTP/1.1 500 {sent}\r\n\r\n".encode(), close=True),
        "no HTTP": lambda sent: faults.raw(sent.encode() + b"\r\n\r\n", close=True),
        "length": lambda sent: faults.stated_length(sent, good),
        "coding": lambda sent: faults.respond(good, headers=[("Content-Encoding", sent)]),
        "redirect": lambda sent: faults.redirect(f"http://127.0.0.1:9/{sent.replace(' ', '/')}"),
    }
    return {
        **{
            f"{name}, {spelling}": _handed_back(make, spelling)
            for name, make in back.items()
            for spelling in SPELLINGS
        },
        "good": serve_jobs(),
        "busy": faults.respond(b'"busy"', "503 Service Unavailable"),
        "closed": faults.close_after_request(),
        "reset": faults.reset_after_request(),
        "headers cut": faults.cut_headers(),
        "body cut": faults.cut_body(good[:-9], len(good)),
        "garbage": faults.garbage(),
        "header flood": faults.header_flood(),
    }


def _shown_of(error: BaseException) -> Iterator[str]:
    """Everything that can be shown of an error, without the frames of this benchmark."""
    place = error.__traceback__
    while place is not None and str(BENCHMARKS) in place.tb_frame.f_code.co_filename:
        place = place.tb_next
    shown = traceback.TracebackException(type(error), error, place, capture_locals=True)
    yield "".join(shown.format())
    inner: BaseException | None = error
    while inner is not None:
        yield from (str(inner), repr(inner), repr(inner.args), repr(vars(inner)))
        yield _pickled(inner)
        inner = inner.__cause__ or inner.__context__


def _pickled(value: object) -> str:
    try:
        return pickle.dumps(value).decode("latin-1")
    except Exception as error:  # noqa: BLE001 - if it cannot be pickled, only the error can be shown
        return str(error)


@contextlib.contextmanager
def _everything_logged(shown: list[str]) -> Iterator[None]:
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
        shown.extend(str(warning.message) for warning in caught)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    shown.extend(log.getvalue().splitlines())


class _Watched:
    """A transport that records what can be shown of each request."""

    def __init__(self, origin: str, shown: list[str]) -> None:
        self._inner = HttpTransport(origin=origin, max_body_bytes=1024 * 1024)
        self._shown = shown

    def send(self, request: sj.Request, /, *, timeout_seconds: float) -> sj.Response:
        rest = request
        if request.path.startswith("/v0.2.0/") and request.body is not None:
            # There the tokens are among the options of the body.
            sent = {k: v for k, v in json.loads(request.body).items() if k != "options"}
            rest = attrs.evolve(request, body=json.dumps(sent).encode())
        self._shown.extend(map(repr, (request, request.path, rest.body, attrs.asdict(rest))))
        self._shown.append(_pickled(request))
        return self._inner.send(request, timeout_seconds=timeout_seconds)

    def close(self) -> None:
        self._inner.close()


def _around(call: Callable[[], object], shown: list[str]) -> None:
    with _everything_logged(shown):
        try:
            value = call()
            shown += [repr(value), str(value), _pickled(value)]
        except Exception as error:  # noqa: BLE001 - everything that it shows is searched
            shown.extend(_shown_of(error))


def _of_object(*objects: object) -> Iterator[str]:
    for each in objects:
        yield from (repr(each), str(each), f"{each}", repr(vars(each)), _pickled(each))


def _hits(shown: list[str]) -> int:
    return sum(any(secret in each for secret in SPELLED) for each in shown)


def leaks(*, quick: bool) -> Row:
    """Row 9."""
    scripts = _scripts()
    if quick:
        scripts = dict(list(scripts.items())[::9])
    mine: list[str] = []
    other: list[str] = []
    policy = sj.RetryPolicy(max_attempts=2, base_seconds=0.001)
    for act in scripts.values():
        with faults.FaultServer(then=act) as server:
            for call in OUR_CALLS.values():
                transport = _Watched(server.origin, mine)
                with our_client(
                    server.origin, transport=transport, retry_policy=policy, **TOKENS
                ) as client:
                    _around(lambda call=call, client=client: call(client), mine)
                    mine.extend(_of_object(client))
            with our_client(server.origin, **TOKENS) as client:  # with its own transport
                mine.extend(_of_object(client, sj.JobHandle(client, JOB)))
                mine.append(repr(client.__getstate__()))
        with faults.FaultServer(then=act) as server:
            for call in THEIR_CALLS.values():
                official = official_client(server.origin, max_retry_seconds=0, **TOKENS)
                _around(lambda call=call, client=official: call(client), other)
                official.session.close()
            other.extend(_of_object(official, gss.Job(official, JOB)))
    return Row(
        what="canary key and tokens in repr, str, logs at DEBUG, tracebacks with locals, "
        f"pickles, asdict, in {len(SPELLINGS)} spellings ({len(OUR_CALLS)} calls × "
        f"{len(scripts)} faults)",
        bar="0 hits",
        ours=f"{_hits(mine)} hits in {len(mine):,} strings",
        theirs=f"{_hits(other):,} hits in {len(other):,} strings ({len(THEIR_CALLS)} calls)",
        passed=_hits(mine) == 0,
    )
