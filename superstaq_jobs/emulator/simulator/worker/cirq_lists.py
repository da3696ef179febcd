"""Lists of Cirq circuits, split into one string per circuit."""

from __future__ import annotations

import json
from typing import Final

from .program import CircuitError

__all__ = ["split"]

_CIRCUITS: Final = frozenset({"Circuit", "FrozenCircuit", "VAL", "REF"})


def split(source: str) -> list[str]:
    """Split Cirq's JSON of a circuit or of a list of circuits into one string per circuit.

    Raises:
        CircuitError: It is something else, or circuits that share parts cannot be read.
    """
    try:
        given = json.loads(source)
    except (ValueError, RecursionError) as error:
        message = f"expected the JSON of a Cirq circuit or of a list of them: {error}"
        raise CircuitError(message) from error
    circuits = given if isinstance(given, list) else [given]
    for index, circuit in enumerate(circuits):
        kind = circuit.get("cirq_type") if isinstance(circuit, dict) else None
        if kind not in _CIRCUITS:
            found = kind or "other JSON"
            raise CircuitError(f"circuit {index}: expected a Cirq circuit, got {found}")
    if not circuits:
        raise CircuitError("a job needs at least one circuit")
    if len(circuits) == 1:
        return [source]
    if '"REF"' in source:
        # A part that occurs again, maybe in another circuit. Imported here, since it takes seconds.
        from . import cirq_json

        return [cirq_json.write(circuit) for circuit in cirq_json.load(source)]
    return [json.dumps(circuit) for circuit in circuits]
