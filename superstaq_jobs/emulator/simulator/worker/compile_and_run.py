"""How a task is carried out: a circuit is compiled and run, split, or converted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from . import cirq_lists, translation
from .formats import format_of
from .program import CircuitError, check_size

__all__ = ["results_of"]

_Task = dict[str, Any]
"""The fields of a task of `simulator.tasks`; the head of `main` describes the results."""


def _failed(error: BaseException, stage: str) -> dict[str, Any]:
    if isinstance(error, CircuitError):
        reason = str(error)
    elif isinstance(error, MemoryError):
        reason = "the circuit takes more memory than this emulator has"
    elif isinstance(error, RecursionError):
        reason = "the circuit is nested too deeply"
    else:
        reason = f"{type(error).__name__}: {error}"
    return {"failed": reason, "stage": stage}


def _compile_and_run(task: _Task) -> Iterator[dict[str, Any]]:
    # Catch everything: a parser that runs out of memory raises a BaseException, and one circuit's
    # failure must not affect another.
    circuit_format = format_of(task["circuit_type"])
    framework = circuit_format.FRAMEWORK
    try:
        program = circuit_format.read(task["circuit"])
        check_size(program.num_qubits, task)
        compiled = framework.compile_for(program, task)
        written = task["circuit"] if task["verbatim"] else circuit_format.write(compiled.circuit)
    except BaseException as error:  # noqa: BLE001
        yield _failed(error, "compile")
        return
    yield {
        "compiled": written,
        "initial": compiled.initial,
        "final": compiled.final,
        "logical_qubits": program.logical_qubits,
        "physical_qubits": compiled.physical_qubits,
    }
    try:
        counts = None
        if task["run"]:
            counts = framework.run(program, compiled, task) if task["shots"] else {}
            counts = dict(sorted(counts.items()))
    except BaseException as error:  # noqa: BLE001
        yield _failed(error, "run")
        return
    yield {"counts": counts}


def _split(task: _Task) -> dict[str, Any]:
    # Without `cirq_json`, which imports Cirq.
    is_cirq = task["circuit_type"] == "cirq"
    split = cirq_lists.split if is_cirq else format_of(task["circuit_type"]).split
    return {"circuits": [task["split"]] if split is None else split(task["split"])}


def _join(task: _Task) -> dict[str, Any]:
    return {"circuits": format_of(task["circuit_type"]).join(task["join"])}


def _describe(task: _Task) -> dict[str, Any]:
    circuit_format = format_of(task["circuit_type"])
    sizes: list[dict[str, int] | None] = []
    for circuit in task["describe"]:
        try:
            sizes.append(circuit_format.FRAMEWORK.size(circuit_format.read(circuit)))
        except BaseException:  # noqa: BLE001 - it fails, with a reason, when it is compiled
            sizes.append(None)
    return {"sizes": sizes}


_OTHER_TASKS: Final[dict[str, Callable[[_Task], dict[str, Any]]]] = {
    "split": _split,
    "convert_to": translation.convert,
    "join": _join,
    "describe": _describe,
}
"""What is done with a task that has a field of this name."""


def results_of(task: _Task) -> Iterator[dict[str, Any]]:
    """The results of a task of any kind."""
    from qiskit import QuantumCircuit

    # Qiskit numbers circuits without a name, and QPY contains the names, which must not depend on
    # earlier tasks.
    QuantumCircuit.instances = 0
    work = next((_OTHER_TASKS[field] for field in _OTHER_TASKS if field in task), None)
    if work is None:
        yield from _compile_and_run(task)
        return
    try:
        yield work(task)
    except BaseException as error:  # noqa: BLE001
        yield _failed(error, "compile")
