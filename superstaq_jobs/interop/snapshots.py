"""What reading circuits and results from a snapshot needs, whatever the framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NoReturn, TypeVar

from superstaq_jobs.errors import ConfigurationError, CountsUnavailable, ProtocolError
from superstaq_jobs.records import (
    CircuitSnapshot,
    CircuitType,
    Counts,
    FrozenMapping,
    JobSnapshot,
)
from superstaq_jobs.records.problems import InvalidValue, check_type, shown

__all__ = [
    "check_format",
    "compiled_circuits",
    "input_circuit",
    "input_circuits",
    "integer_map",
    "no_counts",
    "read",
    "width_of",
]

C = TypeVar("C")


def check_format(snapshot: JobSnapshot, wanted: CircuitType) -> None:
    """Check that it is a snapshot and its circuits are of a framework; or say how to get one."""
    hint = "pass handle.refresh()" if hasattr(snapshot, "refresh") else ""
    check_type(JobSnapshot, hint, snapshot=snapshot)
    found = snapshot.circuit_type
    if found is wanted:
        return
    if found is None:
        raise InvalidValue(
            f"the server did not say which format the circuits of job {snapshot.job_id} have, so "
            f"they were not read as {wanted}: if you know that they are of that format, pass "
            f"attrs.evolve(snapshot, circuit_type={wanted.value!r})"
        )
    fixes = []
    if not any(circuit.circuit_id for circuit in snapshot.circuits):  # as those of v0.2.0 have
        fetch = f"fetch_job(client, job_id, circuit_type={wanted.value!r})"
        fixes.append(f"fetch it with {fetch}, which works if the server can translate them")
    if found in {CircuitType.CIRQ, CircuitType.QISKIT}:
        fixes.append(f"use superstaq_jobs.interop.{found}")
    how = ", or ".join(fixes) or "read circuits[i].input_circuit"
    raise InvalidValue(
        f"this snapshot of job {snapshot.job_id} has circuits of {found}, which were not read as "
        f"{wanted}: {how}"
    )


def read(text: str, reader: Callable[[str], C], what: str, snapshot: JobSnapshot) -> C:
    """What a reader makes of a string from the server; a ``ProtocolError`` if it fails."""
    try:
        return reader(text)
    except (ConfigurationError, ProtocolError):
        raise
    except Exception as error:
        # The frameworks raise whatever a gate's own code raises. The official packages wrap it in
        # a request to report it to the vendor.
        cause = error.__context__ or error
        reason = str(cause).strip().partition("\n")[0] or type(cause).__name__
        raise ProtocolError(
            f"{what} of job {snapshot.job_id} cannot be read here: {reason}",
            job_ids=[snapshot.job_id],
        ) from error


def input_circuit(snapshot: JobSnapshot, index: int, reader: Callable[[str], C]) -> C:
    """One circuit as submitted; a ``ValueError`` if the server did not send it."""
    text = snapshot.circuit(index).input_circuit
    if not text:
        raise InvalidValue(
            f"the server did not send the input circuit {index} of job {snapshot.job_id}: "
            "fetch the job again, or keep the circuit that you submitted"
        )
    return read(text, reader, f"input circuit {index}", snapshot)


def input_circuits(snapshot: JobSnapshot, reader: Callable[[str], C]) -> tuple[C, ...]:
    """The circuits as submitted."""
    return tuple(input_circuit(snapshot, i, reader) for i in range(snapshot.num_circuits))


def compiled_circuits(snapshot: JobSnapshot, reader: Callable[[str], C]) -> tuple[C | None, ...]:
    """The compiled circuits; None where there is none."""
    return tuple(
        read(circuit.compiled_circuit, reader, f"compiled circuit {circuit.index}", snapshot)
        if circuit.compiled_circuit
        else None
        for circuit in snapshot.circuits
    )


def integer_map(
    snapshot: JobSnapshot, index: int, which: Literal["initial", "final"]
) -> tuple[CircuitSnapshot, FrozenMapping[int, int]]:
    """A circuit, and its map from logical to physical qubits; a ``ValueError`` without one."""
    if not isinstance(which, str) or which not in {"initial", "final"}:
        raise InvalidValue(f"which must be 'initial' or 'final', got {shown(which)}")
    circuit = snapshot.circuit(index)
    found: FrozenMapping[int, int] | None = getattr(circuit, f"{which}_logical_to_physical")
    if found is not None:
        return circuit, found
    if circuit.circuit_id:
        why = "API v0.2.0 does not report it: submit the job through v0.3.0 if the account has it"
    elif not circuit.status.is_compiled:
        why = (
            f"it was {circuit.status_text} when this snapshot was taken. Wait for it with "
            "JobHandle.wait_until_complete(until='compiled')"
        )
    else:
        why = (
            "the server did not send it, as for circuits that are not compiled (status "
            f"{circuit.status_text})"
        )
    raise InvalidValue(f"circuit {index} of job {snapshot.job_id} has no {which} qubit map: {why}")


def no_counts(snapshot: JobSnapshot, index: int, why: str) -> NoReturn:
    """Raise the error for counts that do not fit a circuit or a framework."""
    raise CountsUnavailable(
        f"the counts of circuit {index} of job {snapshot.job_id} {why}",
        job_id=snapshot.job_id,
        index=index,
    )


def width_of(counts: Counts, snapshot: JobSnapshot, index: int) -> int:
    """The length of the bitstrings of a circuit, which must be equal and of digits."""
    strange = next((bits for bits in counts if not (bits.isascii() and bits.isdigit())), None)
    if strange is not None:
        no_counts(snapshot, index, f"have the key {strange!r}, which is not a bitstring")
    try:
        return counts.num_bits
    except ValueError as error:
        no_counts(snapshot, index, f"cannot be arranged: {error}")
