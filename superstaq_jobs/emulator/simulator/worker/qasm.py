"""OpenQASM 2 and 3, read and written by Qiskit."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import re
from typing import Any, Final

import openqasm3
import qiskit_qasm3_import
from openqasm3 import ast
from openqasm3.visitor import QASMVisitor
from qiskit import qasm2, qasm3

from . import qiskit_circuits
from .program import CircuitError, Program
from .qiskit_operations import plain

__all__ = ["FRAMEWORK", "MAX_REGISTER_BITS", "join", "read", "split", "write"]

FRAMEWORK: Final = qiskit_circuits

split: Final = None
join: Final = json.dumps

MAX_REGISTER_BITS: Final = 1_000
"""Longer registers are refused before the parser creates an object for each bit."""

_TOKEN: Final = re.compile(
    r"//[^\n]*|/\*(?:.*?\*/|.*)|\"[^\"\n]*\"|(?P<word>[\w.]+)|(?P<sign>[^\s\w])", re.DOTALL
)
"""Comments and strings, which are left out, words and numbers, and single other characters. No
alternative gives back what it has matched, so that any string takes linear time."""


def _check_registers(tokens: list[str]) -> None:
    words = ["", "", *tokens]
    for first, second, bracket, size in zip(words, words[1:], words[2:], words[3:], strict=False):
        is_register = first in {"qreg", "creg"} or second in {"qubit", "bit"}
        bits = size.replace("_", "")[:20]
        is_register &= bracket == "[" and bits.isdecimal()
        if is_register and int(bits) > MAX_REGISTER_BITS:
            raise CircuitError(
                f"a register has {bits} bits; this emulator reads at most {MAX_REGISTER_BITS}"
            )


def read(source: str, _: str | None = None) -> Program:
    """Read a program: as OpenQASM 3, in which it is optional, if it has no version line.

    If the parser rejects it, the message is the parser's.
    """
    # As Python opens a file: no byte order mark, and one kind of line end.
    source = source.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    tokens = [match[0] for match in _TOKEN.finditer(source) if match.lastgroup]
    _check_registers(tokens)
    is_version_2 = tokens[:1] == ["OPENQASM"] and tokens[1:2] in (["2"], ["2.0"])
    # The OpenQASM 3 parser prints its messages and raises an exception without one.
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed), contextlib.redirect_stdout(printed):
            circuit = _read_2(source, tokens) if is_version_2 else _read_3(source, tokens)
    except Exception as error:
        message = str(error).strip() if not isinstance(error, AttributeError | TypeError) else ""
        raise CircuitError(
            message or printed.getvalue().strip() or _where_it_stopped(error)
        ) from error
    circuit = plain(circuit)
    return Program(circuit=circuit, num_qubits=circuit.num_qubits)


def _read_2(source: str, tokens: list[str]) -> Any:
    # Qiskit would take its own gate for one that the program defines under the same name.
    own = {name for word, name in itertools.pairwise(tokens) if word in {"gate", "opaque"}}
    own -= {"delay"}  # which Qiskit declares to be opaque when it writes one
    known = [gate for gate in qasm2.LEGACY_CUSTOM_INSTRUCTIONS if gate.name not in own]
    # Without a folder to search, only what Qiskit itself has can be included.
    return qasm2.loads(source, include_path=(), custom_instructions=known)


def _read_3(source: str, tokens: list[str]) -> Any:
    program = openqasm3.parse(source)
    circuit = qiskit_qasm3_import.convert(program)
    definitions = [s for s in program.statements if isinstance(s, ast.QuantumGateDefinition)]
    if not definitions:
        return circuit
    # Qiskit adds controls to a gate by its name: own gates get names that nothing else has.
    ending = "_own"
    while any(token.endswith(ending) for token in tokens):
        ending += "_"
    names = {definition.name.name: definition.name.name + ending for definition in definitions}

    class Renaming(QASMVisitor[None]):
        def visit_QuantumGate(self, node: Any) -> None:  # noqa: N802 - the name of the node's class
            node.name.name = names.get(node.name.name, node.name.name)

        def visit_QuantumGateDefinition(self, node: Any) -> None:  # noqa: N802
            self.generic_visit(node)
            self.visit_QuantumGate(node)

    Renaming().visit(program)
    return qiskit_qasm3_import.convert(program)


def _where_it_stopped(error: BaseException) -> str:
    """What the OpenQASM 3 parser did not expect, from the token that its exception holds."""
    for cause in getattr(error.__cause__, "args", ()):
        token = getattr(cause, "offendingToken", None)
        if token is not None:
            return f"line {token.line}:{token.column} unexpected {token.text!r}"
    return "not an OpenQASM program"


# ---- writing


def write(circuit: Any) -> str:
    """A circuit as OpenQASM 2, or as OpenQASM 3 if it has control flow."""
    return str((qasm3 if qiskit_circuits.has_blocks(circuit) else qasm2).dumps(circuit))
