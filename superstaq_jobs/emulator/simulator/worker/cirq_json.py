"""Cirq's JSON, with the gates of cirq-superstaq if that is installed.

Circuits come from strangers, and Cirq creates an object of any of its types that the JSON names,
some of which evaluate strings as formulas. So only the types of `READABLE` are accepted: qubits,
gates, measurements, and what contains them.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from typing import Any, Final

from .cirq_conversion import to_cirq, to_qiskit
from .program import CircuitError, Group, Program

__all__ = ["READABLE", "line_qubits", "read", "write"]

READABLE: Final = frozenset(
    """
    Circuit FrozenCircuit Moment VAL REF complex
    LineQubit GridQubit NamedQubit LineQid GridQid NamedQid
    GateOperation TaggedOperation ControlledOperation CircuitOperation ParamResolver VirtualTag
    ClassicallyControlledOperation KeyCondition MeasurementKey MeasurementGate PauliMeasurementGate
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

_OF_SUPERSTAQ: Final = frozenset(
    """
    ZZSwapGate Barrier ZXPowGate AceCR ParallelGates MSGate RGate IXGate ParallelRGate
    StrippedCZGate DDPowGate QuditSwapGate BSwapPowGate QutritCZPowGate VirtualZPowGate
    QutritZ0PowGate QutritZ1PowGate QutritZ2PowGate QubitSubspaceGate PermutationGate MovementGate
    """.split()  # noqa: SIM905 - a list of words
)


def _check(given: object) -> None:
    """Refuse anything but the accepted types, without recursion."""
    left = [given]
    while left:
        value = left.pop()
        if isinstance(value, list):
            left += value
        elif isinstance(value, dict):
            left += value.values()
            if "cirq_type" in value:
                _check_type(value)


def _check_type(value: dict[str, Any]) -> None:
    name = value["cirq_type"]
    if not isinstance(name, str):
        raise CircuitError(f"cirq_type must be a string, got {name!r}")
    if name == "CircuitOperation" and value.get("repeat_until") is not None:
        raise CircuitError("this emulator does not run circuits with repeat_until")
    if name == "MeasurementGate" and value.get("confusion_map"):
        raise CircuitError("this emulator does not run measurements with a confusion map")
    if name in READABLE:
        return
    if name in _OF_SUPERSTAQ:
        if importlib.util.find_spec("cirq_superstaq") is None:
            raise CircuitError(
                f"{name} is a gate of cirq-superstaq, which is not installed with this emulator"
            )
        return
    if name.startswith("sympy."):
        raise CircuitError("the circuit has parameters without a value")
    raise CircuitError(f"this emulator does not accept {name!r} in a circuit")


def _resolvers() -> list[Any]:
    import cirq

    if importlib.util.find_spec("cirq_superstaq") is None:
        return list(cirq.DEFAULT_RESOLVERS)
    from cirq_superstaq.serialization import SUPERSTAQ_RESOLVERS

    return [*SUPERSTAQ_RESOLVERS, *cirq.DEFAULT_RESOLVERS]


def _load(source: str) -> Any:
    try:
        given = json.loads(source)
    except (ValueError, RecursionError) as error:
        raise CircuitError(f"not JSON: {error}") from error
    _check(given)
    try:
        import cirq
    except ImportError as error:  # pragma: no cover - checked before the job is accepted
        raise CircuitError("Cirq is not installed where this emulator runs") from error
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
        qubits: JSON of the qubits of the program, in order; None for the qubits that the circuit
            acts on, sorted.

    Returns:
        The program. Its counts show the measured bits in alphabetical order of their keys, as
        cirq-superstaq expects.

    Raises:
        CircuitError: Why it cannot be read, or cannot run on qubits.
    """
    circuit = _load(source)
    try:
        import cirq

        order, made, groups = _converted(circuit, qubits)
    except CircuitError:
        raise
    except Exception as error:
        raise CircuitError(f"{type(error).__name__}: {error}") from error
    return Program(
        circuit=made,
        groups=groups,
        logical_qubits=cirq.to_json(order, indent=None),
        places=_places(order),
    )


def _places(qubits: Sequence[Any]) -> tuple[int, ...] | None:
    import cirq

    if all(isinstance(qubit, cirq.LineQubit) and qubit.x >= 0 for qubit in qubits):
        return tuple(qubit.x for qubit in qubits)
    return None


def _converted(circuit: Any, qubits: str | None) -> tuple[Sequence[Any], Any, tuple[Group, ...]]:
    """The qubits in order, the circuit for Qiskit, and its measurements."""
    import cirq

    if cirq.is_parameterized(circuit):
        raise CircuitError("the circuit has parameters without a value")
    circuit = cirq.unroll_circuit_op(circuit.unfreeze(), deep=True, tags_to_check=None)
    order = sorted(circuit.all_qubits()) if qubits is None else _read_qubits(qubits)
    for qubit in order:
        if qubit.dimension != 2:  # noqa: PLR2004
            levels = qubit.dimension
            raise CircuitError(f"{qubit} has {levels} levels; this emulator runs qubits only")
    return order, *to_qiskit(circuit, order)


def _read_qubits(source: str) -> Sequence[Any]:
    import cirq

    given: Sequence[Any] = cirq.read_json(json_text=source)
    return given


def line_qubits(number: int) -> str:
    """That many line qubits, which name the physical ones, as JSON."""
    import cirq

    return str(cirq.to_json(cirq.LineQubit.range(number), indent=None))


def write(circuit: Any, program: Program, qubits: str | None = None) -> str:
    """A circuit as Cirq's JSON.

    Args:
        circuit: What to write.
        program: Provides the measurement keys, if it was read from Cirq's JSON.
        qubits: JSON of the qubits, in order; None for line qubits.

    Raises:
        CircuitError: It has control flow that Cirq cannot express.
    """
    import cirq

    names = cirq.LineQubit.range(circuit.num_qubits) if qubits is None else _read_qubits(qubits)
    return str(cirq.to_json(to_cirq(circuit, program, names), indent=None))
