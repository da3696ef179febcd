"""The loop of the worker process: a task in, replies out.

Lives here: `main`, the limit on memory, and what is loaded before the first task. May import
`running`.

The first line out is ``ready``, or why it cannot start. Then one JSON object a line comes in, a
task of `simulator`, and out go the replies to it, one JSON object a line. To a task to run: either
``{"failed", "stage"}``, or ``{"compiled", "initial", "final", "logical_qubits",
"physical_qubits"}`` and then ``{"counts"}`` (null for a compile job) or ``{"failed", "stage"}``. To
a task to split: ``{"circuits"}`` or ``{"failed"}``. To one to translate: ``{"circuit", "compiled",
"logical_qubits", "physical_qubits"}`` or ``{"failed"}``.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
from typing import Final

from .running import replies_to

__all__ = ["main"]

_MEMORY_BYTES: Final = 4 * 1024**3


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, resource.RLIM_INFINITY))


def _load(what: str) -> None:
    # Before the first task, so that no circuit's time limit has to pay for it. What only reads and
    # writes circuits needs no simulator.
    names = ["qiskit.qpy"]
    if what == "run":
        names += ["qiskit.qasm2", "qiskit.qasm3", "qiskit_qasm3_import", "qiskit_aer"]
    for name in names:
        importlib.import_module(name)


def main() -> None:
    """Work until the input ends."""
    # The replies get a descriptor of their own: native code may print what it likes.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _limit_memory()
    try:
        _load(sys.argv[1])
    except ImportError as error:
        replies.write(f"{error}; install superstaq_jobs[emulator]\n".encode())
        replies.close()
        return
    replies.write(b"ready\n")
    replies.flush()
    for line in sys.stdin.buffer:
        for reply in replies_to(json.loads(line)):
            replies.write(json.dumps(reply).encode() + b"\n")
            replies.flush()
