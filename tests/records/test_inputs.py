"""What requests are made of: every problem at once, and agreement with the official client."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import urllib.parse
import uuid
import warnings
from functools import partial

import attrs
import general_superstaq as gss
import pytest
from hypothesis import given
from hypothesis import strategies as st

import superstaq_jobs
from superstaq_jobs.errors import InvalidRequest, SuperstaqWarning
from superstaq_jobs.records import JobQuery, JobType, NewJob, SimMethod, TargetQuery
from superstaq_jobs.records.inputs import CREDENTIAL_NAMES
from superstaq_jobs.testing import strategies as sts
from superstaq_jobs.wire import bodies
from superstaq_jobs.wire.request import encode_query

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


class FakeSession:
    """Takes the official client's requests in place of ``requests.Session``."""

    def __init__(self) -> None:
        self.bodies = []

    def post(self, url, *, json, headers, verify):
        self.bodies.append(json)
        assert headers["X-Client-Version"] == "v0.3.0"
        assert not verify  # on loopback
        assert url.endswith("/v0.3.0/client/job")
        return FakeResponse({"job_id": str(uuid.UUID(int=1)), "num_circuits": 1})


class FakeResponse:
    ok = True
    status_code = 200

    def __init__(self, data) -> None:
        self.data = data

    def json(self):
        return self.data


def official_body(**arguments):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Version v0.3.0")  # theirs, of their own version
        client = gss.superstaq_client._SuperstaqClientV3(
            client_name="tests",
            api_key="none",
            remote_host="http://127.0.0.1:9",
            api_version="v0.3.0",
        )
    client.session = FakeSession()
    client.create_job(**arguments)
    (body,) = client.session.bodies
    return gss.models.NewJob(**body).model_dump(mode="json")


def our_body(job):
    return gss.models.NewJob(**json.loads(bodies.encode_new_job(job))).model_dump(mode="json")


WORDS = [None, "dry-run", "nonsense", "", *(w.value for w in [*JobType, *SimMethod])]


@pytest.mark.parametrize("method", WORDS)
def test_for_method_is_the_official_client_s_reading_of_the_word(method):
    is_strange = method == "nonsense"
    with pytest.warns(SuperstaqWarning, match=method) if is_strange else contextlib.nullcontext():
        ours = NewJob.for_method(
            method,
            target="ss_unconstrained_simulator",
            circuits="[{}]",
            circuit_type="cirq",
            shots=7,
            tags=["t"],
            metadata={"a": [1, None]},
            options_dict={"level": 2},
        )
    theirs = official_body(
        serialized_circuits={"cirq_circuits": "[{}]"},
        repetitions=7,
        target="ss_unconstrained_simulator",
        method=method,
        tag="t",
        metadata={"a": [1, None]},
        level=2,
    )
    assert our_body(ours) == theirs


@given(sts.new_jobs())
def test_the_official_model_reads_our_body_as_we_mean_it(job):
    body = json.loads(bodies.encode_new_job(job))
    official = gss.models.NewJob(**body)
    assert set(body) == set(gss.models.NewJob.model_fields)
    assert official.model_dump(mode="json") == body
    assert body["circuits"] == job.circuits
    assert body["metadata"] == job.metadata.to_dict()
    assert body["tags"] == list(job.tags)
    assert body["sim_method"] == job.sim_method


def test_the_defaults_are_the_official_ones():
    given_fields = {"target": "ibmq_fez_qpu", "circuits": "x"}
    for fields in ({"job_type": "submit", "shots": 7}, {"job_type": "compile"}):
        official = gss.models.NewJob(**given_fields, **fields, circuit_type="qasm")
        assert our_body(NewJob(**given_fields, **fields)) == official.model_dump(mode="json")
    assert NewJob(**given_fields, shots=1).job_type == "submit"


def test_several_circuits_become_a_json_array():
    job = NewJob(target="ibmq_fez_qpu", circuits=["OPENQASM 2.0;", "é"], shots=1)
    assert json.loads(job.circuits) == ["OPENQASM 2.0;", "é"]


def test_every_problem_of_a_new_job_is_named_at_once():
    with pytest.raises(InvalidRequest, match="nothing was sent") as caught:
        NewJob(
            target="fez",
            circuits=" ",
            circuit_type="quil",
            job_type="run",
            shots=-1,
            sim_method="magic",
            dry_run="no",
            verbatim=None,
            priority=1.5,
            options_dict=[1],
            tags="abc",
            metadata={"a": float("nan")},
        )
    assert [p.where for p in caught.value.problems] == [f.name for f in attrs.fields(NewJob)]


@pytest.mark.parametrize(
    ("fields", "where", "words"),
    [
        ({"circuits": []}, "circuits", "must not be empty"),
        ({"circuits": [1]}, "circuits", "[0] expected a string, got 1"),
        ({"circuits": b"x"}, "circuits", "expected a list of strings"),
        ({"circuits": "\ud800"}, "circuits", "must not contain a lone surrogate"),
        ({"sim_method": "sim"}, "sim_method", "must be None for a submit job"),
        ({"shots": 0}, "shots", "must be >= 1 for a submit job"),
        ({"shots": 0, "job_type": "simulate"}, "shots", "must be >= 1 for a simulate job"),
        *(
            (
                {"options_dict": {name: "x"}},
                "options_dict",
                f"{name} must be passed to SuperstaqClient",
            )
            for name in CREDENTIAL_NAMES
        ),
    ],
)
def test_what_cannot_be_sent_is_refused(fields, where, words):
    with pytest.raises(InvalidRequest) as caught:
        NewJob(**({"target": "ibmq_fez_qpu", "circuits": "x", "shots": 1} | fields))
    (problem,) = caught.value.problems
    assert problem.where == where
    assert words in problem.what


@pytest.mark.parametrize("make", [NewJob, partial(superstaq_jobs.new_job, "OPENQASM 2.0;")])
@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("job_type", JobType)
def test_shots_may_be_left_out_only_where_nothing_runs(make, job_type, dry_run):
    given = {"circuits": "OPENQASM 2.0;"} if make is NewJob else {}
    given |= {"target": "ibmq_fez_qpu", "job_type": job_type, "dry_run": dry_run}
    if job_type in {JobType.SUBMIT, JobType.SIMULATE} and not dry_run:
        with pytest.raises(InvalidRequest, match="nothing was sent") as caught:
            make(**given)
        (problem,) = caught.value.problems
        assert problem.where == "shots"
        assert "shots=1000" in problem.what
    else:
        assert make(**given).shots == 0
    assert make(**given, shots=1).shots == 1


@pytest.mark.parametrize("method", [None, "submit", "simulate", "sim", "noise-sim"])
def test_a_method_that_runs_needs_shots_too(method):
    with pytest.raises(InvalidRequest, match="shots: must be >= 1"):
        NewJob.for_method(method, target="ibmq_fez_qpu", circuits="x")


@pytest.mark.parametrize("method", [0, False, [], {}, 1.5, b"submit"])
def test_a_method_that_is_not_a_string_is_refused_and_not_taken_for_none(method):
    with pytest.raises(InvalidRequest, match="method: expected a string"):
        NewJob.for_method(method, target="ibmq_fez_qpu", circuits="x", shots=1)


def test_a_credential_is_not_repeated_in_the_error():
    with pytest.raises(InvalidRequest) as caught:
        NewJob(target="ibmq_fez_qpu", circuits="x", options_dict={"cq_token": "hunter2"}, shots=1)
    assert "hunter2" not in str(caught.value)


def test_long_circuits_are_cut_in_the_repr():
    assert len(repr(NewJob(target="ibmq_fez_qpu", circuits="x" * 10_000, shots=1))) < 600
    assert "'x'" in repr(NewJob(target="ibmq_fez_qpu", circuits="x", shots=1))


# ---- queries -----------------------------------------------------------------------------------


def parsed_by_theirs(query, model):
    """What a server that uses the official models understands of our query string."""
    text = encode_query(bodies.query_pairs(query)).removeprefix("?")
    values = urllib.parse.parse_qs(text, keep_blank_values=True, strict_parsing=bool(text))
    fields = model.model_fields
    return model(
        **{
            name: value if "list" in str(fields[name].annotation) else value[0]
            for name, value in values.items()
        }
    )


@given(sts.job_queries())
def test_the_official_model_parses_our_query_as_we_mean_it(query):
    official = parsed_by_theirs(query, gss.models.JobQuery)
    for field in attrs.fields(JobQuery):
        ours = getattr(query, field.name)
        theirs = getattr(official, field.name)
        assert theirs == (list(ours) if isinstance(ours, tuple) else ours)


@given(sts.target_queries())
def test_the_official_model_parses_our_target_query(query):
    official = parsed_by_theirs(query, gss.models.GetTargetsFilterModel)
    for field in attrs.fields(TargetQuery):
        ours = getattr(query, field.name)
        if ours is None:
            ours = gss.models.GetTargetsFilterModel.model_fields[field.name].default
        assert getattr(official, field.name) is ours


def test_values_of_one_field_are_repeated_keys():
    query = JobQuery(tags=["a b", "c"], status=["running"], max_priority=0)
    assert bodies.query_pairs(query) == [
        ("status", "running"),
        ("tags", "a b"),
        ("tags", "c"),
        ("max_priority", "0"),
    ]


def test_no_condition_is_no_query():
    assert bodies.query_pairs(JobQuery()) == []
    assert bodies.query_pairs(TargetQuery()) == []
    assert bodies.query_pairs(TargetQuery(retired=False)) == [("retired", "false")]


def test_every_problem_of_a_query_is_named_at_once():
    wrong = {
        "job_id": ["x"],
        "user_email": "ada@example.com",
        "target_name": ["fez"],
        "status": ["unknown"],
        "tags": [],
        "min_priority": True,
        "max_priority": "1",
        "submitted_before": dt.date(2026, 1, 1),
        "submitted_after": "today",
    }
    with pytest.raises(InvalidRequest, match="a JobQuery") as caught:
        JobQuery(**wrong)
    assert [problem.where for problem in caught.value.problems] == list(wrong)
    with pytest.raises(InvalidRequest) as caught:
        TargetQuery(simulator=1, retired="yes")
    assert [problem.where for problem in caught.value.problems] == ["simulator", "retired"]


@pytest.mark.parametrize(
    ("fields", "where", "words"),
    [
        (
            {"min_priority": 2, "max_priority": 1},
            "min_priority",
            "must be <= max_priority, 1, got 2",
        ),
        (
            {"submitted_after": NOON, "submitted_before": NOON},
            "submitted_after",
            "must be before submitted_before",
        ),
        (
            {"status": ["teleporting"]},
            "status",
            "must be one of received",
        ),
        ({"job_id": []}, "job_id", "must not be empty: that would match nothing"),
        ({"user_email": 3}, "user_email", "expected a list of values, got 3"),
    ],
)
def test_a_query_that_matches_nothing_is_refused(fields, where, words):
    with pytest.raises(InvalidRequest) as caught:
        JobQuery(**fields)
    (problem,) = caught.value.problems
    assert problem.where == where
    assert words in problem.what


@given(st.integers(-5, 5), st.integers(0, 3))
def test_bounds_may_be_equal(low, width):
    assert JobQuery(min_priority=low, max_priority=low + width).min_priority == low
