"""QPY in base64, the format of Qiskit circuits.

Circuits come from strangers. Formats before 13 may contain data that older readers unpickled or
evaluated, so they are refused; later formats are plain data. The header's field for the symbolic
engine, which alone could lead to such data, is overwritten: from format 13 on nothing else reads
it.
"""

from __future__ import annotations

import base64
import binascii
import io
import warnings
from typing import Any, Final

import qiskit.qpy

from . import qiskit_circuits
from .program import CircuitError, Program
from .qiskit_operations import plain, written_bits

__all__ = ["FRAMEWORK", "OLDEST_VERSION", "join", "read", "split", "write"]

FRAMEWORK: Final = qiskit_circuits

OLDEST_VERSION: Final = 13
"""The oldest QPY format that is read, and the one that qiskit-superstaq writes."""

_MAGIC: Final = b"QISKIT"
_VERSION_AT: Final = 6
_ENGINE_AT: Final = 18
_HEADER_BYTES: Final = 19


def _decode(source: str) -> bytes:
    try:
        stream = base64.b64decode("".join(source.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise CircuitError(f"not base64: {error}") from error
    if not stream.startswith(_MAGIC) or len(stream) < _HEADER_BYTES:
        raise CircuitError("not QPY in base64, the format of Qiskit circuits")
    version = stream[_VERSION_AT]
    if version < OLDEST_VERSION:
        raise CircuitError(
            f"QPY version {version} is not read here, only {OLDEST_VERSION} and later: write the "
            f"circuits with qiskit.qpy.dump(..., version={OLDEST_VERSION})"
        )
    return stream[:_ENGINE_AT] + b"p" + stream[_ENGINE_AT + 1 :]


def _load(stream: bytes) -> list[Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # from a newer Qiskit on the client's side
            circuits = qiskit.qpy.load(io.BytesIO(stream))
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise CircuitError(f"the QPY cannot be read: {reason}") from error
    if not circuits or not all(isinstance(c, qiskit.QuantumCircuit) for c in circuits):
        raise CircuitError("the QPY does not contain a circuit")
    return list(circuits)


def _dump(circuits: list[Any], version: int) -> str:
    stream = io.BytesIO()
    qiskit.qpy.dump(circuits, stream, version=version)
    return base64.encodebytes(stream.getvalue()).decode()


def split(source: str) -> list[str]:
    """Split a QPY stream into one string per circuit."""
    stream = _decode(source)
    circuits = _load(stream)
    if len(circuits) == 1:
        return [source]
    return [_dump([circuit], stream[_VERSION_AT]) for circuit in circuits]


def join(sources: list[str]) -> str:
    """Write strings with one circuit each as one QPY stream of the oldest format that is read."""
    return _dump([_load(_decode(source))[0] for source in sources], OLDEST_VERSION)


def read(source: str, _: str | None = None) -> Program:
    """Read a string with one circuit.

    Counts show the bits that are measured, as qiskit-superstaq expects: it adds the others as 0.
    """
    given = _load(_decode(source))[0]
    circuit = plain(given)
    return Program(
        circuit=circuit,
        num_qubits=circuit.num_qubits,
        shown=tuple(sorted(written_bits(given))) or None,
    )


def write(circuit: Any) -> str:
    """The circuit as QPY of the oldest format that is read, in base64."""
    return _dump([circuit], OLDEST_VERSION)
