"""The strategies draw what they promise, all of it, and shrink to readable examples."""

from __future__ import annotations

import datetime as dt
import itertools
import re

import pytest
from general_superstaq import models
from general_superstaq import typing as official_v0_2_0
from hypothesis import given
from hypothesis import strategies as st
from reachable import may_become
from shrinking import assert_all_are_drawn, assert_shrinks

from superstaq_jobs.records import CircuitStatus, CircuitType, JobType
from superstaq_jobs.records.shape import PER_CIRCUIT_LISTS
from superstaq_jobs.records.status import parse_status
from superstaq_jobs.testing import strategies as sts
from superstaq_jobs.wire.v0_2_0 import V0_2_0

JANUARY = dt.datetime(2026, 1, 1, 23)  # noqa: DTZ001 - the zone is drawn
DAY = dt.timedelta(days=1)


def test_every_public_name_exists():
    for name in sts.__all__:
        assert getattr(sts, name).__doc__


@given(sts.wire_payloads())
def test_a_payload_is_valid_for_the_official_model(payload):
    assert models.JobData(**payload).num_circuits == payload["num_circuits"]


@given(st.data(), st.integers(0, 6), st.integers(0, 50))
def test_counts_are_as_requested(data, num_bits, shots):
    counts = data.draw(sts.counts(num_bits=num_bits, shots=shots, max_outcomes=3))
    assert counts.shots == shots
    assert len(counts) <= 3
    assert not counts or counts.num_bits == num_bits
    assert all(type(n) is int and n >= 0 for n in counts.values())
    weights = data.draw(sts.counts(floats=True))
    assert all(type(weight) is float for weight in weights.values())
    assert len(data.draw(sts.bitstrings(num_bits))) == num_bits
    assert set(data.draw(sts.bitstrings())) <= {"0", "1"}


@given(st.data(), st.integers(0, 3))
def test_snapshots_are_as_requested(data, size):
    snapshot = data.draw(
        sts.job_snapshots(num_circuits=size, num_bits=2, extra=False, irregular_lists=False)
    )
    assert snapshot.num_circuits == size
    assert snapshot.extra == {}
    assert snapshot.short_lists == {}
    assert all(c.counts is None or c.counts.num_bits in {0, 2} for c in snapshot.circuits)
    assert all(status is not CircuitStatus.UNKNOWN for status in snapshot.statuses)
    fixed = data.draw(sts.job_snapshots(statuses=["running", "odd"], job_id=snapshot.job_id))
    assert [c.status_text for c in fixed.circuits] == ["running", "odd"]
    assert fixed.job_id == snapshot.job_id
    assert data.draw(sts.circuit_snapshots(index=4, status="failed")).index == 4


SAID = {
    "a circuit's own target": lambda s: "target" in s.circuits[0].extra,
    "a word with a second spelling": lambda s: "status" in s.circuits[0].extra,
    "more about a failure": lambda s: "failure" in s.circuits[0].extra,
    "no target": lambda s: s.target is None,
    "no shots": lambda s: s.circuits[0].shots is None,
    "an unknown word": lambda s: s.status is CircuitStatus.UNKNOWN,
    "an id that is not a UUID": lambda s: s.job_id.startswith("c-"),
}


def test_a_snapshot_of_v0_2_0_sometimes_has_what_the_service_may_say():
    strategy = sts.job_snapshots(api_version="v0.2.0", unknown_statuses=True)
    assert_all_are_drawn(strategy, SAID)


@given(st.data())
def test_what_is_drawn_for_v0_2_0_is_as_requested(data):
    snapshot = data.draw(sts.job_snapshots(job_id="a,b", api_version="v0.2.0", extra=False))
    assert [circuit.circuit_id for circuit in snapshot.circuits] == ["a", "b"]
    assert not any(circuit.extra for circuit in snapshot.circuits)
    fixed = data.draw(sts.job_snapshots(statuses=["running", "odd"], api_version="v0.2.0"))
    assert [circuit.status_text for circuit in fixed.circuits] == ["running", "odd"]
    over = data.draw(sts.job_snapshots(terminal=False, api_version="v0.2.0"))
    assert not over.is_terminal
    assert data.draw(sts.circuit_snapshots(index=4, api_version="v0.2.0")).circuit_id
    job_id = data.draw(sts.job_ids(api_version="v0.2.0"))
    assert len({*job_id.split(",")}) == job_id.count(",") + 1
    receipt = data.draw(sts.submit_receipts(api_version="v0.2.0"))
    assert receipt.num_circuits == len(receipt.job_id.split(","))
    payload = data.draw(
        sts.wire_payloads(
            api_version="v0.2.0", num_circuits=2, statuses=["Done"], targets=["a_b_qpu"]
        )
    )
    assert len(payload) == 2
    assert {circuit["status"] for circuit in payload.values()} == {"Done"}
    assert {circuit.get("target") for circuit in payload.values()} <= {"a_b_qpu", None}


@given(sts.new_jobs(api_version="v0.2.0"))
def test_a_new_job_for_v0_2_0_is_one_that_it_can_run(job):
    assert len(V0_2_0.submit_job(job).request.body) > 0


@given(sts.wire_payloads(api_version="v0.2.0"))
def test_a_payload_of_v0_2_0_has_the_fields_of_the_official_one(payload):
    for circuit in payload.values():
        assert set(circuit) <= {*official_v0_2_0.Job.__annotations__, "failure"}
        assert "status" in circuit


@given(sts.job_snapshots(targets=["a_b_qpu", "a_c_qpu"], max_outcomes=1, terminal=False))
def test_snapshots_are_finished_as_requested(snapshot):
    assert snapshot.target in {"a_b_qpu", "a_c_qpu"}
    assert all(len(c.counts or ()) <= 1 for c in snapshot.circuits)
    assert not snapshot.is_terminal


@given(sts.wire_payloads(targets=["a_b_qpu"], statuses=["failed", "odd"]))
def test_payloads_are_as_requested(payload):
    assert payload["target"] == "a_b_qpu"
    assert set(payload["statuses"]) <= {"failed", "odd"}


@given(sts.moments(min_value=JANUARY, max_value=JANUARY + 1.5 * DAY))
def test_moments_are_within_their_bounds(moment):
    assert JANUARY <= moment.replace(tzinfo=None) <= JANUARY + 1.5 * DAY
    assert moment.tzinfo


@given(st.data())
def test_small_values_are_as_requested(data):
    assert data.draw(sts.statuses(terminal=True)).is_terminal
    assert not data.draw(sts.statuses(terminal=False, unknown=True)).is_terminal
    assert parse_status(data.draw(sts.unknown_status_texts())) is CircuitStatus.UNKNOWN
    assert data.draw(sts.target_names(simulator=True)).endswith("_simulator")
    assert data.draw(sts.targets(simulator=False)).target_name.endswith("_qpu")
    assert data.draw(sts.moments(utc=True)).tzinfo is dt.UTC
    assert data.draw(sts.job_ids()).version == 4
    job = data.draw(sts.new_jobs(job_type=JobType.SIMULATE, circuit_type=CircuitType.CIRQ))
    assert (job.job_type, job.circuit_type) == (JobType.SIMULATE, CircuitType.CIRQ)
    assert data.draw(sts.new_jobs(targets=["a_b_qpu"])).target == "a_b_qpu"
    query = data.draw(sts.job_queries(fields=["tags"]))
    assert query.status is query.job_id is query.submitted_after is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: sts.counts(shots=1, floats=True),
        lambda: sts.counts(shots=1, floats=None),
        lambda: sts.job_snapshots(statuses=["running"], num_circuits=2),
        lambda: sts.job_snapshots(statuses=["running"], terminal=False),
        lambda: sts.job_snapshots(terminal=True, num_circuits=0),
        lambda: sts.job_snapshots(terminal=True, unknown_statuses=True),
        lambda: sts.job_snapshots(targets=[]),
        lambda: sts.job_histories(num_circuits=0),
        lambda: sts.job_histories(ends=[]),
        lambda: sts.job_histories(ends=["running"]),
        lambda: sts.job_histories(ends=["deleted"]),
        lambda: sts.job_histories(targets="ibmq_fez_qpu"),
        lambda: sts.new_jobs(targets=[]),
        lambda: sts.wire_payloads(statuses=[]),
        lambda: sts.wire_payloads(statuses="failed"),
        lambda: sts.moments(min_value=JANUARY, max_value=JANUARY - DAY),
        lambda: sts.job_queries(fields=["nothing"]),
        *(
            lambda make=make: make(api_version="v0.1.0")
            for make in (
                *(sts.job_snapshots, sts.circuit_snapshots, sts.job_histories, sts.job_ids),
                *(sts.wire_payloads, sts.broken_payloads, sts.hostile_payloads, sts.new_jobs),
                *(sts.submit_receipts, sts.cancel_receipts),
            )
        ),
        lambda: sts.job_snapshots(num_circuits=0, api_version="v0.2.0"),
        lambda: sts.job_snapshots(statuses=[], api_version="v0.2.0"),
        lambda: sts.job_snapshots(statuses=["compiling"], api_version="v0.2.0"),
        lambda: sts.job_snapshots(statuses=["Running"], api_version="v0.2.0"),
        lambda: sts.job_snapshots(job_id="a,b", num_circuits=3, api_version="v0.2.0"),
        lambda: sts.circuit_snapshots(status="simulating", api_version="v0.2.0"),
        lambda: sts.job_histories(ends=["unrecognized"], api_version="v0.2.0"),
        lambda: sts.job_histories(job_type="compile", api_version="v0.2.0"),
        lambda: sts.new_jobs(circuit_type="qasm", api_version="v0.2.0"),
        lambda: sts.new_jobs(job_type="convert", api_version="v0.2.0"),
        lambda: sts.wire_payloads(irregular_lists=True, api_version="v0.2.0"),
    ],
)
def test_contradictory_arguments_are_refused_at_once(make):
    with pytest.raises(ValueError, match=r".+"):
        make()


SOMETIMES = {
    "a job without circuits": lambda s: s.num_circuits == 0,
    "a finished job": lambda s: s.is_terminal,
    "unknown fields": lambda s: s.extra.keys() - PER_CIRCUIT_LISTS.keys(),
    "a short list": lambda s: s.short_lists,
    "a long list": lambda s: s.extra.keys() & PER_CIRCUIT_LISTS.keys(),
    "metadata": lambda s: s.metadata,
    "tags": lambda s: len(s.tags) > 1,
    "provenance": lambda s: s.fetched_at and s.source,
    "another zone": lambda s: s.submitted_at.utcoffset(),
    "counts of a finished circuit": lambda s: any(
        c.counts and c.status == "completed" for c in s.circuits
    ),
    "weights": lambda s: any(
        isinstance(n, float) for c in s.circuits for n in (c.counts or {}).values()
    ),
    "qubit maps": lambda s: any(c.initial_logical_to_physical for c in s.circuits),
}


def test_a_snapshot_sometimes_has_what_the_service_may_say():
    assert_all_are_drawn(sts.job_snapshots(), SOMETIMES)


def test_an_irrelevant_circuit_is_left_out():
    def is_one_circuit(snapshot):
        (circuit,) = snapshot.circuits
        assert circuit.shots > 1000
        assert snapshot.job_id.hex == "00000000000040008000000000000000"

    def failed_alone(payload):
        assert (payload["statuses"], payload["shots"]) == (["failed"], [100])

    assert_shrinks(
        sts.job_snapshots(), lambda s: any(c.shots > 1000 for c in s.circuits), is_one_circuit
    )
    assert_shrinks(
        sts.wire_payloads(), lambda payload: "failed" in payload["statuses"], failed_alone
    )


def test_a_snapshot_shrinks_to_what_a_person_can_read():
    def is_readable(snapshot):
        (circuit,) = snapshot.circuits
        ((bits, number),) = circuit.counts.items()
        assert (set(bits), number) == ({"0"}, 0)
        assert len(bits) == 1
        assert circuit.updated_at is None
        assert (snapshot.tags, snapshot.metadata) == ((), {})
        assert (snapshot.extra, snapshot.short_lists) == ({}, {})
        assert snapshot.submitted_at == dt.datetime(2020, 1, 1, tzinfo=dt.UTC)

    assert_shrinks(sts.job_snapshots(), lambda s: any(c.counts for c in s.circuits), is_readable)


# ---- histories ---------------------------------------------------------------------------------


LIVES = sts.job_histories() | sts.job_histories(deletion=True, num_circuits=4)
OLD_LIVES = sts.job_histories(api_version="v0.2.0", deletion=True)


@given(LIVES | OLD_LIVES)
def test_a_history_begins_received_and_is_finished_only_at_its_end(history):
    assert set(history[0].statuses) == {"received"}
    assert [snapshot.is_terminal for snapshot in history].index(True) + 1 == len(history) or (
        history[-1].is_terminal and any("deleted" in s.statuses for s in history)
    )
    assert len({(s.job_id, s.target, s.submitted_at, s.num_circuits) for s in history}) == 1


@given(LIVES)
def test_a_history_takes_valid_steps_and_its_times_advance(history):
    for before, after in itertools.pairwise(history):
        assert before.fetched_at < after.fetched_at
        assert before.circuits != after.circuits
        for old, new in zip(before.circuits, after.circuits, strict=True):
            assert may_become(old.status, new.status)
            assert (old == new) is (old.updated_at == new.updated_at)
            assert old == new or before.fetched_at < new.updated_at <= after.fetched_at


@given(LIVES | OLD_LIVES)
def test_counts_and_messages_are_where_they_belong(history):
    runs = history[0].job_type in {JobType.SUBMIT, JobType.SIMULATE, None}
    for circuit in (circuit for snapshot in history for circuit in snapshot.circuits):
        assert (circuit.counts is not None) is (runs and circuit.status == "completed")
        assert circuit.counts is None or circuit.counts.shots == circuit.shots
        assert circuit.status_message is None or circuit.status in {"failed", "deleted"}
        assert circuit.status != "failed" or circuit.status_message
        assert circuit.status != "completed" or circuit.compiled_circuit


@given(st.data(), st.sampled_from(["completed", "failed", "cancelled", "unrecognized"]))
def test_a_history_is_as_requested(data, end):
    history = data.draw(
        sts.job_histories(
            num_circuits=2, job_type="submit", ends=[end], targets=["a_b_qpu"], shots=7, num_bits=2
        )
    )
    last = history[-1]
    assert last.statuses == (end, end)
    assert (last.target, last.job_type, last.circuits[1].shots) == ("a_b_qpu", "submit", 7)
    assert end != "completed" or [c.counts.num_bits for c in last.circuits] == [2, 2]
    assert not {"simulating", "awaiting_simulation"} & {t for s in history for t in s.statuses}


@given(OLD_LIVES)
def test_a_history_of_v0_2_0_takes_valid_steps(history):
    for before, after in itertools.pairwise(history):
        assert before.fetched_at < after.fetched_at
        assert before.circuits != after.circuits
        for old, new in zip(before.circuits, after.circuits, strict=True):
            assert may_become(old.status, new.status)
            assert old.circuit_id == new.circuit_id


def test_some_circuits_of_a_history_are_ahead_of_others():
    ahead = {"one is": lambda h: any({"completed", "running"} <= set(s.statuses) for s in h)}
    assert_all_are_drawn(sts.job_histories(num_circuits=3, ends=["completed"]), ahead)


def test_a_history_with_a_failure_and_a_success_shrinks_to_these():
    def is_of_both(history):
        assert len(history) == 2
        assert history[-1].statuses in {("completed", "failed"), ("failed", "completed")}
        assert history[-1].submitted_at == dt.datetime(2020, 1, 1, tzinfo=dt.UTC)

    assert_shrinks(
        sts.job_histories(),
        lambda h: {"failed", "completed"} == {c.status for c in h[-1].circuits},
        is_of_both,
    )


def test_a_history_shrinks_to_the_shortest():
    def is_shortest(history):
        assert [snapshot.status for snapshot in history] == ["received", "completed"]

    assert_shrinks(sts.job_histories(), lambda history: history[-1].completed, is_shortest)


def test_histories_take_every_status():
    taken = {
        status: lambda history, status=status: any(status in s.statuses for s in history)
        for status in set(CircuitStatus) - {CircuitStatus.UNKNOWN}
    }
    assert_all_are_drawn(sts.job_histories(deletion=True), taken)


def test_payloads_are_broken_in_all_depths():
    patterns = (
        *(r"\$\.tags", r"\$\.shots", r"\$\.\w+\[1\]"),
        *(r"\$\.counts\[0\]\.1", r".*physicals\[0\]\.x"),
    )
    depths = {p: lambda broken, p=p: re.fullmatch(p, broken[1]) for p in patterns}
    assert_all_are_drawn(sts.broken_payloads(), depths)


@pytest.mark.parametrize("api_version", ["v0.3.0", "v0.2.0"])
def test_every_kind_of_hostile_body_is_drawn(api_version):
    words = (
        *("not JSON", "wrong shape", "wrong at", "cut short", "NaN", "1e999", "digits", "deep"),
        *("twice", "surrogate", "utf-16"),
    )
    kinds = {
        word: lambda hostile, word=word: word in hostile.description and type(hostile.body) is bytes
        for word in words
    }
    assert_all_are_drawn(sts.hostile_payloads(api_version=api_version), kinds)


@pytest.mark.parametrize("api_version", ["v0.3.0", "v0.2.0"])
@pytest.mark.parametrize("is_refused", [True, False])
@given(st.data())
def test_hostile_bodies_are_as_requested(is_refused, api_version, data):
    hostile = data.draw(sts.hostile_payloads(is_refused=is_refused, api_version=api_version))
    assert hostile.is_refused is is_refused
