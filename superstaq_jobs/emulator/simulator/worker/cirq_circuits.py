"""Cirq circuits: compiled with Cirq's transformers for a target, and run by Cirq's simulators."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import cirq
import networkx as nx  # type: ignore[import-untyped]
import numpy as np

from superstaq_jobs.emulator.simulator.tasks import Task

from .program import MAX_QUBITS, CircuitError, CompiledCircuit, Program, depolarizing, fixed_places

__all__ = ["compile_for", "flat", "line_qubits", "of_qiskit", "run", "size"]

_KEEP: Final = "as it is"
"""Tag of operations that Cirq's transformers must not touch."""

_DEFERRED_QUBITS: Final = 18
_CONDITION_BITS: Final = 6
"""The largest circuits whose measurements are deferred, so that they are not run shot by shot."""

_DOUBLE_PRECISION_QUBITS: Final = 22


def line_qubits(number: int) -> str:
    """That many line qubits, which name the physical ones, as JSON."""
    return str(cirq.to_json(cirq.LineQubit.range(number), indent=None))


def of_qiskit() -> dict[str, Any]:
    """The gates of Cirq that are Qiskit's of these names, and functions of an angle to gates."""
    gates = {"id": cirq.I, "x": cirq.X, "y": cirq.Y, "z": cirq.Z, "h": cirq.H, "sx": cirq.X**0.5}
    gates |= {"s": cirq.S, "sdg": cirq.S**-1, "t": cirq.T, "tdg": cirq.T**-1}
    gates |= {"cx": cirq.CX, "cz": cirq.CZ, "swap": cirq.SWAP, "ccx": cirq.CCX}
    return gates | {"cswap": cirq.CSWAP, "rx": cirq.rx, "ry": cirq.ry, "rz": cirq.rz}


# ---- compilation


def _is_barrier(operation: Any) -> bool:
    kind = type(operation.gate)
    return kind.__name__ == "Barrier" and kind.__module__.startswith("cirq_superstaq.")


def flat(circuit: Any, most_qubits: float = math.inf) -> Iterator[Any]:
    """The operations of a circuit and its subcircuits, those on more qubits decomposed.

    Raises:
        CircuitError: An operation does not run here.
    """

    def is_kept(operation: Any) -> bool:
        inner = operation.without_classical_controls().untagged
        if isinstance(inner, cirq.CircuitOperation):
            if inner.repeat_until is not None:
                raise CircuitError("this emulator does not run subcircuits with repeat_until")
            return False
        if cirq.is_measurement(inner):
            return isinstance(inner.gate, cirq.MeasurementGate)
        return _is_barrier(inner) or len(inner.qubits) <= most_qubits

    for whole in circuit.all_operations():
        for operation in cirq.decompose(
            whole,
            keep=is_kept,
            fallback_decomposer=_decomposed_by_matrix,
            on_stuck_raise=lambda stuck: CircuitError(f"this emulator does not run {stuck}"),
        ):
            if not set(operation.qubits) <= set(whole.qubits):
                raise CircuitError(f"this emulator does not run {whole}: it needs more qubits")
            if operation.qubits:  # otherwise it is a global phase
                controls = operation.classical_controls
                inner = operation.without_classical_controls().untagged
                yield inner.with_classical_controls(*controls) if controls else inner


def _decomposed_by_matrix(operation: Any) -> Any:
    if isinstance(operation, cirq.Operation) and cirq.has_unitary(operation):
        return cirq.quantum_shannon_decomposition(operation.qubits, cirq.unitary(operation))
    return NotImplemented


def _small(circuit: Any) -> list[Any]:
    """The operations of a circuit on one or two qubits each, and its measurements and barriers."""
    operations = list(flat(circuit, 2))
    for operation in operations:
        inner = operation.without_classical_controls()
        is_known = isinstance(inner.gate, cirq.MeasurementGate | cirq.ResetChannel)
        if not is_known and not _is_barrier(inner) and not cirq.has_unitary(inner):
            raise CircuitError(f"this emulator does not run {operation}")
    return operations


def _entangler(one: Any, other: Any, *, gates: Sequence[str]) -> list[Any]:
    """A CZ gate, in the gates of a target."""
    turns = [cirq.S(one), cirq.S(other)]
    flips = [cirq.H(one), cirq.H(other)]
    if "cz" in gates:
        return [cirq.CZ(one, other)]
    if "cx" in gates:
        return [cirq.H(other), cirq.CX(one, other), cirq.H(other)]
    if "rzz" in gates:
        return [cirq.ZZPowGate(exponent=-0.5, global_shift=-0.5)(one, other), *turns]
    if "rxx" in gates:
        rotation = cirq.XXPowGate(exponent=-0.5, global_shift=-0.5)
        return [*flips, rotation(one, other), *flips, *turns]
    raise _refusal("cx, cz, rxx or rzz, where they act on two qubits,", gates)


def _rotation(gate: Any, qubit: Any, *, gates: Sequence[str]) -> Iterator[Any]:
    """A gate on one qubit as turns about the z axis around others, in the gates of a target."""
    for step in _turns(gate.x_exponent, gate.axis_phase_exponent, gate.z_exponent, gates):
        if not isinstance(step, float):
            yield step(qubit)
        elif not math.isclose(turn := (step + 1) % 2, 1, abs_tol=1e-9):
            if "rz" not in gates:
                raise _refusal("rz and one of r, rx and sx", gates)
            yield cirq.rz(math.pi * (turn - 1))(qubit)


def _turns(turn: float, axis: float, last: float, gates: Sequence[str]) -> list[Any]:
    """Numbers stand for half turns about the z axis."""
    if math.isclose(turn, 0, abs_tol=1e-9):
        return [float(last)]
    if "r" in gates:
        return [cirq.PhasedXPowGate(exponent=turn, phase_exponent=axis), float(last)]
    before, after = -float(axis), float(axis + last)
    if "rx" in gates:
        return [before, cirq.rx(math.pi * turn), after]
    if "x" in gates and math.isclose(abs(turn), 1, abs_tol=1e-9):
        return [before, cirq.X, after]
    if "sx" in gates:
        half = cirq.X**0.5
        return [before + 0.5, half, float(turn + 1), half, after + 0.5]
    raise _refusal("rz and one of r, rx and sx", gates)


def _refusal(wanted: str, gates: Sequence[str]) -> CircuitError:
    names = ", ".join(sorted(gates))
    return CircuitError(f"Cirq circuits are compiled to {wanted}, and this target has only {names}")


def _native(operations: Iterable[Any], gates: Sequence[str]) -> Any:
    """A circuit of the target's gates; everything else is kept."""
    prepared = cirq.Circuit()
    for operation in operations:
        controls, inner = operation.classical_controls, operation.without_classical_controls()
        if controls:
            made = _native([inner], gates).all_operations()
            prepared.append(o.with_classical_controls(*controls).with_tags(_KEEP) for o in made)
        else:
            is_gate = cirq.has_unitary(inner) and not _is_barrier(inner)
            prepared.append(inner if is_gate else inner.with_tags(_KEEP))

    def in_gates(operation: Any, _: int) -> Any:
        if isinstance(operation.gate, cirq.PhasedXZGate):
            return list(_rotation(operation.gate, *operation.qubits, gates=gates))
        return [] if isinstance(operation.gate, cirq.IdentityGate) else operation

    def entangled(operation: Any, _: int) -> Any:
        return (
            _entangler(*operation.qubits, gates=gates) if operation.gate == cirq.CZ else operation
        )

    context = cirq.TransformerContext(tags_to_ignore=(_KEEP,))
    known = {"cx": cirq.CX, "rxx": cirq.XXPowGate, "rzz": cirq.ZZPowGate, "swap": cirq.SWAP}
    gateset = cirq.CZTargetGateset(additional_gates=[known[g] for g in gates if g in known])
    made = cirq.optimize_for_target_gateset(
        prepared, gateset=gateset, context=context, ignore_failures=False
    )
    made = cirq.map_operations_and_unroll(made, entangled, tags_to_ignore=(_KEEP,))
    made = cirq.merge_single_qubit_gates_to_phxz(made, context=context)
    made = cirq.map_operations_and_unroll(made, in_gates, tags_to_ignore=(_KEEP,))
    return cirq.Circuit(operation.untagged for operation in made.all_operations())


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
    operations = _small(program.circuit)
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
    names: Sequence[Any] = cirq.LineQubit.range(program.num_qubits)
    if task.coupling is not None:
        graph = nx.Graph()
        graph.add_nodes_from(range(task.max_qubits))
        graph.add_edges_from(task.coupling)
        names = cirq.LineQubit.range(len(graph))
        initial = fixed or _region(graph, program.num_qubits)
        at = dict(zip(qubits, initial, strict=True))
        operations = list(_routed(operations, at, graph))
        final = [at[qubit] for qubit in qubits]
    elif fixed is not None:
        names = qubits
    else:
        moved = dict(zip(qubits, names, strict=True))
        operations = [operation.transform_qubits(moved) for operation in operations]
    final = [final[wire] for wire in wires]
    return CompiledCircuit(
        circuit=_native(operations, task.native_gates),
        initial=initial,
        final=final,
        qubits=tuple(names[place] for place in final),
        physical_qubits=str(cirq.to_json(names, indent=None)),
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
    bits = [records[key].reshape(task.shots, -1) for key in sorted(records)]
    return Counter("".join(map(str, shot)) for shot in np.concatenate(bits, axis=1))


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
    operations = list(circuit.all_operations())
    measured = [operation for operation in operations if cirq.is_measurement(operation)]
    sizes = {cirq.measurement_key_name(one): len(one.qubits) for one in measured}
    return (
        len(sizes) == len(measured)
        and not any(one.gate.confusion_map for one in measured)
        and not any(isinstance(one.gate, cirq.ResetChannel) for one in operations)
        and len(circuit.all_qubits()) + sum(sizes.values()) <= _DEFERRED_QUBITS
        and all(
            sum(sizes[str(key)] for key in cirq.control_keys(one)) <= _CONDITION_BITS
            for one in operations
        )
    )


def size(program: Program) -> dict[str, int]:
    """The size of a circuit, with gates on more qubits counted by what they consist of."""
    circuit = cirq.Circuit(_small(program.circuit))
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
