"""Law 2: equal values are interchangeable, and nothing reachable from a snapshot can be mutated."""

from __future__ import annotations

import copy
import datetime as dt
import enum
import hashlib
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from uuid import UUID

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import in_full

from superstaq_jobs.archive.pieces import canonical_bytes
from superstaq_jobs.records import (
    CircuitSnapshot,
    CircuitStatus,
    Counts,
    FrozenMapping,
    JobSnapshot,
    JsonMapping,
    diff,
)
from superstaq_jobs.records.frozen import canonical_json
from superstaq_jobs.testing import strategies as sts
from superstaq_jobs.wire.api import encode_jobs
from superstaq_jobs.wire.job_data import read_jobs

OLD = "v0.2.0"
OLD_SNAPSHOTS = sts.job_snapshots(unknown_statuses=True, api_version=OLD)
RECORDS = st.one_of(
    sts.job_snapshots(unknown_statuses=True),
    OLD_SNAPSHOTS,
    sts.circuit_snapshots(),
    sts.circuit_snapshots(api_version=OLD),
    sts.counts(floats=None),
    sts.json_mappings(),
    sts.new_jobs(),
    sts.job_queries(),
    sts.target_queries(),
    sts.targets(),
    sts.target_infos(),
    sts.submit_receipts(),
    sts.submit_receipts(api_version=OLD),
    sts.cancel_receipts(),
    sts.cancel_receipts(api_version=OLD),
    sts.balances(),
)


@given(RECORDS)
def test_copies_and_pickles_are_interchangeable_with_the_original(value):
    twins = [copy.copy(value), copy.deepcopy(value)]
    twins += [pickle.loads(pickle.dumps(value, n)) for n in range(pickle.HIGHEST_PROTOCOL + 1)]
    for twin in twins:
        assert twin == value
        assert hash(twin) == hash(value)
        assert type(twin) is type(value)
        assert repr(twin) == repr(value)
        assert in_full(twin) == in_full(value)


def by_the_definition(value):
    """Canonical JSON, written rule by rule: the digest of a snapshot must not change, ever."""
    if isinstance(value, Mapping):
        members = [f"{json.dumps(k)}:{by_the_definition(value[k])}" for k in sorted(value)]
        return "{" + ",".join(members) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(by_the_definition, value)) + "]"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value)


def by_the_definition_of_a_digest(snapshot):
    said = {
        "job_id": str(snapshot.job_id),
        "data": snapshot.to_dict(),
        "extra": snapshot.extra,
        "short_lists": snapshot.short_lists,
    }
    if any(circuit.circuit_id or circuit.extra for circuit in snapshot.circuits):
        said["circuits"] = [[c.circuit_id, c.extra] for c in snapshot.circuits]
    return hashlib.sha256(by_the_definition(said).encode()).hexdigest()


@given(sts.job_snapshots(unknown_statuses=True) | OLD_SNAPSHOTS)
def test_the_digest_is_that_of_the_canonical_json(snapshot):
    assert snapshot.digest == by_the_definition_of_a_digest(snapshot)


NUMBERS = st.one_of(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([-0.0, 0.0, 1e22, -1e300, 5e-324, 2.0**53, True, False]),
)


@given(
    st.recursive(
        NUMBERS | st.none() | st.text() | st.just(CircuitStatus.RUNNING),
        lambda inside: st.lists(inside) | st.dictionaries(st.text(max_size=3), inside),
        max_leaves=12,
    )
)
def test_canonical_json_is_what_its_rules_say(value):
    assert canonical_json(value) == by_the_definition(value)
    assert canonical_bytes(value) == by_the_definition(value).encode()
    assert canonical_json([value, {"é": value}]) == by_the_definition((value, {"é": value}))


@given(RECORDS)
def test_no_value_equals_something_else(value):
    for other in (None, 1, "x", (), object()):
        assert value != other
        assert not value == other  # noqa: SIM201


@given(sts.job_snapshots() | OLD_SNAPSHOTS, sts.job_snapshots() | OLD_SNAPSHOTS)
def test_digest_follows_equality(one, other):
    twin = pickle.loads(pickle.dumps(one))
    assert twin.digest == one.digest
    assert (one.digest == other.digest) is (one == other)


@given(sts.job_snapshots(num_circuits=2), st.data())
def test_one_changed_field_changes_equality_and_digest_alike(snapshot, data):
    another = data.draw(sts.job_snapshots(num_circuits=2, irregular_lists=False))
    name = data.draw(
        st.sampled_from(["job_type", "target", "tags", "metadata", "submitted_at", "circuits"])
    )
    try:
        changed = attrs.evolve(snapshot, **{name: getattr(another, name)})
    except ValueError:
        return
    assert (changed == snapshot) is (changed.digest == snapshot.digest)
    if changed == snapshot:
        assert hash(changed) == hash(snapshot)
        assert not diff(snapshot, changed)


@given(OLD_SNAPSHOTS, OLD_SNAPSHOTS, st.data())
def test_a_changed_field_of_v0_2_0_changes_equality_and_digest_alike(snapshot, another, data):
    place = data.draw(st.integers(0, snapshot.num_circuits - 1))
    name = data.draw(st.sampled_from(["target", "shots", "input_circuit", "extra", "counts"]))
    circuit = snapshot.circuits[place]
    if name == "target":
        changed = attrs.evolve(snapshot, target=another.target)
    else:
        circuit = attrs.evolve(circuit, **{name: getattr(another.circuits[0], name)})
        circuits = (*snapshot.circuits[:place], circuit, *snapshot.circuits[place + 1 :])
        changed = attrs.evolve(snapshot, circuits=circuits)
    assert (changed == snapshot) is (changed.digest == snapshot.digest)
    assert bool(diff(snapshot, changed)) is (changed != snapshot)
    assert changed != snapshot or hash(changed) == hash(snapshot)


@given(OLD_SNAPSHOTS)
def test_the_same_job_of_the_other_version_is_another_value(snapshot):
    circuits = [attrs.evolve(c, circuit_id=None, extra={}) for c in snapshot.circuits]
    other = attrs.evolve(snapshot, job_id=UUID(int=1), circuits=circuits)
    assert other != snapshot
    assert other.digest != snapshot.digest


@given(st.sampled_from(["v0.3.0", OLD]), st.data(), sts.moments(utc=True))
def test_provenance_is_not_part_of_the_value(version, data, moment):
    snapshot = data.draw(sts.job_snapshots(api_version=version))
    elsewhere = attrs.evolve(snapshot, fetched_at=moment, source="https://elsewhere.example.com")
    assert elsewhere == snapshot
    assert hash(elsewhere) == hash(snapshot)
    assert elsewhere.digest == snapshot.digest
    bodies = [encode_jobs([each], api_version=version) for each in (elsewhere, snapshot)]
    assert bodies[0] == bodies[1]


@given(sts.json_values(), sts.json_values())
def test_json_mappings_are_equal_exactly_if_their_canonical_json_is(one, other):
    first, second = JsonMapping({"a": one}), JsonMapping({"a": other})
    same = canonical_json({"a": one}) == canonical_json({"a": other})
    assert (first == second) is same
    assert (first == {"a": other}) is same
    if same:
        assert hash(first) == hash(second)


@given(sts.json_values())
def test_canonical_json_means_the_same_to_another_parser(value):
    assert json.loads(canonical_json(value)) == value


def snapshot(**changes):
    fields = {
        "job_id": UUID(int=1),
        "job_type": "submit",
        "target": "ibmq_fez_qpu",
        "circuit_type": "qasm",
        "user_email": "ada@example.com",
        "submitted_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        "circuits": [CircuitSnapshot(index=0, status_text="running")],
    }
    return JobSnapshot(**(fields | changes))


CEST = dt.timezone(dt.timedelta(hours=2))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"metadata": {"a": 1}}, {"metadata": {"a": True}}),
        ({"metadata": {"a": [0]}}, {"metadata": {"a": [False]}}),
        ({"extra": {"a": {"b": 1.0}}}, {"extra": {"a": {"b": True}}}),
        ({"metadata": {"a": "1"}}, {"metadata": {"a": 1}}),
        ({"metadata": {"a": None}}, {"metadata": {}}),
        ({"metadata": {"a": []}}, {"metadata": {"a": {}}}),
        ({"metadata": {"a": 2**53}}, {"metadata": {"a": 2**53 + 1}}),
        (
            {"submitted_at": dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)},
            {"submitted_at": dt.datetime(2026, 1, 1, 14, tzinfo=CEST)},
        ),
        ({"short_lists": {"counts": 0}}, {"short_lists": {}}),
        ({"extra": {"counts": [None]}}, {"extra": {}}),
        ({"tags": ["a", "b"]}, {"tags": ["b", "a"]}),
        (
            {"circuits": [CircuitSnapshot(index=0, status_text="running", counts={})]},
            {"circuits": [CircuitSnapshot(index=0, status_text="running", counts=None)]},
        ),
    ],
)
def test_what_differs_in_json_differs(one, other):
    first, second = snapshot(**one), snapshot(**other)
    assert first != second
    assert first.digest != second.digest
    assert diff(first, second)
    assert diff(first, second).apply(first) == second


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"metadata": {"a": 1}}, {"metadata": {"a": 1.0}}),
        ({"metadata": {"a": 0.0}}, {"metadata": {"a": -0.0}}),
        ({"metadata": {"a": 10**22}}, {"metadata": {"a": 1e22}}),
        ({"metadata": {"a": 1, "b": 2}}, {"metadata": {"b": 2, "a": 1}}),
        ({"tags": ["a"]}, {"tags": ("a",)}),
    ],
)
def test_what_json_holds_equal_is_equal(one, other):
    first, second = snapshot(**one), snapshot(**other)
    assert first == second
    assert hash(first) == hash(second)
    assert first.digest == second.digest


# ---- nothing can be mutated --------------------------------------------------------------------

IMMUTABLE = (str, int, float, bool, bytes, type(None), UUID, dt.datetime, dt.tzinfo, enum.Enum)


def reachable(value):
    """Every object that public attributes, iteration and items lead to."""
    yield value
    if isinstance(value, IMMUTABLE):
        return
    if isinstance(value, tuple):
        parts = list(value)
    elif isinstance(value, FrozenMapping):
        parts = [*value.keys(), *value.values()]
    elif attrs.has(type(value)):
        parts = [getattr(value, field.name) for field in attrs.fields(type(value))]
    else:
        raise AssertionError(f"a {type(value).__name__} can be reached: {value!r}")
    for part in parts:
        yield from reachable(part)


MUTATORS = [
    lambda v: v.__setitem__("a", 1),
    lambda v: v.__delitem__("a"),
    lambda v: v.update(a=1),
    lambda v: v.setdefault("a", 1),
    lambda v: v.pop("a"),
    lambda v: v.popitem(),
    lambda v: v.clear(),
    lambda v: v.append(1),
    lambda v: v.extend([1]),
    lambda v: v.sort(),
    lambda v: v.add(1),
    lambda v: setattr(v, "index", 1),
    lambda v: setattr(v, "_items", {}),
    lambda v: setattr(v, "surely_new", 1),
    lambda v: delattr(v, "_items"),
    lambda v: delattr(v, "circuits"),
    lambda v: v.__ior__({"a": 1}),
    lambda v: v.items().clear(),
    lambda v: v.keys().mapping.update(a=1),
    lambda v: v.values().mapping.clear(),
]


@given(sts.job_snapshots(num_circuits=2, unknown_statuses=True) | OLD_SNAPSHOTS)
@settings(max_examples=50)
def test_nothing_reachable_from_a_snapshot_can_be_mutated(value):
    before = value.digest, pickle.dumps(value)
    for part in reachable(value):
        assert not isinstance(part, list | dict | set | bytearray)
        if isinstance(part, FrozenMapping):
            assert not hasattr(part, "__dict__")
        if not isinstance(part, IMMUTABLE):
            for mutate in MUTATORS:
                with pytest.raises((AttributeError, TypeError)):
                    mutate(part)
    assert (value.digest, pickle.dumps(value)) == before


@given(sts.job_snapshots(num_circuits=2) | OLD_SNAPSHOTS)
def test_what_is_handed_out_is_the_callers_own(value):
    digest = value.digest
    plain = value.to_dict()
    wipe(plain)
    wipe({} if value.metadata is None else value.metadata.to_dict())
    wipe(value.extra.to_dict())
    for circuit in value.circuits:
        wipe(circuit.extra.to_dict())
        if circuit.counts is not None:
            circuit.counts.most_common().clear()
    assert value.digest == digest


def wipe(part):
    for inner in part.values() if isinstance(part, dict) else part:
        if isinstance(inner, dict | list):
            wipe(inner)
    part.clear()


def test_what_is_handed_in_is_not_kept():
    metadata = {"a": [1, {"b": 2}]}
    counts = {"0": 1}
    tags = ["x"]
    maps = {0: 1}
    circuit = CircuitSnapshot(
        index=0, status_text="completed", counts=counts, initial_logical_to_physical=maps
    )
    circuits = [circuit]
    value = snapshot(metadata=metadata, tags=tags, circuits=circuits)
    digest = value.digest
    wipe(metadata)
    for given_in in (counts, tags, maps, circuits):
        given_in.clear()
    assert value.digest == digest
    assert value.metadata == {"a": [1, {"b": 2}]}


# ---- the digest --------------------------------------------------------------------------------

EXAMPLE = {
    "job_id": "6f3c4a52-7a39-4b0e-9c56-0d4fb2a1c3de",
    "job_type": "submit",
    "target": "ibmq_fez_qpu",
    "circuit_type": "qasm",
    "user_email": "ada@example.com",
    "dry_run": False,
    "submitted_at": dt.datetime(2026, 11, 2, 8, 30, tzinfo=dt.UTC),
    "tags": ["week-18", "ü"],
    "metadata": {"b": [1, 2.5, None, True], "a": {"z": "é", "y": []}},
    "extra": {"queue_position": 7},
    "short_lists": {"results_dicts": 0},
    "circuits": [
        CircuitSnapshot(
            index=0,
            status_text="completed",
            input_circuit="OPENQASM 2.0;",
            compiled_circuit="c",
            counts={"11": 493, "00": 507},
            shots=1000,
            updated_at=dt.datetime(2026, 11, 2, 8, 31, 0, 500000, tzinfo=CEST),
            initial_logical_to_physical={1: 3, 0: 2},
        )
    ],
}

PINNED = "400313cf1c5ab2d09fcbd2cfa1a90b3ba720c6368c0d4dc54fb4d827ef207478"


def by_hand():
    """The digest's definition, straight from its words, with the standard library alone."""
    data = {
        "job_type": "submit",
        "user_email": "ada@example.com",
        "target": "ibmq_fez_qpu",
        "num_circuits": 1,
        "circuit_type": "qasm",
        "dry_run": False,
        "submission_timestamp": "2026-11-02T08:30:00Z",
        "tags": ["week-18", "ü"],
        "metadata": {"b": [1, 2.5, None, True], "a": {"z": "é", "y": []}},
        "statuses": ["completed"],
        "status_messages": [None],
        "provider_id": [None],
        "compiled_circuits": ["c"],
        "input_circuits": ["OPENQASM 2.0;"],
        "counts": [{"11": 493, "00": 507}],
        "results_dicts": [],
        "shots": [1000],
        "last_updated_timestamp": ["2026-11-02T08:31:00.500000+02:00"],
        "initial_logical_to_physicals": [{"1": 3, "0": 2}],
        "final_logical_to_physicals": [None],
        "logical_qubits": [None],
        "physical_qubits": [None],
    }
    everything = {
        "job_id": "6f3c4a52-7a39-4b0e-9c56-0d4fb2a1c3de",
        "data": data,
        "extra": {"queue_position": 7},
        "short_lists": {"results_dicts": 0},
    }
    text = json.dumps(everything, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_digest_is_pinned():
    assert JobSnapshot(**EXAMPLE).digest == by_hand() == PINNED


SCRIPT = """
import sys
from superstaq_jobs.wire.job_data import read_jobs
(snapshot,) = read_jobs(sys.stdin.buffer.read()).value
print(snapshot.digest, hash("x"))
"""


def test_the_digest_does_not_depend_on_the_hash_seed():
    value = JobSnapshot(**EXAMPLE)
    body = encode_jobs([value])
    answers = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            input=body,
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        .stdout.decode()
        .split()
        for seed in ("0", "1")
    ]
    (first, first_hash), (second, second_hash) = answers
    assert first_hash != second_hash  # the seeds do differ
    assert first == second == value.digest
    assert read_jobs(body).value == (value,)


def test_a_value_is_a_key_of_a_dict():
    one, twin = snapshot(metadata={"a": 1}), snapshot(metadata={"a": 1.0})
    assert {one: "found"}[twin] == "found"
    assert len({Counts({"0": 1}), Counts({"0": 1.0}), Counts({"0": 2})}) == 2
