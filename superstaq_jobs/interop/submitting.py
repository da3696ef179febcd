"""A new job of circuits as people have them. Imports no framework that the caller has not."""

from __future__ import annotations

from typing import Any

from superstaq_jobs.errors import InvalidRequest, Problem
from superstaq_jobs.records import CircuitType, NewJob

from . import cirq, qiskit
from .circuits import as_list, format_of, named

__all__ = ["new_job"]


def new_job(circuits: Any, *, target: str, shots: int = 0, **fields: Any) -> NewJob:
    """A job of circuits from Cirq, Qiskit or OpenQASM, which it serializes.

    >>> text = "OPENQASM 2.0; qreg q[1]; creg c[1]; measure q -> c;"
    >>> new_job(text, target="ss_unconstrained_simulator", shots=100).circuit_type
    <CircuitType.QASM: 'qasm'>

    Args:
        circuits: One circuit or a sequence of them: OpenQASM strings, ``cirq.Circuit`` or
            ``qiskit.QuantumCircuit`` objects (extras ``cirq`` and ``qiskit``), all of one kind.
        target: What to run on, ``<provider>_<device>_<qpu|simulator>``.
        shots: How often to run each circuit, >= 1; only ``dry_run``, ``compile`` and ``convert``
            jobs may leave it out.
        fields: The other fields of ``NewJob``. ``circuit_type`` is needed only for strings that are
            not OpenQASM.

    Raises:
        InvalidRequest: If ``circuits`` is empty or has several kinds of them; if a circuit has no
            qubits or parameters without a value, or cannot be serialized; if the extra is not
            installed; if another field cannot hold its value. Names each bad circuit by its index.
    """
    listed = as_list(circuits)
    kinds = [format_of(circuit) for circuit in listed]
    problems = []
    for index, (circuit, kind) in enumerate(zip(listed, kinds, strict=True)):
        where, what = f"circuits[{index}]", named(circuit)
        if kind is None:
            known = "a cirq.Circuit, a qiskit.QuantumCircuit or a string of OpenQASM"
            problems.append(Problem(where, f"must be {known}, got {what}"))
        elif kinds[0] not in {None, kind}:
            other = f"but circuits[0] is {named(listed[0])}: submit a job for each kind of circuit"
            problems.append(Problem(where, f"is {what}, {other}"))
    if problems:
        raise InvalidRequest("a NewJob", problems)
    fields = {"target": target, "shots": shots, **fields}
    if kinds[0] is CircuitType.CIRQ:
        return cirq.new_job(listed, **fields)
    if kinds[0] is CircuitType.QISKIT:
        return qiskit.new_job(listed, **fields)
    return NewJob(circuits=circuits if isinstance(circuits, str) else listed, **fields)
