"""Converters of fields: what each accepts, and what it makes of it."""

from __future__ import annotations

import datetime as dt
import uuid
import zoneinfo

import pytest

from superstaq_jobs.records import Counts, FrozenMapping, JobType, JsonMapping, fields
from superstaq_jobs.records.fields import Bad


class Index:
    def __index__(self) -> int:
        return 5


def test_integers_are_accepted_by_their_index():
    assert fields.integer(Index()) == 5
    assert type(fields.integer(Index())) is int
    assert fields.count(0) == 0


@pytest.mark.parametrize("value", [True, "3", 1.0, None, pytest.param(10**5000, id="huge")])
def test_what_is_not_an_integer(value):
    assert isinstance(fields.integer(value), Bad)
    assert isinstance(fields.count(value), Bad)


def test_numbers():
    assert fields.number(3) == 3
    assert fields.number(-2.5) == -2.5
    for value in (float("nan"), float("inf"), float("-inf"), True, "3", None):
        assert isinstance(fields.number(value), Bad)


def test_strings_become_plain():
    string = fields.string(JobType.SUBMIT)
    assert string == "submit"
    assert type(string) is str
    assert fields.strings(x for x in "ab") == ("a", "b")


@pytest.mark.parametrize("value", ["ab", b"ab", {"a": 1}, 3, None])
def test_what_is_not_a_list_of_strings(value):
    assert fields.strings(value).what == f"expected a list of strings, got {value!r}"


def test_the_first_wrong_item_is_named():
    assert fields.strings(["a", 3, 4]) == Bad("[1] expected a string, got 3")
    assert fields.many([JobType.SUBMIT, 3], JobType) == Bad("[1] expected a JobType, got 3")


def test_a_time_keeps_its_offset_as_a_fixed_one():
    zone = zoneinfo.ZoneInfo("Europe/Berlin")
    kept = fields.moment(dt.datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=zone))
    assert kept.tzinfo == dt.timezone(dt.timedelta(hours=1))
    assert kept.fold == 0
    assert kept.isoformat() == "2026-10-25T02:30:00+01:00"


def test_what_is_not_a_time():
    assert fields.moment("2026").what == "expected a datetime, got '2026'"
    naive = dt.datetime(2026, 1, 1)  # noqa: DTZ001
    assert fields.moment(naive).what == "must have a time zone, such as datetime.UTC"
    odd = dt.timezone(dt.timedelta(hours=1, microseconds=1))
    assert "whole minutes" in fields.moment(dt.datetime(2026, 1, 1, tzinfo=odd)).what
    assert fields.optional_moment(None) is None


def test_ids():
    value = uuid.uuid4()
    for text in (value, str(value), str(value).upper(), value.hex):
        assert fields.job_id(text) == value
    for wrong in ("x", 3, None, b"x" * 16):
        assert fields.job_id(wrong).what == f"must be a UUID, got {wrong!r}"


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("ibmq_fez_qpu", True), ("a-1_b.c-2_simulator", True), ("ibmq_fez_gpu", False),
        ("ibmq_fez", False), ("_fez_qpu", False), ("a_b_c_qpu", False), ("ibmq_fez_qpu\n", False),
    ],
)  # fmt: skip
def test_targets_are_what_the_official_client_accepts(name, fits):
    from general_superstaq.validation import validate_target

    try:
        validate_target(name)
    except ValueError:
        official = False
    else:
        official = True
    assert official is fits
    assert (fields.target(name) == name) is fits


def test_what_is_shown_is_short_and_never_fails():
    assert fields.shown("x" * 1000) == "'" + "x" * 39 + "…"
    assert fields.shown(10**5000) == "a int"
    assert fields.shown(type("Odd", (), {"__repr__": lambda _: "Odd(\n    1,\n)"})()) == "Odd( 1, )"
    assert fields.shown(type("Broken", (), {"__repr__": lambda _: 1 / 0})()) == "a Broken"
    nested = []
    for _ in range(100_000):
        nested = [nested]
    assert fields.shown(nested) == "a list"


def test_mappings_that_are_frozen_already_are_kept():
    mapping, qubits = JsonMapping({"a": 1}), FrozenMapping({0: 1})
    assert fields.json_mapping(mapping) is mapping
    assert fields.integer_map(qubits) is qubits
    assert fields.integer_map({0: 1}) == qubits
    assert type(fields.integer_map(Counts({}))) is FrozenMapping


@pytest.mark.parametrize("value", [-1, -0.5, float("nan"), float("inf"), True, "3", None])
def test_what_is_not_a_number_of_seconds(value):
    assert fields.seconds(value) == Bad(f"must be a number of seconds >= 0, got {value!r}")
    assert not fields.is_amount(value)


def test_seconds():
    assert fields.seconds(0) == 0
    assert fields.seconds(2.5) == 2.5
    assert isinstance(fields.seconds(-1), Bad)


@pytest.mark.parametrize(
    ("check", "value", "what"),
    [
        (fields.integer, 2.9, "expected an integer, got 2.9"),
        (fields.integer, True, "expected an integer, got True"),
        (fields.count, -1, "must be >= 0, got -1"),
        (fields.number, "3", "expected a number, got '3'"),
        (fields.number, float("nan"), "must be a finite number, got nan"),
        (fields.flag, 0, "expected True or False, got 0"),
        (fields.string, 3, "expected a string, got 3"),
        (fields.job_type, "x", "must be one of submit, simulate, compile, convert; got 'x'"),
        (fields.circuit_type, 3, "must be one of cirq, qiskit, qasm, jaqal; got 3"),
        (fields.json_mapping, 3, "expected a mapping, got 3"),
        (fields.integer_map, 3, "expected a mapping, got 3"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(check, value, what):
    assert check(value) == Bad(what)


def test_flags():
    assert fields.flag(False) is False
    assert isinstance(fields.flag(0), Bad)


def test_filters():
    assert fields.filters(None, fields.string) is None
    assert fields.filters(["a"], fields.string) == ("a",)
    assert "must not be empty" in fields.filters([], fields.string).what
