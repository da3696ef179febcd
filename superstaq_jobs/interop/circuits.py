"""What a new job of circuits needs, whatever their framework. Imports no framework."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final, NoReturn

from superstaq_jobs.errors import ConfigurationError, InvalidRequest, Problem
from superstaq_jobs.records import CircuitType, NewJob
from superstaq_jobs.records.fields import shown
from superstaq_jobs.records.problems import how_to_install

__all__ = ["as_list", "format_of", "job_of", "named", "official", "refuse"]

_CLASSES: Final = {
    CircuitType.CIRQ: ("cirq", "AbstractCircuit"),
    CircuitType.QISKIT: ("qiskit", "QuantumCircuit"),
}


def official(circuit_type: CircuitType) -> Any:
    """The official package that serializes circuits of a framework."""
    try:
        return importlib.import_module(f"{circuit_type}_superstaq")
    except ImportError as error:
        raise ConfigurationError(
            f"circuits of {circuit_type} need {circuit_type}-superstaq, which cannot be imported: "
            f"{how_to_install(circuit_type)}"
        ) from error


def format_of(circuit: object) -> CircuitType | None:
    """The framework of a circuit; QASM for a string, None for anything else.

    An object of a framework exists only if the framework has been imported.
    """
    if isinstance(circuit, str):
        return CircuitType.QASM
    for circuit_type, (module, name) in _CLASSES.items():
        kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type) and isinstance(circuit, kind):
            return circuit_type
    return None


def named(circuit: object) -> str:
    """What a value is, for an error message."""
    if isinstance(circuit, str):
        return f"the string {shown(circuit)}"
    kind = type(circuit)
    framework = kind.__module__.partition(".")[0]
    name = kind.__qualname__ if framework == "builtins" else f"{framework}.{kind.__qualname__}"
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def as_list(circuits: object) -> list[Any]:
    """One circuit or several, as a list; refuses what is empty, or has no order."""
    if format_of(circuits) is not None:
        return [circuits]
    # A part of a circuit, such as a moment, may be iterable, but not over circuits.
    is_part = type(circuits).__module__.partition(".")[0] in {"cirq", "qiskit"}
    is_unordered = isinstance(circuits, bytes | bytearray | Mapping | AbstractSet)
    if is_part or is_unordered or not isinstance(circuits, Iterable):
        refuse("circuits", f"must be a circuit or a sequence of circuits, got {named(circuits)}")
    listed = list(circuits)
    if not listed:
        refuse("circuits", "must not be empty: a job needs at least one circuit")
    return listed


def refuse(where: str, what: str) -> NoReturn:
    """Raise an ``InvalidRequest`` with one problem."""
    raise InvalidRequest("a NewJob", [Problem(where, what)])


def job_of(
    circuits: object,
    circuit_type: CircuitType,
    fields: Mapping[str, Any],
    *,
    problem_of: Callable[[Any], str | None],
    serialize: Callable[[list[Any]], str],
) -> NewJob:
    """A new job of circuits of one framework.

    Args:
        circuits: One or several.
        circuit_type: The framework.
        fields: The other fields of the job.
        problem_of: Why a circuit cannot be submitted; None if it can.
        serialize: Writes the circuits as one string.

    Raises:
        InvalidRequest: If ``circuits`` is empty, or some cannot be submitted; names each.
    """
    listed = as_list(circuits)
    asked = fields.get("circuit_type")
    if asked not in (None, circuit_type):
        refuse("circuit_type", f"must be {circuit_type} for these circuits: leave it out")
    try:
        official(circuit_type)
    except ConfigurationError as error:
        refuse("circuits[0]", error.message)
    problems = []
    for index, circuit in enumerate(listed):
        if format_of(circuit) is circuit_type:
            what = problem_of(circuit)
        else:
            what = f"must be a {'.'.join(_CLASSES[circuit_type])}, got {named(circuit)}"
        if what:
            problems.append(Problem(f"circuits[{index}]", what))
    if problems:
        raise InvalidRequest("a NewJob", problems)
    return NewJob(
        circuits=_serialized(listed, serialize), **{**fields, "circuit_type": circuit_type}
    )


def _serialized(circuits: list[Any], serialize: Callable[[list[Any]], str]) -> str:
    try:
        return serialize(circuits)
    except Exception as error:  # noqa: BLE001 - a gate's own code may raise anything
        bad = next((i for i, circuit in enumerate(circuits) if _fails(serialize, circuit)), None)
        where = "circuits" if bad is None else f"circuits[{bad}]"
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        refuse(where, f"cannot be serialized: {reason}")


def _fails(serialize: Callable[[list[Any]], str], circuit: object) -> bool:
    try:
        serialize([circuit])
    except Exception:  # noqa: BLE001 - as above
        return True
    return False
