"""OpenQASM 2 and 3."""

from __future__ import annotations

import contextlib
import io
import itertools
import re
from typing import Any, Final

from .program import CircuitError, Program, operation_names

__all__ = ["MAX_REGISTER_BITS", "read", "write"]

MAX_REGISTER_BITS: Final = 1_000
"""Longer registers are refused before the parser creates an object for each bit."""

_COMMENT: Final = r"//[^\n]*|/\*.*?\*/"
_VERSION: Final = re.compile(rf"(?:\s|{_COMMENT})*OPENQASM\s+(\d+)", re.DOTALL)
_QUOTED: Final = r"[\"'][^\"'\n]*[\"']"
_INCLUDE: Final = re.compile(
    rf"{_COMMENT}|\binclude(?:\s|{_COMMENT})*({_QUOTED})|{_QUOTED}", re.DOTALL
)
_REGISTER: Final = re.compile(r"\b(?:[qc]reg\s+\w+|qubit|bit)\s*\[\s*([\d_]+)")
_WITH_ADDRESS: Final = re.compile(r"^gate ((\w+)_\d{9,})\b", re.MULTILINE)
"""The definition of a gate to which Qiskit has given a new name, because its own was taken."""
_CONTROL_FLOW: Final = frozenset({"if_else", "for_loop", "while_loop", "switch_case", "box"})
_INCLUDES: Final = frozenset({"qelib1.inc", "stdgates.inc"})


def _check_source(source: str) -> None:
    # Qiskit would open any file of that name, and quote from it in its message.
    for match in _INCLUDE.finditer(source):
        name = match[1] and match[1][1:-1]
        if name is not None and name not in _INCLUDES:
            raise CircuitError(f"cannot include {name!r}: only {', '.join(sorted(_INCLUDES))}")
    for match in _REGISTER.finditer(source):
        if int(match[1].replace("_", "") or 0) > MAX_REGISTER_BITS:
            raise CircuitError(
                f"a register has {match[1]} bits; this emulator reads at most {MAX_REGISTER_BITS}"
            )


def read(source: str) -> Program:
    """Read an OpenQASM 2 or 3 program.

    A program without a version line is read as OpenQASM 3, in which that line is optional.

    Args:
        source: The program.

    Returns:
        The program; counts show all of its classical bits.

    Raises:
        CircuitError: The parser rejects the program; the message is the parser's.
    """
    import qiskit.qasm2
    import qiskit.qasm3

    _check_source(source)
    version = _VERSION.match(source)
    # The OpenQASM 3 parser prints its messages and raises an exception without one.
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed), contextlib.redirect_stdout(printed):
            if version is not None and version[1] == "2":
                circuit = qiskit.qasm2.loads(
                    source, custom_instructions=qiskit.qasm2.LEGACY_CUSTOM_INSTRUCTIONS
                )
            else:
                circuit = qiskit.qasm3.loads(source)
            return Program(circuit=circuit)
    except (AttributeError, TypeError) as error:
        # An empty program, for example: the importer fails, and its message would not help.
        message = printed.getvalue().strip()
        raise CircuitError(message or "not an OpenQASM program") from error
    except Exception as error:
        message = str(error).strip() or printed.getvalue().strip() or _where_it_stopped(error)
        raise CircuitError(message) from error


def _where_it_stopped(error: BaseException) -> str:
    """What the OpenQASM 3 parser did not expect, from the token that its exception holds."""
    for cause in getattr(error.__cause__, "args", ()):
        token = getattr(cause, "offendingToken", None)
        if token is not None:
            return f"line {token.line}:{token.column} unexpected {token.text!r}"
    return f"the parser failed ({type(error).__name__})"


def _numbered(source: str) -> str:
    """The program with numbers in the names of gates in which Qiskit has put memory addresses."""
    numbers = itertools.count()
    for name, gate in _WITH_ADDRESS.findall(source):
        free = (f"{gate}_{number}" for number in numbers)
        other = next(other for other in free if other not in source)
        source = re.sub(rf"\b{name}\b", other, source)
    return source


def write(circuit: Any, _: Program, __: str | None = None) -> str:
    """The circuit as OpenQASM 2, or as OpenQASM 3 if version 2 cannot express it.

    Control flow is always written as OpenQASM 3: Qiskit's writer of version 2 names the qubits of a
    condition's body by the body's own registers, which compilation to a device does not keep.
    """
    import qiskit.qasm2
    import qiskit.qasm3

    if _CONTROL_FLOW & operation_names(circuit):
        return str(qiskit.qasm3.dumps(circuit))
    try:
        return _numbered(str(qiskit.qasm2.dumps(circuit)))
    except qiskit.qasm2.QASM2Error:
        return str(qiskit.qasm3.dumps(circuit))
