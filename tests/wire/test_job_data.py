"""Jobs from bytes to records and back, strictly; the laws are in property/."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import uuid
import warnings
import zoneinfo
from functools import partial

import attrs
import pytest
from hypothesis import find, given
from hypothesis import strategies as st

import superstaq_jobs as sj
from superstaq_jobs.errors import InvalidValue, ProtocolError, SuperstaqWarning
from superstaq_jobs.records.shape import PER_CIRCUIT_LISTS
from superstaq_jobs.testing import strategies as sts
from superstaq_jobs.wire import bodies, job_data

JOB, OTHER = uuid.UUID(int=0xA1), uuid.UUID(int=0xA2)
GOOD = find(sts.wire_payloads(num_circuits=2), lambda payload: "metadata" in payload)
NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


def body(*payloads, **more):
    jobs = {str(job): p for job, p in zip([JOB, OTHER], payloads, strict=False)}
    return json.dumps(jobs | more).encode()


NO_TARGET = (
    "must be a target name <provider>_<device>_<qpu|simulator>, such as ibmq_fez_qpu; got 'fez'"
)


def refused(read, *args, **options):
    with pytest.raises(ProtocolError) as caught:
        read(*args, **options)
    return [str(problem) for problem in caught.value.problems]


# ---- jobs --------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", [str.upper, lambda text: text.replace("-", "")])
def test_of_one_job_in_two_spellings_of_its_id_the_last_wins(other):
    """As of equal keys, and as in the official client."""
    one = "6f3c4a52-7a39-4b0e-9c56-0d4fb2a1c3de"
    twice = json.dumps({one: GOOD, other(one): {**GOOD, "user_email": "b@example.com"}}).encode()
    (snapshot,) = job_data.read_jobs(twice).value
    assert (str(snapshot.job_id), snapshot.user_email) == (one, "b@example.com")


def test_jobs_come_in_the_order_of_the_body_with_provenance():
    snapshots = sj.decode_jobs(body(GOOD, GOOD), fetched_at=NOON, source="https://x.example.com")
    assert [s.job_id for s in snapshots] == [JOB, OTHER]
    assert {(s.fetched_at, s.source) for s in snapshots} == {(NOON, "https://x.example.com")}
    assert sj.decode_jobs(b"{}") == ()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"fetched_at": NOON.replace(tzinfo=None)}, "fetched_at: must have a time zone"),
        ({"fetched_at": "noon"}, "fetched_at: expected a datetime, got 'noon'"),
        ({"source": 3}, "source: expected a string, got 3"),
    ],
)
@pytest.mark.parametrize("sent", [body(GOOD), b"{}", b"no JSON"])
def test_a_wrong_provenance_is_the_caller_s_mistake_and_is_named(wrong, words, sent):
    with pytest.raises(InvalidValue, match=words):
        sj.decode_jobs(sent, **wrong)


def test_provenance_is_kept_as_a_record_keeps_it():
    local = dt.datetime(2026, 7, 1, 14, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
    (snapshot,) = sj.decode_jobs(body(GOOD), fetched_at=local)
    assert snapshot.fetched_at == local
    assert snapshot.fetched_at.tzinfo == dt.timezone(dt.timedelta(hours=2))


def test_the_readable_jobs_of_a_broken_body_are_kept():
    broken = {**GOOD, "shots": "many"}
    with pytest.raises(ProtocolError, match="the response with the jobs") as caught:
        job_data.read_jobs(body(broken, GOOD))
    assert [snapshot.job_id for snapshot in caught.value.found] == [OTHER]
    assert [p.where for p in caught.value.problems] == [f"$.{JOB}.shots"]


def test_all_problems_come_at_once_with_their_paths():
    wrong = {**GOOD, "dry_run": 1, "target": "fez", "shots": [1, "2"], "tags": [None]}
    wrong |= {"job_type": "run", "circuit_type": 3}
    del wrong["user_email"]
    assert sorted(refused(job_data.read_jobs, body(wrong))) == [
        f"$.{JOB}.circuit_type: must be one of cirq, qiskit, qasm, jaqal; got 3",
        f"$.{JOB}.dry_run: expected True or False, got 1",
        f"$.{JOB}.job_type: must be one of submit, simulate, compile, convert; got 'run'",
        f"$.{JOB}.shots[1]: expected an integer, got '2'",
        f"$.{JOB}.tags[0]: expected a string, got None",
        f"$.{JOB}.target: {NO_TARGET}",
        f"$.{JOB}.user_email: is missing",
    ]


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({"shots": ["x"] * 100}, 100),
        ({"counts": [{str(n): "x" for n in range(100)}] * 2}, 200),
        ({"initial_logical_to_physicals": [{f"q{n}": 0 for n in range(50)}]}, 50),
        ({"statuses": [3] * 30, "tags": [3] * 15}, 45),
    ],
)
def test_at_most_20_problems_are_kept_and_the_rest_is_counted(changes, count):
    with pytest.raises(ProtocolError) as caught:
        job_data.read_jobs(body({**GOOD, **changes}))
    assert len(caught.value.problems) == 20
    assert 0 < caught.value.omitted <= count - 20
    assert f"… and {caught.value.omitted} more" in str(caught.value)


def test_problems_of_many_jobs_are_counted_together():
    wrong = {**GOOD, "shots": ["x"] * 15}
    with pytest.raises(ProtocolError) as caught:
        job_data.read_jobs(body(wrong, wrong))
    assert (len(caught.value.problems), caught.value.omitted) == (20, 10)


def test_a_short_list_of_statuses_is_refused():
    short = {**GOOD, "statuses": GOOD["statuses"][:1]}
    assert refused(job_data.read_jobs, body(short)) == [
        f"$.{JOB}.statuses: must have num_circuits entries, 2, got 1"
    ]
    many = {**GOOD, "num_circuits": 10**9}
    assert refused(job_data.read_jobs, body(many)) == [
        f"$.{JOB}.statuses: must have num_circuits entries, 1000000000, got 2"
    ]


@pytest.mark.parametrize(("name", "missing"), [("input_circuits", ""), ("shots", None)])
def test_a_short_list_of_circuits_or_shots_is_read_with_a_warning(name, missing):
    """The official models read it too, and no batch of jobs may be lost over it."""
    short = {**GOOD, name: GOOD[name][:1]}
    with pytest.warns(
        SuperstaqWarning, match=f"fewer {name} than circuits, in job {JOB} and 1"
    ) as w:
        snapshots = sj.decode_jobs(body(short, short))
    assert len(w) == 1
    for snapshot in snapshots:
        field = PER_CIRCUIT_LISTS[name]
        assert [getattr(c, field) for c in snapshot.circuits] == [GOOD[name][0], missing]
        assert snapshot.short_lists == {name: 1}
        assert snapshot.to_dict()[name] == short[name]
        assert job_data.read_jobs(sj.encode_jobs([snapshot])).value == (snapshot,)
    filled = (
        attrs.evolve(
            snapshot,
            circuits=[snapshot.circuits[0], attrs.evolve(snapshot.circuits[1], **{field: "9"})],
        )
        if name == "input_circuits"
        else None
    )
    assert filled is None or filled.to_dict()[name] == [GOOD[name][0], "9"]


def test_times_without_a_zone_are_read_as_utc_with_a_warning():
    naive = {**GOOD, "submission_timestamp": "2026-05-01T12:00:00.5"}
    naive |= {"last_updated_timestamp": [None, "2026-05-01T13:00:00"]}
    with pytest.warns(SuperstaqWarning, match="without a time zone") as caught:
        (snapshot, _) = sj.decode_jobs(body(naive, naive))
    assert len(caught) == 1
    assert snapshot.submitted_at == dt.datetime(2026, 5, 1, 12, 0, 0, 500_000, tzinfo=dt.UTC)
    assert snapshot.to_dict()["last_updated_timestamp"] == [None, "2026-05-01T13:00:00Z"]


def test_a_negative_number_of_circuits_is_refused():
    assert refused(job_data.read_jobs, body({**GOOD, "num_circuits": -1})) == [
        f"$.{JOB}.num_circuits: must be >= 0, got -1"
    ]


@pytest.mark.parametrize("key", ["x", "", "1234"])
def test_a_key_that_is_not_an_id_is_refused(key):
    (problem,) = refused(job_data.read_jobs, json.dumps({key: GOOD}).encode())
    assert problem == f"$.{key}: must be a UUID, got {key!r}"


@pytest.mark.parametrize("data", [None, 3, "jobs", [], [GOOD]])
def test_a_body_that_is_not_an_object_is_refused(data):
    (problem,) = refused(job_data.read_jobs, json.dumps(data).encode())
    assert problem.startswith("$: expected an object of jobs by id, got ")


def test_an_unknown_field_that_cannot_be_kept_is_refused():
    deep = body({**GOOD, "new": 3}).replace(b'"new": 3', b'"new": ' + b"[" * 150 + b"]" * 150)
    (problem,) = refused(job_data.read_jobs, deep)
    assert problem == f"$.{JOB}: must be nested at most 100 deep"


def test_counts_that_mix_floats_and_numbers_past_all_floats_are_refused():
    (problem,) = refused(
        job_data.read_jobs, body({**GOOD, "counts": [{"0": 0.5, "1": 10**400}, None]})
    )
    assert problem.startswith(f"$.{JOB}.counts[0]: the count of '1' must be a finite float or int")


@pytest.mark.parametrize("bracket", ["[]", "{}"])
def test_nesting_of_every_depth_is_refused_cleanly(bracket):
    """A body may be parsed and yet be too deep to be shown."""
    start, end = ("[", "]") if bracket == "[]" else ('{"a":', "}")
    for depth in range(860, 1010):
        text = (start * depth + "0" + end * depth).encode()
        for data in (text, b'{"warnings": [' + text + b"]}", b'{"x": ' + text + b"}"):
            with contextlib.suppress(ProtocolError):
                job_data.read_jobs(data)
        assert isinstance(bodies.read_error(text), str)
        assert isinstance(bodies.read_error(b'{"detail": [' + text + b"]}"), str)


@pytest.mark.parametrize("bracket", ["[]", "{}"])
def test_bodies_with_white_space_of_every_depth_are_refused_cleanly(bracket):
    start, end = ("[", "]") if bracket == "[]" else ('{"a" :', "}")
    for depth in range(860, 1010, 3):
        with pytest.raises(ProtocolError):
            job_data.read_jobs((start * depth + '{"a" :1}' + end * depth).encode())


def test_an_unknown_status_gives_exactly_one_warning():
    odd = {**GOOD, "statuses": ["teleporting", "beaming"]}
    with pytest.warns(SuperstaqWarning) as caught:
        snapshots = sj.decode_jobs(body(odd, odd))
    (warning,) = caught
    assert "'beaming', 'teleporting'" in str(warning.message)
    for snapshot in snapshots:
        assert [c.status_text for c in snapshot.circuits] == odd["statuses"]
        assert set(snapshot.statuses) == {"unknown"}
        assert not snapshot.is_terminal
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sj.decode_jobs(body(GOOD))


@pytest.mark.parametrize(
    ("sent", "messages"),
    [
        ([{"message": "soon"}, {"message": "now"}], ["soon", "now"]),
        ([], []),
        ("soon", ["soon"]),
        ([{"text": "soon"}], ["{'text': 'soon'}"]),
        ([{"message": 3}], ["{'message': 3}"]),
        (None, ["None"]),
        ([{"message": "x" * 5000}], ["x" * 999 + "…"]),
    ],
)
def test_server_warnings_are_not_part_of_the_data(sent, messages):
    decoded = job_data.read_jobs(body(GOOD, warnings=sent))
    assert list(decoded.warnings) == messages
    assert [snapshot.job_id for snapshot in decoded.value] == [JOB]
    for read in (
        partial(bodies.read_cancelled, asked=[]),
        partial(bodies.read_target_info, target="ibmq_fez_qpu"),
        bodies.read_balance,
        bodies.read_submitted,
    ):
        fields = {
            "succeeded": [], "message": "", "target_info": {}, "email": "a", "balance": 1,
            "job_id": str(JOB), "num_circuits": 1, "warnings": sent,
        }  # fmt: skip
        assert list(read(json.dumps(fields).encode()).warnings) == messages


def test_decoding_warns_of_what_the_server_warns_of():
    with pytest.warns(SuperstaqWarning, match="soon"):
        assert sj.decode_jobs(b'{"warnings": [{"message": "soon"}]}') == ()


def test_two_snapshots_of_one_job_are_not_encoded():
    (snapshot,) = sj.decode_jobs(body(GOOD))
    with pytest.raises(ValueError, match=f"two snapshots of job {JOB}"):
        sj.encode_jobs([snapshot, snapshot])
    assert sj.encode_jobs([]) == b"{}"


@pytest.mark.parametrize("given_body", ["{}", None, bytearray(b"{}")])
def test_a_body_that_is_not_bytes_is_refused(given_body):
    with pytest.raises(TypeError, match=f"must be bytes.* got {type(given_body).__name__}"):
        sj.decode_jobs(given_body)


def test_one_snapshot_is_not_a_list():
    (snapshot,) = sj.decode_jobs(body(GOOD))
    with pytest.raises(TypeError, match=r"\[snapshot\]"):
        sj.encode_jobs(snapshot)


REQUIRED = {
    *("job_type", "target", "circuit_type", "user_email"),
    *("submitted_at", "dry_run", "tags", "metadata"),
}


@given(st.data(), sts.job_snapshots())
def test_what_the_api_requires_is_refused_at_encoding_if_it_is_missing(data, snapshot):
    """Whatever a program made the snapshot of, what is encoded can be decoded again."""
    lacking = data.draw(st.sets(st.sampled_from(sorted(REQUIRED))))
    unsaid = st.sets(st.sampled_from(["shots", "input_circuit"]))
    circuits = [attrs.evolve(c, **dict.fromkeys(data.draw(unsaid))) for c in snapshot.circuits]
    made = attrs.evolve(snapshot, circuits=circuits, **dict.fromkeys(lacking))
    try:
        encoded = sj.encode_jobs([made])
    except sj.InvalidRequest as error:
        named = {tuple(problem.where.rsplit(" ", 1)) for problem in error.problems}
    else:
        named = set()
        assert job_data.read_jobs(encoded).value == (made,)
    assert {job for job, _ in named} <= {f"job {made.job_id}:"}
    assert {field for _, field in named if "." not in field} == lacking


def test_unknown_fields_of_a_circuit_have_no_place_in_this_version():
    (snapshot,) = sj.decode_jobs(body(GOOD))
    odd = attrs.evolve(snapshot.circuits[1], extra={"of": "v0.2.0"})
    made = attrs.evolve(snapshot, circuits=[snapshot.circuits[0], odd])
    with pytest.raises(sj.InvalidRequest, match=rf"job {JOB}: circuits\[1\]\.extra: must be empty"):
        sj.encode_jobs([made])


def test_the_first_circuit_without_shots_is_named():
    (snapshot,) = sj.decode_jobs(body(GOOD))
    made = attrs.evolve(
        snapshot, circuits=[snapshot.circuits[0], attrs.evolve(snapshot.circuits[1], shots=None)]
    )
    with pytest.raises(sj.InvalidRequest, match=rf"job {JOB}: circuits\[1\]\.shots: must not be"):
        sj.encode_jobs([made])


# ---- parts -------------------------------------------------------------------------------------


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


@given(st.dictionaries(NAMES, sts.json_values()))
def test_a_body_is_cut_into_the_parts_that_make_it_up(data):
    parts = job_data.cut_jobs(json.dumps(data, indent=1).encode())
    assert {name: json.loads(part) for name, part in parts.items()} == data
    assert job_data.cut_jobs(job_data.join_jobs(parts)) == parts


@pytest.mark.parametrize(
    "sent", [b"", b"[]", b"null", b"{", b"{1:2}", b"[" * 100_000, b'{"\xff":{}}']
)
def test_a_body_that_is_not_an_object_has_no_parts(sent):
    assert job_data.cut_jobs(sent) is None


def test_of_equal_names_the_last_part_is_taken():
    assert job_data.cut_jobs(b'{"a":1, "b":2,"a":[3, 4]}') == {"a": b"[3, 4]", "b": b"2"}
