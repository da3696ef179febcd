"""Errors: the tree, facts as attributes, pickles, messages that say what to do."""

from __future__ import annotations

import inspect
import pickle
import re
import uuid
import warnings

import pytest
from hypothesis import find

from superstaq_jobs import errors
from superstaq_jobs.errors import Problem
from superstaq_jobs.records import CancelReceipt
from superstaq_jobs.records.problems import MAX_PROBLEMS
from superstaq_jobs.testing import strategies as sts

JOB, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)
SNAPSHOT = find(sts.job_snapshots(job_id=JOB, num_circuits=1), lambda _: True)
PROBLEMS = [Problem("$.shots", "is wrong"), Problem("$.tags", "is missing")]

EXAMPLES = [
    errors.SuperstaqException("all wrong"),
    errors.ConfigurationError("no such host"),
    errors.ApiKeyNotFound(["the environment", "a file"]),
    errors.InvalidValue("a thing", PROBLEMS),
    errors.InvalidRequest("a thing", PROBLEMS),
    errors.CircuitIndexError(job_id=JOB, index=5, num_circuits=2),
    errors.PartialCancelUnsupported(job_id=JOB, index=1, num_circuits=2),
    errors.CountsUnavailable("none yet", job_id=JOB, index=None),
    errors.SuperstaqUnsuccessfulJobException(JOB, "failed", circuits=[0, 2], reason="no gate"),
    errors.WaitTimeout(
        "too long", job_id=JOB, snapshot=SNAPSHOT, timeout_seconds=5.0, waited_seconds=5.5
    ),
    errors.JobsUnsettled({OTHER: errors.JobsNotFound([OTHER])}, found=[SNAPSHOT]),
    errors.JobsTimeout({OTHER: errors.JobsNotFound([OTHER])}),
    errors.UnknownStatusTimeout(
        "odd for too long",
        job_id=JOB,
        snapshot=None,
        timeout_seconds=None,
        waited_seconds=9.0,
        failures=[errors.TransportError("no response", sent=True)],
        num_failures=1,
    ),
    errors.ArchiveError("several formats", path="study.db"),
    errors.NotInArchive(f"no job {JOB}", path="study.db", job_id=JOB),
    errors.ArchiveBusy("busy", path="study.db", reason="SQLITE_BUSY"),
    errors.ArchiveUnusable("a directory", path="study.db"),
    errors.ArchiveVersionError(path="study.db", version=2, supported=1),
    errors.ArchiveDamaged("damaged", path="study.db", reason="SQLITE_CORRUPT"),
    errors.ArchiveWriteFailed("full", path="study.db", reason="SQLITE_FULL"),
    errors.ArchiveReadOnly("for reading only", path="study.db"),
    errors.LockMismatch("other data", differences=["one"]),
    errors.OfflineError("cannot submit", job_ids=[JOB]),
    errors.SuperstaqServerException("odd", 418, job_ids=[JOB], found=[SNAPSHOT]),
    errors.AuthenticationError("who?", 401),
    errors.TermsNotAccepted("accept them", 401),
    errors.EmailNotValidated("validate it", 401),
    errors.JobsNotFound([JOB, OTHER], found=[SNAPSHOT]),
    errors.CancelRefused(CancelReceipt(refused=[JOB], message="it is finished")),
    errors.SubmissionUnknown("lost"),
    errors.SubmissionKeyConflict("key-1", job_id=JOB, fields=["shots", "target"]),
    errors.ProtocolError("a body", PROBLEMS, status_code=200, omitted=3, job_ids=[JOB]),
    errors.TransportError("no response", sent=True, job_ids=[JOB]),
    errors.RequestTimeout("slow", sent=True),
    errors.TlsError("no certificate", sent=False),
    errors.AnswerTooLarge("huge", sent=True),
]


def public_classes():
    return {getattr(errors, name) for name in errors.__all__ if name != "Problem"}


def test_there_is_an_example_of_every_error():
    raised = {type(example) for example in EXAMPLES}
    assert raised == public_classes() - {errors.SuperstaqWarning}


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_error_pickles_with_its_facts(error, protocol):
    again = pickle.loads(pickle.dumps(error, protocol))
    assert type(again) is type(error)
    for name, fact in vars(error).items():
        # Exceptions are equal to themselves only.
        assert repr(getattr(again, name)) == repr(fact)
    assert vars(again).keys() == vars(error).keys()
    assert again.args == error.args
    assert str(again) == str(error) == error.message


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda e: type(e).__name__)
def test_every_fact_of_the_docstring_is_an_attribute(error):
    for cls in type(error).__mro__:
        if cls in public_classes() and cls is not errors.SuperstaqWarning:
            doc = inspect.getdoc(cls) or ""
            attributes = doc.partition("Attributes:")[2]
            for name in re.findall(r"^    (\w+): ", attributes, re.MULTILINE):
                assert hasattr(error, name)


def test_notes_survive_a_pickle():
    error = errors.WaitTimeout(
        "x", job_id=JOB, snapshot=None, timeout_seconds=0.0, waited_seconds=0.0
    )
    assert (error.failures, error.num_failures) == ((), 0)
    error.add_note("from thread 3")
    assert pickle.loads(pickle.dumps(error)).__notes__ == ["from thread 3"]


def test_the_tree_drawn_in_the_docstring_is_the_tree():
    depth_of, path, drawn = 4, [], {}
    for line in errors.__doc__.splitlines():
        match = re.match(r"    ([│├└─ ]*)(\w+) +.*", line)
        if not match:
            continue
        depth = len(match[1]) // depth_of
        path[depth:] = [match[2]]
        builtin = re.search(r"\((\w+)\)\s*$", line)
        drawn[match[2]] = (path[depth - 1] if depth else "Exception", builtin and builtin[1])
    real = {}
    for cls in public_classes() - {errors.SuperstaqWarning}:
        first, *rest = cls.__bases__
        real[cls.__name__] = (first.__name__, rest[0].__name__ if rest else None)
    assert drawn == real


@pytest.mark.parametrize(
    "error", [e for e in EXAMPLES if hasattr(e, "job_id")], ids=lambda e: type(e).__name__
)
def test_the_message_names_the_job(error):
    assert error.job_id == JOB
    if not isinstance(error, errors.WaitTimeout | errors.CountsUnavailable):
        assert str(JOB) in str(error)


def test_jobs_not_found_names_them_all_up_to_a_limit():
    few = errors.JobsNotFound([JOB, OTHER])
    assert str(JOB) in str(few)
    assert str(OTHER) in str(few)
    assert ".found" not in str(few)
    one = errors.JobsNotFound([JOB], found=[SNAPSHOT])
    assert "does not know job " in str(one)
    assert "Snapshots of those it knows are in .found" in str(one)
    missing = [uuid.UUID(int=n) for n in range(30)]
    many = errors.JobsNotFound(missing)
    assert many.missing == many.job_ids == tuple(missing)
    assert str(missing[19]) in str(many)
    assert str(missing[20]) not in str(many)
    assert "and 10 more" in str(many)


def test_cancel_refused_says_which_and_why():
    error = errors.CancelRefused(CancelReceipt(refused=[JOB, OTHER]))
    assert error.job_ids == (JOB, OTHER)
    assert str(JOB) in str(error)
    assert "it gave no reason" in str(error)
    assert "it is finished" in str(
        errors.CancelRefused(CancelReceipt(refused=[JOB], message="it is finished"))
    )


@pytest.mark.parametrize(
    ("size", "words"), [(0, "no circuits"), (1, "only circuit 0"), (2, "circuits 0 to 1")]
)
def test_an_index_out_of_range_says_what_there_is(size, words):
    error = errors.CircuitIndexError(job_id=JOB, index=7, num_circuits=size)
    assert words in str(error)
    assert "7" in str(error)


def test_at_most_20_problems_are_kept_and_the_rest_is_counted():
    problems = [Problem(f"$.f{n}", "is wrong") for n in range(25)]
    error = errors.ProtocolError("a body", problems, omitted=4)
    assert error.problems == tuple(problems[:MAX_PROBLEMS])
    assert error.omitted == 9
    assert "… and 9 more" in str(error)
    invalid = errors.InvalidValue("a thing", problems)
    assert len(invalid.problems) == MAX_PROBLEMS
    assert "… and 5 more" in str(invalid)
    assert "more" not in str(errors.InvalidValue("a thing", problems[:20]))


def test_a_request_that_is_refused_says_that_nothing_was_sent():
    assert "nothing was sent" in str(errors.InvalidRequest("a thing", PROBLEMS))
    assert "nothing was sent" not in str(errors.InvalidValue("a thing", PROBLEMS))


def test_a_protocol_error_without_problems_is_its_message():
    assert str(errors.ProtocolError("no JSON")) == "no JSON"


def test_the_error_for_a_missing_key_lists_the_places():
    error = errors.ApiKeyNotFound(iter(["one place", "another"]))
    assert error.looked_in == ("one place", "another")
    assert str(error).index("one place") < str(error).index("another")


def test_an_unsuccessful_job_without_a_reason():
    error = errors.SuperstaqUnsuccessfulJobException(JOB, "cancelled")
    assert str(error) == f"job {JOB} finished with status cancelled"
    assert error.circuits == ()


def test_a_problem_is_two_short_strings():
    problem = Problem("x" * 500, "y" * 160)
    assert problem.where == "x" * 160 + "…"
    assert problem.what == "y" * 160
    assert str(Problem("a", "b")) == "a: b"
    assert pickle.loads(pickle.dumps(Problem("a", "b"))) == Problem("a", "b")


CALLER = "import superstaq_jobs.records.problems as e\ne.warn('odd')"


@pytest.mark.parametrize("module", ["user_code", "superstaq_jobs_plugin", "__main__"])
def test_a_warning_points_at_the_caller(module):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(compile(CALLER, "caller.py", "exec"), {"__name__": module})  # noqa: S102
    (warning,) = caught
    assert (warning.filename, warning.lineno) == ("caller.py", 2)
    assert warning.category is errors.SuperstaqWarning


def test_a_warning_points_past_the_package_at_the_caller():
    from superstaq_jobs.wire.api import decode_jobs

    with pytest.warns(errors.SuperstaqWarning, match="soon") as caught:
        decode_jobs(b'{"warnings": [{"message": "soon"}]}')
    assert caught[0].filename == __file__


def test_a_warning_from_a_thread_that_the_package_started_does_not_fail():
    """Where no frame is outside of the package, the outermost one is pointed at."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        import threading

        from superstaq_jobs.wire.api import decode_jobs

        thread = threading.Thread(target=decode_jobs, args=(b'{"warnings": ["soon"]}',))
        thread.start()
        thread.join()
    assert [str(warning.message) for warning in caught] == ["soon"]
