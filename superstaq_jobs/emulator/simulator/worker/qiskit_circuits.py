"""Qiskit circuits: compiled by Qiskit for a target, and run by Aer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from qiskit import transpile
from qiskit.circuit import (
    BreakLoopOp,
    Clbit,
    ContinueLoopOp,
    ControlFlowOp,
    Qubit,
    get_control_flow_name_mapping,
)
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.converters import circuit_to_dag, dag_to_circuit
from qiskit.transpiler import CouplingMap, PassManager, Target
from qiskit.transpiler.passes import ElidePermutations, Unroll3qOrMore

from superstaq_jobs.emulator.simulator.tasks import Task

from .program import CircuitError, CompiledCircuit, Program, check_used, depolarizing

__all__ = ["compile_for", "compiled", "has_blocks", "run", "size", "transpiled"]

_VERBATIM_GATES: Final = ("rz", "sx", "x", "cx")
"""The gates that verbatim circuits run as."""

_NOISELESS: Final = {"rz", "p", "id"}
"""Gates that a device carries out by changing the phase of later pulses, or not at all."""

_CONTROL_FLOW: Final = get_control_flow_name_mapping() | {
    "break_loop": BreakLoopOp,
    "continue_loop": ContinueLoopOp,
}

_HISTORIES_BYTES: Final = 2**30
"""How much memory the states of the histories of a circuit may take."""

_SHOTS_AT_ONCE: Final = 25_000
"""Aer keeps a random generator, and more, for each shot of a circuit that has histories."""


def has_blocks(circuit: Any) -> bool:
    """Whether a circuit has conditions or loops."""
    return any(isinstance(step.operation, ControlFlowOp) for step in circuit.data)


def transpiled(
    circuit: Any,
    gates: Sequence[str] = _VERBATIM_GATES,
    *,
    level: int,
    qubits: int | None = None,
    coupling: Sequence[Sequence[int]] | None = None,
    places: list[int] | None = None,
) -> Any:
    """A circuit in other gates, for connected qubits if ``qubits`` and ``coupling`` are given."""
    known = get_standard_gate_name_mapping()
    if unknown := [gate for gate in gates if gate not in known]:
        raise CircuitError(f"this emulator does not know the gate {unknown[0]!r} of the target")
    target = Target.from_configuration(
        basis_gates=list(dict.fromkeys((*gates, "measure", "reset", *_CONTROL_FLOW))),
        num_qubits=qubits,
        coupling_map=None if coupling is None else CouplingMap(coupling),
        custom_name_mapping=_CONTROL_FLOW,
    )
    # A fixed seed, so that a circuit always compiles to the same result. The default layout method
    # would be random all the same: no seed affects where it puts qubits without two-qubit gates.
    # Sabre's scatters the qubits of gates in blocks.
    return transpile(
        circuit,
        target=target,
        initial_layout=places,
        layout_method="dense" if has_blocks(circuit) else "sabre",
        optimization_level=level,
        seed_transpiler=0,
    )


def compiled(circuit: Any, task: Task, numbers: Sequence[int]) -> CompiledCircuit:
    """A circuit in the gates of a task's target, on its qubits.

    ``numbers`` are those of the qubits, for a target with ``fixed_qubits``.
    """
    if task.fixed_qubits and max(numbers) >= task.max_qubits:
        raise CircuitError(
            f"the circuit uses qubit {max(numbers)}; those of this target are numbered from 0 to "
            f"{task.max_qubits - 1}"
        )
    wires = list(range(circuit.num_qubits))
    if task.mirror_swaps:
        circuit = PassManager([ElidePermutations()]).run(circuit)
        if circuit.layout is not None:
            wires = circuit.layout.final_index_layout()
    made = transpiled(
        circuit,
        task.native_gates,
        level=1,
        qubits=None if task.coupling is None else task.max_qubits,
        coupling=task.coupling,
        places=list(numbers) if task.fixed_qubits and task.coupling is not None else None,
    )
    initial = final = sorted(wires)
    if made.layout is not None:
        initial = made.layout.initial_index_layout(filter_ancillas=True)
        final = made.layout.final_index_layout(filter_ancillas=True)
    return CompiledCircuit(circuit=made, initial=initial, final=[final[wire] for wire in wires])


def compile_for(program: Program, task: Task) -> CompiledCircuit:
    """Compile a circuit for the target of a task."""
    circuit = program.circuit
    if circuit.parameters:
        names = ", ".join(sorted(parameter.name for parameter in circuit.parameters))
        raise CircuitError(f"the circuit has parameters without a value: {names}")
    places = list(range(circuit.num_qubits))
    if task.verbatim:
        return CompiledCircuit(circuit=transpiled(circuit, level=0), initial=places, final=places)
    return compiled(circuit, task, places)


def run(program: Program, compiled: CompiledCircuit, task: Task) -> dict[str, int]:
    """Counts by big-endian keys of the bits that are shown; of all qubits if none is measured."""
    circuit = compiled.circuit
    if "measure" in circuit_to_dag(circuit).count_ops(recurse=True):
        shown = list(range(circuit.num_clbits) if program.shown is None else program.shown)
    else:
        circuit, bits = circuit.copy(), [Clbit() for _ in compiled.final]
        shown = list(range(circuit.num_clbits, circuit.num_clbits + len(bits)))
        circuit.add_bits(bits)
        circuit.measure(compiled.final, bits)
    counts: Counter[str] = Counter()
    for outcome, count in _outcomes(_without_idle_qubits(circuit), task).items():
        counts["".join(str(outcome >> bit & 1) for bit in shown)] += count
    return counts


def _without_idle_qubits(circuit: Any) -> Any:
    dag = circuit_to_dag(circuit)
    dag.remove_all_ops_named("barrier")
    dag.remove_qubits(*(wire for wire in dag.idle_wires() if isinstance(wire, Qubit)))
    check_used(dag.num_qubits())
    return dag_to_circuit(dag)


# ---- outcomes: numbers whose bit of weight 2**i is the classical bit i


def _outcomes(circuit: Any, task: Task) -> dict[int, int]:
    """How often each outcome occurs.

    A circuit whose measurements all come last is sampled from its final state. Aer follows the
    histories of any other one, each with a state of its own, so only as many shots are simulated
    at once as fit into memory.
    """
    if _measures_last(circuit):
        return _simulated(circuit, task, task.shots, task.seed)
    state = 16 * 2 ** (circuit.num_qubits * (2 if task.noise else 1))
    certain = shots = max(1, min(_HISTORIES_BYTES // state, _SHOTS_AT_ONCE))
    counts: Counter[int] = Counter()
    rng = np.random.default_rng(task.seed)
    while left := task.shots - counts.total():
        shots = min(shots, left)
        try:
            found = _simulated(circuit, task, shots, int(rng.integers(2**31)), branching=True)
        except MemoryError:
            if shots <= certain:
                raise
            shots = certain
            continue
        counts.update(found)
        # Few outcomes are a sign of few histories, so that all shots fit into memory at once.
        shots = certain if 2 * len(found) > shots else _SHOTS_AT_ONCE
    return counts


def _measures_last(circuit: Any) -> bool:
    """Whether no operation but measurements at the end depends on chance."""
    rest = circuit.remove_final_measurements(inplace=False).count_ops()
    return not rest.keys() & {"measure", "reset", "initialize", *_CONTROL_FLOW}


def _simulated(
    circuit: Any, task: Task, shots: int, seed: int, *, branching: bool = False
) -> dict[int, int]:
    """The outcomes that Aer finds."""
    from qiskit_aer import AerSimulator

    # One thread: otherwise the samples would depend on how Aer divides shots among threads.
    # Aer's own truncation of idle qubits also cuts off what conditions and loops act on.
    method = "density_matrix" if task.noise else "statevector"
    simulator = AerSimulator(
        method=method,
        max_parallel_threads=1,
        enable_truncation=False,
        shot_branching_enable=branching,
    )
    if task.noise:
        simulator.set_options(noise_model=_noise(task))
    result = simulator.run(circuit, shots=shots, seed_simulator=seed).result()
    if not result.success:
        if "alloc" in result.status or "memory" in result.status.lower():
            raise MemoryError
        raise CircuitError(f"the circuit cannot be simulated here: {result.status}")
    # The raw keys, since Qiskit's formatted keys omit bits that are not in a register.
    return {int(key, 16): count for key, count in result.data(0)["counts"].items()}


def _noise(task: Task) -> Any:
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    model, known = NoiseModel(), get_standard_gate_name_mapping()
    for gate in _VERBATIM_GATES if task.verbatim else task.native_gates:
        if gate not in _NOISELESS:
            qubits = known[gate].num_qubits
            error = depolarizing_error(depolarizing(task, qubits), qubits)
            model.add_all_qubit_quantum_error(error, [gate])
    return model


def size(circuit: Any) -> tuple[list[int], int]:
    """The number of qubits of each gate, and the depth; those on more are decomposed."""
    made = PassManager([Unroll3qOrMore()]).run(circuit)
    others = {"measure", "reset", "barrier"}
    gates = [len(step.qubits) for step in made.data if step.operation.name not in others]
    return gates, made.depth()
