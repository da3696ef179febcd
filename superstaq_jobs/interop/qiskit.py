"""Circuits and results of Qiskit. Needs the extra ``qiskit``; sends no request."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from superstaq_jobs.errors import ProtocolError
from superstaq_jobs.records import CircuitType, Counts, JobSnapshot, NewJob

from . import snapshots
from .circuits import job_of, official

if TYPE_CHECKING:
    import qiskit
    import qiskit.result

__all__ = ["compiled_circuits", "counts", "input_circuits", "new_job", "qubit_map", "to_result"]

_MAGIC: Final = b"QISKIT"
_TYPE: Final = CircuitType.QISKIT


def new_job(
    circuits: qiskit.QuantumCircuit | Sequence[qiskit.QuantumCircuit], **fields: Any
) -> NewJob:
    """A job of Qiskit circuits, as ``superstaq_jobs.new_job`` makes it.

    They are written by ``qiskit-superstaq``, as QPY of version 13, so that the service reads its
    custom gates.

    Args:
        circuits: One circuit or a sequence of them, without unbound parameters.
        fields: The other fields of ``NewJob``.

    Raises:
        InvalidRequest: As for ``superstaq_jobs.new_job``.
    """
    return job_of(circuits, _TYPE, fields, problem_of=_problem, serialize=_serialize)


def _problem(circuit: qiskit.QuantumCircuit) -> str | None:
    if circuit.num_qubits == 0:
        return "has no qubits: a circuit needs at least one"
    free = [parameter.name for parameter in circuit.parameters]
    if free:
        return (
            "has parameters without a value; bind them with circuit.assign_parameters: "
            + ", ".join(free)
        )
    inputs = [variable.name for variable in circuit.iter_input_vars()]
    return f"has input variables, which jobs cannot set: {', '.join(inputs)}" if inputs else None


def _serialize(circuits: list[qiskit.QuantumCircuit]) -> str:
    return str(official(_TYPE).serialize_circuits(circuits))


def _read(text: str) -> qiskit.QuantumCircuit:
    serializer = official(_TYPE)
    import qiskit
    import qiskit.qpy

    try:
        header = base64.b64decode("".join(text.split())[:16])
    except (binascii.Error, ValueError):
        header = b""
    newest = int(qiskit.qpy.common.QPY_VERSION)
    if header.startswith(_MAGIC) and len(header) > len(_MAGIC) and header[len(_MAGIC)] > newest:
        raise ProtocolError(
            f"the circuit is in QPY version {header[len(_MAGIC)]}, and the installed Qiskit "
            f"{qiskit.__version__} reads versions up to {newest}: pip install -U qiskit"
        )
    return serializer.deserialize_circuits(text)[0]


def input_circuits(snapshot: JobSnapshot) -> tuple[qiskit.QuantumCircuit, ...]:
    """The circuits of a job as submitted, with the custom gates of ``qiskit-superstaq``.

    Args:
        snapshot: A snapshot whose circuits are Qiskit's.

    Raises:
        ValueError: If its circuits have another format, or the server did not send one of them.
        ProtocolError: If one cannot be read, such as QPY newer than the installed Qiskit.
        ConfigurationError: If the extra ``qiskit`` is not installed.
    """
    snapshots.check_format(snapshot, _TYPE)
    return snapshots.input_circuits(snapshot, _read)


def compiled_circuits(snapshot: JobSnapshot) -> tuple[qiskit.QuantumCircuit | None, ...]:
    """The compiled circuits of a job; None for one that has not been compiled.

    Args:
        snapshot: A snapshot whose circuits are Qiskit's.

    Raises:
        ValueError: If its circuits have another format.
        ProtocolError: If one cannot be read, such as QPY newer than the installed Qiskit.
        ConfigurationError: If the extra ``qiskit`` is not installed.
    """
    snapshots.check_format(snapshot, _TYPE)
    return snapshots.compiled_circuits(snapshot, _read)


def qubit_map(
    snapshot: JobSnapshot, index: int, which: Literal["initial", "final"]
) -> dict[int, int]:
    """Where the qubits of a circuit are on the device.

    Args:
        snapshot: A snapshot whose circuits are Qiskit's.
        index: The circuit, from 0.
        which: At the beginning of the compiled circuit, or at its end.

    Returns:
        From the index of each qubit of the input circuit to that of the compiled circuit.

    Raises:
        ValueError: If its circuits have another format, or the snapshot does not have the map: the
            circuit has not been compiled, or it was submitted through API v0.2.0.
        CircuitIndexError: If the job does not have that circuit.
    """
    snapshots.check_format(snapshot, _TYPE)
    return dict(snapshots.integer_map(snapshot, index, which)[1])


def to_result(snapshot: JobSnapshot) -> qiskit.result.Result:
    """The counts of a finished job as a Qiskit result, which says what a Qiskit backend would.

    Bitstrings are in Qiskit's order: the last classical bit first, a space between registers, and 0
    for bits that no measurement writes. A circuit without measurements has all qubits as its bits.
    If the registers of a circuit do not divide its classical bits, keys have no spaces. Fractional
    counts are kept.

    Args:
        snapshot: A snapshot whose circuits are Qiskit's.

    Returns:
        A result with an experiment for each circuit, in order.

    Raises:
        SuperstaqUnsuccessfulJobException: If the job failed, was cancelled or was deleted.
        CountsUnavailable: If a circuit is unfinished or has no counts, or if its counts do not fit
            its classical bits.
        ValueError: If its circuits have another format, or the server did not send one of them.
        ProtocolError: If one cannot be read, such as QPY newer than the installed Qiskit.
        ConfigurationError: If the extra ``qiskit`` is not installed.
    """
    snapshots.check_format(snapshot, _TYPE)
    every = snapshot.counts()
    official(_TYPE)
    from qiskit.result import Result

    return Result(
        backend_name=snapshot.target,
        job_id=str(snapshot.job_id),
        success=True,
        status="COMPLETED",
        results=[_experiment(snapshot, i, found) for i, found in enumerate(every)],
    )


def counts(snapshot: JobSnapshot, index: int) -> qiskit.result.Counts:
    """The counts of one finished circuit, in Qiskit's order as in ``to_result``.

    Args:
        snapshot: A snapshot whose circuits are Qiskit's.
        index: The circuit, from 0.

    Raises:
        SuperstaqUnsuccessfulJobException: If the circuit failed, was cancelled or was deleted.
        CountsUnavailable: If it is unfinished or has no counts, or if they do not fit its
            classical bits.
        CircuitIndexError: If the job does not have that circuit.
        ValueError: If the circuits have another format, or the server did not send this one.
        ProtocolError: If it cannot be read, such as QPY newer than the installed Qiskit.
        ConfigurationError: If the extra ``qiskit`` is not installed.
    """
    snapshots.check_format(snapshot, _TYPE)
    experiment = _experiment(snapshot, index, snapshot.counts(index))
    import qiskit.result

    header = experiment.header
    return qiskit.result.Counts(
        experiment.data.counts,
        creg_sizes=header["creg_sizes"],
        memory_slots=header["memory_slots"],
    )


def _experiment(snapshot: JobSnapshot, index: int, counts: Counts) -> Any:
    circuit = snapshots.input_circuit(snapshot, index, _read)
    from qiskit.result.models import ExperimentResult, ExperimentResultData

    written = sorted(set(_written(circuit)))
    registers = _registers(circuit) if written else [["meas", circuit.num_qubits]]
    slots = circuit.num_clbits if written else circuit.num_qubits
    try:
        places = _places(counts, written, slots, snapshots.width_of(counts, snapshot, index))
    except _DoNotFit as error:
        advice = f"Read them with snapshot.counts({index})"
        inside = set(written).difference(_written(circuit, in_control_flow=False))
        if inside:
            # As the official client, a server may report what is measured outside of it.
            bits = ", ".join(map(str, sorted(inside)))
            advice += (
                f". The bits {bits} are measured only inside control flow, which the server may "
                "not report: measure their qubits again at the end of the circuit"
            )
        snapshots.no_counts(snapshot, index, f"{error}. {advice}")
    memory = counts.expand(places, slots).reversed_bits()
    shots = snapshot.circuits[index].shots
    return ExperimentResult(
        shots=counts.shots if shots is None else shots,
        success=True,
        status="DONE",
        data=ExperimentResultData(
            counts={hex(int(bits, 2)): number for bits, number in memory.items()}
        ),
        header={
            "name": circuit.name,
            "metadata": circuit.metadata,
            "n_qubits": circuit.num_qubits,
            "qreg_sizes": [[register.name, register.size] for register in circuit.qregs],
            "creg_sizes": registers,
            "memory_slots": slots,
        },
    )


def _registers(circuit: qiskit.QuantumCircuit) -> list[list[str | int]]:
    """The names and sizes of the classical registers, for the spaces in keys.

    With spaces Qiskit loses the bits outside registers, so keys have none unless the registers
    divide the classical bits in order.
    """
    in_order = [circuit.find_bit(bit).index for register in circuit.cregs for bit in register]
    if in_order != list(range(circuit.num_clbits)):
        return []
    return [[register.name, register.size] for register in circuit.cregs]


class _DoNotFit(Exception):
    """Why bitstrings do not fit the bits of a circuit."""


def _places(counts: Counts, written: list[int], slots: int, width: int) -> Sequence[int]:
    """The place in memory of each bit of the outcomes.

    The service sends the classical bits that measurements write, in order, or all of them; of a
    circuit without measurements, all qubits.

    Args:
        counts: The outcomes.
        written: The classical bits that are written, in order.
        slots: How many bits the memory has: the classical bits or, if none is written, the qubits.
        width: The length of the outcomes.
    """
    strange = next((bits for bits in counts if bits.strip("01")), None)
    if strange is not None:
        raise _DoNotFit(f"have the key {strange!r}, which is not of qubits")
    if width == len(written) or not counts:
        return written
    if width != slots:
        measured = (
            f"writes {len(written)} of its {slots} classical bits"
            if written
            else f"measures none of its {slots} qubits"
        )
        raise _DoNotFit(f"have {width} bits, and its circuit {measured}")
    unwritten = set(range(slots)) - set(written) if written else set()
    if any(bits[place] != "0" for place in unwritten for bits in counts):
        raise _DoNotFit("have ones at classical bits that no measurement writes")
    return range(slots)


def _written(circuit: qiskit.QuantumCircuit, *, in_control_flow: bool = True) -> Iterator[int]:
    """The classical bits that are written: by measurements, also inside operations, and stores."""
    from qiskit.circuit import ControlFlowOp, Measure, Store

    for step in circuit.data:
        operation = step.operation
        inside: Iterable[int] = ()
        if isinstance(operation, Measure):
            inside = (0,)
        elif isinstance(operation, ControlFlowOp):
            if in_control_flow:
                inside = {bit for block in operation.blocks for bit in _written(block)}
        elif isinstance(operation, Store):
            yield from (circuit.find_bit(bit).index for bit in _stored(operation.lvalue))
        elif step.clbits and operation.definition is not None:
            inside = _written(operation.definition, in_control_flow=in_control_flow)
        for place in inside:
            yield circuit.find_bit(step.clbits[place]).index


def _stored(lvalue: Any) -> Iterator[Any]:
    """The classical bits to which a store assigns a value."""
    from qiskit.circuit import ClassicalRegister, Clbit
    from qiskit.circuit.classical import expr

    for variable in expr.iter_vars(lvalue):
        if isinstance(variable.var, Clbit):
            yield variable.var
        elif isinstance(variable.var, ClassicalRegister):
            yield from variable.var
