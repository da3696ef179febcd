"""For each field of JobData, each wrong type is refused at the right path."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import uuid

import pytest
from general_superstaq import models
from hypothesis import find, given
from hypothesis import strategies as st

from superstaq_jobs.errors import ProtocolError
from superstaq_jobs.records import SubmitReceipt
from superstaq_jobs.testing import strategies as sts
from superstaq_jobs.wire.job_data import read_jobs
from superstaq_jobs.wire.strict import Collector, WrongError, structure

JOB = uuid.UUID(int=0xA1)
GOOD = find(sts.wire_payloads(num_circuits=2), lambda payload: "metadata" in payload)

JSON = {
    "null": None,
    "true": True,
    "whole": 7,
    "fraction": 1.5,
    "text": "x",
    "list": [],
    "object": {},
}
FITS = {
    "job_type": set(),
    "user_email": {"text"},
    "target": set(),
    "num_circuits": set(),  # 7 is refused at the list of statuses
    "circuit_type": set(),
    "dry_run": {"true"},
    "submission_timestamp": set(),
    "tags": {"list"},
    "metadata": {"object"},
}
ENTRY_FITS = {
    "statuses": {"text"},
    "input_circuits": {"text"},
    "shots": {"whole"},
    "counts": {"null", "object"},
    "last_updated_timestamp": {"null"},
    "initial_logical_to_physicals": {"null", "object"},
    "final_logical_to_physicals": {"null", "object"},
    **dict.fromkeys(  # noqa: RUF024 - nobody changes them
        [
            "status_messages", "provider_id", "compiled_circuits", "results_dicts",
            "logical_qubits", "physical_qubits",
        ],
        {"null", "text"},
    ),
}  # fmt: skip
OPTIONAL_LISTS = set(ENTRY_FITS) - {"statuses"}


def problems_of(payload):
    try:
        read_jobs(json.dumps({str(JOB): payload}).encode())
    except ProtocolError as error:
        return [problem.where for problem in error.problems]
    return []


def test_the_tables_of_this_test_name_every_field():
    assert FITS.keys() | ENTRY_FITS.keys() == set(models.JobData.model_fields)
    assert problems_of(GOOD) == []


@pytest.mark.parametrize("kind", JSON)
@pytest.mark.parametrize("name", FITS)
def test_a_field_accepts_its_own_type_only(name, kind):
    where = problems_of({**GOOD, name: JSON[kind]})
    if kind in FITS[name]:
        assert where == []
    elif (name, kind) == ("num_circuits", "whole"):
        assert where == [f"$.{JOB}.statuses"]
    else:
        assert where == [f"$.{JOB}.{name}"]


@pytest.mark.parametrize("kind", JSON)
@pytest.mark.parametrize("name", ENTRY_FITS)
def test_a_list_accepts_a_list_only(name, kind):
    where = problems_of({**GOOD, name: JSON[kind]})
    fits = kind == "list" and name in OPTIONAL_LISTS
    assert where == ([] if fits else [f"$.{JOB}.{name}"])


@pytest.mark.parametrize("kind", JSON)
@pytest.mark.parametrize("name", ENTRY_FITS)
def test_an_entry_accepts_its_own_type_only(name, kind):
    where = problems_of({**GOOD, name: [GOOD[name][0], JSON[kind]]})
    assert where == ([] if kind in ENTRY_FITS[name] else [f"$.{JOB}.{name}[1]"])


@pytest.mark.parametrize("kind", JSON)
@pytest.mark.parametrize("name", ["counts", "initial_logical_to_physicals"])
def test_a_value_of_a_mapping_accepts_its_own_type_only(name, kind):
    where = problems_of({**GOOD, name: [None, {"0": 1, "1": JSON[kind]}]})
    fits = kind == "whole" or (kind == "fraction" and name == "counts")
    assert where == ([] if fits else [f"$.{JOB}.{name}[1].1"])


@pytest.mark.parametrize("name", [*FITS, *ENTRY_FITS])
def test_only_tags_and_metadata_may_be_missing(name):
    payload = {key: value for key, value in GOOD.items() if key != name}
    assert problems_of(payload) == ([] if name in {"tags", "metadata"} else [f"$.{JOB}.{name}"])


@pytest.mark.parametrize(
    ("key", "fits"),
    [
        ("0", True), ("-1", True), ("17", True), ("9" * 18, True), ("00", False), ("-0", True),
        ("+1", False), (" 1", False), ("1 ", False), ("1.0", False), ("", False), ("a", False),
        ("٣", False), ("1_0", False), ("9" * 19, False), ("1\n", False),
    ],
)  # fmt: skip
def test_keys_of_a_map_of_qubits(key, fits):
    where = problems_of({**GOOD, "final_logical_to_physicals": [{key: 1}]})
    shown = key.replace("\n", r"\n")
    assert where == ([] if fits else [f"$.{JOB}.final_logical_to_physicals[0].{shown}"])


@given(sts.moments(), st.sampled_from(["T", "t", " "]), st.integers(0, 9))
def test_times_are_read_to_the_microsecond_and_no_further(moment, separator, digit):
    moment = moment.replace(microsecond=moment.microsecond or 7)
    text = moment.isoformat(sep=separator)
    longer = f"{text[:26]}{digit}{text[26:]}"
    for spelled in (text, longer):
        payload = {**GOOD, "submission_timestamp": spelled}
        (snapshot,) = read_jobs(json.dumps({str(JOB): payload}).encode()).value
        assert snapshot.submitted_at == moment
        assert snapshot.submitted_at.utcoffset() == moment.utcoffset()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-13-01T00:00:00Z", "must be a valid time, got '2026-13-01T00:00:00Z': month must be"),
        ("2026-01-01", "must be an ISO 8601 time stamp, got '2026-01-01'"),
        ("2026-01-01T00:00.5Z", "must be an ISO 8601 time stamp"),
        ("2026-01-01T00:00:00+02:60", "must be an ISO 8601 time stamp"),
    ],
)
def test_a_wrong_time_says_why(text, words):
    with pytest.raises(ProtocolError, match=words):
        read_jobs(json.dumps({str(JOB): {**GOOD, "submission_timestamp": text}}).encode())


def test_an_error_that_is_not_about_the_value_is_raised():
    with pytest.raises(ZeroDivisionError):
        Collector().add("$", ZeroDivisionError())


def test_a_collector_without_problems_lets_the_value_pass():
    Collector().finish()
    collector = Collector()
    collector.say("$.a", "is wrong")
    with pytest.raises(WrongError):
        collector.finish()


def test_what_a_record_itself_refuses_is_named_by_its_path():
    with pytest.raises(ProtocolError) as caught:
        structure(SubmitReceipt, {"job_id": str(JOB), "num_circuits": -1}, what="it")
    assert [str(problem) for problem in caught.value.problems] == [
        "$.num_circuits: must be >= 0, got -1"
    ]


def test_structuring_what_is_not_an_object_is_a_protocol_error():
    with pytest.raises(ProtocolError, match="the thing is not what the API promises"):
        structure(dt.date, 3, what="the thing")


def test_problems_are_named_even_if_cattrs_was_loaded_again():
    """As pytest's ``pytester`` does, which takes the modules out that a test has imported."""
    code = (
        "import sys\n"
        "from superstaq_jobs.errors import ProtocolError\n"
        "from superstaq_jobs.wire.bodies import read_balance\n"
        "def problems():\n"
        "    try:\n"
        "        read_balance(b'{}')\n"
        "    except ProtocolError as error:\n"
        "        return len(error.problems)\n"
        "assert problems() == 2\n"
        "for name in [name for name in sys.modules if name.partition('.')[0] == 'cattrs']:\n"
        "    del sys.modules[name]\n"
        "assert problems() == 2\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
