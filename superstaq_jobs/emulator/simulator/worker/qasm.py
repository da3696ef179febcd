"""OpenQASM 2 and 3.

Lives here: `read` and `write`, and the checks of a text before a parser sees it. May import
`programs`.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import re
from typing import Any, Final

from .program import CircuitError, Program, operation_names

__all__ = ["MAX_REGISTER_BITS", "read", "write"]

MAX_REGISTER_BITS: Final = 1_000
"""A longer register is refused before the parser makes an object for each of its bits."""

_COMMENT: Final = r"//[^\n]*|/\*.*?\*/"
_VERSION: Final = re.compile(rf"(?:\s|{_COMMENT})*OPENQASM\s+(\d+)", re.DOTALL)
_STRING: Final = re.compile(rf"{_COMMENT}|[\"']([^\"'\n]*)[\"']", re.DOTALL)
_REGISTER: Final = re.compile(r"\b(?:[qc]reg\s+\w+|qubit|bit)\s*\[\s*([\d_]+)")
_WITH_ADDRESS: Final = re.compile(r"^gate ((\w+)_\d{9,})\b", re.MULTILINE)
"""The definition of a gate that has the name of another one, by which Qiskit gives it a new one."""
_CONTROL_FLOW: Final = frozenset({"if_else", "for_loop", "while_loop", "switch_case", "box"})
_INCLUDES: Final = frozenset({"qelib1.inc", "stdgates.inc"})


def _check_text(text: str) -> None:
    # An include is the only place of a string in the language that the parsers here read, and
    # Qiskit would open any file of that name, and quote from it in its message.
    for match in _STRING.finditer(text):
        if match[1] is not None and match[1] not in _INCLUDES:
            raise CircuitError(f"cannot include {match[1]!r}: only {', '.join(sorted(_INCLUDES))}")
    for match in _REGISTER.finditer(text):
        if int(match[1].replace("_", "") or 0) > MAX_REGISTER_BITS:
            raise CircuitError(
                f"a register of {match[1]} bits is longer than {MAX_REGISTER_BITS}, the most that "
                "this emulator reads"
            )


def read(text: str) -> Program:
    """What an OpenQASM 2 or 3 program describes.

    A program without a version line is read as OpenQASM 3, where that line is optional.

    Args:
        text: The program.

    Returns:
        The program; counts show all of its classical bits.

    Raises:
        CircuitError: The parser refuses the program; the text is the parser's.
    """
    import qiskit.qasm2
    import qiskit.qasm3

    _check_text(text)
    version = _VERSION.match(text)
    # The OpenQASM 3 parser prints its complaints and raises an exception without a text.
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed), contextlib.redirect_stdout(printed):
            if version is not None and version[1] == "2":
                circuit = qiskit.qasm2.loads(
                    text, custom_instructions=qiskit.qasm2.LEGACY_CUSTOM_INSTRUCTIONS
                )
            else:
                circuit = qiskit.qasm3.loads(text)
            return Program(circuit=circuit)
    except (AttributeError, TypeError) as error:
        # Seen for an empty program: a fault of the importer, of no use as a message.
        said = printed.getvalue().strip()
        raise CircuitError(said or "this is not an OpenQASM program") from error
    except Exception as error:
        said = str(error).strip() or printed.getvalue().strip() or _where_it_stopped(error)
        raise CircuitError(said) from error


def _where_it_stopped(error: BaseException) -> str:
    """What the OpenQASM 3 parser did not expect, from the token that its exception holds."""
    for cause in getattr(error.__cause__, "args", ()):
        token = getattr(cause, "offendingToken", None)
        if token is not None:
            return f"line {token.line}:{token.column} did not expect {token.text!r}"
    return f"the parser gave up ({type(error).__name__})"


def _numbered(text: str) -> str:
    """The text with numbers in the names of gates where Qiskit has put addresses of memory."""
    numbers = itertools.count()
    for name, gate in _WITH_ADDRESS.findall(text):
        free = (f"{gate}_{number}" for number in numbers)
        other = next(other for other in free if other not in text)
        text = re.sub(rf"\b{name}\b", other, text)
    return text


def write(circuit: Any, _: Program) -> str:
    """The circuit as OpenQASM 2, or as OpenQASM 3 where version 2 has no words for it.

    Control flow is always written as OpenQASM 3: Qiskit's writer of version 2 names the qubits of a
    condition's body by the body's own registers, which compilation to a device has left behind.
    """
    import qiskit.qasm2
    import qiskit.qasm3

    if _CONTROL_FLOW & operation_names(circuit):
        return str(qiskit.qasm3.dumps(circuit))
    try:
        return _numbered(str(qiskit.qasm2.dumps(circuit)))
    except qiskit.qasm2.QASM2Error:
        return str(qiskit.qasm3.dumps(circuit))
