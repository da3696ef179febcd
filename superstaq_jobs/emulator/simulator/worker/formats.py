"""The module of each format, which reads, writes, splits and joins circuits.

Each has a ``FRAMEWORK``, the module that compiles, runs and measures its circuits; ``read`` for a
string with one circuit (and the JSON of Cirq's qubits, or None); ``write`` for a compiled circuit;
``join`` for strings with one circuit each; and ``split``, None if the server
splits them; ``cirq_lists`` has that of Cirq.
"""

from __future__ import annotations

from typing import Any

from . import qasm, qpy

__all__ = ["format_of"]


def format_of(circuit_type: str) -> Any:
    """The module of a circuit type. Cirq takes seconds to import, so only where it is used."""
    if circuit_type == "cirq":
        from . import cirq_json

        return cirq_json
    return {"qasm": qasm, "qiskit": qpy}[circuit_type]
