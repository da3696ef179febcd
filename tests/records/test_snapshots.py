"""Snapshots: fields, what follows from them, results."""

from __future__ import annotations

import datetime as dt
import uuid

import attrs
import pytest
from general_superstaq import models
from hypothesis import given
from hypothesis import strategies as st

from superstaq_jobs.errors import (
    CircuitIndexError,
    CountsUnavailable,
    InvalidValue,
    SuperstaqUnsuccessfulJobException,
)
from superstaq_jobs.records import CircuitSnapshot, Counts, JobSnapshot, Stage
from superstaq_jobs.records.shape import JOB_FIELDS, PER_CIRCUIT_LISTS, REQUIRED_LISTS
from superstaq_jobs.testing import strategies as sts

JOB = uuid.UUID(int=1)
NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


def circuit(index=0, status="completed", **fields):
    return CircuitSnapshot(index=index, status_text=status, **fields)


def job(*statuses, **fields):
    given_fields = {
        "job_id": JOB,
        "job_type": "submit",
        "target": "ibmq_fez_qpu",
        "circuit_type": "qasm",
        "user_email": "ada@example.com",
        "submitted_at": NOON,
        "circuits": [circuit(i, status) for i, status in enumerate(statuses)],
    }
    return JobSnapshot(**(given_fields | fields))


def test_the_tables_name_every_field_of_the_official_model_once():
    assert sorted([*JOB_FIELDS, *PER_CIRCUIT_LISTS]) == sorted(models.JobData.model_fields)
    assert set(JOB_FIELDS.values()) - {"num_circuits"} <= {
        f.name for f in attrs.fields(JobSnapshot)
    }
    of_one = {"index", "circuit_id", "extra"}  # the last two are of API v0.2.0
    assert {*of_one, *PER_CIRCUIT_LISTS.values()} == {f.name for f in attrs.fields(CircuitSnapshot)}
    for name in PER_CIRCUIT_LISTS:
        nullable = "None" in str(models.JobData.model_fields[name].annotation)
        assert nullable is (name not in REQUIRED_LISTS)


def test_strings_and_plain_values_become_records():
    value = job("running", job_id=str(JOB), tags=iter(["a"]), metadata={"a": [1]})
    assert value.job_id == JOB
    assert value.tags == ("a",)
    assert value.metadata["a"] == (1,)


def test_every_problem_is_named_at_once():
    with pytest.raises(InvalidValue) as caught:
        JobSnapshot(
            job_id="x",
            job_type="teleport",
            target="nowhere",
            circuit_type=3,
            user_email=3,
            dry_run=1,
            submitted_at=dt.datetime(2026, 1, 1),  # noqa: DTZ001
            tags="abc",
            metadata=[],
            circuits=[None],
            extra={"a": {1}},
            short_lists={"statuses": 0},
            fetched_at="today",
            source=3,
        )
    named = [problem.where for problem in caught.value.problems]
    assert named == [field.name for field in attrs.fields(JobSnapshot)]


def test_every_problem_of_a_circuit_is_named_at_once():
    wrong = {field.name: object() for field in attrs.fields(CircuitSnapshot)}
    with pytest.raises(InvalidValue, match="a CircuitSnapshot cannot be made") as caught:
        CircuitSnapshot(**wrong)
    assert [problem.where for problem in caught.value.problems] == list(wrong)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"circuits": [circuit(1)]}, r"circuits: \[0\] must have the index 0, got 1"),
        ({"extra": {"tags": []}}, "extra: tags is a field of JobSnapshot"),
        ({"extra": {"num_circuits": 3}}, "extra: num_circuits is a field of JobSnapshot"),
        (
            {"extra": {"shots": []}},
            "extra: shots must be the entries of that list beyond num_circuits",
        ),
        ({"extra": {"counts": {"a": 1}}}, "extra: counts must be the entries of that list"),
        (
            {"extra": {"counts": [None]}, "short_lists": {"counts": 0}, "circuits": [circuit()]},
            "extra: counts cannot be in short_lists as well",
        ),
        (
            {"short_lists": {"statuses": 0}},
            "short_lists: must map names of optional lists to lengths",
        ),
        (
            {"short_lists": {"counts": -1}},
            "short_lists: must map names of optional lists to lengths",
        ),
        (
            {"short_lists": {"counts": True}},
            "short_lists: must map names of optional lists to lengths",
        ),
        (
            {"short_lists": [("counts", 1)]},
            "short_lists: must map names of optional lists to lengths",
        ),
        ({"user_email": "\ud800"}, "user_email: must not contain a lone surrogate"),
        ({"tags": ["a", "\ud800"]}, r"tags: \[1\] must not contain a lone surrogate"),
        ({"submitted_at": NOON.astimezone(dt.timezone(dt.timedelta(seconds=90)))}, "whole minutes"),
    ],
)
def test_contradictions_are_refused(fields, words):
    with pytest.raises(InvalidValue, match=words):
        job(**fields)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"counts": {"0": "x"}}, "counts: the count of '0' must be a number, got 'x'"),
        ({"counts": 3}, "counts: items must be a mapping"),
        ({"shots": 10**5000}, "shots: must have at most 4,000 digits"),
        ({"shots": True}, "shots: expected an integer, got True"),
        ({"index": -1}, "index: must be >= 0, got -1"),
        ({"initial_logical_to_physical": {"0": 1}}, "must map integers to integers"),
        ({"initial_logical_to_physical": {10**18: 1}}, "must map qubit indices"),
        ({"final_logical_to_physical": [(0, 1)]}, "expected a mapping"),
    ],
)
def test_wrong_fields_of_a_circuit_are_refused(fields, words):
    with pytest.raises(InvalidValue, match=words):
        CircuitSnapshot(**({"index": 0, "status_text": "running"} | fields))


def test_the_largest_index_of_a_qubit_has_18_digits():
    largest = {10**18 - 1: -(10**18) + 1}
    circuit = CircuitSnapshot(index=0, status_text="running", initial_logical_to_physical=largest)
    assert circuit.initial_logical_to_physical == largest


def test_a_short_list_that_was_filled_is_no_longer_short():
    value = job("running", "running", short_lists={"counts": 0, "results_dicts": 1})
    assert value.to_dict()["counts"] == []
    filled = value.with_counts(0, {"0": 1})
    assert filled.short_lists == {"counts": 1, "results_dicts": 1}
    assert filled.to_dict()["counts"] == [{"0": 1}]
    full = filled.with_counts(1, {"1": 1})
    assert full.short_lists == {"results_dicts": 1}
    assert full.to_dict()["counts"] == [{"0": 1}, {"1": 1}]


def test_a_short_list_of_circuits_is_filled_by_what_is_not_empty():
    value = job("running", "running", short_lists={"input_circuits": 0, "shots": 1})
    assert value.to_dict()["input_circuits"] == []
    circuits = [value.circuits[0], attrs.evolve(value.circuits[1], input_circuit="x")]
    filled = attrs.evolve(value, circuits=circuits)
    assert filled.to_dict()["input_circuits"] == ["", "x"]


def test_the_lists_are_in_the_order_of_the_fields_of_a_circuit():
    """The decoder fills circuits by position."""
    names = [field.name for field in attrs.fields(CircuitSnapshot)]
    assert ["index", *PER_CIRCUIT_LISTS.values(), "circuit_id", "extra"] == names


@given(sts.job_snapshots(num_circuits=3), st.integers(0, 2), sts.counts())
def test_with_counts_changes_one_circuit_only(value, index, counts):
    changed = value.with_counts(index, dict(counts))
    assert changed.circuits[index].counts == counts
    assert attrs.evolve(changed.circuits[index], counts=None) == attrs.evolve(
        value.circuits[index], counts=None
    )
    for other in {0, 1, 2} - {index}:
        assert changed.circuits[other] is value.circuits[other]
    assert (changed.fetched_at, changed.source) == (value.fetched_at, value.source)


def test_counts_are_taken_as_they_are_or_made_of_a_mapping():
    counts = Counts({"0": 1})
    for value in (counts, {"0": 1}):
        circuit = CircuitSnapshot(index=0, status_text="completed", shots=1, counts=value)
        assert circuit.counts == counts


def test_with_counts_refuses_wrong_counts_and_indices():
    with pytest.raises(InvalidValue, match="counts"):
        job("completed").with_counts(0, {"0": None})
    with pytest.raises(CircuitIndexError):
        job("completed").with_counts(1, {"0": 1})


# ---- what follows ------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [-1, 2, 10**30])
def test_a_circuit_that_is_not_there(index):
    value = job("running", "failed")
    for use in (value.circuit, value.counts, value.raise_if_unsuccessful):
        with pytest.raises(CircuitIndexError, match=str(JOB)) as caught:
            use(index)
        assert (caught.value.index, caught.value.num_circuits) == (index, 2)
    with pytest.raises(CircuitIndexError):
        value.has_reached(Stage.FINISHED, index)


@pytest.mark.parametrize("index", [True, "0", 0.0])
def test_what_is_not_an_index(index):
    with pytest.raises(TypeError, match="index must be an int"):
        job("running").circuit(index)


def test_a_job_without_circuits():
    value = job()
    assert value.status == "received"
    assert not value.is_terminal
    assert not value.is_compiled
    assert not value.completed
    assert value.counts() == ()
    value.raise_if_unsuccessful()


def test_a_job_is_completed_if_the_rest_was_deleted():
    assert job("deleted", "completed").completed
    assert not job("failed", "completed").completed
    assert job("failed", "completed").unsuccessful


def test_age():
    value = job("running", fetched_at=NOON)
    assert value.age(NOON + dt.timedelta(minutes=5)) == dt.timedelta(minutes=5)
    with pytest.raises(ValueError, match="must have a time zone"):
        value.age(dt.datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match=f"{JOB} has no fetched_at"):
        job("running").age(NOON)


# ---- results -----------------------------------------------------------------------------------


def test_an_unsuccessful_job_names_its_circuits_and_reasons():
    value = job(
        circuits=[
            circuit(0, "failed", status_message="no gate"),
            circuit(1, "completed"),
            circuit(2, "failed"),
        ]
    )
    with pytest.raises(SuperstaqUnsuccessfulJobException, match=str(JOB)) as caught:
        value.raise_if_unsuccessful()
    error = caught.value
    assert (error.job_id, error.status, error.circuits) == (JOB, "failed", (0, 2))
    assert "circuit 0: no gate; circuit 2: no reason given" in str(error)
    with pytest.raises(SuperstaqUnsuccessfulJobException) as caught:
        value.raise_if_unsuccessful(2)
    assert caught.value.circuits == (2,)
    value.raise_if_unsuccessful(1)


def test_many_reasons_are_cut_and_counted():
    value = job(*["cancelled"] * 25)
    with pytest.raises(
        SuperstaqUnsuccessfulJobException, match=r"circuit 19.*and 5 more"
    ) as caught:
        value.raise_if_unsuccessful()
    assert len(caught.value.circuits) == 25
    assert "circuit 20" not in str(caught.value)


def test_an_unfinished_job_is_not_unsuccessful():
    job("failed", "running").raise_if_unsuccessful()
    job("unrecognized").raise_if_unsuccessful()


def test_counts_of_a_finished_job():
    value = job(circuits=[circuit(0, counts={"0": 1}), circuit(1, counts={"1": 2})])
    assert value.counts() == (Counts({"0": 1}), Counts({"1": 2}))
    assert value.counts(1) is value.circuits[1].counts


def test_the_error_for_missing_counts_says_why():
    with pytest.raises(CountsUnavailable, match=r"it was queued.*Wait") as caught:
        job("queued").counts(0)
    assert (caught.value.job_id, caught.value.index) == (JOB, 0)
    with pytest.raises(CountsUnavailable, match="its job type is compile") as caught:
        job("completed", job_type="compile").counts()
    assert str(JOB) in str(caught.value)
    with pytest.raises(SuperstaqUnsuccessfulJobException):
        job("cancelled").counts(0)
    with pytest.raises(SuperstaqUnsuccessfulJobException):
        job("completed", "failed").counts()


def test_an_unfinished_job_has_no_counts_even_if_some_were_sent():
    value = job(circuits=[circuit(0, "running", counts={"0": 1})])
    with pytest.raises(CountsUnavailable):
        value.counts(0)
