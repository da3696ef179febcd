"""Cirq's JSON, with the gates of cirq-superstaq if that is installed.

Circuits come from strangers, and Cirq creates an object of any of its types that the JSON names,
some of which evaluate strings as formulas. So only the types of `READABLE` are accepted: qubits,
gates, measurements, and what contains them.
"""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Iterator
from typing import Any, Final

import cirq

from . import cirq_circuits
from .program import CircuitError, Program

__all__ = ["FRAMEWORK", "READABLE", "join", "read", "write"]

FRAMEWORK: Final = cirq_circuits

READABLE: Final = frozenset(
    """
    Circuit FrozenCircuit Moment VAL REF complex
    LineQubit GridQubit NamedQubit LineQid GridQid NamedQid
    GateOperation TaggedOperation ControlledOperation CircuitOperation ParamResolver VirtualTag
    ClassicallyControlledOperation KeyCondition BitMaskKeyCondition SympyCondition
    MeasurementKey MeasurementGate PauliMeasurementGate
    SingleQubitPauliStringGateOperation PauliString PauliStringPhasor PauliStringPhasorGate
    DensePauliString _PauliX _PauliY _PauliZ ResetChannel IdentityGate WaitGate Duration
    GlobalPhaseGate XPowGate YPowGate ZPowGate HPowGate Rx Ry Rz PhasedXPowGate PhasedXZGate
    CXPowGate CNotPowGate CYPowGate CZPowGate SwapPowGate ISwapPowGate XXPowGate YYPowGate ZZPowGate
    FSimGate PhasedFSimGate PhasedISwapPowGate PauliInteractionGate CCXPowGate CCNotPowGate
    CCYPowGate CCZPowGate CSwapGate ControlledGate ParallelGate MatrixGate DiagonalGate
    TwoQubitDiagonalGate ThreeQubitDiagonalGate PhaseGradientGate QuantumFourierTransformGate
    QubitPermutationGate CliffordGate SingleQubitCliffordGate CliffordTableau QasmUGate cirq.MSGate
    _InverseCompositeGate UniformSuperpositionGate ProductOfSums SumOfProducts
    """.split()  # noqa: SIM905 - a list of words
)
"""The Cirq types that a circuit may consist of."""

_FORMULAS: Final = frozenset(
    """
    Symbol Add Mul Pow GreaterThan StrictGreaterThan LessThan StrictLessThan Equality Unequality
    And Or Not Xor Indexed IndexedBase Float Integer Rational pi E
    """.split()  # noqa: SIM905 - a list of words
)
"""The SymPy types that conditions and parameters may consist of; none with a string but a name,
which SymPy would evaluate."""

_OF_SUPERSTAQ: Final = frozenset(
    """
    ZZSwapGate Barrier ZXPowGate AceCR ParallelGates MSGate RGate IXGate ParallelRGate
    StrippedCZGate DDPowGate QuditSwapGate BSwapPowGate QutritCZPowGate VirtualZPowGate
    QutritZ0PowGate QutritZ1PowGate QutritZ2PowGate QubitSubspaceGate PermutationGate MovementGate
    """.split()  # noqa: SIM905 - a list of words
)


def _check(given: object) -> None:
    """Refuse anything but the accepted types and finite numbers, without recursion."""
    left = [(given, "")]
    while left:
        value, place = left.pop()
        if isinstance(value, list):
            left += [(item, place) for item in value]
        elif isinstance(value, dict):
            if "gate" in value or "qubits" in value:
                place = f" in {_described(value)}"
            if "cirq_type" in value:
                _check_type(value, place)
            left += [(item, place) for item in value.values()]
        elif isinstance(value, float) and not math.isfinite(value):
            raise CircuitError(f"a number is not finite{place}: {value}")


def _described(operation: dict[str, Any]) -> str:
    gate, qubits = operation.get("gate"), operation.get("qubits")
    kind = (gate if isinstance(gate, dict) else operation).get("cirq_type")
    named = ("x", "row", "col", "name")
    where = [
        "(" + ", ".join(str(qubit[name]) for name in named if name in qubit) + ")"
        for qubit in (qubits if isinstance(qubits, list) else ())
        if isinstance(qubit, dict)
    ]
    return f"{kind} on {', '.join(where)}" if where else str(kind)


def _check_type(value: dict[str, Any], place: str) -> None:
    name = value["cirq_type"]
    if not isinstance(name, str):
        raise CircuitError(f"cirq_type must be a string, got {name!r}")
    if name == "CircuitOperation" and value.get("repeat_until") is not None:
        raise CircuitError("this emulator does not run subcircuits with repeat_until")
    if name.startswith("sympy.") and name.removeprefix("sympy.") in _FORMULAS:
        arguments = value.get("args", [])
        is_name = name == "sympy.IndexedBase" and str(arguments[0]).isidentifier()
        if not is_name and any(isinstance(argument, str) for argument in arguments):
            raise CircuitError(f"this emulator does not read a formula in a string{place}")
        return
    if name in READABLE:
        return
    if name in _OF_SUPERSTAQ:
        if importlib.util.find_spec("cirq_superstaq") is None:
            raise CircuitError(
                f"{name} is a gate of cirq-superstaq, which is not installed with this emulator"
            )
        return
    raise CircuitError(f"this emulator does not accept {name!r} in a circuit{place}")


def _resolver(name: str) -> Any:
    # Cirq 1.7 writes the index of a condition and does not read it.
    return _key_condition if name == "KeyCondition" else None


def _key_condition(key: Any, index: int = -1) -> Any:
    return cirq.KeyCondition(key, index)


def _resolvers() -> list[Any]:
    if importlib.util.find_spec("cirq_superstaq") is None:
        return [_resolver, *cirq.DEFAULT_RESOLVERS]
    from cirq_superstaq.serialization import SUPERSTAQ_RESOLVERS

    return [_resolver, *SUPERSTAQ_RESOLVERS, *cirq.DEFAULT_RESOLVERS]


def _load(source: str) -> Any:
    try:
        given = json.loads(source)
    except (ValueError, RecursionError) as error:
        raise CircuitError(f"not JSON: {error}") from error
    _check(given)
    try:
        loaded = cirq.read_json(json_text=source, resolvers=_resolvers())
    except Exception as error:
        raise CircuitError(
            f"Cirq cannot read the circuit: {type(error).__name__}: {error}"
        ) from error
    if isinstance(loaded, list) and len(loaded) == 1:
        loaded = loaded[0]
    if not isinstance(loaded, cirq.AbstractCircuit):
        raise CircuitError(f"expected a Cirq circuit, got {type(loaded).__name__}")
    return loaded


def read(source: str, qubits: str | None = None) -> Program:
    """Read a string with one circuit.

    Args:
        source: JSON of a circuit, or of a list of one.
        qubits: JSON of its qubits, in order; None for those that it acts on, sorted.

    Returns:
        The program.

    Raises:
        CircuitError: Why it cannot be read, or cannot run on qubits.
    """
    circuit = _load(source)
    try:
        return _program(circuit, qubits)
    except CircuitError:
        raise
    except Exception as error:
        raise CircuitError(f"{type(error).__name__}: {error}") from error


def _program(circuit: Any, qubits: str | None) -> Program:
    order = tuple(
        sorted(circuit.all_qubits()) if qubits is None else cirq.read_json(json_text=qubits)
    )
    for qubit in order:
        if qubit.dimension != 2:  # noqa: PLR2004
            levels = qubit.dimension
            raise CircuitError(f"{qubit} has {levels} levels; this emulator runs qubits only")
    flat = cirq.Circuit(_flat(circuit))
    if names := sorted(cirq.parameter_names(flat)):
        raise CircuitError(f"the circuit has parameters without a value: {', '.join(names)}")
    _check_conditions(flat)
    return Program(
        circuit=flat,
        num_qubits=len(order),
        qubits=order,
        logical_qubits=str(cirq.to_json(order, indent=None)),
    )


def _flat(circuit: Any) -> Iterator[Any]:
    """The operations of a circuit and of its subcircuits, also of conditional ones."""
    for operation in circuit.all_operations():
        inner = operation.without_classical_controls().untagged
        if isinstance(inner, cirq.CircuitOperation):
            parts = list(_flat(inner.mapped_circuit(deep=True)))
        elif cirq.is_measurement(inner) and not isinstance(inner.gate, cirq.MeasurementGate):
            parts = cirq.decompose_once(inner)
        else:
            parts = [inner]
        controls = operation.classical_controls
        if controls and any(map(cirq.is_measurement, parts)):
            raise CircuitError(f"this emulator does not run conditional measurements: {operation}")
        yield from (p.with_classical_controls(*controls) if controls else p for p in parts)


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
    """A circuit as Cirq's JSON."""
    return str(cirq.to_json(circuit, indent=None))


def join(sources: list[str]) -> str:
    """Strings with one circuit each as one string."""
    return f"[{', '.join(sources)}]"
