"""How a task is carried out: a circuit is compiled and run, split, or converted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from superstaq_jobs.emulator.simulator.tasks import (
    AnyResult,
    AnyTask,
    Compiled,
    Conversion,
    Counted,
    Describe,
    Described,
    Failed,
    Join,
    Joined,
    Size,
    Split,
    SplitCircuits,
    Task,
)

from . import cirq_lists, translation
from .formats import format_of
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


def _compile_and_run(task: Task) -> Iterator[Compiled | Counted]:
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
        physical_qubits=circuit_format.write(compiled.qubits) if program.qubits else None,
    )
    counts = None
    if task.run:
        counts = framework.run(program, compiled, task) if task.shots else {}
        counts = dict(sorted(counts.items()))
    yield Counted(counts=counts)


def _split(task: Split) -> SplitCircuits:
    # Without `cirq_json`, which imports Cirq.
    is_cirq = task.circuit_type == "cirq"
    split = cirq_lists.split if is_cirq else format_of(task.circuit_type).split
    return SplitCircuits(circuits=[task.split] if split is None else split(task.split))


def _size(circuit: str, circuit_type: str) -> Size | None:
    circuit_format = format_of(circuit_type)
    try:
        return Size(**circuit_format.FRAMEWORK.size(circuit_format.read(circuit)))
    except BaseException:  # noqa: BLE001 - it fails, with a reason, when it is compiled
        return None


def _results(task: AnyTask) -> Iterator[AnyResult]:
    match task:
        case Task():
            yield from _compile_and_run(task)
        case Split():
            yield _split(task)
        case Conversion():
            yield translation.convert(task)
        case Join():
            yield Joined(circuits=format_of(task.circuit_type).join(task.join))
        case Describe():
            yield Described(sizes=[_size(c, task.circuit_type) for c in task.describe])


def results_of(line: bytes) -> Iterator[bytes]:
    """The results of a task of any kind."""
    from qiskit import QuantumCircuit

    # Qiskit numbers circuits without a name, and QPY contains the names, which must not depend on
    # earlier tasks.
    QuantumCircuit.instances = 0
    stage: Literal["compile", "run"] = "compile"
    # Catch everything: a parser that runs out of memory raises a BaseException, and one circuit's
    # failure must not affect another.
    try:
        for result in _results(msgspec.json.decode(line, type=AnyTask)):
            yield msgspec.json.encode(result)
            stage = "run"
    except BaseException as error:  # noqa: BLE001
        yield msgspec.json.encode(Failed(failed=_reason(error), stage=stage))
