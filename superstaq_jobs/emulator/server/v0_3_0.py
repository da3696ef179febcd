"""Version 0.3.0 of the API: one job has any number of circuits."""

from __future__ import annotations

import datetime as dt
import urllib.parse
from typing import Final

import msgspec

from superstaq_jobs.emulator.jobs.circuit import State
from superstaq_jobs.emulator.jobs.job import Job
from superstaq_jobs.emulator.messages import (
    JobQuery,
    NewJob,
    Refusal,
    Request,
    TargetFilter,
    TargetName,
    invalid,
    job_problem,
    read_body,
    read_query,
)
from superstaq_jobs.emulator.service import ApiVersion, Call, Service, User, check_format
from superstaq_jobs.emulator.simulator.tasks import Converted
from superstaq_jobs.records import CircuitStatus

__all__ = ["V0_3_0"]


class _TargetInfoQuery(msgspec.Struct):
    target: TargetName


class _AcceptTerms(msgspec.Struct):
    accept: bool


def _create_job(service: Service, user: User, request: Request) -> object:
    new_job = read_body(NewJob, request.body)
    if new_job.job_type == "convert":
        message = "this emulator does not run convert jobs"
        raise invalid(("body", "job_type"), message, "unsupported")
    if (found := job_problem(new_job)) is not None:
        field, message = found
        raise invalid(("body", field), message)
    target = service.target(new_job.target)
    if reason := target.refusal(new_job.job_type, dry_run=new_job.dry_run):
        raise Refusal(400, {"message": reason})
    circuits = service.split(new_job.circuits, new_job.circuit_type)
    plan = service.store.plans.take(tags=new_job.tags, target=new_job.target)
    job = service.store.add(user.email, new_job, circuits, target, plan)
    service.store.start([job])
    return {"job_id": str(job.job_id), "num_circuits": len(job.circuits)}


def _fetch_jobs(service: Service, user: User, request: Request) -> object:
    circuit_type = request.circuit_type
    check_format(("path", "circuit_type"), circuit_type)
    query = read_query(JobQuery, request)
    return {
        str(job.job_id): _job_data(job, states, *service.store.in_format(job, states, circuit_type))
        for job, states in service.store.find(user.email, query)
    }


def _job_data(
    job: Job, states: list[State], circuit_type: str, shown: list[Converted]
) -> msgspec.Raw:
    """A job as ``JobData``, in JSON; each list has one entry per circuit.

    ``shown`` is what is shown of each circuit in that format.
    """
    new_job, circuits = job.new_job, job.circuits
    seen = list(zip(circuits, states, strict=True))
    compiled = [circuit.compiled if state.reached.is_compiled else None for circuit, state in seen]
    data = {
        "job_type": new_job.job_type,
        "statuses": [state.status.value for state in states],
        "status_messages": [state.message for state in states],
        "user_email": job.owner,
        "target": new_job.target,
        "provider_id": [job.provider_id(index, state) for index, state in enumerate(states)],
        "num_circuits": len(circuits),
        "compiled_circuits": [circuit.compiled for circuit in shown],
        "input_circuits": [circuit.circuit for circuit in shown],
        "circuit_type": circuit_type,
        "counts": [
            circuit.counts if state.status is CircuitStatus.COMPLETED else None
            for circuit, state in seen
        ],
        "results_dicts": [None] * len(circuits),
        "shots": [new_job.shots] * len(circuits),
        "dry_run": new_job.dry_run,
        "submission_timestamp": _timestamp(job.submitted_at),
        "last_updated_timestamp": [
            _timestamp(job.submitted_at + dt.timedelta(seconds=state.since)) for state in states
        ],
        "initial_logical_to_physicals": [one and dict(enumerate(one.initial)) for one in compiled],
        "final_logical_to_physicals": [one and dict(enumerate(one.final)) for one in compiled],
        "logical_qubits": [circuit.logical_qubits for circuit in shown],
        "physical_qubits": [circuit.physical_qubits for circuit in shown],
        "tags": job.tags,
        "metadata": new_job.metadata,
    }
    return msgspec.Raw(msgspec.json.encode(data))  # at once, or the lists of all jobs would be kept


def _timestamp(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def _cancel_jobs(service: Service, user: User, request: Request) -> object:
    query = read_body(JobQuery, request.body)
    cancelled = service.store.cancel(user.email, query)
    message = f"Cancelled {len(cancelled)} job(s)."
    if missed := len(set(query.job_id or ())) - len(cancelled):
        message += f" Not cancelled, since unknown or already finished: {missed}."
    return {"succeeded": cancelled, "message": message}


def _fetch_targets(service: Service, _: User, request: Request) -> object:
    query = read_query(TargetFilter, request)
    return [{"target_name": t.name, **t.flags} for t in service.find_targets(query)]


def _fetch_target_info(service: Service, _: User, request: Request) -> object:
    query = read_body(_TargetInfoQuery, request.body)
    return {"target_info": service.target(query.target).info}


def _fetch_balance(_: Service, user: User, __: Request) -> object:
    return {"email": user.email, "balance": user.balance}


def _fetch_user(_: Service, user: User, request: Request) -> object:
    # Only an administrator sees other users, and there is none here.
    details, wanted = user.details(request.key), urllib.parse.parse_qs(request.query)
    fits = all(str(value) in wanted.get(name, [str(value)]) for name, value in details.items())
    return [details] if fits else []


def _accept_terms(service: Service, user: User, request: Request) -> object:
    body = read_body(_AcceptTerms, request.body)
    return service.accept_terms(user, accept=body.accept)


V0_3_0: Final = ApiVersion(
    calls={
        "POST /client/job": Call(_create_job),
        "GET /client/job/{circuit_type}": Call(_fetch_jobs),
        "PUT /client/cancel_jobs": Call(_cancel_jobs),
        "GET /client/targets": Call(_fetch_targets),
        "POST /client/retrieve_target_info": Call(_fetch_target_info),
        "GET /client/balance": Call(_fetch_balance),
        "GET /client/user": Call(_fetch_user),
        "PUT /client/accept_terms_of_use": Call(_accept_terms, access="validated"),
    },
    error=lambda refusal: refusal,
)
"""This version."""
