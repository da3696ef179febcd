"""Any body at all: every call of version 0.2.0 responds, and says what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_circuits import flips

from superstaq_jobs.emulator import Emulator

PATHS = [
    *("/jobs", "/fetch_jobs", "/cancel_jobs", "/compile", "/aqt_compile", "/qscout_compile"),
    *("/resource_estimate", "/targets", "/target_info", "/aqt_configs"),
]

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner),
    max_leaves=6,
)
RIGHT: dict[str, Any] = {
    "target": st.sampled_from(["emulated_line_qpu", "ss_unconstrained_simulator", "no_such_qpu"]),
    "shots": st.integers(1, 20),
    "cirq_circuits": st.just(flips(0)),
    "qiskit_circuits": st.just("UUlTS0lU"),
    "method": st.sampled_from(["dry-run", "sim", "noise-sim", "other"]),
    "options": st.sampled_from(["{}", '{"verbatim": true}', '{"num_eca_circuits": 2}']),
    "job_ids": st.lists(st.uuids().map(str) | st.text("ab-", max_size=5), max_size=3),
    "simulator": st.booleans(),
    "pulses": st.just(""),
    "variables": st.just(""),
}


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """A mixture of right and wrong values for fields that the calls have."""
    names = draw(st.sets(st.sampled_from(sorted(RIGHT))))
    return {name: draw(st.one_of(RIGHT[name], RIGHT[name], VALUES)) for name in sorted(names)}


@pytest.mark.parametrize("path", PATHS)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=bodies() | VALUES)
def test_every_body_gets_a_response_or_a_reason(path: str, hostile, post, body):
    response = post(hostile, path, raw=json.dumps(body).encode())
    if response.status == 200:
        assert response.json is not None
    else:
        assert response.status in {400, 404, 501}, response
        assert list(response.json) == ["message"]
        assert isinstance(response.json["message"], str)


@pytest.fixture(scope="module")
def hostile(simulator):
    with Emulator(step_seconds=0, simulator=simulator) as server:
        yield server
