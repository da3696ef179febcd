"""The cell of a handle: it advances, never goes back, and stays the same object without news."""

from __future__ import annotations

import os
import pickle
import threading

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import JOB, client_on, job

import superstaq_jobs as sj
from superstaq_jobs.testing import FakeClock, ScriptedTransport
from superstaq_jobs.testing import strategies as sjst
from superstaq_jobs.waiting.latest import Latest

STATUSES = ["received", "pending", "running", "completed"]
STEPS = st.lists(st.tuples(st.sampled_from(STATUSES), st.sampled_from(STATUSES)), min_size=1)


def cell(clock=None):
    return Latest(client_on(ScriptedTransport(), clock=clock), JOB, sj.CircuitType.QASM)


def test_it_begins_empty():
    latest = cell()
    assert (latest.snapshot, latest.polled_at, latest.num_responses) == (None, None, 0)


@given(steps=STEPS, data=st.data())
def test_a_finished_circuit_stays_finished_in_whatever_order_responses_come(steps, data):
    latest = cell()
    finished = set()
    for number, statuses in enumerate(steps):
        before = data.draw(st.integers(0, number))
        kind = data.draw(st.sampled_from([sj.CircuitType.QASM, None]))  # v0.2.0 may not say it
        seen = attrs.evolve(job(*statuses), circuit_type=kind)
        kept = latest.advance(seen, responses_before=before)
        assert kept is latest.snapshot
        finished |= {n for n, status in enumerate(statuses) if status == "completed"}
        assert finished == {n for n, circuit in enumerate(kept.circuits) if circuit.is_terminal}


@given(
    statuses=st.lists(st.sampled_from(STATUSES), min_size=1, max_size=3), number=st.integers(1, 4)
)
def test_without_news_the_snapshot_stays_the_same_object_and_polled_at_advances(statuses, number):
    clock = FakeClock()
    latest = cell(clock)
    first = latest.advance(job(*statuses), responses_before=0)
    for count in range(1, number):
        clock.advance(7)
        assert latest.advance(job(*statuses), responses_before=count) is first
        assert latest.polled_at == clock.utcnow()
    assert latest.num_responses == number


def test_a_circuit_that_has_not_changed_stays_the_same_object():
    latest = cell()
    first = latest.advance(job("running", "completed", "running"), responses_before=0)
    second = latest.advance(job("completed", "completed", "running"), responses_before=1)
    assert second.circuits[0] is not first.circuits[0]
    assert second.circuits[0].input_circuit is first.circuits[0].input_circuit
    assert [a is b for a, b in zip(first.circuits, second.circuits, strict=True)][1:] == [True] * 2


def test_a_later_response_wins_only_if_its_request_was_sent_later():
    running, pending = job("running"), job("pending")
    latest = cell()
    latest.advance(running, responses_before=0)
    assert latest.advance(pending, responses_before=1) == pending  # the server put it back
    latest = cell()
    latest.advance(running, responses_before=0)
    assert latest.advance(pending, responses_before=0) == running  # it was overtaken


@given(snapshot=sjst.job_snapshots())
def test_a_pickle_holds_what_is_known_and_is_a_cell_of_its_own(snapshot):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SUPERSTAQ_API_KEY", "key")
        client = sj.SuperstaqClient("key", "http://127.0.0.1:1")
        latest = Latest(client, snapshot.job_id, sj.CircuitType.CIRQ)
        latest.advance(snapshot, responses_before=0)
        latest.call()
        again = pickle.loads(pickle.dumps(latest))
    assert again.snapshot == snapshot
    assert again.circuit_type is sj.CircuitType.CIRQ
    assert (again.polled_at, again.num_responses) == (latest.polled_at, 1)
    again.advance(snapshot, responses_before=1)
    assert (again.num_responses, latest.num_responses) == (2, 1)


def test_threads_lose_no_response():
    latest = cell()

    def advance():
        for _ in range(200):
            latest.advance(job("running"), responses_before=latest.num_responses)

    threads = [threading.Thread(target=advance) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert latest.num_responses == 800


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_while_another_thread_advances_it_leaves_it_usable_in_the_child():
    inside, go_on = threading.Event(), threading.Event()

    class Held:
        """A snapshot whose comparison, which is made under the cell's lock, takes long."""

        @property
        def statuses(self):
            inside.set()
            go_on.wait(60)
            raise ZeroDivisionError

    latest = cell()
    latest.advance(job("running"), responses_before=0)

    def advance():
        with pytest.raises(ZeroDivisionError):
            latest.advance(Held(), responses_before=1)

    thread = threading.Thread(target=advance)
    thread.start()
    assert inside.wait(60)
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        kept = latest.advance(job("completed"), responses_before=1)
        os._exit(0 if kept.is_terminal else 1)
    _, status = os.waitpid(child, 0)
    go_on.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 0
    assert latest.advance(job("completed"), responses_before=1).is_terminal
