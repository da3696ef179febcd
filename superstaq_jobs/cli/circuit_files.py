"""Reads the circuits in files: OpenQASM, Cirq's JSON and QPY."""

from __future__ import annotations

import base64
import io
import itertools
import json
import re
from collections.abc import Iterable
from typing import IO, Any, Final

import attrs

from .failures import CommandError, ExitCode

__all__ = ["read_circuits"]

_QPY: Final = b"QISKIT"
_QPY_IN_BASE64: Final = b"UUlTS0lU"
_VERSION: Final = re.compile(r"^[ \t]*OPENQASM\b", re.MULTILINE)
_BLOCK_COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)


@attrs.frozen
class _File:
    name: str
    circuit_type: str
    circuits: list[str]
    """Serialized; one string of QPY may be of several circuits."""


def read_circuits(files: Iterable[IO[bytes]]) -> tuple[str | list[str], str]:
    """The circuits in files, as a ``NewJob`` takes them, and their format.

    Raises:
        CommandError: If a file cannot be read or holds no circuits, or they have several formats.
    """
    read = [_read(file) for file in files]
    first, *others = read
    for other in others:
        if other.circuit_type != first.circuit_type:
            raise _refused(
                f"{first.name} holds {first.circuit_type} and {other.name} {other.circuit_type}: "
                "submit a job for each format"
            )
    circuits = [circuit for each in read for circuit in each.circuits]
    if first.circuit_type == "qiskit":
        return circuits[0] if len(circuits) == 1 else _one_qpy(circuits), "qiskit"
    return circuits[0] if len(circuits) == 1 else circuits, first.circuit_type


def _refused(what: str) -> CommandError:
    return CommandError(f"{what}. Nothing was sent", ExitCode.USAGE)


def _read(file: IO[bytes]) -> _File:
    name = "stdin" if file.name in {"-", "<stdin>"} else str(file.name)
    content = file.read().removeprefix(b"\xef\xbb\xbf")
    if content.startswith(_QPY):
        return _File(name, "qiskit", [base64.b64encode(content).decode()])
    if content.startswith(_QPY_IN_BASE64):
        return _File(name, "qiskit", [b"".join(content.split()).decode("ascii", "replace")])
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise _refused(f"{name} is neither QPY nor UTF-8 (byte {error.start})") from None
    if not text.strip():
        raise _refused(f"{name} is empty")
    if text.lstrip()[0] in "[{":
        return _of_json(name, text)
    return _File(name, "qasm", _programs(text))


def _of_json(name: str, text: str) -> _File:
    try:
        data: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refused(f"{name} starts as JSON does, and is not JSON: {error}") from None
    listed = data if isinstance(data, list) else [data]
    if listed and all(isinstance(each, str) for each in listed):
        is_cirq = all(each.lstrip().startswith(("{", "[")) for each in listed)
        return _File(name, "cirq" if is_cirq else "qasm", listed)
    if not listed or not all(isinstance(each, dict) and "cirq_type" in each for each in listed):
        raise _refused(
            f"{name} is JSON, and neither what cirq.to_json writes of circuits nor an array of "
            "OpenQASM programs"
        )
    return _File(name, "cirq", [json.dumps(each) for each in listed])


def _programs(text: str) -> list[str]:
    """OpenQASM programs that stand one after another: each begins with its version."""
    masked = _BLOCK_COMMENT.sub(lambda found: " " * len(found[0]), text)
    starts = [found.start() for found in _VERSION.finditer(masked)]
    cuts = [0, *starts[1:], len(text)]
    return [text[start:end] for start, end in itertools.pairwise(cuts)]


def _one_qpy(circuits: list[str]) -> str:
    """One QPY of the circuits in several, which takes Qiskit to write."""
    try:
        import qiskit.qpy
    except ImportError:
        from superstaq_jobs.records.problems import how_to_install

        raise _refused(
            "several files of QPY need Qiskit to make one job of them: "
            f"{how_to_install('qiskit')}; or submit each alone"
        ) from None
    loaded = []
    for each in circuits:
        try:
            loaded += qiskit.qpy.load(io.BytesIO(base64.b64decode(each)))
        except Exception as error:  # noqa: BLE001 - Qiskit raises many kinds for a damaged file
            raise _refused(f"a file of QPY cannot be read: {error}") from None
    written = io.BytesIO()
    qiskit.qpy.dump(loaded, written)
    return base64.b64encode(written.getvalue()).decode()
