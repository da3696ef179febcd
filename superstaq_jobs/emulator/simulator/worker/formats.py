"""The languages of circuits, one entry each.

Lives here: `Language` and `LANGUAGES`, the table. May import `programs` and the modules of the
languages; those import their libraries when they are used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs

from . import cirq_json, qasm, qpy
from .program import Program

__all__ = ["FORMATS", "Format"]


def _no_qubits(_: int) -> str | None:
    return None


@attrs.frozen(kw_only=True)
class Format:
    """How circuits of one language are read and written.

    Attributes:
        read: A text of one circuit into a `Program`.
        read_compiled: The same for a text that ``write`` has made. It is given what
            ``physical_qubits`` said, so that qubits without a gate keep their places.
        write: A ``qiskit.QuantumCircuit``, and the program that it is or was compiled from, into a
            text of one circuit.
        physical_qubits: So many qubits in the form of the language, or None where it has none.
        split: A text of several circuits into one text each, where that needs the library.
    """

    read: Callable[[str], Program]
    read_compiled: Callable[[str, str | None], Program]
    write: Callable[[Any, Program], str]
    physical_qubits: Callable[[int], str | None] = _no_qubits
    split: Callable[[str], list[str]] | None = None


FORMATS: Final[dict[str, Format]] = {
    "qasm": Format(read=qasm.read, read_compiled=lambda text, _: qasm.read(text), write=qasm.write),
    "qiskit": Format(
        read=qpy.read,
        read_compiled=lambda text, _: qpy.read(text),
        write=qpy.write,
        split=qpy.split,
    ),
    "cirq": Format(
        read=cirq_json.read,
        read_compiled=cirq_json.read,
        write=cirq_json.write,
        physical_qubits=cirq_json.line_qubits,
    ),
}
"""What each circuit type is read and written with."""
