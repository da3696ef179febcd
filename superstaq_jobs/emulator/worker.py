"""The program that compiles and runs circuits, one at a time, in a process of its own.

Lives here: everything that knows Qiskit: how a circuit is read, compiled, written and run. It is
run as a script (`simulator` starts it) and imports nothing of this package, so that it loads the
simulator and no server. The reason for a process: Aer holds the interpreter's lock while it
simulates, so in a thread it would stop every request, and the program under test, for seconds; and
a process can be killed.

The first line out is ``ready``, or why it cannot start. Then one JSON object a line comes in, a
`Task` of `simulator`, and out go either ``{"failed", "stage"}``, or
``{"compiled", "initial", "final"}`` and then ``{"counts"}`` (null for a compile job) or
``{"failed", "stage"}``.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

__all__ = [
    "BASIS_GATES",
    "CX_DEPOLARIZING",
    "MAX_NOISY_QUBITS",
    "MAX_REGISTER_BITS",
    "ONE_QUBIT_DEPOLARIZING",
    "READERS",
    "WRITERS",
    "CircuitError",
    "work",
]

BASIS_GATES: Final = ("rz", "sx", "x", "cx")
"""What circuits are compiled to, on every target."""

ONE_QUBIT_DEPOLARIZING: Final = 0.001
"""``noise-sim``: the depolarizing probability after each ``sx`` and ``x``. ``rz`` has no noise."""

CX_DEPOLARIZING: Final = 0.01
"""``noise-sim``: the (two-qubit) depolarizing probability after each ``cx``."""

MAX_NOISY_QUBITS: Final = 10
"""``noise-sim``: a density matrix of n qubits is as large as a state of 2n."""

MAX_REGISTER_BITS: Final = 1_000
"""A longer register is refused before the parser makes an object for each of its bits."""

_MEMORY_BYTES: Final = 4 * 1024**3

_COMMENT: Final = r"//[^\n]*|/\*.*?\*/"
_VERSION: Final = re.compile(rf"(?:\s|{_COMMENT})*OPENQASM\s+(\d+)", re.DOTALL)
_STRING: Final = re.compile(rf"{_COMMENT}|[\"']([^\"'\n]*)[\"']", re.DOTALL)
_REGISTER: Final = re.compile(r"\b(?:[qc]reg\s+\w+|qubit|bit)\s*\[\s*([\d_]+)")
_CONTROL_FLOW: Final = frozenset({"if_else", "for_loop", "while_loop", "switch_case", "box"})
_INCLUDES: Final = frozenset({"qelib1.inc", "stdgates.inc"})


class CircuitError(Exception):
    """Why a circuit cannot be read, compiled or run, in words for whoever submitted it."""


def _check_text(text: str) -> None:
    # An include is the only place of a string in the language that the parsers here read, and
    # Qiskit would open any file of that name, and quote from it in its message.
    for match in _STRING.finditer(text):
        if match[1] is not None and match[1] not in _INCLUDES:
            raise CircuitError(f"cannot include {match[1]!r}: only {', '.join(sorted(_INCLUDES))}")
    for match in _REGISTER.finditer(text):
        if int(match[1].replace("_", "") or 0) > MAX_REGISTER_BITS:
            raise CircuitError(
                f"a register of {match[1]} bits is longer than {MAX_REGISTER_BITS}, the most that "
                "this emulator reads"
            )


def read_qasm(text: str) -> Any:
    """The circuit that an OpenQASM 2 or 3 program describes.

    A program without a version line is read as OpenQASM 3, where that line is optional.

    Args:
        text: The program.

    Returns:
        A ``qiskit.QuantumCircuit``.

    Raises:
        CircuitError: The parser refuses the program; the text is the parser's.
    """
    import qiskit.qasm2
    import qiskit.qasm3

    _check_text(text)
    version = _VERSION.match(text)
    # The OpenQASM 3 parser prints its complaints and raises an exception without a text.
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed), contextlib.redirect_stdout(printed):
            if version is not None and version[1] == "2":
                return qiskit.qasm2.loads(
                    text, custom_instructions=qiskit.qasm2.LEGACY_CUSTOM_INSTRUCTIONS
                )
            return qiskit.qasm3.loads(text)
    except (AttributeError, TypeError) as error:
        # Seen for an empty program: a fault of the importer, of no use as a message.
        said = printed.getvalue().strip()
        raise CircuitError(said or "this is not an OpenQASM program") from error
    except Exception as error:
        said = str(error).strip() or printed.getvalue().strip() or _where_it_stopped(error)
        raise CircuitError(said) from error


def _where_it_stopped(error: BaseException) -> str:
    """What the OpenQASM 3 parser did not expect, from the token that its exception holds."""
    for cause in getattr(error.__cause__, "args", ()):
        token = getattr(cause, "offendingToken", None)
        if token is not None:
            return f"line {token.line}:{token.column} did not expect {token.text!r}"
    return f"the parser gave up ({type(error).__name__})"


def write_qasm(circuit: Any) -> str:
    """The circuit as OpenQASM 2, or as OpenQASM 3 where version 2 has no words for it.

    Control flow is always written as OpenQASM 3: Qiskit's writer of version 2 names the qubits of a
    condition's body by the body's own registers, which compilation to a device has left behind.
    """
    import qiskit.qasm2
    import qiskit.qasm3

    if _CONTROL_FLOW & _operation_names(circuit):
        return str(qiskit.qasm3.dumps(circuit))
    try:
        return str(qiskit.qasm2.dumps(circuit))
    except qiskit.qasm2.QASM2Error:
        return str(qiskit.qasm3.dumps(circuit))


READERS: Final[dict[str, Callable[[str], Any]]] = {"qasm": read_qasm}
"""For each circuit type, what reads a text of it into a ``QuantumCircuit``."""

WRITERS: Final[dict[str, Callable[[Any], str]]] = {"qasm": write_qasm}
"""For each circuit type, what writes a ``QuantumCircuit``."""


def _operation_names(circuit: Any) -> set[str]:
    """The names of all operations, those inside control flow too."""
    names = set()
    for step in circuit.data:
        names.add(step.operation.name)
        for block in getattr(step.operation, "blocks", ()):
            names |= _operation_names(block)
    return names


def _check_size(circuit: Any, task: dict[str, Any]) -> None:
    qubits, most = circuit.num_qubits, task["max_qubits"]
    if qubits == 0:
        raise CircuitError("the circuit has no qubits")
    if qubits > most:
        raise CircuitError(f"the circuit has {qubits} qubits, more than the {most} of this target")
    if task["noise"] and qubits > MAX_NOISY_QUBITS:
        raise CircuitError(
            f"the circuit has {qubits} qubits, more than the {MAX_NOISY_QUBITS} of noise-sim"
        )
    if circuit.parameters:
        names = ", ".join(sorted(parameter.name for parameter in circuit.parameters))
        raise CircuitError(f"the circuit has inputs without a value: {names}")


def _transpile(circuit: Any, *, coupling: list[list[int]] | None, level: int) -> Any:
    from qiskit import transpile

    # One fixed seed: what a circuit compiles to is no matter of chance here.
    return transpile(
        circuit,
        basis_gates=list(BASIS_GATES),
        coupling_map=coupling,
        optimization_level=level,
        seed_transpiler=0,
    )


def _layouts(compiled: Any, qubits: int) -> tuple[list[int], list[int]]:
    """Where each logical qubit is at the start and at the end of a compiled circuit."""
    if compiled.layout is None:
        return list(range(qubits)), list(range(qubits))
    return (
        compiled.layout.initial_index_layout(filter_ancillas=True),
        compiled.layout.final_index_layout(filter_ancillas=True),
    )


def _simulator(*, noise: bool) -> Any:
    from qiskit_aer import AerSimulator
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    # One thread: how Aer shares shots out among threads would otherwise be part of the seed.
    if not noise:
        return AerSimulator(method="statevector", max_parallel_threads=1)
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(ONE_QUBIT_DEPOLARIZING, 1), ["sx", "x"])
    model.add_all_qubit_quantum_error(depolarizing_error(CX_DEPOLARIZING, 2), ["cx"])
    return AerSimulator(method="density_matrix", max_parallel_threads=1, noise_model=model)


def _sample(circuit: Any, final: list[int], task: dict[str, Any]) -> dict[str, int]:
    """Counts whose keys have the classical bits in order of declaration, the first one first."""
    from qiskit.circuit import ClassicalRegister

    if task["shots"] == 0:
        return {}
    skip = 0
    names = _operation_names(circuit)
    if "measure" not in names:
        skip = circuit.num_clbits
        register = ClassicalRegister(len(final), "measured_at_the_end")
        circuit = circuit.copy()
        circuit.add_register(register)
        circuit.measure(final, list(register))
    result = (
        _simulator(noise=task["noise"])
        # Aer's truncation of idle qubits also cuts off the place where a last loop jumps to.
        .run(
            circuit,
            enable_truncation="while_loop" not in names,
            shots=task["shots"],
            seed_simulator=task["seed"],
        )
        .result()
    )
    if not result.success:
        raise CircuitError(f"the simulation failed: {result.status}")
    # The raw keys, because Qiskit's formatted ones leave out bits that are in no register.
    return {
        f"{int(key, 16):0{circuit.num_clbits}b}"[::-1][skip:]: count
        for key, count in sorted(result.data(0)["counts"].items(), key=lambda kv: int(kv[0], 16))
    }


def _failed(error: BaseException, stage: str) -> dict[str, Any]:
    text = str(error) if isinstance(error, CircuitError) else f"{type(error).__name__}: {error}"
    return {"failed": text, "stage": stage}


def work(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Compile and run one circuit.

    Args:
        task: The fields of `simulator.Task`.

    Yields:
        The replies that the head of this module describes.
    """
    # Everything is caught: memory that runs out in the parser's own code shows itself as a
    # BaseException, and one circuit's trouble must not be another's.
    try:
        circuit = READERS[task["circuit_type"]](task["circuit"])
        _check_size(circuit, task)
        if task["verbatim"]:
            initial = final = list(range(circuit.num_qubits))
            written = task["circuit"]
            runnable = _transpile(circuit, coupling=None, level=0)
        else:
            runnable = _transpile(circuit, coupling=task["coupling"], level=1)
            initial, final = _layouts(runnable, circuit.num_qubits)
            written = WRITERS[task["circuit_type"]](runnable)
    except BaseException as error:  # noqa: BLE001
        yield _failed(error, "compile")
        return
    yield {"compiled": written, "initial": initial, "final": final}
    try:
        counts = _sample(runnable, final, task) if task["run"] else None
    except BaseException as error:  # noqa: BLE001
        yield _failed(error, "run")
        return
    yield {"counts": counts}


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, resource.RLIM_INFINITY))


def _load() -> None:
    # Before the first task, so that no circuit's time limit has to pay for it.
    for name in ("qiskit.qasm2", "qiskit.qasm3", "qiskit_qasm3_import", "qiskit_aer"):
        importlib.import_module(name)


def _main() -> None:
    # The replies get a descriptor of their own: native code may print what it likes.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _limit_memory()
    try:
        _load()
    except ImportError as error:
        replies.write(f"{error}; install superstaq_jobs[emulator]\n".encode())
        replies.close()
        return
    replies.write(b"ready\n")
    replies.flush()
    for line in sys.stdin.buffer:
        for reply in work(json.loads(line)):
            replies.write(json.dumps(reply).encode() + b"\n")
            replies.flush()


if __name__ == "__main__":
    _main()
