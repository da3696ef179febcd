"""Results equal those of the framework's own simulator, however bits are laid out."""

from __future__ import annotations

import pytest
from layouts import SHOTS, layouts
from made import TARGET, VERSIONS, serialized, snapshot_of

import superstaq_jobs as sj
from superstaq_jobs.interop import cirq as of_cirq
from superstaq_jobs.interop import qiskit as of_qiskit

NUMBER = 100
NUMBER_RUN = 50  # compiled by the emulator as well


@pytest.mark.parametrize("version", VERSIONS)
def test_results_of_qiskit_equal_those_of_aer(version):
    made = layouts("qiskit", NUMBER, mixed=True)
    texts = serialized([layout.circuit for layout in made])
    snapshot = snapshot_of(texts, [layout.wire for layout in made], "qiskit", version=version)
    assert of_qiskit.to_result(snapshot).get_counts() == [layout.expected for layout in made]
    for index in (0, NUMBER - 1):
        assert of_qiskit.counts(snapshot, index) == made[index].expected


@pytest.mark.parametrize("version", VERSIONS)
def test_results_of_cirq_equal_those_of_its_simulator(version):
    made = layouts("cirq", NUMBER, mixed=True)
    texts = serialized([layout.circuit for layout in made])
    snapshot = snapshot_of(texts, [layout.wire for layout in made], "cirq", version=version)
    assert list(of_cirq.to_results(snapshot)) == [layout.expected for layout in made]
    for index in (0, NUMBER - 1):
        assert of_cirq.counts(snapshot, index) == made[index].wire


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("framework", ["qiskit", "cirq"])
def test_the_same_through_the_emulator(emulate, framework, version):
    made = layouts(framework, NUMBER_RUN, mixed=False)
    server = emulate()
    with sj.SuperstaqClient(server.api_key, server.url, api_version=version) as client:
        new = sj.new_job([layout.circuit for layout in made], target=TARGET, shots=SHOTS)
        snapshot = sj.JobHandle.submit(client, new).wait_until_complete(
            timeout_seconds=100, polling_seconds=0.1
        )
    if framework == "qiskit":
        assert of_qiskit.to_result(snapshot).get_counts() == [layout.expected for layout in made]
    else:
        assert list(of_cirq.to_results(snapshot)) == [layout.expected for layout in made]
