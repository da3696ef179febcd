"""How a task is carried out: a circuit is compiled and run, or a function is called."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import msgspec
from qiskit import QuantumCircuit

from superstaq_jobs.emulator.simulator.tasks import (
    AnyTask,
    Call,
    Compiled,
    Failed,
    Result,
    Returned,
    Task,
)

from .formats import convert, format_of
from .program import CircuitError, check_size

__all__ = ["results_of"]


def _reason(error: BaseException) -> str:
    if isinstance(error, CircuitError):
        return str(error)
    if isinstance(error, MemoryError):
        return "the circuit takes more memory than this emulator has"
    if isinstance(error, RecursionError):
        return "the circuit is nested too deeply"
    return f"{type(error).__name__}: {error}"


def _compile_and_run(task: Task) -> Iterator[Result]:
    circuit_format = format_of(task.circuit_type)
    framework = circuit_format.FRAMEWORK
    program = circuit_format.read(task.circuit)
    check_size(program.num_qubits, task)
    compiled = framework.compile_for(program, task)
    yield Compiled(
        compiled=task.circuit if task.verbatim else circuit_format.write(compiled.circuit),
        initial=tuple(compiled.initial),
        final=tuple(compiled.final),
        logical_qubits=circuit_format.write(program.qubits) if program.qubits else None,
        physical_qubits=circuit_format.write(compiled.qubits) if compiled.qubits else None,
    )
    counts = None
    if task.run:
        counts = framework.run(program, compiled, task) if task.shots else {}
        counts = dict(sorted(counts.items()))
    yield Returned(value=counts)


def _split(source: str, circuit_type: str) -> list[str]:
    """Split a string with several circuits into one string per circuit."""
    split = format_of(circuit_type).split
    return [source] if split is None else list(split(source))


def _sizes(sources: list[str], circuit_type: str) -> list[dict[str, int] | None]:
    """The sizes of circuits; None for one that cannot be read."""
    return [_size(source, format_of(circuit_type)) for source in sources]


def _size(source: str, circuit_format: Any) -> dict[str, int] | None:
    try:
        program = circuit_format.read(source)
        gates, depth = circuit_format.FRAMEWORK.size(program.circuit)
    except BaseException:  # noqa: BLE001 - it fails, with a reason, when it is compiled
        return None
    return {
        "num_qubits": program.num_qubits,
        "num_single_qubit_gates": gates.count(1),
        "num_two_qubit_gates": gates.count(2),
        "depth": depth,
    }


_CALLS: Final[dict[str, Callable[..., Any]]] = {
    "split": _split,
    "join": lambda sources, circuit_type: format_of(circuit_type).join(sources),
    "sizes": _sizes,
    "convert": convert,
}


def results_of(line: bytes) -> Iterator[bytes]:
    """The results of a task."""
    # Qiskit numbers circuits without a name, and QPY contains the names, which must not depend on
    # earlier tasks.
    QuantumCircuit.instances = 0
    stage: Literal["compile", "run"] = "compile"
    # Catch everything: a parser that runs out of memory raises a BaseException, and one circuit's
    # failure must not affect another.
    try:
        task = msgspec.json.decode(line, type=AnyTask)
        if isinstance(task, Call):
            yield msgspec.json.encode(Returned(value=_CALLS[task.name](**task.arguments)))
            return
        for result in _compile_and_run(task):
            yield msgspec.json.encode(result)
            stage = "run"
    except BaseException as error:  # noqa: BLE001
        yield msgspec.json.encode(Failed(failed=_reason(error), stage=stage))
