"""What the operator of an emulator does, from Python and over HTTP, and what users see of it."""

from __future__ import annotations

import itertools
import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from emulators import hold
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reachable import may_become

from superstaq_jobs.emulator import EmulatedJob, Emulator, Ending, Plan, Simulator, User
from superstaq_jobs.records import CircuitStatus
from superstaq_jobs.testing import FakeClock

BELL = (
    'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q->c;'
)
BROKEN = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; frobnicate q[0];'
UNKNOWN = str(uuid.UUID(int=0))

Send = Callable[..., Any]


class Operator:
    """The operator's calls, from Python or over HTTP."""

    def __init__(self, server: Emulator, send: Send | None) -> None:
        self.server = server
        self._ask = send

    def send(self, method: str, path: str, body: object = None) -> Any:
        assert self._ask is not None
        return self._ask(self.server, method, "/__admin__" + path, body, version="")

    def _post(self, path: str, body: object = None) -> Any:
        response = self.send("POST", path, body)
        assert response.status == 200, response
        return response.json

    def advance(self, seconds: float) -> None:
        if self._ask is None:
            self.server.advance(seconds)
        else:
            self._post("/clock", {"advance_seconds": seconds})

    def jobs(self) -> list[dict[str, Any]]:
        if self._ask is None:
            return [plain(job) for job in self.server.jobs()]
        return self.send("GET", "/jobs").json  # type: ignore[no-any-return]

    def act(self, what: str, job_id: str, **options: Any) -> dict[str, Any]:
        if self._ask is None:
            return plain(getattr(self.server, f"{what}_job")(job_id, **options))
        return self._post(f"/jobs/{job_id}/{what}", options or None)  # type: ignore[no-any-return]


def plain(job: EmulatedJob) -> dict[str, Any]:
    return {
        "job_id": str(job.job_id),
        "user_email": job.user_email,
        "job_type": job.job_type,
        "target": job.target,
        "tags": list(job.tags),
        "submission_timestamp": job.submitted_at.isoformat().replace("+00:00", "Z"),
        "plan": job.plan and True,
        "statuses": [str(status) for status in job.statuses],
        "status_messages": list(job.messages),
    }


@pytest.fixture(params=["python", "http"])
def operate(
    request: pytest.FixtureRequest, emulate: Callable[..., Emulator], send: Send
) -> Callable[..., Operator]:
    def start(**options: Any) -> Operator:
        return Operator(emulate(**options), send if request.param == "http" else None)

    return start


# --- ending jobs


def test_cancel_and_fail_end_unfinished_circuits(
    operate: Callable[..., Operator],
    submit: Callable[..., str],
    fetch: Callable[..., Any],
    clock: Any,
):
    operator = operate(clock=clock, step_seconds=10)
    server = operator.server
    server.plan(
        *[Plan(queue_seconds=1_000, circuits={0: Ending("failed", during="compiling")})] * 2
    )
    for what, status in [("cancel", "cancelled"), ("fail", "failed")]:
        job_id = submit(server, BELL, BELL, BELL, BELL)
        operator.advance(200)
        first = operator.act(what, job_id, circuits=[0, 2], message="Maintenance.")
        assert first["statuses"] == ["failed", "pending", status, "pending"]
        last = operator.act(what, job_id)
        assert last["statuses"] == ["failed", status, status, status]
        general = {"cancel": "Cancelled by the operator.", "fail": "Failed by the operator."}[what]
        messages = ["The device failed.", general, "Maintenance.", general]
        assert last["status_messages"] == messages
        operator.advance(1_000_000)
        assert operator.act(what, job_id, message="Again.") == last
        assert operator.act("finish", job_id) == last
        data = fetch(server, job_id)
        assert data["statuses"] == last["statuses"]
        assert data["status_messages"] == messages
        # What the circuits had reached is still shown.
        assert [text is not None for text in data["compiled_circuits"]] == [False] + [True] * 3
        assert data["counts"] == [None] * 4


def test_finish_completes_unfinished_circuits_whatever_their_plan(
    operate: Callable[..., Operator],
    submit: Callable[..., str],
    fetch: Callable[..., Any],
    clock: Any,
):
    operator = operate(clock=clock, step_seconds=10)
    server = operator.server
    endings = {0: Ending("stuck", during="received"), 1: Ending("failed"), 2: Ending("cancelled")}
    server.plan(Plan(queue_seconds=1_000, circuits=endings))
    job_id = submit(server, BELL, BELL, BELL, BELL, BROKEN)
    operator.advance(500)
    assert fetch(server, job_id)["statuses"] == ["received", *["pending"] * 3, "failed"]
    some = operator.act("finish", job_id, circuits=[1, 3])
    assert some["statuses"] == ["received", "completed", "pending", "completed", "failed"]
    operator.advance(1)
    rest = operator.act("finish", job_id)
    assert rest["statuses"] == ["completed"] * 4 + ["failed"]
    assert [messages is None for messages in rest["status_messages"]] == [True] * 4 + [False]
    data = fetch(server, job_id)
    assert [sum(counts.values()) for counts in data["counts"][:4]] == [100] * 4
    assert data["last_updated_timestamp"][0] > data["last_updated_timestamp"][1]
    broken = submit(server, BROKEN)
    assert operator.act("finish", broken)["statuses"] == ["failed"]


def test_on_a_real_clock_finish_does_not_wait_for_results(
    operate: Callable[..., Operator],
    submit: Callable[..., str],
    finish: Callable[..., Any],
    simulator: Simulator,
):
    gate = threading.Event()
    hold(simulator, gate)
    operator = operate(step_seconds=1_000)
    job_id = submit(operator.server, BELL)
    assert operator.act("finish", job_id)["statuses"] == ["compiling"]
    gate.set()
    assert sum(finish(operator.server, job_id)["counts"][0].values()) == 100


ACTS = st.tuples(
    st.sampled_from(["cancel", "fail", "finish", "user", "fetch"]), st.sets(st.integers(0, 2))
)
BECOMES = st.sampled_from(
    [
        Ending("completed"),
        Ending("failed", during="compiling"),
        Ending("cancelled", during="pending"),
        Ending("stuck", during="running"),
        Ending("unrecognized", during="received"),
    ]
)


# The fixtures keep no state from one example to the next.
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    endings=st.lists(BECOMES, min_size=3, max_size=3),
    story=st.lists(st.tuples(st.integers(0, 40), ACTS), max_size=8),
)
def test_no_circuit_goes_back_whatever_the_operator_does(
    simulator: Simulator, submit: Callable[..., str], fetch: Callable[..., Any], send: Send,
    endings: list[Ending], story: list[Any],
):  # fmt: skip
    clock = FakeClock()
    plan = Plan(circuits=dict(enumerate(endings)))
    with Emulator(simulator=simulator, clock=clock, step_seconds=10, plans=[plan]) as server:
        job_id = submit(server, BELL, BELL, BELL)
        polls = [fetch(server, job_id)]
        for seconds, (what, circuits) in story:
            server.advance(seconds)
            if what == "user":
                send(server, "PUT", "/client/cancel_jobs", {"job_id": [job_id]})
            elif what != "fetch":
                getattr(server, f"{what}_job")(job_id, circuits=circuits)
            polls.append(fetch(server, job_id))
            assert list(server.jobs()[0].statuses) == polls[-1]["statuses"]
    for before, after in itertools.pairwise(polls):
        for index in range(3):
            was, is_now = (CircuitStatus(poll["statuses"][index]) for poll in (before, after))
            assert may_become(was, is_now)
            assert before["last_updated_timestamp"][index] <= after["last_updated_timestamp"][index]
            if was.is_terminal:
                for field in ("statuses", "status_messages", "counts", "last_updated_timestamp"):
                    assert after[field][index] == before[field][index]


# --- jobs, plans and time


def test_the_operator_sees_the_jobs_of_all_users(
    operate: Callable[..., Operator], submit: Callable[..., str], clock: Any
):
    users = {"a": User(email="a@example.com"), "b": User(email="b@example.com")}
    operator = operate(clock=clock, step_seconds=10, api_key=users)
    assert operator.jobs() == []
    operator.server.plan(Plan(), tag="x")
    ids = [
        submit(operator.server, BELL, key="a"),
        submit(operator.server, BELL, BROKEN, key="b", tags=["x"], job_type="compile"),
    ]
    operator.advance(1_000)
    jobs = operator.jobs()
    assert [job["job_id"] for job in jobs] == ids
    assert [job["user_email"] for job in jobs] == ["a@example.com", "b@example.com"]
    assert [job["statuses"] for job in jobs] == [["completed"], ["completed", "failed"]]
    assert [job["tags"] for job in jobs] == [[], ["x"]]
    assert [bool(job["plan"]) for job in jobs] == [False, True]
    assert {job["submission_timestamp"] for job in jobs} == {"2026-01-01T00:00:00Z"}


def test_invalid_arguments_are_refused(
    emulate: Callable[..., Emulator], submit: Callable[..., str]
):
    server = emulate()
    job_id = submit(server, BELL)
    for act in (server.cancel_job, server.fail_job, server.finish_job):
        with pytest.raises(LookupError, match=f"job {UNKNOWN} does not exist"):
            act(UNKNOWN)
        with pytest.raises(LookupError, match="has no circuit 1"):
            act(job_id, circuits=[0, 1])
        with pytest.raises(LookupError, match="has no circuit -1"):
            act(job_id, circuits=[-1])
        with pytest.raises(ValueError, match="job_id: must be a UUID, got "):
            act("mine")
    with pytest.raises(RuntimeError, match="real clock"):
        server.advance(1)
    virtual = emulate(clock=FakeClock())
    for seconds in (-1, float("nan"), float("inf"), 1e300, 1e12):
        with pytest.raises(ValueError, match=r"seconds|NaN"):
            virtual.advance(seconds)


# --- over HTTP


def test_time_over_http(emulate: Callable[..., Emulator], send: Send, clock: Any):
    operator = Operator(emulate(clock=clock), send)
    before = {"virtual": True, "now": 1_000, "utcnow": "2026-01-01T00:00:00Z"}
    assert operator.send("GET", "/clock").json == before
    response = operator.send("POST", "/clock", {"advance_seconds": 36_000.5})
    after = {"virtual": True, "now": 37_000.5, "utcnow": "2026-01-01T10:00:00.500000Z"}
    assert response.json == after
    assert clock.now() == 37_000.5
    assert clock.sleeps == ()
    real = Operator(emulate(), send)
    response = real.send("POST", "/clock", {"advance_seconds": 1})
    assert (response.status, list(response.json)) == (409, ["message"])
    assert real.send("GET", "/clock").json["virtual"] is False


def test_plans_over_http(
    emulate: Callable[..., Emulator], submit: Callable[..., str], send: Send, clock: Any
):
    operator = Operator(emulate(clock=clock, step_seconds=10), send)
    ending = {"becomes": "failed", "during": "compiling", "message": "Out of memory."}
    plan = {"queue_seconds": 3, "run_seconds": 0.5, "circuits": {"1": ending}}
    sent = {"plans": [{}, plan], "tag": "x", "target": "emulated_line_qpu"}
    assert operator.send("POST", "/plans", sent).json == {"waiting": 2}
    always = {"plans": [{"ending": {"becomes": "stuck"}}], "always": True}
    assert operator.send("POST", "/plans", always).json == {"waiting": 2}
    fits = {"tags": ["x"], "target": "emulated_line_qpu"}
    for fields in (fits, fits, fits):
        submit(operator.server, BELL, **fields)
    own = [job.plan for job in operator.server.jobs()]
    assert own == [
        Plan(),
        Plan(
            queue_seconds=3,
            run_seconds=0.5,
            circuits={1: Ending("failed", during="compiling", message="Out of memory.")},
        ),
        Plan(ending=Ending("stuck")),
    ]
    # The plan in the response is accepted as input.
    shown = [job["plan"] for job in operator.jobs()]
    assert shown[1] == {
        "queue_seconds": 3,
        "compile_seconds": None,
        "run_seconds": 0.5,
        "ending": {"becomes": "completed", "during": None, "message": None},
        "circuits": {"1": ending},
    }
    assert operator.send("POST", "/plans", {"plans": shown}).status == 200
    for _ in range(3):
        submit(operator.server, BELL)
    assert [job.plan for job in operator.server.jobs()][3:] == own


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("/plans", {}, ["body", "plans"]),
        ("/plans", [], ["body"]),
        ("/plans", {"plans": [3]}, ["body", "plans", 0]),
        ("/plans", {"plans": [{"queue_second": 3}]}, ["body", "plans", 0, "queue_second"]),
        ("/plans", {"plans": [], "until": 3}, ["body", "until"]),
        ("/plans", {"plans": [{}, {"run_seconds": -1}]}, ["body", "plans", 1]),
        ("/plans", {"plans": [{"run_seconds": "3"}]}, ["body", "plans", 0, "run_seconds"]),
        ("/plans", {"plans": [{"ending": "stuck"}]}, ["body", "plans", 0, "ending"]),
        ("/plans", {"plans": [{"ending": {}}]}, ["body", "plans", 0, "ending"]),
        (
            "/plans",
            {"plans": [{"ending": {"becomes": "lost"}}]},
            ["body", "plans", 0, "ending", "becomes"],
        ),
        (
            "/plans",
            {"plans": [{"ending": {"becomes": "failed", "during": "x"}}]},
            ["body", "plans", 0],
        ),
        (
            "/plans",
            {"plans": [{"circuits": {"-1": {"becomes": "failed"}}}]},
            ["body", "plans", 0],
        ),
        ("/plans", {"plans": [{}, {}], "always": True}, ["body", "plans"]),
        ("/plans", {"plans": [{}], "target": "nowhere"}, ["body", "target"]),
        ("/clock", {}, ["body", "advance_seconds"]),
        ("/clock", {"advance_seconds": -1}, ["body", "advance_seconds"]),
        ("/clock", {"advance_seconds": 1e12}, ["body", "advance_seconds"]),
        ("/clock", {"advance_seconds": True}, ["body", "advance_seconds"]),
        ("/clock", {"advance_seconds": 1, "hours": 10}, ["body", "hours"]),
        ("/jobs/mine/cancel", {}, ["path", "job_id"]),
        (f"/jobs/{UNKNOWN}/cancel", {"message": 3}, ["body", "message"]),
        (f"/jobs/{UNKNOWN}/fail", {"circuits": ["1"]}, ["body", "circuits", 0]),
        (f"/jobs/{UNKNOWN}/finish", {"message": "Done."}, ["body", "message"]),
    ],
    ids=str,
)
def test_invalid_bodies_are_422_and_change_nothing(
    emulate: Callable[..., Emulator], send: Send, clock: Any, path: str, body: Any, where: list[Any]
):
    operator = Operator(emulate(clock=clock), send)
    response = operator.send("POST", path, body)
    assert response.status == 422, response
    assert where in [problem["loc"] for problem in response.json["detail"]]
    assert all(problem["msg"] for problem in response.json["detail"])
    assert clock.now() == 1_000
    assert len(operator.server._service.store.plans) == 0


def test_everything_that_is_wrong_with_plans_is_reported_at_once(
    emulate: Callable[..., Emulator], send: Send
):
    plans = [
        {"queue_second": 3, "run_seconds": "long"},
        {},
        {"ending": {"becomes": "failed", "during": "completed"}},
        {"circuits": {"x": {"becomes": "failed"}}},
        None,
    ]
    response = Operator(emulate(), send).send("POST", "/plans", {"plans": plans})
    assert response.status == 422
    assert [problem["loc"][2:] for problem in response.json["detail"]] == [
        [0, "queue_second"],
        [0, "run_seconds"],
        [2],
        [3, "circuits"],
        [4],
    ]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", f"/jobs/{UNKNOWN}/cancel", None, 404),
        ("POST", f"/jobs/{UNKNOWN}/fail", {}, 404),
        ("POST", f"/jobs/{UNKNOWN}/finish", None, 404),
        ("POST", "/plans", {"plans": [{}], "target": "nowhere_at_qpu"}, 404),
        ("GET", "/nothing", None, 404),
        ("GET", "/plans", None, 405),
        ("DELETE", "/jobs", None, 405),
    ],
    ids=str,
)
def test_unknown_paths_and_jobs(
    emulate: Callable[..., Emulator], send: Send, method: str, path: str, body: Any, status: int
):
    assert Operator(emulate(), send).send(method, path, body).status == status


def test_an_unknown_circuit_is_404(
    emulate: Callable[..., Emulator], submit: Callable[..., str], send: Send
):
    operator = Operator(emulate(step_seconds=100), send)
    job_id = submit(operator.server, BELL)
    response = operator.send("POST", f"/jobs/{job_id}/cancel", {"circuits": [0, 3]})
    assert (response.status, response.json) == (
        404,
        {"message": f"job {job_id} has no circuit 3: it has 1 of them, numbered from 0"},
    )
    assert operator.jobs()[0]["statuses"] == ["received"]


def test_the_operator_needs_a_key_and_nothing_else(emulate: Callable[..., Emulator], send: Send):
    server = emulate(api_key={"k": User(terms_accepted=False, email_validated=False)})
    assert send(server, "GET", "/__admin__/jobs", version="", key="k").json == []
    for key in (None, "wrong"):
        for method, path in [("GET", "/jobs"), ("POST", "/plans"), ("POST", "/clock")]:
            response = send(server, method, f"/__admin__{path}", {}, version="", key=key)
            assert (response.status, response.json) == (401, "No user has this API key.")


@pytest.fixture
def server(emulate: Callable[..., Emulator]) -> Emulator:
    return emulate()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.dictionaries(
        st.sampled_from(["plans", "tag", "target", "always"]),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(
                    st.sampled_from(["queue_seconds", "ending", "circuits", "becomes", "1"]),
                    inner,
                    max_size=3,
                )
            ),
            max_leaves=8,
        ),
    )
)
def test_no_body_causes_more_than_a_refusal(server: Emulator, send: Send, body: Any):
    response = send(server, "POST", "/__admin__/plans", body, version="")
    assert response.status in {200, 404, 422}, response


@pytest.mark.parametrize("message", [5, "\ud800"])
def test_a_message_that_json_cannot_hold_is_refused(
    emulate: Callable[..., Emulator], submit: Callable[..., str], message: Any
):
    with pytest.raises(ValueError, match=r"message: (expected a string|must not contain a lone)"):
        Ending("failed", message=message)
    server = emulate()
    with pytest.raises(ValueError, match=r"message: (expected a string|must not contain a lone)"):
        server.cancel_job(submit(server, BELL), message=message)
