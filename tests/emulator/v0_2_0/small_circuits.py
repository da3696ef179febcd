"""Circuits whose counts are known."""

from __future__ import annotations

import cirq


def flips(*ones: int) -> str:
    """A cirq circuit of three measured qubits, some of them flipped, as JSON."""
    qubits = cirq.LineQubit.range(3)
    return cirq.to_json(
        cirq.Circuit(cirq.X.on_each(*(qubits[one] for one in ones)), cirq.measure(*qubits, key="m"))
    )
