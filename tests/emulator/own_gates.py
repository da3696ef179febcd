"""Circuits that define a gate of their own, under a name that Qiskit or Aer knows too."""

from __future__ import annotations

import base64
import io

import qiskit.qpy
from qiskit import QuantumCircuit
from qiskit.circuit import Gate
from qiskit.circuit.library import get_standard_gate_name_mapping

__all__ = ["AER_NAMES", "STANDARD_NAMES", "circuits"]

_SIZES = {
    name: (gate.num_qubits, len(gate.params))
    for name, gate in get_standard_gate_name_mapping().items()
    if name not in {"measure", "reset", "delay", "global_phase"}
} | {"u0": (1, 1), "c3x": (4, 0)}

STANDARD_NAMES = tuple(_SIZES)
"""The names of the standard gates, by which Qiskit's compiler would know them."""

AER_NAMES = ("unitary", "initialize", "kraus", "save_state", "mcx", "snapshot", "diagonal", "pauli")
"""Names of Aer's own instructions."""


def circuits(name: str) -> dict[str, tuple[str, str]]:
    """Circuits in each format that apply the own gate to qubits in 0, with their only key.

    The gate flips its last qubit. Each uses it as it is and with controls or inverses, in another
    own gate and under a condition, where the format has these.
    """
    qubits, angles = _SIZES.get(name, (2, 0))
    formal = ",".join(f"a{n}" for n in range(qubits))
    parameters = f"({','.join(f'p{n}' for n in range(angles))})" if angles else ""
    values = f"({','.join(['0.3'] * angles)})" if angles else ""
    where = ",".join(f"q[{n}]" for n in range(qubits))
    body = f"{{ U(pi,0,pi) a{qubits - 1}; }}"
    own = f"gate {name}{parameters} {formal} {body}\n"
    nested = f"gate nested {formal} {{ {name}{values} {formal}; }}\n"
    size = qubits + 1
    key = "0" * (qubits - 1) + "1"
    version_2 = (
        f"OPENQASM 2.0;\n{own}{nested}qreg q[{size}]; creg c[{size}];\n{name}{values} {where};\n"
        f"nested {where}; if (c==0) {name}{values} {where}; measure q -> c;\n"
    )
    # The control is on the qubit that the gate has flipped.
    control = f"q[{qubits - 1}],{','.join(f'q[{n}]' for n in range(qubits - 1))}"
    control = f"{control}{',' if qubits > 1 else ''}q[{qubits}]"
    version_3 = (
        f"OPENQASM 3.0;\n{own}{nested}qubit[{size}] q; bit[{size}] c;\n"
        f"inv @ {name}{values} {where}; ctrl @ {name}{values} {control};\n"
        f"if (!c[0]) {{ nested {where}; {name}{values} {where}; }}\nc = measure q;\n"
    )
    definition = QuantumCircuit(qubits)
    definition.x(qubits - 1)
    gate = Gate(name, qubits, [0.3] * angles)
    gate.definition = definition
    outer = QuantumCircuit(qubits, name="nested")
    outer.append(gate, range(qubits))
    circuit = QuantumCircuit(size, size)
    circuit.append(gate, range(qubits))
    circuit.append(outer.to_gate(), range(qubits))
    with circuit.if_test((0, 0)):
        circuit.append(gate, range(qubits))
    circuit.measure(range(size), range(size))
    stream = io.BytesIO()
    qiskit.qpy.dump([circuit], stream, version=13)
    return {
        "qasm 2": (version_2, key + "0"),
        "qasm 3": (version_3, key + "1"),
        "qiskit": (base64.b64encode(stream.getvalue()).decode(), key + "0"),
    }
