"""API v0.2.0, which most accounts use: its calls and their bodies. No I/O; nothing is coerced.

Its server keeps each circuit as a job of its own. So a response about jobs is read as jobs of one
circuit, and ``records.changes.assemble`` makes of them the jobs that were asked for. Reads of jobs
are POSTs, and credentials for other providers are in the body, among the ``options``.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar
from uuid import UUID

import attrs
import msgspec

from superstaq_jobs import records
from superstaq_jobs.errors import InvalidRequest, InvalidValue, Problem, ProtocolError
from superstaq_jobs.records import CircuitStatus, CircuitType, JobId, JobSnapshot, JobType, fields
from superstaq_jobs.records.budget import paced
from superstaq_jobs.records.frozen import adopt
from superstaq_jobs.records.ids import server_ids, trimmed

from . import bodies, job_data, strict
from .call import Api, Call, call_of, name_jobs, packed
from .job_data import Decoded, unknown_fields, unknown_statuses, without_warnings
from .masking import json_object
from .request import Secret

__all__ = ["UNSAID", "UNSAID_OF_CIRCUITS", "V0_2_0"]

T = TypeVar("T")
_Jobs = tuple[JobSnapshot, ...]

# In a response, "warnings" stands beside the ids.
_CIRCUIT_ID: Final = r"(?!warnings(?:,|$))[^\s,]+"
_IDS: Final = re.compile(f"{_CIRCUIT_ID}(?:,{_CIRCUIT_ID})*")
_MAX_CIRCUITS: Final = 250
"""How many circuits one request fetches, unless a single job has more."""

_STATUSES: Final = {
    "Submitted": CircuitStatus.RECEIVED,
    "Queued": CircuitStatus.PENDING,
    "Running": CircuitStatus.RUNNING,
    "Done": CircuitStatus.COMPLETED,
    "Failed": CircuitStatus.FAILED,
    "Canceled": CircuitStatus.CANCELLED,
    "Deleted": CircuitStatus.DELETED,
    "Ready": CircuitStatus.RECEIVED,
    "Cancelled": CircuitStatus.CANCELLED,
}
"""What the words of this version mean. Of two words for one status, the later goes to ``extra``."""

_WORDS: Final = {str(status): word for word, status in reversed(_STATUSES.items())}
UNSAID: Final = ("job_type", "user_email", "dry_run", "submitted_at", "tags", "metadata")
UNSAID_OF_CIRCUITS: Final = (
    *("results_dict", "updated_at", "logical_qubits", "physical_qubits"),
    *("initial_logical_to_physical", "final_logical_to_physical"),
)
_AS_SENT: Final = ("provider_id", "shots", "input_circuit", "compiled_circuit")
_TYPES: Final = frozenset(CircuitType)
_FORMATS: Final = {CircuitType.CIRQ: "cirq_circuits", CircuitType.QISKIT: "qiskit_circuits"}
_ELSEWHERE: Final = "v0.3.0 can (api_version='v0.3.0')"


@attrs.frozen
class CircuitData:
    """What is said of a circuit and a record has a field for. Only the status is always there."""

    status: str
    target: strict.TargetName | None = None
    circuit_type: str | None = None
    provider_id: str | None = None
    shots: strict.Integer | None = None
    samples: strict.CountsData | None = None
    input_circuit: str | None = None
    compiled_circuit: str | None = None


@attrs.frozen
class _Submitted:
    job_ids: tuple[str, ...]


@attrs.frozen
class _Targets:
    superstaq_targets: records.JsonMapping


def _job_id(value: Any) -> Any:
    if hint := fields.id_hint(value):
        return fields.bad(f"must be a job's id, got {fields.shown(value)}{hint}")
    text = str(value) if isinstance(value, UUID) else fields.string(trimmed(value))
    if isinstance(text, str) and not _IDS.fullmatch(text):
        what = "must be the ids of a job's circuits, joined by commas without spaces, got"
        return fields.bad(f"{what} {fields.shown(text)}")
    return text


def _fetch_jobs(job_ids: Sequence[JobId], _circuit_type: CircuitType) -> list[Call[_Jobs]]:
    parts = packed(job_ids, lambda job_id: len(server_ids(job_id)), _MAX_CIRCUITS)
    return [_fetch_part(tuple(part), None) for part in parts]


def _fetch_part(job_ids: tuple[JobId, ...], only: Collection[JobId] | None) -> Call[_Jobs]:
    ids = dict.fromkeys(server_ids(*job_ids))
    asked = tuple(each for each in ids if only is None or each in only)
    what = f"fetching {name_jobs(job_ids)}"
    about = {"job_ids": job_ids, "asked": asked, "only": partial(_fetch_part, job_ids)}
    path, body = "/v0.2.0/fetch_jobs", {"job_ids": asked}
    return call_of("POST", path, body, _decode_jobs, what=what, **about)


def _query_jobs(_query: records.JobQuery, _circuit_type: CircuitType) -> list[Call[_Jobs]]:
    what = f"API v0.2.0 can fetch jobs only by their ids, with fetch_jobs; {_ELSEWHERE}"
    raise InvalidRequest("the request", [Problem("query", what)])


def _decode_jobs(body: bytes, fetched_at: dt.datetime | None, source: str | None) -> Decoded[_Jobs]:
    provenance = job_data.read_provenance(fetched_at, source)
    read, warnings = without_warnings(strict.parse_json(body))
    collector = strict.Collector()
    jobs: list[JobSnapshot] = []
    if not isinstance(read, dict):
        collector.say("$", f"expected an object of circuits by id, got {fields.shown(read)}")
        read = {}
    elif isinstance(read.get("status"), str):
        collector.say("$", "is the data of one circuit, without its id: pass {circuit_id: data}")
        read = {}
    for circuit_id, sent in paced(read.items()):
        try:
            jobs.append(_job(circuit_id, sent, *provenance))
        except (ProtocolError, InvalidValue, strict.WrongError) as error:
            collector.add(f"$.{circuit_id}", error)
    if collector.problems:
        raise strict.protocol_error("the response with the jobs", collector, found=jobs)
    circuits = [circuit for job in jobs for circuit in job.circuits]
    unknown = {c.status_text for c in circuits if c.status is CircuitStatus.UNKNOWN}
    return Decoded(tuple(jobs), warnings + unknown_statuses(unknown))


def _is_circuit_id(text: str) -> bool:
    return text.isprintable() and re.fullmatch(_CIRCUIT_ID, text) is not None


def _job(circuit_id: str, sent: Any, at: dt.datetime | None, source: str | None) -> JobSnapshot:
    if not _is_circuit_id(circuit_id):
        strict.wrong("must have an id that prints, without commas and spaces")
    data = strict.structure(CircuitData, sent, what="")
    extra = unknown_fields(sent, CircuitData)
    status_text = _STATUSES.get(data.status, data.status)
    if data.status != _WORDS.get(status_text, status_text):
        extra["status"] = data.status
    is_known_type = data.circuit_type in _TYPES
    if data.circuit_type is not None and not is_known_type:
        extra["circuit_type"] = data.circuit_type
    circuit = records.CircuitSnapshot(
        index=0,
        status_text=str(status_text),
        status_message=_message(extra),
        counts=None if data.samples is None else adopt(records.Counts, data.samples),
        **{name: getattr(data, name) for name in _AS_SENT},
        circuit_id=circuit_id,
        extra=extra,
    )
    return JobSnapshot(
        job_id=circuit_id,
        target=data.target,
        circuit_type=data.circuit_type if is_known_type else None,
        circuits=[circuit],
        fetched_at=at,
        source=source,
        **dict.fromkeys(UNSAID),  # type: ignore[arg-type]
    )


def _message(extra: dict[str, Any]) -> str | None:
    """Why the circuit failed; taken out of ``extra`` if no more is said there."""
    failure = extra.get("failure")
    if not isinstance(failure, dict) or not isinstance(failure.get("error"), str):
        return None if failure is None else job_data.as_string(failure)
    if len(failure) == 1:
        del extra["failure"]
    message: str = failure["error"]
    return message


def _encode_jobs(snapshots: Iterable[JobSnapshot]) -> bytes:
    sent: dict[str, Any] = {}
    problems: list[Problem] = []
    for job in snapshots:
        problems += _unwritable(job)
        for circuit_id, data in ((str(c.circuit_id), _to_wire(job, c)) for c in job.circuits):
            if sent.setdefault(circuit_id, data) != data:
                raise InvalidValue(f"two states of circuit {circuit_id} cannot be in one response")
    if problems:
        raise InvalidRequest("the body", problems)
    return msgspec.json.encode(sent)


def _unwritable(job: JobSnapshot) -> Iterator[Problem]:
    """What a snapshot that a program made has beyond this version."""
    what = "must be None: API v0.2.0 has no place for it. A pickle keeps the snapshot as it is"
    for name in UNSAID:
        if getattr(job, name) is not None:
            yield Problem(f"job {job.job_id}: {name}", what)
    if job.extra:
        yield Problem(f"job {job.job_id}: extra", what.replace("None", "empty"))
    for circuit in job.circuits:
        for name in UNSAID_OF_CIRCUITS:
            if getattr(circuit, name) is not None:
                yield Problem(f"job {job.job_id}: circuits[{circuit.index}].{name}", what)


def _to_wire(job: JobSnapshot, circuit: records.CircuitSnapshot) -> dict[str, Any]:
    message = circuit.status_message
    return {
        "status": _WORDS.get(circuit.status_text, circuit.status_text),
        "target": job.target,
        "circuit_type": job.circuit_type,
        "samples": None if circuit.counts is None else dict(circuit.counts),
        **{name: getattr(circuit, name) for name in _AS_SENT},
        **({} if message is None else {"failure": {"error": message}}),
        **circuit.extra.to_dict(),
    }


def _submit_job(job: records.NewJob) -> Call[records.SubmitReceipt]:
    if problems := list(_unsupported(job)):
        raise InvalidRequest("the request", problems)
    word = "dry-run" if job.dry_run else job.sim_method or records.SimMethod.SIM
    method = {"method": word} if job.dry_run or job.job_type is JobType.SIMULATE else {}
    data = {
        _FORMATS[job.circuit_type]: job.circuits,
        "target": job.target,
        "shots": job.shots,
        **method,
        "options": json.dumps({"verbatim": job.verbatim, **job.options_dict.to_dict()}),
    }
    what = f"submitting a {'dry-run' if job.dry_run else job.job_type} job to {job.target}"
    return call_of("POST", "/v0.2.0/jobs", data, _read_submitted, what=what, created=_created)


def _unsupported(job: records.NewJob) -> Iterator[Problem]:
    """What a job asks for and this version cannot do."""
    if job.job_type not in {JobType.SUBMIT, JobType.SIMULATE}:
        yield Problem("job_type", f"API v0.2.0 has no {job.job_type} jobs; {_ELSEWHERE}")
    if job.dry_run and job.job_type is JobType.SIMULATE:
        yield Problem("dry_run", f"API v0.2.0 cannot dry-run a simulate job; {_ELSEWHERE}")
    if job.circuit_type not in _FORMATS:
        what = f"must be cirq or qiskit in API v0.2.0, got {job.circuit_type}"
        yield Problem("circuit_type", f"{what}; {_ELSEWHERE}")
    if job.shots < 1:
        yield Problem("shots", f"must be >= 1 in API v0.2.0, got {job.shots}")
    for name in ("priority", "tags", "metadata"):
        if getattr(job, name):
            yield Problem(name, f"API v0.2.0 cannot keep it: leave it out; {_ELSEWHERE}")


def _read_submitted(body: bytes, *_: object) -> Decoded[records.SubmitReceipt]:
    what = "the response to the submission"
    read = bodies.read_as(_Submitted, body, what=what)
    ids = read.value.job_ids
    if not ids or not all(map(_is_circuit_id, ids)):
        problem = Problem("$.job_ids", f"must be the ids of circuits, got {fields.shown(ids)}")
        raise ProtocolError(f"{what} is not what the API promises", [problem])
    receipt = records.SubmitReceipt(job_id=",".join(ids), num_circuits=len(ids))
    return Decoded(receipt, read.warnings)


def _created(body: bytes) -> tuple[JobId, ...]:
    listed = re.search(rb'"job_ids"\s*:\s*\[([^\]]*)', body)
    ids = "" if listed is None else listed[1].decode("utf-8", "replace")
    return tuple(re.findall(r'"([^"\s]+)"', ids))


def _cancel_jobs(job_ids: Sequence[JobId]) -> Call[records.CancelReceipt]:
    ids = tuple(job_ids)
    what = f"cancelling {name_jobs(ids)}"
    path, body = "/v0.2.0/cancel_jobs", {"job_ids": list(dict.fromkeys(server_ids(*ids)))}
    read = partial(bodies.read_cancelled, asked=ids)
    return call_of("POST", path, body, read, what=what, job_ids=ids)


def _fetch_targets(query: records.TargetQuery) -> Call[tuple[records.Target, ...]]:
    conditions = {name: value for name, value in attrs.asdict(query).items() if value is not None}
    path = "/v0.2.0/targets"
    return call_of("POST", path, conditions, _read_targets, what="fetching the targets")


def _read_targets(body: bytes, *_: object) -> Decoded[tuple[records.Target, ...]]:
    """The targets in a body. As in the official client, a flag that is missing is False."""
    read = bodies.read_as(_Targets, body, what="the list of targets")
    targets = read.value.superstaq_targets.to_dict()
    missing = dict.fromkeys(attrs.fields_dict(records.TargetQuery), False)
    for name, flags in targets.items():
        if isinstance(flags, dict):
            simulator = name.endswith("_simulator")
            targets[name] = {**missing, "simulator": simulator, **flags, "target_name": name}
    return Decoded(bodies.targets_of(list(targets.values())), read.warnings)


def _fetch_target_info(target: str, options: records.JsonMapping) -> Call[records.TargetInfo]:
    data = {"target": target, "options": json.dumps(options.to_dict())}
    what = f"fetching the description of target {target}"
    read = partial(bodies.read_target_info, target=target)
    return call_of("POST", "/v0.2.0/target_info", data, read, what=what)


def _fetch_balance() -> Call[records.AccountBalance]:
    read = partial(bodies.read_balance, email=None)
    return call_of("GET", "/v0.2.0/balance", None, read, what="fetching the balance")


def _add_options(body: bytes, credentials: Mapping[str, Secret]) -> bytes:
    data = msgspec.json.decode(body)
    options = json.loads(data.get("options", "{}"))
    for name, secret in credentials.items():
        token = json_object(secret.reveal())  # as it was passed to the client
        # Those of the call win.
        options.setdefault(name, secret.reveal() if token is None else token)
    return msgspec.json.encode({**data, "options": json.dumps(options)})


V0_2_0: Final = Api(
    version="v0.2.0",
    default_origin="https://superstaq.infleqtion.com",
    job_id=_job_id,
    fetch_jobs=_fetch_jobs,
    query_jobs=_query_jobs,
    submit_job=_submit_job,
    cancel_jobs=_cancel_jobs,
    fetch_targets=_fetch_targets,
    fetch_target_info=_fetch_target_info,
    fetch_balance=_fetch_balance,
    decode_jobs=_decode_jobs,
    encode_jobs=_encode_jobs,
    add_options=_add_options,
    keeps_tags=False,
    cancels_circuits=True,
    converts_circuits=False,
    hint="If the account uses API v0.3.0, pass api_version='v0.3.0' to SuperstaqClient.",
    lost_submission=(
        "The job may have been created, and API v0.2.0 cannot look for it, so it was not submitted "
        "again: look for it on the service's web page before you do that."
    ),
)
