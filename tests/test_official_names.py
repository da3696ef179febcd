"""Every public name of the official clients' jobs: here too, or an error that says what to use."""

from __future__ import annotations

import ast
import copy
import inspect
import pickle
import uuid

import attrs
import cirq_superstaq.job
import general_superstaq as gss
import pytest
import qiskit_superstaq.superstaq_job as qss_job
from hypothesis import given
from hypothesis import strategies as st
from worlds import JOB, client_on, job

import superstaq_jobs
import superstaq_jobs as sj
from superstaq_jobs.records.advice import HANDLE_ADVICE, SNAPSHOT_ADVICE
from superstaq_jobs.testing import ScriptedTransport, jobs_response

OFFICIAL_JOB = gss.job.Job
SUBCLASSES = (
    cirq_superstaq.job.Job,
    cirq_superstaq.job.JobV3,
    qss_job.SuperstaqJob,
    qss_job.SuperstaqJobV3,
)
NEEDS_A_FRAMEWORK = ("interop.", "extra[")
"""What needs circuits of a framework, or API v0.2.0: tested with those."""


def public(*classes):
    return sorted({name for each in classes for name in dir(each) if not name.startswith("_")})


def handle_on(*snapshots):
    return sj.JobHandle(client_on(ScriptedTransport([jobs_response(s) for s in snapshots])), JOB)


def test_a_handle_has_every_public_name_of_the_official_job():
    assert [name for name in public(OFFICIAL_JOB) if not hasattr(sj.JobHandle, name)] == []


@pytest.mark.parametrize("name", public(*SUBCLASSES))
def test_a_handle_has_every_name_of_their_subclasses_or_says_what_to_use(name):
    handle = handle_on(job("completed"))
    if hasattr(handle, name):
        assert hasattr(sj.JobHandle, name)
        return
    with pytest.raises(AttributeError, match=r"nothing was sent\. Use ") as caught:
        getattr(handle, name)
    assert repr(name) in str(caught.value)
    assert str(caught.value).endswith(HANDLE_ADVICE[name])
    assert caught.value.name == name


@pytest.mark.parametrize(
    "name", [*public(*SUBCLASSES), *gss.models.JobData.model_fields, "model_dump", "copy"]
)
def test_a_snapshot_says_it_too(name):
    snapshot = job("completed")
    if not hasattr(snapshot, name):
        with pytest.raises(AttributeError, match="Use ") as caught:
            getattr(snapshot, name)
        assert str(caught.value).endswith(SNAPSHOT_ADVICE[name])


@pytest.mark.parametrize("name", sorted(HANDLE_ADVICE))
def test_the_advice_for_a_handle_works(name):
    advice = HANDLE_ADVICE[name]
    ast.parse(advice, mode="eval")
    if not any(word in advice for word in NEEDS_A_FRAMEWORK):
        names = {"handle": handle_on(job("completed")), "index": 0}
        eval(advice, {"superstaq_jobs": superstaq_jobs, **names})  # noqa: S307


@pytest.mark.parametrize("name", sorted(SNAPSHOT_ADVICE))
def test_the_advice_for_a_snapshot_works(name):
    advice = SNAPSHOT_ADVICE[name]
    ast.parse(advice, mode="eval")
    if any(word in advice for word in (*NEEDS_A_FRAMEWORK, ".cancel()", ".submit(")):
        return
    snapshot = job("completed")
    names = {"snapshot": snapshot, "index": 0, "counts": {"0": 1}, "attrs": attrs}
    client = client_on(ScriptedTransport([jobs_response(snapshot)]))
    eval(advice, {"superstaq_jobs": superstaq_jobs, "client": client, **names})  # noqa: S307


def test_nothing_that_is_here_is_said_to_be_elsewhere():
    assert [name for name in HANDLE_ADVICE if hasattr(sj.JobHandle, name)] == []
    assert [name for name in SNAPSHOT_ADVICE if hasattr(job("running"), name)] == []


@given(st.text(max_size=8) | st.sampled_from(["__array__", "_repr_latex_", "__wrapped__", "targt"]))
def test_other_names_raise_the_usual_error(name):
    for thing in (handle_on(), job("running")):
        # Not hasattr, since some properties send a request.
        if name not in {*dir(thing), *SNAPSHOT_ADVICE, *HANDLE_ADVICE}:
            with pytest.raises(AttributeError) as caught:
                getattr(thing, name)
            kind = type(thing).__name__
            assert str(caught.value) == f"{kind!r} object has no attribute {name!r}"
            assert (caught.value.name, caught.value.obj) == (name, thing)


def test_records_and_handles_still_copy_and_pickle():
    snapshot, handle = job("completed"), handle_on()
    assert copy.copy(snapshot) == copy.deepcopy(snapshot) == snapshot
    assert pickle.loads(pickle.dumps(snapshot)) == snapshot
    assert copy.copy(handle) == handle


@pytest.mark.parametrize("name", ["set_counts", "set_counts_for_circuit"])
def test_counts_of_a_handle_cannot_be_set(name):
    handle = handle_on(job("completed"))
    for arguments in ([], [[{"0": 1}]], [0, {"0": 1}]):
        with pytest.raises(sj.SuperstaqException, match="with_counts") as caught:
            getattr(handle, name)(*arguments)
        assert "Nothing was changed" in str(caught.value)
    assert handle.job_data.with_counts(0, {"1": 2}).counts(0) == {"1": 2}


def test_endianness_is_the_official_one():
    assert sj.JobHandle.endianness == OFFICIAL_JOB.endianness


def test_status_priority_order_is_the_official_one_member_for_member():
    assert sj.STATUS_PRIORITY_ORDER == OFFICIAL_JOB.STATUS_PRIORITY_ORDER
    assert [s.name for s in sj.STATUS_PRIORITY_ORDER] == [
        s.name for s in OFFICIAL_JOB.STATUS_PRIORITY_ORDER
    ]


def test_wait_until_terminal_state_takes_what_the_official_one_takes():
    theirs = inspect.signature(OFFICIAL_JOB.wait_until_terminal_state).parameters
    ours = inspect.signature(sj.JobHandle.wait_until_terminal_state).parameters
    assert [*theirs] == [*ours][: len(theirs)]
    assert all(ours[name].default == theirs[name].default for name in theirs)


def test_wait_until_terminal_state_waits():
    handle = handle_on(job("received"), job("running"), job("completed"))
    assert handle.wait_until_terminal_state() == job("completed")


def test_wait_until_terminal_state_may_wait_for_compilation_only():
    handle = handle_on(job("compiling"), job("awaiting_submission"))
    snapshot = handle.wait_until_terminal_state(None, None, 1, check_until_compiled=True)
    assert snapshot.status == "awaiting_submission"


def test_check_until_compiled_is_a_bool():
    with pytest.raises(sj.InvalidRequest, match="check_until_compiled: expected True or False"):
        handle_on().wait_until_terminal_state(check_until_compiled="yes")


# ---- changes of records --------------------------------------------------------------------------


def record_classes():
    kinds = [getattr(sj, name) for name in sj.__all__]
    return [k for k in kinds if isinstance(k, type) and attrs.has(k)]


def made(kind):
    some = {
        sj.CircuitChange: lambda: kind(0, None, None),
        sj.CircuitSnapshot: lambda: job("completed").circuits[0],
        sj.FieldChange: lambda: kind("target", None, None),
        sj.JobSnapshot: lambda: job("completed"),
        sj.NewJob: lambda: kind(target="ibmq_fez_qpu", circuits="x", shots=1),
        sj.Request: lambda: kind(method="GET", path="/"),
        sj.Response: lambda: kind(status=200),
        sj.SubmitReceipt: lambda: kind(job_id=uuid.UUID(int=1), num_circuits=1),
        sj.Target: lambda: kind(
            target_name="a_b_qpu",
            **dict.fromkeys(set(attrs.fields_dict(kind)) - {"target_name", "extra"}, False),
        ),
        sj.TargetInfo: lambda: kind(target_name="ibmq_fez_qpu", info={}),
        sj.AccountBalance: lambda: kind(email="a@b.c", balance=1.0),
        sj.ArchiveReport: lambda: kind(jobs=0, states=0, observations=0, problems=()),
        sj.ArchivedJob: lambda: kind(
            job_id=job("completed").job_id, circuit_type="qasm", latest=None
        ),
        sj.LockEntry: lambda: kind.of(job("completed")),
        sj.LockDifference: lambda: kind(sj.LockEntry.of(job("completed")), None, None),
        sj.StudyLock: lambda: kind.of([job("completed")]),
    }
    return some.get(kind, kind)()


@pytest.mark.parametrize("kind", record_classes())
def test_a_change_of_a_record_is_refused_by_name_with_the_way(kind):
    record = made(kind)
    for name in [*attrs.fields_dict(kind), "nonsense"]:
        for change in (lambda n: setattr(record, n, 1), lambda n: delattr(record, n)):
            with pytest.raises(attrs.exceptions.FrozenInstanceError) as caught:
                change(name)
            words = str(caught.value)
            assert words.startswith(f"{name} of a {kind.__name__} cannot be set")
            assert "Nothing was changed" in words
            way = f"attrs.evolve(record, {'field' if name == 'nonsense' else name}=value)"
            assert ("snapshot.with_counts(" if name == "counts" else way) in words
            assert str(pickle.loads(pickle.dumps(caught.value))) == words
