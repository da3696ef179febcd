"""Lists of Cirq circuits, split into one string per circuit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from .program import CircuitError

__all__ = ["split"]

_CIRCUITS: Final = frozenset({"Circuit", "FrozenCircuit", "VAL", "REF"})
_MAX_CHARACTERS: Final = 256 * 1024 * 1024
"""How long the circuits may become when each gets a copy of the parts that they share."""


def split(source: str) -> list[str]:
    """Split Cirq's JSON of a circuit or of a list of circuits into one string per circuit.

    Raises:
        CircuitError: It is something else, or the circuits become too long.
    """
    try:
        given = json.loads(source)
        circuits = given if isinstance(given, list) else [given]
        for index, circuit in enumerate(circuits):
            kind = circuit.get("cirq_type") if isinstance(circuit, dict) else None
            if kind not in _CIRCUITS:
                found = kind or "other JSON"
                raise CircuitError(f"circuit {index}: expected a Cirq circuit, got {found}")
        if not circuits:
            raise CircuitError("a job needs at least one circuit")
        return [source] if len(circuits) == 1 else list(_self_contained(circuits))
    except (ValueError, RecursionError) as error:
        message = f"expected the JSON of a Cirq circuit or of a list of them: {error}"
        raise CircuitError(message) from error


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
        if total > _MAX_CHARACTERS:
            raise CircuitError(f"the circuits have more than {_MAX_CHARACTERS:,} characters")
        yield source
