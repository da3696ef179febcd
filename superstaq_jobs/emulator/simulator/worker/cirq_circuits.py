"""Cirq circuits: compiled with Cirq's transformers for a target, and run by Cirq's simulators."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import cirq
import networkx as nx  # type: ignore[import-untyped]
import numpy as np

from superstaq_jobs.emulator.simulator.tasks import Task

from .program import MAX_QUBITS, CircuitError, CompiledCircuit, Program, depolarizing, fixed_places

__all__ = ["compile_for", "line_qubits", "of_qiskit", "run", "size", "small"]

_KEEP: Final = "as it is"
"""Tag of operations that Cirq's transformers must not touch."""

_NATIVE: Final[dict[str, Any]] = {
    "x": cirq.X,
    "y": cirq.Y,
    "z": cirq.Z,
    "h": cirq.H,
    "s": cirq.S,
    "t": cirq.T,
    "rx": cirq.XPowGate,
    "ry": cirq.YPowGate,
    "rz": cirq.ZPowGate,
    "sx": cirq.X**0.5,
    "r": cirq.PhasedXPowGate,
    "cx": cirq.CX,
    "cz": cirq.CZ,
    "swap": cirq.SWAP,
    "rxx": cirq.XXPowGate,
    "rzz": cirq.ZZPowGate,
    "ccx": cirq.CCX,
    "cswap": cirq.CSWAP,
}
"""Gates of Cirq, and families of gates, by Qiskit's names."""

_DEFERRED_QUBITS: Final = 18
_CONDITION_BITS: Final = 6
"""The largest circuits whose measurements are deferred, so that they are not run shot by shot."""

_DOUBLE_PRECISION_QUBITS: Final = 22


def line_qubits(number: int) -> str:
    """That many line qubits, which name the physical ones, as JSON."""
    return str(cirq.to_json(cirq.LineQubit.range(number), indent=None))


def of_qiskit(name: str, angles: Sequence[float]) -> Any:
    """The gate that Qiskit knows by this name; None for one that is not in the table."""
    gate, turns = _NATIVE.get(name), [float(angle) / math.pi for angle in angles]
    if not isinstance(gate, type):
        return gate if not turns else None
    if gate is cirq.PhasedXPowGate:
        return gate(exponent=turns[0], phase_exponent=turns[1])
    return gate(exponent=turns[0], global_shift=-0.5)


# ---- compilation


def _is_barrier(operation: Any) -> bool:
    kind = type(operation.gate)
    return kind.__name__ == "Barrier" and kind.__module__.startswith("cirq_superstaq.")


def small(operation: Any) -> Iterator[Any]:
    """An operation as gates on one or two qubits, conditional ones included; others unchanged."""
    controls = operation.classical_controls
    inner = operation.without_classical_controls().untagged
    if controls:
        for part in small(inner):
            yield part.with_classical_controls(*controls)
    elif not inner.qubits:
        return  # a global phase
    elif _is_barrier(inner) or cirq.is_measurement(inner) or len(inner.qubits) <= 2:  # noqa: PLR2004
        yield inner
    elif parts := cirq.decompose_once(inner, default=None):
        if not {qubit for part in parts for qubit in part.qubits} <= set(inner.qubits):
            raise CircuitError(f"this emulator does not run {inner}: it needs more qubits")
        for part in parts:
            yield from small(part)
    elif cirq.has_unitary(inner):
        yield from cirq.quantum_shannon_decomposition(inner.qubits, cirq.unitary(inner))
    else:
        raise CircuitError(f"this emulator does not run {inner}")


class _Gateset(cirq.TwoQubitCompilationTargetGateset):  # type: ignore[misc]
    """The gates of a target."""

    def __init__(self, gates: Sequence[str]) -> None:
        super().__init__(*(_NATIVE[gate] for gate in gates if gate in _NATIVE))
        self.names = frozenset(gates)

    @property
    def postprocess_transformers(self) -> list[Any]:
        """None: the default ones would bring back gates that the target does not have."""
        return []

    def _decompose_single_qubit_operation(self, op: Any, _: int) -> Iterable[Any]:
        return list(self.rotation(cirq.PhasedXZGate.from_matrix(cirq.unitary(op)), *op.qubits))

    def _decompose_two_qubit_operation(self, op: Any, _: int) -> Iterable[Any]:
        parts = cirq.two_qubit_matrix_to_cz_operations(
            *op.qubits, cirq.unitary(op), allow_partial_czs=False
        )
        circuit = cirq.Circuit(
            self.entangler(*part.qubits) if len(part.qubits) > 1 else part for part in parts
        )
        merged = cirq.merge_single_qubit_gates_to_phxz(circuit)
        made: list[Any] = []
        for part in merged.all_operations():
            if len(part.qubits) > 1:
                made.append(part)
            else:
                made += self._decompose_single_qubit_operation(part, 0)
        return made

    def entangler(self, one: Any, other: Any) -> list[Any]:
        """A CZ gate."""
        turns = [cirq.S(one), cirq.S(other)]
        flips = [cirq.H(one), cirq.H(other)]
        if "cz" in self.names:
            return [cirq.CZ(one, other)]
        if "cx" in self.names:
            return [cirq.H(other), cirq.CX(one, other), cirq.H(other)]
        if "rzz" in self.names:
            return [cirq.ZZPowGate(exponent=-0.5, global_shift=-0.5)(one, other), *turns]
        if "rxx" in self.names:
            rotation = cirq.XXPowGate(exponent=-0.5, global_shift=-0.5)
            return [*flips, rotation(one, other), *flips, *turns]
        raise self.refusal("cx, cz, rxx or rzz, where they act on two qubits,")

    def rotation(self, gate: Any, qubit: Any) -> Iterator[Any]:
        """A gate on one qubit, as turns about the z axis around others."""
        for step in self._turns(gate.x_exponent, gate.axis_phase_exponent, gate.z_exponent):
            if not isinstance(step, float):
                yield step(qubit)
            elif not math.isclose(turn := (step + 1) % 2, 1, abs_tol=1e-9):
                if "rz" not in self.names:
                    raise self.refusal("rz and one of r, rx and sx")
                yield cirq.rz(math.pi * (turn - 1))(qubit)

    def _turns(self, turn: float, axis: float, last: float) -> list[Any]:
        """Numbers stand for half turns about the z axis."""
        if math.isclose(turn, 0, abs_tol=1e-9):
            return [float(last)]
        if "r" in self.names:
            return [cirq.PhasedXPowGate(exponent=turn, phase_exponent=axis), float(last)]
        before, after = -float(axis), float(axis + last)
        if "rx" in self.names:
            return [before, cirq.rx(math.pi * turn), after]
        if "x" in self.names and math.isclose(abs(turn), 1, abs_tol=1e-9):
            return [before, cirq.X, after]
        if "sx" in self.names:
            half = cirq.X**0.5
            return [before + 0.5, half, float(turn + 1), half, after + 0.5]
        raise self.refusal("rz and one of r, rx and sx")

    def refusal(self, wanted: str) -> CircuitError:
        """The error for a circuit that needs other gates."""
        names = ", ".join(sorted(self.names))
        return CircuitError(
            f"Cirq circuits are compiled to {wanted}, and this target has only {names}"
        )


def _native(operations: Iterable[Any], gateset: _Gateset) -> Any:
    """A circuit of the target's gates; everything else is kept."""
    prepared = cirq.Circuit()
    for operation in operations:
        if operation.classical_controls:
            inner = _native([operation.without_classical_controls()], gateset).all_operations()
            controls = operation.classical_controls
            prepared.append(o.with_classical_controls(*controls).with_tags(_KEEP) for o in inner)
        elif _is_barrier(operation) or not cirq.has_unitary(operation):
            prepared.append(operation.with_tags(_KEEP))
        else:
            prepared.append(operation)
    made = cirq.optimize_for_target_gateset(
        prepared,
        gateset=gateset,
        context=cirq.TransformerContext(tags_to_ignore=(_KEEP,)),
        ignore_failures=False,
    )
    return cirq.map_operations(made, lambda operation, _: operation.untagged)


def _with_mirrored_swaps(
    operations: Iterable[Any], qubits: Sequence[Any]
) -> tuple[list[Any], list[int]]:
    """The operations without SWAP gates, and the position at which each qubit is at the end."""
    at = {qubit: qubit for qubit in qubits}
    made = []
    for operation in operations:
        if operation.gate == cirq.SWAP:
            one, other = operation.qubits
            at[one], at[other] = at[other], at[one]
        else:
            made.append(operation.transform_qubits(at))
    return made, [list(qubits).index(at[qubit]) for qubit in qubits]


def _routed(operations: Iterable[Any], at: dict[Any, int], graph: Any) -> Iterator[Any]:
    """Operations on physical qubits, with SWAP gates where those of a gate are not connected.

    Cirq's own router does not see which measurement a condition depends on, and moves it before.

    Args:
        operations: Gates on at most two qubits, and other operations.
        at: Where each qubit is; it is updated.
        graph: The connections.
    """
    for operation in operations:
        if len(operation.qubits) == 2 and not cirq.is_measurement(operation):  # noqa: PLR2004
            one, other = (at[qubit] for qubit in operation.qubits)
            try:
                *path, _ = nx.shortest_path(graph, one, other)
            except nx.NetworkXNoPath as error:
                raise CircuitError(
                    f"{operation} acts on qubits that this target does not connect"
                ) from error
            for here, there in itertools.pairwise(path):
                yield cirq.SWAP(cirq.LineQubit(here), cirq.LineQubit(there))
                moved = {here: there, there: here}
                at.update({qubit: moved.get(place, place) for qubit, place in at.items()})
        yield operation.transform_qubits({q: cirq.LineQubit(at[q]) for q in operation.qubits})


def _numbers(qubits: Sequence[Any]) -> list[int]:
    """The numbers that the names of qubits stand for; their positions if one has none."""
    if all(isinstance(qubit, cirq.LineQubit) and qubit.x >= 0 for qubit in qubits):
        return [qubit.x for qubit in qubits]
    return list(range(len(qubits)))


def compile_for(program: Program, task: Task) -> CompiledCircuit:
    """Compile a circuit for the target of a task.

    Raises:
        CircuitError: It has an operation or qubits that the target does not have.
    """
    places, qubits = list(range(program.num_qubits)), list(program.qubits)
    operations = [
        part for operation in program.circuit.all_operations() for part in small(operation)
    ]
    if task.verbatim:
        return CompiledCircuit(
            circuit=cirq.Circuit(operations),  # since the matrix of a large gate fills the memory
            initial=places,
            final=places,
            qubits=program.qubits,
            physical_qubits=program.logical_qubits,
        )
    wires = places
    if task.mirror_swaps:
        operations, wires = _with_mirrored_swaps(operations, qubits)
    initial = final = places
    fixed = fixed_places(_numbers(qubits), task)
    physical, names = line_qubits(program.num_qubits), cirq.LineQubit.range(program.num_qubits)
    if task.coupling is not None:
        graph = nx.Graph()
        graph.add_nodes_from(range(task.max_qubits))
        graph.add_edges_from(task.coupling)
        physical, names = line_qubits(len(graph)), cirq.LineQubit.range(len(graph))
        initial = fixed or _region(graph, program.num_qubits)
        at = dict(zip(qubits, initial, strict=True))
        operations = list(_routed(operations, at, graph))
        final = [at[qubit] for qubit in qubits]
    elif fixed is not None and program.logical_qubits is not None:
        physical, names = program.logical_qubits, qubits
    else:
        moved = dict(zip(qubits, names, strict=True))
        operations = [operation.transform_qubits(moved) for operation in operations]
    final = [final[wire] for wire in wires]
    return CompiledCircuit(
        circuit=_native(operations, _Gateset(task.native_gates)),
        initial=initial,
        final=final,
        qubits=tuple(names[place] for place in final),
        physical_qubits=physical,
    )


def _region(graph: Any, number: int) -> list[int]:
    """Physical qubits close to each other, for that many logical ones."""
    largest = max(nx.connected_components(graph), key=len)
    near = [min(largest), *(other for _, other in nx.bfs_edges(graph, min(largest)))]
    return [*near, *(place for place in graph if place not in largest)][:number]


# ---- running


def run(_: Program, compiled: CompiledCircuit, task: Task) -> dict[str, int]:
    """Sample a compiled circuit.

    Returns:
        Counts by keys of the measured bits, in alphabetical order of the measurement keys and, for
        each, in order of time, as cirq-superstaq expects. If nothing is measured, of all qubits.

    Raises:
        CircuitError: It is too large to be simulated here.
    """
    circuit = compiled.circuit
    if not cirq.is_measurement(circuit):
        circuit = circuit + cirq.measure(*compiled.qubits, key="all")
    used = len(circuit.all_qubits())
    if used > MAX_QUBITS:
        raise CircuitError(
            f"the circuit uses {used} qubits, more than the {MAX_QUBITS} that this emulator "
            "simulates"
        )
    if task.noise:
        circuit = cirq.Circuit(
            noisy for operation in circuit.all_operations() for noisy in _noisy(operation, task)
        )
    elif _can_be_deferred(circuit):
        with contextlib.suppress(ValueError):  # two conditions on one key, for example
            circuit = cirq.defer_measurements(circuit)
    density = task.noise and circuit.are_all_measurements_terminal()
    simulator = cirq.DensityMatrixSimulator if density else cirq.Simulator
    precision = np.complex128 if used <= _DOUBLE_PRECISION_QUBITS else np.complex64
    records = (
        simulator(dtype=precision, seed=task.seed % 2**32)
        .run(circuit, repetitions=task.shots)
        .records
    )
    counts: dict[str, int] = {}
    bits = [records[key].reshape(task.shots, -1) for key in sorted(records)]
    for shot in np.concatenate(bits, axis=1):
        key = "".join(map(str, shot))
        counts[key] = counts.get(key, 0) + 1
    return counts


def _noisy(operation: Any, task: Task) -> Iterator[Any]:
    """An operation and its noise: none after measurements, resets and turns about the z axis."""
    yield operation
    gate = operation.without_classical_controls().gate
    noiseless = cirq.ZPowGate | cirq.IdentityGate | cirq.WaitGate
    if cirq.has_unitary(gate) and not isinstance(gate, noiseless):
        number = len(operation.qubits)
        # Cirq's probability is that of any error but none, which the mixed state includes.
        probability = depolarizing(task, number) * (1 - 4.0**-number)
        noise = cirq.depolarize(probability, n_qubits=number)(*operation.qubits)
        yield noise.with_classical_controls(*operation.classical_controls)


def _can_be_deferred(circuit: Any) -> bool:
    """Whether to measure at the end, on further qubits, instead of simulating shot by shot.

    Cirq mixes up the measurements of a key that is measured repeatedly.
    """
    if circuit.are_all_measurements_terminal() and not cirq.control_keys(circuit):
        return False
    sizes: dict[str, int] = {}
    for operation in circuit.all_operations():
        if cirq.is_measurement(operation):
            key = cirq.measurement_key_name(operation)
            if key in sizes or operation.gate.confusion_map:
                return False
            sizes[key] = len(operation.qubits)
        controls = sum(sizes.get(str(key), 0) for key in cirq.control_keys(operation))
        if isinstance(operation.gate, cirq.ResetChannel) or controls > _CONDITION_BITS:
            return False
    return len(circuit.all_qubits()) + sum(sizes.values()) <= _DEFERRED_QUBITS


def size(program: Program) -> dict[str, int]:
    """The size of a circuit, with gates on more qubits counted by what they consist of."""
    circuit = cirq.Circuit(map(small, program.circuit.all_operations()))
    gates = [
        len(operation.qubits)
        for operation in circuit.all_operations()
        if cirq.has_unitary(operation.without_classical_controls()) and not _is_barrier(operation)
    ]
    return {
        "num_qubits": program.num_qubits,
        "num_single_qubit_gates": gates.count(1),
        "num_two_qubit_gates": gates.count(2),
        "depth": len(circuit),
    }
