"""Law 3: status is the first of STATUS_PRIORITY_ORDER among the circuits', in any order.

The judge is the official client's ``Job``, fed by a stub in place of its client.
"""

from __future__ import annotations

import uuid

import attrs
import general_superstaq as gss
import pytest
from general_superstaq.job import Job
from hypothesis import given
from hypothesis import strategies as st

from superstaq_jobs.records import CircuitStatus, JobSnapshot, Stage
from superstaq_jobs.records import status as ours
from superstaq_jobs.records.status import fold_statuses
from superstaq_jobs.testing import strategies as sts

pytestmark = pytest.mark.same_everywhere

STATUSES = st.lists(sts.statuses(unknown=True), max_size=6)
JOB_ID = uuid.UUID(int=7)
OLD = "v0.2.0"


class StubClient:
    """Responds as the official client does, without a server."""

    max_retry_seconds = 0

    def __init__(self, data) -> None:
        self.data = data

    def fetch_jobs(self, job_ids):
        return {str(job_id): self.data for job_id in job_ids}


def official_status(snapshot: JobSnapshot):
    return Job(StubClient(snapshot.to_dict()), snapshot.job_id)._status()


@given(STATUSES, st.randoms(use_true_random=False))
def test_the_fold_does_not_depend_on_the_order(statuses, random):
    shuffled = list(statuses)
    random.shuffle(shuffled)
    assert fold_statuses(shuffled) == fold_statuses(statuses)
    assert fold_statuses(statuses * 2) == fold_statuses(statuses)


@given(STATUSES.filter(bool))
def test_the_fold_is_the_first_status_in_the_order(statuses):
    order = list(ours.STATUS_PRIORITY_ORDER)
    order.insert(sum(not s.is_terminal for s in order), CircuitStatus.UNKNOWN)
    folded = fold_statuses(statuses)
    assert folded in statuses
    assert all(order.index(folded) <= order.index(status) for status in statuses)


@given(STATUSES.filter(bool), STATUSES.filter(bool))
def test_the_fold_of_parts_folds_to_the_fold_of_all(some, others):
    parts = [fold_statuses(some), fold_statuses(others)]
    assert fold_statuses(parts) == fold_statuses(some + others)


@given(sts.job_snapshots(job_id=JOB_ID, irregular_lists=False))
def test_the_official_job_folds_to_the_same_status(snapshot):
    assert snapshot.status == official_status(snapshot)


@given(sts.job_snapshots(api_version=OLD, unknown_statuses=True), st.randoms())
def test_the_order_of_the_circuits_of_v0_2_0_does_not_matter(snapshot, random):
    circuits = random.sample(snapshot.circuits, snapshot.num_circuits)
    placed = [attrs.evolve(circuit, index=place) for place, circuit in enumerate(circuits)]
    job_id = ",".join(circuit.circuit_id for circuit in placed)
    assert attrs.evolve(snapshot, job_id=job_id, circuits=placed).status is snapshot.status


@given(
    sts.job_snapshots(job_id=JOB_ID, irregular_lists=False, num_circuits=2)
    | sts.job_snapshots(api_version=OLD)
)
def test_the_official_sets_say_the_same_of_a_job(snapshot):
    statuses = [gss.models.CircuitStatus(circuit.status) for circuit in snapshot.circuits]
    terminal, compiled = gss.models.TERMINAL_CIRCUIT_STATES, gss.models.TERMINAL_COMPILE_STATES
    assert snapshot.is_terminal is all(status in terminal for status in statuses)
    assert snapshot.is_compiled is all(status in compiled for status in statuses)
    for circuit in snapshot.circuits:
        over = circuit.status in terminal
        assert snapshot.has_reached(Stage.FINISHED, circuit.index) is over is circuit.is_terminal


@given(sts.job_snapshots(terminal=True) | sts.job_snapshots(terminal=True, api_version=OLD))
def test_a_job_is_finished_when_every_circuit_is(snapshot):
    assert snapshot.is_terminal
    assert snapshot.is_compiled
    assert all(circuit.is_terminal for circuit in snapshot.circuits)


@given(
    sts.job_snapshots(terminal=False, unknown_statuses=True)
    | sts.job_snapshots(terminal=False, unknown_statuses=True, api_version=OLD)
)
def test_a_job_is_unfinished_while_a_circuit_is(snapshot):
    assert not snapshot.is_terminal
    assert not all(circuit.is_terminal for circuit in snapshot.circuits) or not snapshot.circuits
    assert not snapshot.completed
    assert not snapshot.unsuccessful


def test_names_order_and_sets_are_the_official_ones_but_for_unknown():
    def texts(statuses):
        return [s.value for s in statuses if s is not CircuitStatus.UNKNOWN]

    models = gss.models
    assert set(texts(CircuitStatus)) == {s.value for s in models.CircuitStatus}
    assert texts(ours.STATUS_PRIORITY_ORDER) == [s.value for s in Job.STATUS_PRIORITY_ORDER]
    for name in (
        "TERMINAL_CIRCUIT_STATES",
        "TERMINAL_COMPILE_STATES",
        "UNSUCCESSFUL_CIRCUIT_STATES",
    ):
        official = {status.value for status in getattr(models, name)}
        assert {status.value for status in getattr(ours, name)} == official
