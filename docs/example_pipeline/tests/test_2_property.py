"""What must hold however a job ends."""

from calibration.readout import SHOTS, readout_errors
from hypothesis import given
from hypothesis import strategies as st

from superstaq_jobs.testing.strategies import job_histories


@st.composite
def finished_jobs(draw):
    history = draw(job_histories(job_type="submit", shots=SHOTS, num_bits=1))
    return history[-1]


@given(finished_jobs())
def test_each_qubit_gets_the_error_of_its_own_circuit(snapshot):
    qubits = range(10, 10 + snapshot.num_circuits)
    errors = readout_errors(snapshot, qubits)
    for qubit, circuit in zip(qubits, snapshot.circuits, strict=True):
        if circuit.status == "completed":
            assert errors[qubit] == circuit.counts.get("0", 0) / SHOTS
        else:
            assert qubit not in errors
