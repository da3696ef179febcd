"""The calls on jobs: each circuit is a job of its own, with its own id."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import attrs
import msgspec

from superstaq_jobs.emulator.jobs.circuit import State
from superstaq_jobs.emulator.jobs.job import Job
from superstaq_jobs.emulator.jobs.plans import Plan
from superstaq_jobs.emulator.messages import JobQuery, NewJob, Refusal, Request, job_problem
from superstaq_jobs.emulator.service import Service, User
from superstaq_jobs.emulator.targets import Target
from superstaq_jobs.records import CircuitStatus

from .requests import JobIds, NewJobs, bad_request, read, sizes

__all__ = ["cancel_jobs", "create_jobs", "fetch_jobs"]

T = TypeVar("T")

_S = CircuitStatus

_WORDS: Final[Mapping[CircuitStatus, str]] = {
    _S.RECEIVED: "Submitted",
    _S.AWAITING_COMPILE: "Submitted",
    _S.COMPILING: "Submitted",
    _S.AWAITING_SUBMISSION: "Ready",
    _S.AWAITING_SIMULATION: "Ready",
    _S.PENDING: "Queued",
    _S.RUNNING: "Running",
    _S.SIMULATING: "Running",
    _S.COMPLETED: "Done",
    _S.FAILED: "Failed",
    _S.UNRECOGNIZED: "Failed",
    _S.CANCELLED: "Canceled",
    _S.DELETED: "Deleted",
}

_WORDS_OF: Final[Mapping[str, Mapping[CircuitStatus, str]]] = {
    "qiskit-superstaq": {
        **_WORDS,
        # It does not know the usual words, and would wait for such a job until its timeout.
        _S.AWAITING_SUBMISSION: "Submitted",
        _S.AWAITING_SIMULATION: "Submitted",
        _S.CANCELLED: "Cancelled",
        _S.DELETED: "Cancelled",
    }
}
"""The words of clients that have their own, by ``X-Client-Name``."""

_MOST_DESCRIBED: Final = 1_000
"""Of how many circuits the sizes are found out at their submission."""

_METHODS: Final[Mapping[str, dict[str, Any]]] = {
    "dry-run": {"job_type": "submit", "dry_run": True},
    "sim": {"job_type": "simulate", "sim_method": "sim"},
    "noise-sim": {"job_type": "simulate", "sim_method": "noise-sim"},
}
"""What a method stands for. Any other, or none, is a submission to the device."""


def _words(request: Request) -> Mapping[CircuitStatus, str]:
    return _WORDS_OF.get(request.headers.get("x-client-name", ""), _WORDS)


def _as_job(new: NewJobs, circuit_type: str) -> NewJob:
    options = new.read_options()
    verbatim = options.pop("verbatim", False)
    if not isinstance(verbatim, bool):
        raise bad_request(f"options: verbatim must be true or false, got {verbatim!r}")
    method = _METHODS.get(new.method or "", {"job_type": "submit"})
    new_job = NewJob(
        **method,
        target=new.target,
        circuits="",  # each job has its own
        circuit_type=circuit_type,  # type: ignore[arg-type]
        shots=new.shots,
        verbatim=verbatim,
        options_dict=options,
    )
    if (problem := job_problem(new_job)) is not None:
        field, message = problem
        raise bad_request(f"{field.removesuffix('_dict')}: {message}")
    return new_job


def _refusal(target: Target, new_job: NewJob) -> str | None:
    """Why jobs are not accepted. A dry run is accepted by targets that the user cannot use."""
    if new_job.dry_run and not target.retired:
        return None
    return target.refusal(new_job.job_type, dry_run=new_job.dry_run)


def create_jobs(service: Service, user: User, request: Request) -> object:
    """``POST /jobs``: a job for each circuit. A dry run is done before the response is sent."""
    new = read(NewJobs, request)
    text, circuit_type = new.one
    new_job = _as_job(new, circuit_type)
    target = service.target(new.target)
    if reason := _refusal(target, new_job):
        raise bad_request(reason)
    circuits = service.split(text, circuit_type)
    # Later, the compiled circuit has the size too.
    found = sizes(service, circuits[:_MOST_DESCRIBED], circuit_type)
    store = service.store
    plan = store.plans.take(tags=(), target=new.target)
    jobs = [
        store.add(user.email, new_job, [circuit], target, plan and _plan_of(plan, index))
        for index, circuit in enumerate(circuits)
    ]
    for job, size in zip(jobs, found, strict=False):
        job.circuits[0].num_qubits = None if size is None else size["num_qubits"]
    store.start(jobs)
    if new_job.dry_run and plan is None:
        for job in jobs:
            store.end(job, _S.COMPLETED)
        for job in jobs:
            store.states(job, sys.float_info.max, wait=True)
    return {"job_ids": [str(job.job_id) for job in jobs], "status": "ready"}


def _plan_of(plan: Plan, index: int) -> Plan:
    """The plan of a job that has only the circuit with this index."""
    return attrs.evolve(plan, ending=plan.of(index), circuits={})


def fetch_jobs(service: Service, user: User, request: Request) -> object:
    """``POST /fetch_jobs``: jobs by id, in the order of the ids."""
    body = read(JobIds, request)
    body.read_options()
    words = _words(request)

    def show(job: Job, state: State) -> msgspec.Raw:
        return msgspec.Raw(msgspec.json.encode(_job(job, state, words)))

    return _view(service, user, body, show)


def cancel_jobs(service: Service, user: User, request: Request) -> object:
    """``POST /cancel_jobs``: a finished job gives a warning, an unknown one an error."""
    body = read(JobIds, request)
    body.read_options()
    words = _words(request)

    def show(_: Job, state: State) -> str:
        return words[state.status]

    _view(service, user, body, show)  # if one does not exist, none is cancelled
    query = JobQuery(job_id=[uuid.UUID(job_id) for job_id in body.unique])
    cancelled = set(service.store.cancel(user.email, query))
    statuses = _view(service, user, body, show)
    warnings = [
        {"message": f"Job '{job_id}' cannot be cancelled: it already has status {status}"}
        for job_id, status in statuses.items()
        if job_id not in cancelled
    ]
    succeeded = [job_id for job_id in body.unique if job_id in cancelled]
    return {"succeeded": succeeded, **({"warnings": warnings} if warnings else {})}


def _view(
    service: Service, user: User, ids: JobIds, show: Callable[[Job, State], T]
) -> dict[str, T]:
    """What a function makes of each job, by id.

    Raises:
        Refusal: 404 for ids that the user has no job of; 400 for jobs of several circuits.
    """
    known = [uuid.UUID(job_id) for job_id in ids.unique if _is_uuid(job_id)]
    found = {}
    for job, states in service.store.find(user.email, JobQuery(job_id=known)):
        if len(states) != 1:
            raise bad_request(
                f"job {job.job_id} has {len(states)} circuits; in this version of the API a job "
                "has one: read it through v0.3.0, where it was submitted"
            )
        found[str(job.job_id)] = show(job, states[0])
    if missing := [job_id for job_id in ids.unique if job_id not in found]:
        shown = ", ".join(map(repr, missing[:3])) + (" …" if missing[3:] else "")
        raise Refusal(404, {"message": f"{len(missing)} job(s) do not exist: {shown}"})
    return {job_id: found[job_id] for job_id in ids.unique}


def _is_uuid(job_id: str) -> bool:
    try:
        return str(uuid.UUID(job_id)) == job_id
    except ValueError:
        return False


def _job(job: Job, state: State, words: Mapping[CircuitStatus, str]) -> dict[str, Any]:
    """A job as this version shows it; what is not known yet is null."""
    new_job, (circuit,) = job.new_job, job.circuits
    shown = circuit.shown(state)
    counts = circuit.counts if state.status is _S.COMPLETED else None
    num_qubits = circuit.num_qubits
    if num_qubits is None and circuit.compiled is not None:
        num_qubits = len(circuit.compiled.initial)
    data = {
        "status": words[state.status],
        "target": new_job.target,
        "shots": new_job.shots,
        "samples": counts,
        "data": None if counts is None else {"histogram": _probabilities(counts)},
        "num_qubits": num_qubits,
        "circuit_type": new_job.circuit_type,
        "input_circuit": shown.circuit,
        "compiled_circuit": shown.compiled,
        "provider_id": job.provider_id(0, state),
        "state_vector": None,
    }
    if state.status.is_terminal and state.status is not _S.COMPLETED:
        data["failure"] = {"error": state.message or "No reason is known."}
    return data


def _probabilities(counts: dict[str, int]) -> dict[str, float]:
    total = sum(counts.values())
    return {bits: number / total for bits, number in counts.items()}
