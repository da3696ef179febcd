"""The table of formats: how circuits of each type are read and written."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import attrs

from . import cirq_json, cirq_lists, qasm, qpy
from .program import Program

__all__ = ["FORMATS", "Format"]


def _no_qubits(_: int) -> str | None:
    return None


def _json_list(circuits: list[str]) -> str:
    return f"[{', '.join(circuits)}]"


@attrs.frozen(kw_only=True)
class Format:
    """How circuits of one format are read and written.

    Attributes:
        read: Reads a string with one circuit.
        read_compiled: The same for what ``write`` returned. Its second argument is what
            ``physical_qubits`` returned, so that qubits without a gate keep their places.
        write: Writes a ``qiskit.QuantumCircuit`` as a string; its second argument is the program
            that it is or was compiled from, its third the names of the qubits, None for the usual.
        physical_qubits: That many qubits as the format writes them; None if it does not.
        split: Splits a string with several circuits into one string each; None if the server does
            it, which takes no library.
        join: Writes strings with one circuit each as one string.
    """

    read: Callable[[str], Program]
    read_compiled: Callable[[str, str | None], Program]
    write: Callable[[Any, Program, str | None], str]
    physical_qubits: Callable[[int], str | None] = _no_qubits
    split: Callable[[str], list[str]] | None = None
    join: Callable[[list[str]], str] = _json_list


FORMATS: Final[dict[str, Format]] = {
    "qasm": Format(
        read=qasm.read,
        read_compiled=lambda text, _: qasm.read(text),
        write=qasm.write,
        join=json.dumps,
    ),
    "qiskit": Format(
        read=qpy.read,
        read_compiled=lambda text, _: qpy.read(text),
        write=qpy.write,
        split=qpy.split,
        join=qpy.join,
    ),
    "cirq": Format(
        read=cirq_json.read,
        read_compiled=cirq_json.read,
        write=cirq_json.write,
        physical_qubits=cirq_json.line_qubits,
        split=cirq_lists.split,
    ),
}
"""The format of each circuit type."""
