"""A property of a whole path: the client, HTTP, and circuits that really run."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import superstaq_jobs as sj

FLIP = 'OPENQASM 3.0; include "stdgates.inc"; qubit[1] q; x q[0];'


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(shots=st.integers(1, 100), tags=st.lists(st.text("abc", min_size=1), max_size=2))
def test_every_shot_is_counted(superstaq_client, shots, tags):
    new = sj.NewJob(target="ss_unconstrained_simulator", circuits=[FLIP], shots=shots, tags=tags)
    handle = sj.JobHandle.submit(superstaq_client, new)
    final = handle.wait_until_complete(timeout_seconds=60, polling_seconds=0.05)
    assert final.counts(0) == {"1": shots}
    assert final.tags == tuple(tags)
