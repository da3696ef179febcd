"""The circuits of a new job: one string on the wire, split into one string per circuit."""

from __future__ import annotations

import importlib.util
from typing import Final

import msgspec

from .responses import Problem, Refusal, invalid

__all__ = ["CIRCUIT_TYPES", "check_format", "no_circuits", "split_here"]

CIRCUIT_TYPES: Final = ("qasm", "cirq", "qiskit")
"""The circuit types that this emulator can read and write; the worker's table of formats has an
entry for each."""

_MOST_CIRCUITS: Final = 500_000


def no_circuits(message: str) -> Refusal:
    """The 422 for a string that does not hold circuits."""
    return invalid([Problem(("body", "circuits"), message)])


def check_format(where: tuple[str, ...], circuit_type: str) -> None:
    """Check that circuits of a type can be read and written here.

    Raises:
        Refusal: 422, with what is missing.
    """
    if circuit_type not in CIRCUIT_TYPES:
        known = ", ".join(CIRCUIT_TYPES)
        message = f"circuit_type must be one of {known} in this emulator, got {circuit_type}"
        raise invalid([Problem(where, message, "unsupported")])
    if circuit_type == "cirq" and importlib.util.find_spec("cirq") is None:
        message = (
            "Cirq is not installed where this emulator runs: in a clone of superstaq_jobs, pip "
            "install '.[emulator-cirq]'"
        )
        raise invalid([Problem(where, message, "unsupported")])


def split_here(source: str, circuit_type: str) -> list[str] | None:
    """The circuits of a string that takes no library to split; None if a worker must do it.

    Raises:
        Refusal: 422, for an unsupported circuit type, or a string without circuits or with too
            many.
    """
    check_format(("body", "circuit_type"), circuit_type)
    if circuit_type != "qasm":
        return None
    if not source.lstrip().startswith("["):
        return [source]
    # Each string begins with a quotation mark that is not escaped. Found out beforehand, because
    # nothing else runs while the list is decoded.
    if source.count('"') - source.count('\\"') > 2 * _MOST_CIRCUITS:
        raise no_circuits(f"a job can have at most {_MOST_CIRCUITS:,} circuits in this emulator")
    try:
        circuits = msgspec.json.decode(source, type=list[str])
    except (msgspec.DecodeError, RecursionError) as error:
        message = f"expected an OpenQASM program or a JSON list of them: {error}"
        raise no_circuits(message) from error
    if not circuits:
        raise invalid(
            [Problem(("body", "circuits"), "a job needs at least one circuit", "too_short")]
        )
    return circuits
