"""Law 9: a job read through v0.2.0 and v0.3.0 gives equal snapshots, but for what one cannot say.

What that is stands in a table, ``NOT_IN_V0_2_0`` of ``superstaq_jobs.wire.api``. The bodies of both
versions are written here, by hand, from one truth.
"""

from __future__ import annotations

import itertools
import json
from uuid import UUID

import attrs
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

import superstaq_jobs as sj
from superstaq_jobs.records import CircuitSnapshot, JobSnapshot
from superstaq_jobs.testing import strategies as sts
from superstaq_jobs.wire.api import NOT_IN_V0_2_0

pytestmark = pytest.mark.same_everywhere

WORDS = {
    "received": "Submitted",
    "pending": "Queued",
    "running": "Running",
    "completed": "Done",
    "failed": "Failed",
    "cancelled": "Canceled",
    "deleted": "Deleted",
    "teleporting": "teleporting",
}
"""The statuses that both versions have, and the words for them in v0.2.0."""

TEXTS = sts.texts(max_size=6)
QUBITS = st.none() | st.dictionaries(st.integers(0, 9), st.integers(0, 9), max_size=2)
TIMES = st.sampled_from(["2026-01-01T00:00:00Z", "2026-11-02T08:30:07.5+02:00"])


@st.composite
def circuits(draw):
    """All that there is to know of a circuit, by the names of the record's fields."""
    return {
        "circuit_id": draw(st.uuids().map(str)),
        "status_text": draw(st.sampled_from([*WORDS])),
        "status_message": draw(st.none() | TEXTS),
        "provider_id": draw(st.none() | TEXTS),
        "input_circuit": draw(TEXTS),
        "compiled_circuit": draw(st.none() | TEXTS),
        "counts": draw(st.none() | sts.counts(floats=None).map(dict)),
        "results_dict": draw(st.none() | TEXTS),
        "shots": draw(st.integers(0, 2**40)),
        "updated_at": draw(st.none() | TIMES),
        "initial_logical_to_physical": draw(QUBITS),
        "final_logical_to_physical": draw(QUBITS),
        "logical_qubits": draw(st.none() | TEXTS),
        "physical_qubits": draw(st.none() | TEXTS),
        "num_qubits": draw(st.integers(0, 9)),
    }


@st.composite
def jobs(draw):
    """All that there is to know of a job, by the names of the record's fields."""
    ids = st.lists(circuits(), min_size=1, max_size=3, unique_by=lambda c: c["circuit_id"])
    return {
        "job_id": draw(sts.job_ids()),
        "job_type": draw(st.sampled_from(["submit", "simulate"])),
        "target": draw(sts.target_names()),
        "circuit_type": draw(st.sampled_from(["cirq", "qiskit"])),
        "user_email": draw(st.sampled_from(["ada@example.com", "b.c@example.org"])),
        "dry_run": draw(st.booleans()),
        "submitted_at": draw(TIMES),
        "tags": draw(st.lists(TEXTS, max_size=2)),
        "metadata": draw(st.dictionaries(TEXTS, st.integers(0, 9), max_size=2)),
        "cost": draw(st.integers(0, 9)),
        "circuits": draw(ids),
    }


LISTS = {
    "statuses": "status_text",
    "status_messages": "status_message",
    "provider_id": "provider_id",
    "input_circuits": "input_circuit",
    "compiled_circuits": "compiled_circuit",
    "counts": "counts",
    "results_dicts": "results_dict",
    "shots": "shots",
    "last_updated_timestamp": "updated_at",
    "initial_logical_to_physicals": "initial_logical_to_physical",
    "final_logical_to_physicals": "final_logical_to_physical",
    "logical_qubits": "logical_qubits",
    "physical_qubits": "physical_qubits",
}
SAME = ("job_type", "target", "circuit_type", "user_email", "dry_run", "tags", "metadata", "cost")


def body_of_v0_3_0(truth):
    data = {name: truth[name] for name in SAME}
    data |= {listed: [c[name] for c in truth["circuits"]] for listed, name in LISTS.items()}
    data |= {"submission_timestamp": truth["submitted_at"], "num_circuits": len(truth["circuits"])}
    return json.dumps({str(truth["job_id"]): data}).encode()


def body_of_v0_2_0(truth):
    sent = {}
    for circuit in truth["circuits"]:
        message = circuit["status_message"]
        sent[circuit["circuit_id"]] = {
            "status": WORDS[circuit["status_text"]],
            "target": truth["target"],
            "circuit_type": truth["circuit_type"],
            "samples": circuit["counts"],
            "num_qubits": circuit["num_qubits"],
            **{name: circuit[name] for name in ("provider_id", "input_circuit", "shots")},
            "compiled_circuit": circuit["compiled_circuit"],
            **({} if message is None else {"failure": {"error": message}}),
        }
    return json.dumps(sent).encode()


def both(truth):
    """The job as each version tells it; unknown statuses warn, and that is tested elsewhere."""
    (new,) = sj.decode_jobs(body_of_v0_3_0(truth))
    job_id = ",".join(circuit["circuit_id"] for circuit in truth["circuits"])
    (old,) = sj.decode_jobs(body_of_v0_2_0(truth), api_version="v0.2.0", job_ids=[job_id])
    return new, old


def fields(new, old):
    """The fields of a job and of its circuits, by name, in both snapshots."""
    for field in attrs.fields(JobSnapshot):
        if field.name != "circuits":
            yield f"JobSnapshot.{field.name}", getattr(new, field.name), getattr(old, field.name)
    for one, other in zip(new.circuits, old.circuits, strict=True):
        for field in attrs.fields(CircuitSnapshot):
            name = f"CircuitSnapshot.{field.name}"
            yield name, getattr(one, field.name), getattr(other, field.name)


def named(kind):
    """The fields of one record that are in the table."""
    return [name.removeprefix(f"{kind}.") for name in NOT_IN_V0_2_0 if name.startswith(kind)]


ANY = settings(max_examples=1_000, phases=[Phase.generate], database=None)
"""Finds any example: shrinking it would take most of the time."""

quiet = pytest.mark.filterwarnings("ignore:the server uses a circuit status")


@quiet
@given(jobs())
def test_both_versions_give_equal_snapshots_but_for_what_is_in_the_table(truth):
    new, old = both(truth)
    assert {name for name, one, other in fields(new, old) if one != other} <= set(NOT_IN_V0_2_0)
    assert old.statuses == new.statuses
    assert (old.status, old.is_terminal) == (new.status, new.is_terminal)
    unsaid = {name: getattr(new, name) for name in named("JobSnapshot")}
    told = [
        attrs.evolve(here, **{name: getattr(there, name) for name in named("CircuitSnapshot")})
        for here, there in zip(old.circuits, new.circuits, strict=True)
    ]
    assert attrs.evolve(old, circuits=told, **unsaid) == new


@quiet
@given(jobs())
def test_what_v0_2_0_does_not_say_is_none_and_never_made_up(truth):
    _, old = both(truth)
    for name, _, value in fields(old, old):
        if NOT_IN_V0_2_0.get(name, "").startswith("not said"):
            assert value is None


@quiet
@pytest.mark.parametrize("name", NOT_IN_V0_2_0)
def test_each_field_in_the_table_differs_for_some_job(name):
    def differs(truth):
        return any(n == name and one != other for n, one, other in fields(*both(truth)))

    find(jobs(), differs, settings=ANY)  # or it raises NoSuchExample


def test_the_table_names_fields_that_exist():
    kinds = {"JobSnapshot": JobSnapshot, "CircuitSnapshot": CircuitSnapshot}
    for kind, _, name in (each.partition(".") for each in NOT_IN_V0_2_0):
        assert name in attrs.fields_dict(kinds[kind])
    assert all(NOT_IN_V0_2_0.values())


@quiet
@given(jobs(), st.sampled_from([*itertools.product(WORDS, repeat=2)]))
def test_a_change_is_the_same_through_both(truth, words):
    """The circuits that a diff names, and the way a wait would go on, do not depend on it."""
    before, after = (
        both({**truth, "circuits": [{**c, "status_text": word} for c in truth["circuits"]]})
        for word in words
    )
    named = [[c.index for c in sj.diff(*pair).circuits] for pair in zip(before, after, strict=True)]
    assert named[0] == named[1]


@quiet
@given(jobs())
def test_the_id_is_the_official_spelling_of_each_version(truth):
    new, old = both(truth)
    assert isinstance(new.job_id, UUID)
    assert str(old.job_id) == ",".join(circuit.circuit_id for circuit in old.circuits)
