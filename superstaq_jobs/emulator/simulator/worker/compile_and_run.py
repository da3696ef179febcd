"""How a task is carried out: a circuit is compiled and run, split, or converted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from . import mid_circuit
from .formats import FORMATS
from .program import CircuitError, Program, operation_names

__all__ = [
    "BASIS_GATES",
    "CX_DEPOLARIZING",
    "MAX_NOISY_QUBITS",
    "ONE_QUBIT_DEPOLARIZING",
    "compile_and_run",
    "convert",
    "results_of",
    "split",
]

BASIS_GATES: Final = ("rz", "sx", "x", "cx")
"""The gates that circuits are compiled to, on every target."""

ONE_QUBIT_DEPOLARIZING: Final = 0.001
"""``noise-sim``: the depolarizing probability after each ``sx`` and ``x``. ``rz`` is noiseless."""

CX_DEPOLARIZING: Final = 0.01
"""``noise-sim``: the (two-qubit) depolarizing probability after each ``cx``."""

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


def _transpile(circuit: Any, *, coupling: list[list[int]] | None, level: int) -> Any:
    from qiskit import transpile

    # A fixed seed, so that a circuit always compiles to the same result. The default layout method
    # would be random all the same: no seed affects where it puts qubits without two-qubit gates.
    return transpile(
        circuit,
        basis_gates=list(BASIS_GATES),
        coupling_map=coupling,
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


def _simulator(*, noise: bool) -> Any:
    from qiskit_aer import AerSimulator
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    # One thread: otherwise the samples would depend on how Aer divides shots among threads.
    if not noise:
        return AerSimulator(method="statevector", max_parallel_threads=1)
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(ONE_QUBIT_DEPOLARIZING, 1), ["sx", "x"])
    model.add_all_qubit_quantum_error(depolarizing_error(CX_DEPOLARIZING, 2), ["cx"])
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


def _outcomes(circuit: Any, task: dict[str, Any]) -> dict[int, int]:
    """How often each pattern of classical bits occurs; bit i is the bit of weight 2**i."""
    if not task["noise"] and mid_circuit.is_worth_it(circuit, task["shots"]):
        return mid_circuit.sample(circuit, shots=task["shots"], seed=task["seed"])
    result = (
        _simulator(noise=task["noise"])
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


def _compile(program: Program, task: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The circuit to run, and the result that reports what it was compiled to."""
    circuit_format = FORMATS[task["circuit_type"]]
    qubits = program.circuit.num_qubits
    if task["verbatim"]:
        runnable = _transpile(program.circuit, coupling=None, level=0)
        initial = final = list(range(qubits))
        written, physical = task["circuit"], program.logical_qubits
    else:
        runnable = _transpile(program.circuit, coupling=task["coupling"], level=1)
        initial, final = _layouts(runnable, qubits)
        written = circuit_format.write(runnable, program)
        physical = circuit_format.physical_qubits(runnable.num_qubits)
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
            compiled = target.write(read.circuit, read)
        result = {
            "circuit": target.write(program.circuit, program),
            "compiled": compiled,
            "logical_qubits": target.physical_qubits(program.circuit.num_qubits),
            "physical_qubits": target.physical_qubits(physical),
        }
    except BaseException as error:  # noqa: BLE001
        yield _failed(error, "compile")
        return
    yield result


def _restart_numbering() -> None:
    """Make the names that Qiskit generates depend on this task alone, not on earlier ones."""
    from qiskit import QuantumCircuit

    # Qiskit numbers circuits without a name, and QPY contains the names.
    QuantumCircuit.instances = 0


def results_of(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The results of a task of any kind."""
    _restart_numbering()
    if "split" in task:
        return split(task)
    return convert(task) if "convert_to" in task else compile_and_run(task)
