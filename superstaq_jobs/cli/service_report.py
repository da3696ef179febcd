"""How the service behaves where nobody can know it without an account: ``doctor --service``.

Reads, and one dry-run job. Nothing secret is in what is found: no key, address, balance or job id.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from typing import Any, Final

import attrs

import superstaq_jobs as sj
from superstaq_jobs.wire.api import MAX_REQUEST_LINE_BYTES, Call
from superstaq_jobs.wire.job_data import Decoded, JobData
from superstaq_jobs.wire.request import Request

from .findings import Finding, NotingTransport
from .output import printable

__all__ = ["ASKED", "service_findings"]

ASKED: Final = (
    "This sends about 20 read-only requests and one dry-run job (a Bell pair, 10 shots) to {host}, "
    "with your account. Go on?"
)

_PAUSES: Final = (0.0, 0.5, 1.0, 2.0)
"""Seconds before each query for the new job, which the service may list late."""

_LINES: Final = (4_000, 7_000, 8_000, 8_190, 12_000, 16_000, 32_000, 64_000)
"""The lengths of request lines that are tried, in bytes."""

_BELL: Final = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; h q[0]; cx q[0], q[1];'


def _gate(kind: str, qubits: int, **facts: object) -> dict[str, object]:
    on = [{"cirq_type": "LineQubit", "x": x} for x in range(qubits)]
    return {"cirq_type": "GateOperation", "gate": {"cirq_type": kind, **facts}, "qubits": on}


_GATES: Final = [
    _gate("HPowGate", 1, exponent=1.0, global_shift=0.0),
    _gate("CXPowGate", 2, exponent=1.0, global_shift=0.0),
    _gate("MeasurementGate", 2, num_qubits=2, key="m", invert_mask=[]),
]
_MOMENTS: Final = [{"cirq_type": "Moment", "operations": [each]} for each in _GATES]
_CIRQ_BELL: Final = json.dumps({"cirq_type": "Circuit", "moments": _MOMENTS})


def service_findings(
    client: sj.SuperstaqClient, transport: NotingTransport, target: str
) -> Iterator[Finding]:
    """What is found out about the service, in the order in which it is."""
    has_tags = client.api.keeps_tags
    tag = f"superstaq-jobs doctor: {secrets.token_hex(4)} Aa+/"
    job = sj.NewJob(
        target=target,
        circuits=_BELL if has_tags else _CIRQ_BELL,
        circuit_type="qasm" if has_tags else "cirq",
        shots=10,
        dry_run=True,
        tags=[tag] if has_tags else [],
    )
    try:
        number = len(sj.fetch_targets(client))
        yield Finding("targets", f"{number} are listed")
        job_id = sj.submit_job(client, job).job_id
        yield Finding("dry-run job", "accepted")
        snapshot = sj.fetch_job(client, job_id)
        yield Finding("its status", str(snapshot.status))
        yield from _of_body(transport, snapshot)
        if has_tags:
            yield from _tags(client, snapshot, tag)
            yield from _request_lines(client, transport)
        else:
            version = client.api.version
            yield Finding("tags, request lines", f"API {version} has neither", "note")
    except sj.SuperstaqServerException as error:
        message = client.masked(error.message)
        yield Finding("stopped", f"{type(error).__name__}: {_without_ids(message)}", "problem")
    yield _retry_after(transport)


def _of_body(transport: NotingTransport, snapshot: sj.JobSnapshot) -> Iterator[Finding]:
    """The order of keys and the time stamps in the response about the job."""
    last = transport.exchanges[-1].response
    (sent,) = json.loads(last.body if last is not None else b"{}").values()
    official = [field.name for field in attrs.fields(JobData)]
    if list(sent) == official:
        yield Finding("order of keys", "as in the official model")
    else:
        yield Finding("order of keys", ", ".join(map(printable, sent)), "note")
    if more := [*snapshot.extra, *(name for c in snapshot.circuits for name in c.extra)]:
        names = ", ".join(sorted(set(more)))
        yield Finding("fields that are not known", names, "note")
    found = {key: _stamp(value) for key, value in sent.items() if "timestamp" in key}
    forms = ", ".join(f"{key} {form}" for key, form in found.items()) or "there are none"
    yield Finding("time stamps", forms)


def _stamp(value: Any) -> str:
    """The form of a time stamp: its digits do not matter."""
    first = value[0] if isinstance(value, list) and value else value
    return re.sub(r"\d", "0", first) if isinstance(first, str) else "null"


def _tags(client: sj.SuperstaqClient, snapshot: sj.JobSnapshot, tag: str) -> Iterator[Finding]:
    """Whether a job is found by its tag, and not by another."""
    kept = snapshot.tags or ()
    if tag in kept:
        yield Finding("tags are kept", "as they were sent")
    else:
        what = f"as {', '.join(map(repr, kept))}" if kept else "not at all"
        yield Finding("tags are kept", f"{what}, instead of {tag!r}", "problem", _KEYS_DO_NOT_WORK)
    waited = 0.0
    found: tuple[sj.JobSnapshot, ...] = ()
    for pause in _PAUSES:
        client.clock.sleep(pause)
        waited += pause
        found = sj.query_jobs(client, sj.JobQuery(tags=[tag]))
        if any(each.job_id == snapshot.job_id for each in found):
            break
    else:
        what = f"the job is not found by its tag within {waited:g} s"
        yield Finding("jobs are found by tag", what, "problem", _KEYS_DO_NOT_WORK)
        return
    others = sum(each.job_id != snapshot.job_id for each in found)
    others += len(sj.query_jobs(client, sj.JobQuery(tags=[f"{tag}-other"])))
    if others:
        what = f"yes, but {others} jobs without the tag are found, too"
        yield Finding("jobs are found by tag", what, "problem", _KEYS_DO_NOT_WORK)
    else:
        yield Finding("jobs are found by tag", f"yes, after {waited:g} s, and no others")


_KEYS_DO_NOT_WORK: Final = (
    "Submission keys do not work with this service: please attach this report to an issue."
)


def _request_lines(client: sj.SuperstaqClient, transport: NotingTransport) -> Iterator[Finding]:
    """The longest request line that the service takes, of those that are tried."""
    longest, refused = 0, ""
    for length in _LINES:
        path = "/v0.3.0/client/job/qasm?tags="
        bare = Request(method="GET", path=path).request_line_bytes
        call = Call(
            request=Request(method="GET", path=path + "x" * (length - bare)),
            read=lambda _body, _at, _source: Decoded(None),
            what="finding the longest request line",
        )
        try:
            client.send(call, max_attempts=1)
        except (sj.SuperstaqServerException, sj.SubmissionUnknown) as error:
            response = transport.exchanges[-1].response
            status = type(error).__name__ if response is None else str(response.status)
            refused = f"; {length} are refused ({status})"
            break
        longest = length
    is_enough = longest >= MAX_REQUEST_LINE_BYTES
    what = f"at least {longest} bytes{refused}"
    limit = f"The library sends up to {MAX_REQUEST_LINE_BYTES}: please attach this to an issue."
    yield Finding(
        "longest request line", what, "ok" if is_enough else "problem", "" if is_enough else limit
    )


def _retry_after(transport: NotingTransport) -> Finding:
    seen = {
        f"{each.response.status}: {_stamp(value)}"
        for each in transport.exchanges
        if each.response is not None and (value := each.response.header("retry-after")) is not None
    }
    if not seen:
        return Finding("Retry-After", "in no response", "note")
    return Finding("Retry-After", ", ".join(sorted(seen)))


def _without_ids(text: str) -> str:
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "…", text)
