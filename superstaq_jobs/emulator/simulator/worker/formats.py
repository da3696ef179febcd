"""How circuits of each type are read, written, compiled and run."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType

import attrs

from . import qasm, qiskit_circuits, qpy
from .program import Compiled, Program

__all__ = ["Format", "format_of"]


@attrs.frozen(kw_only=True)
class Format:
    """What is done with circuits of one format.

    Attributes:
        framework: The module with which circuits are compiled (``compile_for``) and run (``run``),
            and their sizes found (``size``).
        read: Reads a string with one circuit; a second argument is the JSON of Cirq's qubits.
        write: Writes a compiled circuit as a string.
        split: Splits a string with several circuits into one string each; None if the server does
            it, which takes no library.
        join: Writes strings with one circuit each as one string.
    """

    framework: ModuleType
    read: Callable[..., Program]
    write: Callable[[Compiled], str]
    split: Callable[[str], list[str]] | None = None
    join: Callable[[list[str]], str]


def format_of(circuit_type: str) -> Format:
    """The format of a circuit type. Cirq, which takes seconds to import, only where it is used."""
    if circuit_type == "qasm":
        return Format(
            framework=qiskit_circuits,
            read=qasm.read,
            write=lambda compiled: qasm.write(compiled.circuit),
            join=json.dumps,
        )
    if circuit_type == "qiskit":
        return Format(
            framework=qiskit_circuits,
            read=qpy.read,
            write=lambda compiled: qpy.write(compiled.circuit),
            split=qpy.split,
            join=qpy.join,
        )
    from . import cirq_circuits, cirq_json

    return Format(
        framework=cirq_circuits,
        read=cirq_json.read,
        write=lambda compiled: cirq_json.write(compiled.circuit),
        join=lambda circuits: f"[{', '.join(circuits)}]",
    )
