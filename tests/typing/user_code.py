"""What a user may write with every public name annotated; checked by the type checkers only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Unpack, assert_type
from uuid import UUID

import attrs
from matplotlib.axes import Axes

import superstaq_jobs as sj
from superstaq_jobs.clock import VirtualClock
from superstaq_jobs.emulator import EmulatedJob, Emulator, Ending, Plan
from superstaq_jobs.interop import cirq as of_cirq
from superstaq_jobs.interop import qiskit as of_qiskit
from superstaq_jobs.testing import FakeClock, Fault, ScriptedTransport, jobs_response, json_response
from superstaq_jobs.waiting import JobsWaitOptions


def clients() -> sj.SuperstaqClient:
    plain = sj.SuperstaqClient()
    plain.close()
    with sj.SuperstaqClient(
        "key",
        "https://host.example.com",
        circuit_type="cirq",
        cq_token={"access_token": "t"},
        retry_policy=sj.RetryPolicy(max_attempts=3),
        request_timeout_seconds=60,
        clock=sj.SystemClock(),
    ) as client:
        assert_type(client, sj.SuperstaqClient)
        assert_type(client.remote_host, str)
        assert_type(client.circuit_type, sj.CircuitType)
    transport: sj.Transport = ScriptedTransport([jobs_response(), json_response({})])
    clock: sj.Clock = FakeClock()
    return sj.SuperstaqClient("key", transport=transport, clock=clock, jitter=lambda: 0.5)


def fetching(client: sj.SuperstaqClient, job_id: UUID) -> None:
    assert_type(sj.fetch_job(client, job_id), sj.JobSnapshot)
    assert_type(sj.fetch_job(client, str(job_id), circuit_type="qiskit"), sj.JobSnapshot)
    assert_type(sj.fetch_jobs(client, [job_id, "text"]), tuple[sj.JobSnapshot, ...])
    query = sj.JobQuery(
        tags=["week-18"],
        job_id=[job_id, "text"],
        status=["running", sj.CircuitStatus.FAILED],
        submitted_after=dt.datetime.now(dt.UTC),
        min_priority=0,
    )
    assert_type(query.tags, tuple[str, ...] | None)
    assert_type(sj.query_jobs(client, query), tuple[sj.JobSnapshot, ...])
    assert_type(sj.cancel_jobs(client, [job_id]), sj.CancelReceipt)
    assert_type(sj.fetch_targets(client), tuple[sj.Target, ...])
    assert_type(sj.fetch_targets(client, sj.TargetQuery(simulator=True)), tuple[sj.Target, ...])
    assert_type(sj.fetch_target_info(client, "a_b_qpu", options={"x": 1}), sj.TargetInfo)
    assert_type(sj.fetch_balance(client).balance, float)


def with_frameworks(snapshot: sj.JobSnapshot) -> None:
    one = sj.new_job("OPENQASM 3.0;", target="a_b_qpu", shots=5, tags=["t"])
    assert_type(one, sj.NewJob)
    assert_type(of_cirq.new_job([], target="a_b_qpu", shots=1), sj.NewJob)
    assert_type(of_cirq.counts(snapshot, 0, key="m"), sj.Counts)
    assert_type(of_qiskit.qubit_map(snapshot, 0, "final"), dict[int, int])
    of_cirq.to_results(snapshot)
    of_qiskit.to_result(snapshot)


def submitting(client: sj.SuperstaqClient) -> sj.JobHandle:
    job = sj.NewJob(
        target="ss_unconstrained_simulator",
        circuits=["OPENQASM 2.0;", "OPENQASM 3.0;"],
        job_type="simulate",
        sim_method="sim",
        shots=100,
        tags=["a"],
        metadata={"week": 18, "list": [1, None]},
    )
    assert_type(job.circuits, str)
    assert_type(job.job_type, sj.JobType)
    assert_type(job.metadata, sj.JsonMapping)
    assert_type(sj.submit_job(client, job).job_id, sj.JobId)
    assert_type(sj.NewJob.for_method("dry-run", target="a_b_qpu", circuits="x"), sj.NewJob)
    return sj.JobHandle.submit(client, job)


def handling(handle: sj.JobHandle) -> None:
    def changed(before: sj.JobSnapshot | None, after: sj.JobSnapshot) -> None:
        if before is not None:
            assert_type(sj.diff(before, after), sj.JobDiff)

    snapshot = handle.wait_until_complete(
        index=0, timeout_seconds=600, polling_seconds=0.5, until="compiled", on_change=changed
    )
    assert_type(snapshot, sj.JobSnapshot)
    assert_type(handle.wait_until_complete(0, 600, 5), sj.JobSnapshot)
    assert_type(handle.latest, sj.JobSnapshot | None)
    assert_type(handle.refresh(), sj.JobSnapshot)
    assert_type(handle.status(), sj.CircuitStatus)
    assert_type(handle.status(index=1), sj.CircuitStatus)
    assert_type(handle.job_id(), sj.JobId)
    assert_type(handle.target(), str)
    assert_type(handle.job_data, sj.JobSnapshot)
    assert_type(handle.metadata, dict[str, Any])
    assert_type(handle.tags, list[str])
    assert_type(handle.to_dict(), dict[str, Any])
    assert_type(handle.cancel(), sj.CancelReceipt)
    assert_type(handle.STATUS_PRIORITY_ORDER, tuple[sj.CircuitStatus, ...])


def waiting(handles: list[sj.JobHandle]) -> None:
    assert_type(
        sj.wait_all(handles, 600, 0.5, until="compiled", requests_at_once=2, progress=True),
        tuple[sj.JobSnapshot, ...],
    )
    assert_type(sj.wait_any(handles, 2, poll_policy=sj.PollPolicy()), tuple[sj.JobSnapshot, ...])
    bar = sj.ProgressBar(line_seconds=30)
    for final in sj.as_completed(handles, unknown_status_seconds=None, progress=bar):
        assert_type(final, sj.JobSnapshot)
    changes = sj.watch(handles, timeout_seconds=600)
    for before, after in changes:
        assert_type(before, sj.JobSnapshot | None)
        assert_type(after, sj.JobSnapshot)
    changes.close()


def waiting_wrongly(handle: sj.JobHandle) -> None:
    """Each option that the function does not take is an error of the type checkers too."""
    handle.wait_until_complete(poling_seconds=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    handle.wait_until_complete(progress=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    sj.wait_all([handle], on_change=print)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    sj.watch([handle], requests_at_once="4")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def waiting_like_ours(
    handles: list[sj.JobHandle], **options: Unpack[JobsWaitOptions]
) -> sj.JobSnapshot:
    first, *_ = sj.wait_any(handles, **options)
    return first


async def waiting_async(handles: list[sj.JobHandle]) -> None:
    snapshot = await handles[0].wait_until_complete_async(
        index=0, timeout_seconds=600, polling_seconds=0.5, until="compiled", on_change=print
    )
    assert_type(snapshot, sj.JobSnapshot)
    finals = sj.as_completed_async(handles, polling_seconds=0.5, progress=True)
    async for final in finals:
        assert_type(final, sj.JobSnapshot)
    await finals.aclose()
    assert_type(await sj.wait_all_async(handles, 600), tuple[sj.JobSnapshot, ...])
    async for before, after in sj.watch_async(handles, until="compiled"):
        assert_type((before, after), tuple[sj.JobSnapshot | None, sj.JobSnapshot])


def reading(snapshot: sj.JobSnapshot) -> None:
    assert_type(snapshot.job_id, sj.JobId)
    assert_type(snapshot.circuits, tuple[sj.CircuitSnapshot, ...])
    assert_type(snapshot.circuits[0].counts, sj.Counts | None)
    assert_type(snapshot.circuits[0].final_logical_to_physical, sj.FrozenMapping[int, int] | None)
    assert_type(snapshot.counts(0), sj.Counts)
    assert_type(snapshot.counts(), tuple[sj.Counts, ...])
    assert_type(snapshot.status, sj.CircuitStatus)
    assert_type(snapshot.statuses, tuple[sj.CircuitStatus, ...])
    assert_type(snapshot.submitted_at, dt.datetime | None)
    assert_type(snapshot.tags, tuple[str, ...] | None)
    assert_type(snapshot.metadata, sj.JsonMapping | None)
    assert_type(snapshot.age(dt.datetime.now(dt.UTC)), dt.timedelta)
    assert_type(snapshot.digest, str)
    assert_type(snapshot.is_terminal, bool)
    assert_type(snapshot.with_counts(0, {"00": 1}), sj.JobSnapshot)
    assert_type(attrs.evolve(snapshot, tags=["other"]), sj.JobSnapshot)
    assert_type(sj.newest(snapshot, snapshot), sj.JobSnapshot)
    assert_type(sj.diff(snapshot, snapshot).apply(snapshot), sj.JobSnapshot)
    assert_type(sj.decode_jobs(sj.encode_jobs([snapshot])), tuple[sj.JobSnapshot, ...])


def counting(counts: sj.Counts) -> None:
    as_mapping: Mapping[str, int | float] = counts
    assert_type(as_mapping["00"], int | float)
    assert_type(counts.shots, int | float)
    assert_type(counts.probabilities(), sj.Counts)
    assert_type(counts.most_common(3), list[tuple[str, int | float]])
    assert_type(counts.marginal([0]), sj.Counts)
    assert_type(counts.reversed_bits(), sj.Counts)
    assert_type(counts + counts, sj.Counts)
    assert_type(counts.combine({"00": 1}), sj.Counts)
    assert_type(counts.parity_expectation(), float)


def going_wrong(script: list[Fault | None]) -> None:
    with Emulator(faults=[Fault("hang"), None]) as server:
        server.faults.extend(script, call="POST /client/job")
        assert_type(server.faults.remaining, tuple[Fault | None, ...])


def failing(handle: sj.JobHandle) -> None:
    try:
        handle.wait_until_complete(timeout_seconds=1)
    except sj.WaitTimeout as error:
        assert_type(error.snapshot, sj.JobSnapshot | None)
    except sj.JobsNotFound as error:
        assert_type(error.missing, tuple[sj.JobId, ...])
        assert_type(error.found, tuple[sj.JobSnapshot, ...])
    except sj.ProtocolError as error:
        assert_type(error.problems, tuple[sj.Problem, ...])
        assert_type(error.problems[0].where, str)
    except sj.SuperstaqServerException as error:
        assert_type(error.status_code, int | None)


def emulating(job_id: UUID) -> None:
    clock: VirtualClock = FakeClock()
    failing = Plan(queue_seconds=36_000, circuits={1: Ending("failed", during="compiling")})
    with Emulator(clock=clock, plans=[failing], step_seconds=0) as server:
        server.plan(Plan(ending=Ending("stuck", during=sj.CircuitStatus.PENDING)), always=True)
        assert_type(server.jobs(), tuple[EmulatedJob, ...])
        assert_type(server.finish_job(job_id, circuits=[0]).statuses, tuple[sj.CircuitStatus, ...])
    Emulator(clock=sj.SystemClock())


wait_then: Callable[[sj.JobHandle], sj.JobSnapshot] = sj.JobHandle.wait_until_complete


def plots(snapshot: sj.JobSnapshot, history: list[sj.JobSnapshot], ax: Axes) -> None:
    assert_type(sj.plot_counts(snapshot.counts(0)), Axes)
    assert_type(sj.plot_counts(snapshot.counts(), labels=["a"], top=3, confidence=None), Axes)
    assert_type(sj.plot_timeline(iter(history), ax=ax), Axes)
