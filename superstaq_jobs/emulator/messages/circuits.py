"""The circuits of a new job: one string on the wire, split into one string per circuit.

To add a circuit type, add an entry to `SPLITTERS` here and to the worker's table of formats.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from .responses import Problem, Refusal, invalid

__all__ = ["MAX_CHARACTERS", "SPLITTERS", "check_format", "no_circuits", "split_circuits"]

MAX_CHARACTERS: Final = 256 * 1024 * 1024
"""How long a list of circuits may become when each gets a copy of the parts that they share."""

_CIRCUITS_OF_CIRQ: Final = frozenset({"Circuit", "FrozenCircuit", "VAL", "REF"})


def no_circuits(message: str, *inside: int) -> Refusal:
    """The 422 for a string that does not hold circuits."""
    return invalid([Problem(("body", "circuits", *inside), message)])


def _split_qasm(source: str) -> list[str]:
    if not source.lstrip().startswith("["):
        return [source]
    try:
        return msgspec.json.decode(source, type=list[str])
    except (msgspec.DecodeError, RecursionError) as error:
        message = f"expected an OpenQASM program or a JSON list of them: {error}"
        raise no_circuits(message) from error


def _split_cirq(source: str) -> list[str]:
    try:
        given = json.loads(source)
        circuits = given if isinstance(given, list) else [given]
        for index, circuit in enumerate(circuits):
            kind = circuit.get("cirq_type") if isinstance(circuit, dict) else None
            if kind not in _CIRCUITS_OF_CIRQ:
                raise no_circuits(f"expected a Cirq circuit, got {kind or 'other JSON'}", index)
        return [source] if len(circuits) == 1 else list(_self_contained(circuits))
    except (ValueError, RecursionError) as error:
        message = f"expected the JSON of a Cirq circuit or of a list of them: {error}"
        raise no_circuits(message) from error


def _self_contained(circuits: list[Any]) -> Iterator[str]:
    """Each circuit as a string that does not refer to parts of another.

    Cirq writes a repeated part only once, as a ``VAL`` with a key, and from then on as a ``REF``.
    """
    values: dict[object, Any] = {}

    def copied(node: Any, known: set[object]) -> Any:
        if isinstance(node, list):
            return [copied(item, known) for item in node]
        if not isinstance(node, dict):
            return node
        kind, key = node.get("cirq_type"), str(node.get("key"))
        if kind == "VAL":
            values[key] = node
        elif kind == "REF" and key in values and key not in known:
            node = values[key]
            kind = "VAL"
        if kind == "VAL":
            known.add(key)
        return {name: copied(item, known) for name, item in node.items()}

    total = 0
    for circuit in circuits:
        source = json.dumps(copied(circuit, set()))
        total += len(source)
        if total > MAX_CHARACTERS:
            raise no_circuits(f"the circuits have more than {MAX_CHARACTERS} characters")
        yield source


SPLITTERS: Final[dict[str, Callable[[str], list[str]] | None]] = {
    "qasm": _split_qasm,
    "cirq": _split_cirq,
    "qiskit": None,
}
"""The function that splits the circuits string of each supported circuit type; None if only the
worker can do it, which has the format's library."""


def check_format(where: tuple[str, ...], circuit_type: str) -> None:
    """Check that circuits of a type can be read and written here.

    Raises:
        Refusal: 422, with what is missing.
    """
    if circuit_type not in SPLITTERS:
        known = ", ".join(SPLITTERS)
        message = f"circuit_type must be one of {known} in this emulator, got {circuit_type}"
        raise invalid([Problem(where, message, "unsupported")])
    if circuit_type == "cirq" and importlib.util.find_spec("cirq") is None:
        message = (
            "Cirq is not installed where this emulator runs: in a clone of superstaq_jobs, pip "
            "install '.[emulator-cirq]'"
        )
        raise invalid([Problem(where, message, "unsupported")])


def split_circuits(source: str, circuit_type: str) -> list[str] | None:
    """The circuits of a new job, at least one; None if the worker must split them.

    Raises:
        Refusal: 422, for a circuit type that is not supported, or a string without circuits.
    """
    check_format(("body", "circuit_type"), circuit_type)
    splitter = SPLITTERS[circuit_type]
    if splitter is None:
        return None
    circuits = splitter(source)
    if not circuits:
        raise invalid(
            [Problem(("body", "circuits"), "a job needs at least one circuit", "too_short")]
        )
    return circuits
