"""Circuits and results of Cirq. Needs the extra ``cirq``; sends no request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn

import attrs

from superstaq_jobs.errors import ProtocolError
from superstaq_jobs.records import CircuitType, Counts, JobSnapshot, NewJob
from superstaq_jobs.records.problems import InvalidValue, shown

from . import snapshots
from .circuits import job_of, named, official

if TYPE_CHECKING:
    import cirq

__all__ = ["compiled_circuits", "counts", "input_circuits", "new_job", "qubit_map", "to_results"]

_TYPE: Final = CircuitType.CIRQ
_MAX_DIGITS: Final = 10**9
"""The largest result, shots times bits, each of which takes a byte, and three while it is made."""


def new_job(
    circuits: cirq.AbstractCircuit | Sequence[cirq.AbstractCircuit], **fields: Any
) -> NewJob:
    """A job of Cirq circuits, as ``superstaq_jobs.new_job`` makes it.

    They are written by ``cirq-superstaq``, so that the service reads its custom gates; frozen
    circuits and those of a subclass as ``cirq.Circuit``.

    Args:
        circuits: One circuit or a sequence of them, without unbound parameters.
        fields: The other fields of ``NewJob``.

    Raises:
        InvalidRequest: As for ``superstaq_jobs.new_job``.
    """
    return job_of(circuits, _TYPE, fields, problem_of=_problem, serialize=_serialize)


def _problem(circuit: cirq.AbstractCircuit) -> str | None:
    import cirq

    if not circuit.all_qubits():
        return "has no qubits: a circuit needs at least one"
    if not cirq.is_parameterized(circuit):
        return None
    free = ", ".join(sorted(cirq.parameter_names(circuit)))
    return f"has parameters without a value; bind them with cirq.resolve_parameters: {free}"


def _serialize(circuits: list[cirq.AbstractCircuit]) -> str:
    return str(official(_TYPE).serialize_circuits([_plain(circuit) for circuit in circuits]))


def _plain(circuit: cirq.AbstractCircuit) -> cirq.Circuit:
    import cirq

    if type(circuit) is cirq.Circuit:
        return circuit
    return cirq.Circuit.from_moments(*circuit.moments, tags=circuit.tags)


def _read(text: str) -> cirq.Circuit:
    found = official(_TYPE).deserialize_circuits(text)
    import cirq

    # A frozen circuit is not put into a list.
    circuit = found[0] if isinstance(found, list) and found else found
    if not isinstance(circuit, cirq.AbstractCircuit):
        raise TypeError(f"expected a Cirq circuit, got {named(circuit)}")
    return _plain(circuit)


def input_circuits(snapshot: JobSnapshot) -> tuple[cirq.Circuit, ...]:
    """The circuits of a job as submitted, with the custom gates of ``cirq-superstaq``.

    Args:
        snapshot: A snapshot whose circuits are Cirq's.

    Raises:
        ValueError: If its circuits have another format, or the server did not send one of them.
        ProtocolError: If one cannot be read, as when it has a gate that the installed packages do
            not know.
        ConfigurationError: If the extra ``cirq`` is not installed.
    """
    snapshots.check_format(snapshot, _TYPE)
    return snapshots.input_circuits(snapshot, _read)


def compiled_circuits(snapshot: JobSnapshot) -> tuple[cirq.Circuit | None, ...]:
    """The compiled circuits of a job; None for one that has not been compiled.

    Args:
        snapshot: A snapshot whose circuits are Cirq's.

    Raises:
        ValueError: If its circuits have another format.
        ProtocolError: If one cannot be read, as when it has a gate that the installed packages do
            not know.
        ConfigurationError: If the extra ``cirq`` is not installed.
    """
    snapshots.check_format(snapshot, _TYPE)
    return snapshots.compiled_circuits(snapshot, _read)


def qubit_map(
    snapshot: JobSnapshot, index: int, which: Literal["initial", "final"]
) -> dict[cirq.Qid, cirq.Qid]:
    """Where the qubits of a circuit are on the device.

    Args:
        snapshot: A snapshot whose circuits are Cirq's.
        index: The circuit, from 0.
        which: At the beginning of the compiled circuit, or at its end.

    Returns:
        From each qubit of the input circuit to that of the compiled circuit.

    Raises:
        ValueError: If its circuits have another format, or the snapshot does not have the map: the
            circuit has not been compiled, or it was submitted through API v0.2.0.
        CircuitIndexError: If the job does not have that circuit.
        ProtocolError: If the map does not fit the qubits, or these cannot be read.
        ConfigurationError: If the extra ``cirq`` is not installed.
    """
    snapshots.check_format(snapshot, _TYPE)
    circuit, indices = snapshots.integer_map(snapshot, index, which)
    if circuit.logical_qubits is None or circuit.physical_qubits is None:
        raise InvalidValue(
            f"circuit {index} of job {snapshot.job_id} has no {which} qubit map of Cirq's qubits: "
            "the server did not name them. Read the indices from "
            f"circuits[{index}].{which}_logical_to_physical"
        )
    logical = snapshots.read(circuit.logical_qubits, _read_qubits, "the qubits", snapshot)
    physical = snapshots.read(circuit.physical_qubits, _read_qubits, "the qubits", snapshot)
    for key, value in indices.items():
        if not (0 <= key < len(logical) and 0 <= value < len(physical)):
            raise ProtocolError(
                f"the {which} qubit map of circuit {index} of job {snapshot.job_id} leads "
                f"to a qubit that was not sent: {key} to {value}",
                job_ids=[snapshot.job_id],
            )
    return {logical[key]: physical[value] for key, value in indices.items()}


def _read_qubits(text: str) -> Sequence[cirq.Qid]:
    official(_TYPE)
    import cirq

    qubits: Sequence[cirq.Qid] = cirq.read_json(json_text=text)
    return qubits


def to_results(snapshot: JobSnapshot) -> tuple[cirq.ResultDict, ...]:
    """The counts of a finished job as Cirq results, one for each circuit.

    They have the measurement keys of the input circuit, sorted; each with its qubits in the order
    of the measurement, and a key that is measured repeatedly with all its records. The order in
    which shots were measured is not known: they are sorted by bitstring.

    Args:
        snapshot: A snapshot whose circuits are Cirq's.

    Raises:
        SuperstaqUnsuccessfulJobException: If the job failed, was cancelled or was deleted.
        CountsUnavailable: If a circuit is unfinished or has no counts; if these do not fit its
            measurements, are not whole numbers >= 0, as after error mitigation, or are more than
            10⁹ bits in all: use ``counts``.
        ValueError: If its circuits have another format, or the server did not send one of them.
        ProtocolError: If one cannot be read.
        ConfigurationError: If the extra ``cirq`` is not installed.
    """
    snapshots.check_format(snapshot, _TYPE)
    return tuple(_result(snapshot, i, found) for i, found in enumerate(snapshot.counts()))


def counts(snapshot: JobSnapshot, index: int, *, key: str | None = None) -> Counts:
    """The counts of one finished circuit, checked against its measurements.

    Args:
        snapshot: A snapshot whose circuits are Cirq's.
        index: The circuit, from 0.
        key: A measurement key, to get its bits alone: in the order of its qubits, once for each
            time it is measured. None for all bits: keys sorted, each as described. Of a circuit
            without measurements, the bits are all its qubits, sorted.

    Raises:
        SuperstaqUnsuccessfulJobException: If the circuit failed, was cancelled or was deleted.
        CountsUnavailable: If it is unfinished or has no counts, or if these do not fit its
            measurements.
        CircuitIndexError: If the job does not have that circuit.
        ValueError: If the circuits have another format, the server did not send this one, or it
            does not have the key.
        ProtocolError: If it cannot be read.
        ConfigurationError: If the extra ``cirq`` is not installed.
    """
    snapshots.check_format(snapshot, _TYPE)
    found = snapshot.counts(index)
    keys = _keys(snapshot, index, found)
    if key is None:
        return found
    places = [place for each in keys if each.name == key for place in each.places]
    if not places:
        names = ", ".join(dict.fromkeys(repr(each.name) for each in keys)) or "none"
        raise InvalidValue(
            f"circuit {index} of job {snapshot.job_id} has no measurement key {shown(key)}; its "
            f"keys: {names}"
        )
    return found.marginal(places)


@attrs.frozen
class _Key:
    """A measurement key, and the places in a bitstring that one measurement of it has."""

    name: str
    places: range
    levels: tuple[int, ...]


def _keys(snapshot: JobSnapshot, index: int, counts: Counts) -> list[_Key]:
    """The measurements of a circuit in the order of their bits; none means all qubits.

    Raises:
        CountsUnavailable: If the counts do not fit them.
    """
    circuit = snapshots.input_circuit(snapshot, index, _read)
    advice = f"Read them with snapshot.counts({index})"
    keys: list[_Key] = []
    try:
        for name, levels in sorted(_measured(circuit), key=lambda each: each[0]):
            first = keys[-1].places.stop if keys else 0
            keys.append(_Key(name, range(first, first + len(levels)), levels))
    except _UnknownOrder as error:
        snapshots.no_counts(snapshot, index, f"cannot be arranged: {error}. {advice}")
    width = snapshots.width_of(counts, snapshot, index)
    expected = keys[-1].places.stop if keys else len(circuit.all_qubits())
    if counts and width != expected:
        what = f"measures {expected} qubits" if keys else f"has {expected} qubits"
        why = f"have {width} bits, and its circuit {what}. {advice}"
        snapshots.no_counts(snapshot, index, why)
    return keys


class _UnknownOrder(Exception):
    """Why it is not known which bits of a circuit are sent."""


def _measured(circuit: cirq.Circuit) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The key of each measurement, in order of time, and how many levels each of its bits has."""
    import cirq

    try:
        flat = cirq.unroll_circuit_op(circuit, deep=True, tags_to_check=None)
    except ValueError as error:  # a subcircuit that is repeated until a condition holds
        raise _UnknownOrder(f"it is not known how many bits the circuit sends ({error})") from None
    for operation in flat.all_operations():
        if not cirq.is_measurement(operation):
            continue
        plain = operation.untagged
        if isinstance(plain.gate, cirq.MeasurementGate):
            yield cirq.measurement_key_name(plain), cirq.qid_shape(plain)
        elif isinstance(plain.gate, cirq.PauliMeasurementGate):
            yield cirq.measurement_key_name(plain), (2,)
        else:
            what = " ".join(str(plain).split())
            raise _UnknownOrder(f"it is not known how many bits {what} sends")


def _result(snapshot: JobSnapshot, index: int, counts: Counts) -> cirq.ResultDict:
    def refuse(why: str) -> NoReturn:
        use = f"use superstaq_jobs.interop.cirq.counts(snapshot, {index})"
        snapshots.no_counts(snapshot, index, f"{why}; {use}")

    keys = _keys(snapshot, index, counts)
    if not keys:
        refuse("have no measurement key, which a Cirq result needs")
    if not all(number >= 0 and number == int(number) for number in counts.values()):
        refuse("are not all whole numbers >= 0, and a Cirq result holds shots")
    import cirq
    import numpy as np

    outcomes = sorted(counts)
    width = keys[-1].places.stop
    if counts.shots * width > _MAX_DIGITS:
        refuse(f"are too many to hold each shot of {width} bits")
    digits = np.array([list(map(int, bits)) for bits in outcomes], dtype=np.uint8)
    digits = digits.reshape(len(outcomes), width)
    if (digits >= [level for key in keys for level in key.levels]).any():
        refuse("have digits that its qubits cannot have")
    shots = np.repeat(digits, [int(counts[bits]) for bits in outcomes], axis=0)
    records: dict[str, Any] = {}
    for key in keys:
        records.setdefault(key.name, []).append(shots[:, key.places.start : key.places.stop])
    for name, parts in records.items():
        if len({part.shape for part in parts}) > 1:
            refuse(f"have the key {name!r} with different numbers of qubits")
    return cirq.ResultDict(
        records={name: np.stack(parts, axis=1) for name, parts in records.items()}
    )
