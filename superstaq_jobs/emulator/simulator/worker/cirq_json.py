"""Cirq's JSON, with the gates of cirq-superstaq if that is installed.

Circuits come from strangers, and Cirq creates an object of any of its types that the JSON names,
some of which evaluate strings as formulas. So only qubits, gates, and what contains them are
accepted, by their classes.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import cirq
import sympy  # type: ignore[import-untyped]

from . import cirq_circuits
from .cirq_circuits import flat
from .program import CircuitError, Program

try:
    from cirq_superstaq.serialization import SUPERSTAQ_RESOLVERS
except ImportError:
    SUPERSTAQ_RESOLVERS = []

__all__ = ["FRAMEWORK", "join", "read", "split", "write"]

FRAMEWORK: Final = cirq_circuits

_CIRCUITS: Final = frozenset({"Circuit", "FrozenCircuit", "VAL", "REF"})

_KINDS: Final = (
    *(cirq.Qid, cirq.Gate, cirq.Operation, cirq.Moment, cirq.AbstractCircuit, cirq.Condition),
    *(cirq.MeasurementKey, cirq.ParamResolver, cirq.Duration, cirq.CliffordTableau, complex),
    *(cirq.ProductOfSums, cirq.SumOfProducts, cirq.VirtualTag),
)
"""What a circuit may consist of."""


def _resolved(name: str) -> Any:
    """What creates an object of a type that the JSON names."""
    if name == "KeyCondition":
        return _key_condition
    finders = [*SUPERSTAQ_RESOLVERS, *cirq.DEFAULT_RESOLVERS]
    found = next((made for find in finders if (made := find(name)) is not None), None)
    if str(name).startswith("sympy.") and found is not None:
        return functools.partial(_formula, name, found)
    is_formula = name == "BooleanHamiltonianGate"  # of strings, which older versions evaluate
    if isinstance(found, type) and issubclass(found, _KINDS) and not is_formula:
        return found
    hint = "" if SUPERSTAQ_RESOLVERS else "; cirq-superstaq is not installed"
    raise CircuitError(f"this emulator does not accept {name!r} in a circuit{hint}")


def _key_condition(key: Any, index: int = -1) -> Any:
    # Cirq 1.7 writes the index of a condition and does not read it.
    return cirq.KeyCondition(key, index)


def _formula(name: str, make: Callable[..., Any], /, **fields: Any) -> Any:
    # SymPy would evaluate a string that is an operand.
    for operand in fields.get("args", ()):
        is_name = name == "sympy.IndexedBase" and str(operand).isidentifier()
        if not is_name and not isinstance(operand, int | float | complex | sympy.Basic):
            raise CircuitError(f"this emulator does not read a formula in a string: {operand!r}")
    return make(**fields)


@contextlib.contextmanager
def _reasons() -> Iterator[None]:
    """Turn an error of Cirq's own into a ``CircuitError``."""
    try:
        yield
    except CircuitError:
        raise
    except Exception as error:
        raise CircuitError(
            f"Cirq cannot read the circuit: {type(error).__name__}: {error}"
        ) from error


def _load(source: str) -> Any:
    """What the JSON of circuits contains."""
    with _reasons():
        return cirq.read_json(json_text=source, resolvers=[_resolved])


def read(source: str, qubits: str | None = None) -> Program:
    """Read a circuit, or a list of one."""
    loaded = _load(source)
    if isinstance(loaded, list) and len(loaded) == 1:
        loaded = loaded[0]
    with _reasons():
        return _program(loaded, qubits)


def _program(circuit: Any, qubits: str | None) -> Program:
    if not isinstance(circuit, cirq.AbstractCircuit):
        raise CircuitError(f"expected a Cirq circuit, got {type(circuit).__name__}")
    order = tuple(sorted(circuit.all_qubits()) if qubits is None else _load(qubits))
    for qubit in order:
        if qubit.dimension != 2:  # noqa: PLR2004
            raise CircuitError(
                f"{qubit} has {qubit.dimension} levels; this emulator runs qubits only"
            )
    for operation in circuit.all_operations():
        refuse = functools.partial(_refuse_number, operation)
        json.loads(cirq.to_json(operation), parse_constant=refuse)
    if names := sorted(cirq.parameter_names(circuit)):
        raise CircuitError(f"the circuit has parameters without a value: {', '.join(names)}")
    made = cirq.Circuit(flat(circuit))
    _check_conditions(made)
    return Program(circuit=made, num_qubits=len(order), qubits=order)


def _refuse_number(operation: Any, number: str) -> None:
    raise CircuitError(f"a number is not finite in {operation!r}: {number}")


def _check_conditions(circuit: Any) -> None:
    measured: dict[str, int] = {}
    for operation in circuit.all_operations():
        for condition in operation.classical_controls:
            for key in condition.keys:
                times, index = measured.get(str(key), 0), getattr(condition, "index", -1)
                if not -times <= index < times:
                    raise CircuitError(f"the condition {condition} comes before its measurement")
        if cirq.is_measurement(operation):
            key = cirq.measurement_key_name(operation)
            measured[key] = measured.get(key, 0) + 1


def write(circuit: Any) -> str:
    """A circuit, or a sequence of qubits, as Cirq's JSON."""
    return str(cirq.to_json(circuit, indent=None))


def split(source: str) -> list[str]:
    """Split Cirq's JSON of a circuit or of a list of circuits into one string per circuit."""
    try:
        given = json.loads(source)
    except (ValueError, RecursionError) as error:
        message = f"expected the JSON of a Cirq circuit or of a list of them: {error}"
        raise CircuitError(message) from error
    circuits = given if isinstance(given, list) else [given]
    for index, circuit in enumerate(circuits):
        kind = circuit.get("cirq_type") if isinstance(circuit, dict) else None
        if kind not in _CIRCUITS:
            found = kind or "other JSON"
            raise CircuitError(f"circuit {index}: expected a Cirq circuit, got {found}")
    if not circuits:
        raise CircuitError("a job needs at least one circuit")
    if len(circuits) == 1:
        return [source]
    if '"REF"' in source:
        # A part that occurs again, maybe in another circuit.
        return [write(circuit) for circuit in _load(source)]
    return [json.dumps(circuit) for circuit in circuits]


def join(sources: list[str]) -> str:
    """Strings with one circuit each as one string."""
    return f"[{', '.join(sources)}]"
