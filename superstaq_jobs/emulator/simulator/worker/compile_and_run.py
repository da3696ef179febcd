"""How a task is carried out: a circuit is compiled and run, split, or converted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from . import mid_circuit
from .formats import FORMATS
from .program import CircuitError, Program, operation_names

__all__ = [
    "BASIS_GATES",
    "CX_DEPOLARIZING",
    "MAX_NOISY_QUBITS",
    "MAX_QUBITS",
    "ONE_QUBIT_DEPOLARIZING",
    "compile_and_run",
    "convert",
    "describe",
    "join",
    "results_of",
    "split",
]

BASIS_GATES: Final = ("rz", "sx", "x", "cx")
"""The gates that verbatim circuits run as."""

ONE_QUBIT_DEPOLARIZING: Final = 0.001
"""``noise-sim``: the depolarizing probability after each gate on a qubit. ``rz`` is noiseless."""

CX_DEPOLARIZING: Final = 0.01
"""``noise-sim``: the (two-qubit) depolarizing probability after each gate on two qubits."""

_NOISELESS: Final = {"rz", "p", "id"}
"""Gates that a device carries out by changing the phase of later pulses, or not at all."""

MAX_QUBITS: Final = 26
"""The most qubits that a circuit of any target may use: their state takes a gigabyte."""

MAX_NOISY_QUBITS: Final = 10
"""``noise-sim``: a density matrix of n qubits is as large as the state of 2n qubits."""


def _check_size(circuit: Any, task: dict[str, Any]) -> None:
    qubits, limit = circuit.num_qubits, task["max_qubits"]
    if qubits == 0:
        raise CircuitError("the circuit has no qubits")
    if qubits > limit:
        raise CircuitError(f"the circuit has {qubits} qubits, more than the {limit} of this target")
    if task["noise"] and qubits > MAX_NOISY_QUBITS:
        raise CircuitError(
            f"the circuit has {qubits} qubits, more than the {MAX_NOISY_QUBITS} of noise-sim"
        )
    if circuit.parameters:
        names = ", ".join(sorted(parameter.name for parameter in circuit.parameters))
        raise CircuitError(f"the circuit has parameters without a value: {names}")


def _transpile(
    circuit: Any,
    *,
    gates: Sequence[str] = BASIS_GATES,
    coupling: list[list[int]] | None = None,
    places: Sequence[int] | None = None,
    level: int,
) -> Any:
    from qiskit import transpile

    # A fixed seed, so that a circuit always compiles to the same result. The default layout method
    # would be random all the same: no seed affects where it puts qubits without two-qubit gates.
    return transpile(
        circuit,
        basis_gates=list(gates),
        coupling_map=coupling,
        initial_layout=None if coupling is None else places,
        layout_method="sabre",
        optimization_level=level,
        seed_transpiler=0,
    )


def _layouts(compiled: Any, qubits: int) -> tuple[list[int], list[int]]:
    """The physical qubit of each logical one at the start and at the end of a compiled circuit."""
    if compiled.layout is None:
        return list(range(qubits)), list(range(qubits))
    return (
        compiled.layout.initial_index_layout(filter_ancillas=True),
        compiled.layout.final_index_layout(filter_ancillas=True),
    )


def _simulator(task: dict[str, Any]) -> Any:
    from qiskit.circuit.library import get_standard_gate_name_mapping
    from qiskit_aer import AerSimulator
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    # One thread: otherwise the samples would depend on how Aer divides shots among threads.
    if not task["noise"]:
        return AerSimulator(method="statevector", max_parallel_threads=1)
    rate, known = task["error_rate"], get_standard_gate_name_mapping()
    rates = {1: ONE_QUBIT_DEPOLARIZING, 2: CX_DEPOLARIZING}
    model = NoiseModel()
    for gate in BASIS_GATES if task["verbatim"] else task["native_gates"]:
        if gate not in _NOISELESS:
            size = known[gate].num_qubits
            error = depolarizing_error(rates[size] if rate is None else rate, size)
            model.add_all_qubit_quantum_error(error, [gate])
    return AerSimulator(method="density_matrix", max_parallel_threads=1, noise_model=model)


def _with_measurement(circuit: Any, program: Program, final: list[int]) -> tuple[Any, list[int]]:
    """The circuit, measured at the end if it has no measurement, and the bits that counts show."""
    from qiskit.circuit import ClassicalRegister

    if "measure" in operation_names(circuit):
        shown = range(circuit.num_clbits) if program.shown is None else program.shown
        return circuit, list(shown)
    register = ClassicalRegister(len(final), "measured_at_the_end")
    measured = circuit.copy()
    measured.add_register(register)
    measured.measure(final, list(register))
    return measured, list(range(circuit.num_clbits, measured.num_clbits))


def _without_idle_qubits(circuit: Any) -> Any:
    from qiskit.circuit import Qubit
    from qiskit.converters import circuit_to_dag, dag_to_circuit

    dag = circuit_to_dag(circuit)
    dag.remove_all_ops_named("barrier")
    dag.remove_qubits(*(wire for wire in dag.idle_wires() if isinstance(wire, Qubit)))
    if dag.num_qubits() > MAX_QUBITS:
        raise CircuitError(
            f"the circuit uses {dag.num_qubits()} qubits, more than the {MAX_QUBITS} that this "
            "emulator simulates"
        )
    return dag_to_circuit(dag)


def _outcomes(circuit: Any, task: dict[str, Any]) -> dict[int, int]:
    """How often each pattern of classical bits occurs; bit i is the bit of weight 2**i."""
    if circuit.num_qubits > MAX_QUBITS:
        circuit = _without_idle_qubits(circuit)
    if not task["noise"] and mid_circuit.is_worth_it(circuit, task["shots"]):
        return mid_circuit.sample(circuit, shots=task["shots"], seed=task["seed"])
    result = (
        _simulator(task)
        # Aer's truncation of idle qubits also cuts off the target of the jump of a final loop.
        .run(
            circuit,
            enable_truncation="while_loop" not in operation_names(circuit),
            shots=task["shots"],
            seed_simulator=task["seed"],
        )
        .result()
    )
    if not result.success:
        raise CircuitError(f"the simulation failed: {result.status}")
    # The raw keys, since Qiskit's formatted keys omit bits that are not in a register.
    return {int(key, 16): count for key, count in result.data(0)["counts"].items()}


def _sample(circuit: Any, shown: list[int], task: dict[str, Any]) -> dict[str, int]:
    """Counts whose keys have the bits that are shown, in order."""
    counts: dict[str, int] = {}
    for outcome, count in _outcomes(circuit, task).items():
        bits = "".join(str(outcome >> bit & 1) for bit in shown)
        counts[bits] = counts.get(bits, 0) + count
    return dict(sorted(counts.items()))


def _failed(error: BaseException, stage: str) -> dict[str, Any]:
    reason = str(error) if isinstance(error, CircuitError) else f"{type(error).__name__}: {error}"
    return {"failed": reason, "stage": stage}


def _with_mirrored_swaps(circuit: Any) -> tuple[Any, list[int]]:
    """The circuit without its SWAP gates, and where each of its qubits is at the end."""
    from qiskit.circuit.library import SwapGate

    wires = list(range(circuit.num_qubits))
    made = circuit.copy_empty_like()
    for step in circuit.data:
        where = [circuit.find_bit(qubit).index for qubit in step.qubits]
        # Not by its name, which a gate of the program's own may have too.
        if step.operation.base_class is SwapGate:
            one, other = where
            wires[one], wires[other] = wires[other], wires[one]
        else:
            made.append(step.operation, [wires[qubit] for qubit in where], step.clbits)
    return made, wires


def _fixed_places(program: Program, task: dict[str, Any]) -> list[int] | None:
    """Where the qubits of a program have to be placed; None if the compiler is free to choose."""
    if not task["fixed_qubits"]:
        return None
    places = list(program.places or range(program.circuit.num_qubits))
    if max(places) >= task["max_qubits"]:
        raise CircuitError(
            f"the circuit uses qubit {max(places)}; those of this target are numbered from 0 to "
            f"{task['max_qubits'] - 1}"
        )
    return places


def _compile(program: Program, task: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The circuit to run, and the result that reports what it was compiled to."""
    circuit_format = FORMATS[task["circuit_type"]]
    circuit, coupling = program.circuit, task["coupling"]
    qubits = circuit.num_qubits
    if task["verbatim"]:
        runnable = _transpile(circuit, level=0)
        initial = final = list(range(qubits))
        written, physical = task["circuit"], program.logical_qubits
    else:
        wires = list(range(qubits))
        if task["mirror_swaps"]:
            circuit, wires = _with_mirrored_swaps(circuit)
        runnable = _transpile(
            circuit,
            gates=task["native_gates"],
            coupling=coupling,
            places=_fixed_places(program, task),
            level=1,
        )
        initial, final = _layouts(runnable, qubits)
        final = [final[wire] for wire in wires]
        stays = task["fixed_qubits"] and coupling is None
        physical = (
            program.logical_qubits if stays else circuit_format.physical_qubits(runnable.num_qubits)
        )
        written = circuit_format.write(runnable, program, physical)
    return runnable, {
        "compiled": written,
        "initial": initial,
        "final": final,
        "logical_qubits": program.logical_qubits,
        "physical_qubits": physical,
    }


def compile_and_run(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Compile and run one circuit.

    Args:
        task: The fields of `tasks.Task`.

    Yields:
        The results that the head of `main` describes.
    """
    # Catch everything: a parser that runs out of memory raises a BaseException, and one circuit's
    # failure must not affect another.
    try:
        program = FORMATS[task["circuit_type"]].read(task["circuit"])
        _check_size(program.circuit, task)
        runnable, compiled = _compile(program, task)
    except BaseException as error:  # noqa: BLE001
        yield _failed(error, "compile")
        return
    yield compiled
    try:
        counts = None
        if task["run"]:
            measured, shown = _with_measurement(runnable, program, compiled["final"])
            counts = _sample(measured, shown, task) if task["shots"] else {}
    except BaseException as error:  # noqa: BLE001
        yield _failed(error, "run")
        return
    yield {"counts": counts}


def split(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Split a string with several circuits.

    Args:
        task: The fields of `tasks.Split`.

    Yields:
        One result.
    """
    circuit_format = FORMATS[task["circuit_type"]]
    try:
        circuits = (
            [task["split"]] if circuit_format.split is None else circuit_format.split(task["split"])
        )
    except BaseException as error:  # noqa: BLE001
        yield _failed(error, "compile")
        return
    yield {"circuits": circuits}


def convert(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Write a circuit, and its compiled form, in another format.

    Args:
        task: The fields of `tasks.Conversion`.

    Yields:
        One result.
    """
    source, target = FORMATS[task["circuit_type"]], FORMATS[task["convert_to"]]
    try:
        program = source.read(task["circuit"])
        compiled = None
        physical = program.circuit.num_qubits
        if task["compiled"] is not None:
            read = source.read_compiled(task["compiled"], task["physical_qubits"])
            physical = read.circuit.num_qubits
            compiled = target.write(read.circuit, read, None)
        result = {
            "circuit": target.write(program.circuit, program, None),
            "compiled": compiled,
            "logical_qubits": target.physical_qubits(program.circuit.num_qubits),
            "physical_qubits": target.physical_qubits(physical),
        }
    except BaseException as error:  # noqa: BLE001
        yield _failed(error, "compile")
        return
    yield result


def join(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Write several circuits as one string.

    Args:
        task: The fields of `tasks.Join`.

    Yields:
        One result.
    """
    try:
        circuits = FORMATS[task["circuit_type"]].join(task["join"])
    except BaseException as error:  # noqa: BLE001
        yield _failed(error, "compile")
        return
    yield {"circuits": circuits}


def _size(circuit: Any) -> dict[str, int]:
    from qiskit.transpiler import PassManager
    from qiskit.transpiler.passes import Unroll3qOrMore

    simple = PassManager([Unroll3qOrMore()]).run(circuit)
    gates = [
        len(step.qubits)
        for step in simple.data
        if step.operation.name not in {"measure", "reset", "barrier", "delay"}
    ]
    return {
        "num_qubits": circuit.num_qubits,
        "num_single_qubit_gates": gates.count(1),
        "num_two_qubit_gates": gates.count(2),
        "depth": simple.depth(),
    }


def describe(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Find out the sizes of circuits.

    Args:
        task: The fields of `tasks.Describe`.

    Yields:
        One result.
    """
    read = FORMATS[task["circuit_type"]].read
    sizes: list[dict[str, int] | None] = []
    for circuit in task["describe"]:
        try:
            sizes.append(_size(read(circuit).circuit))
        except BaseException:  # noqa: BLE001 - it fails, with a reason, when it is compiled
            sizes.append(None)
    yield {"sizes": sizes}


_OTHER_TASKS: Final = {
    "split": split,
    "convert_to": convert,
    "join": join,
    "describe": describe,
}
"""What is done with a task that has a field of this name."""


def _restart_numbering() -> None:
    """Make the names that Qiskit generates depend on this task alone, not on earlier ones."""
    from qiskit import QuantumCircuit

    # Qiskit numbers circuits without a name, and QPY contains the names.
    QuantumCircuit.instances = 0


def results_of(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The results of a task of any kind."""
    _restart_numbering()
    work = next((_OTHER_TASKS[field] for field in _OTHER_TASKS if field in task), compile_and_run)
    return work(task)
