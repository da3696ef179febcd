"""QPY, the form in which circuits of Qiskit travel, in base64.

Lives here: `read`, `write` and `split`. May import `programs`.

A circuit comes from a stranger. Formats before 13 may hold what older readers unpickled or
evaluated, so they are refused; those from 13 on are plain data. The header's mark of the symbolic
engine, which alone could lead to such a payload, is overwritten: from 13 on nothing else reads it.
"""

from __future__ import annotations

import base64
import binascii
import io
import warnings
from typing import Any, Final

from .program import CircuitError, Program, written_bits

__all__ = ["OLDEST_VERSION", "read", "split", "write"]

OLDEST_VERSION: Final = 13
"""The oldest QPY format that is read, which is the one that qiskit-superstaq writes."""

_MAGIC: Final = b"QISKIT"
_VERSION_AT: Final = 6
_ENGINE_AT: Final = 18
_HEADER_BYTES: Final = 19


def _decode(text: str) -> bytes:
    try:
        stream = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise CircuitError(f"this is not base64: {error}") from error
    if not stream.startswith(_MAGIC) or len(stream) < _HEADER_BYTES:
        raise CircuitError("this is not QPY in base64, the form that Qiskit circuits come in")
    version = stream[_VERSION_AT]
    if version < OLDEST_VERSION:
        raise CircuitError(
            f"this is QPY version {version}; write the circuits with "
            f"qiskit.qpy.dump(..., version={OLDEST_VERSION}), the oldest that is read here"
        )
    return stream[:_ENGINE_AT] + b"p" + stream[_ENGINE_AT + 1 :]


def _load(stream: bytes) -> list[Any]:
    import qiskit
    import qiskit.qpy

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a newer Qiskit on the other side
            circuits = qiskit.qpy.load(io.BytesIO(stream))
    except Exception as error:
        raise CircuitError(f"the QPY cannot be read: {_first_line(error)}") from error
    if not circuits or not all(isinstance(c, qiskit.QuantumCircuit) for c in circuits):
        raise CircuitError("the QPY holds no circuit")
    return list(circuits)


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__


def _dump(circuit: Any, version: int) -> str:
    import qiskit.qpy

    stream = io.BytesIO()
    qiskit.qpy.dump([circuit], stream, version=version)
    return base64.encodebytes(stream.getvalue()).decode()


def split(text: str) -> list[str]:
    """The circuits of a stream, one text each.

    Args:
        text: QPY in base64.

    Returns:
        QPY of one circuit in base64, in order.

    Raises:
        CircuitError: The text is no QPY, or an old one, or holds no circuit.
    """
    stream = _decode(text)
    circuits = _load(stream)
    if len(circuits) == 1:
        return [text]
    return [_dump(circuit, stream[_VERSION_AT]) for circuit in circuits]


def read(text: str) -> Program:
    """The one circuit of a text that `split` has made.

    Returns:
        The program. Its counts show the bits that are measured, as Qiskit's client of Superstaq
        expects: it puts the others back as 0.

    Raises:
        CircuitError: As `split`.
    """
    circuit = _with_delays(_load(_decode(text))[0])
    return Program(circuit=circuit, shown=tuple(sorted(written_bits(circuit))) or None)


# qiskit-superstaq writes a delay that is not in dt as an instruction without a definition, and
# reads every other one as one in dt.


def _with_delays(circuit: Any) -> Any:
    from qiskit.circuit import Delay, Instruction

    for index, step in enumerate(circuit.data):
        if type(step.operation) is Instruction and step.operation.name == "delay":
            circuit.data[index] = step.replace(operation=Delay(*step.operation.params))
    return circuit


def _without_delays(circuit: Any) -> Any:
    from qiskit.circuit import Delay, Instruction

    circuit = circuit.copy()
    for index, step in enumerate(circuit.data):
        if isinstance(step.operation, Delay) and step.operation.unit != "dt":
            plain = Instruction("delay", 1, 0, [step.operation.duration, step.operation.unit])
            circuit.data[index] = step.replace(operation=plain)
    return circuit


def write(circuit: Any, _: Program) -> str:
    """The circuit as QPY of the oldest version that is read, in base64."""
    return _dump(_without_delays(circuit), OLDEST_VERSION)
