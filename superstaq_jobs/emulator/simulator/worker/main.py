"""The program of a worker process: it reads tasks and writes their results.

It is run as a script, and registers the packages above it without their own ``__init__``, which
would import the library and the server; a worker needs neither.

The first line that it writes is ``ready``, or the reason why it cannot start. From then on, each
line that it reads is a task of ``simulator.tasks``, and each line that it writes a result: one for
each task, or a ``Compiled`` and one that follows it.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import queue
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

__all__ = ["main"]

_MEMORY_BYTES: Final = 4 * 1024**3


def _set_limits() -> None:
    """Of memory; and on Linux, end with the emulator's process, even in native code."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, resource.RLIM_INFINITY))
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def _read_tasks(tasks: queue.SimpleQueue[bytes]) -> None:
    """Receive the tasks, and end the process when there will be no more."""
    for line in sys.stdin.buffer:
        tasks.put(line)
    os._exit(0)


def _load(role: str) -> Callable[[bytes], Iterator[bytes]]:
    # Before the first task, so that these imports do not count towards a circuit's time limit.
    # A worker that only splits and converts circuits needs no simulator, and none needs what Qiskit
    # loads for its transpiler where IBM's client is installed: two seconds of plugins.
    sys.modules["qiskit_ibm_runtime"] = None  # type: ignore[assignment]
    logging.getLogger("stevedore").setLevel(logging.CRITICAL)  # it reports that they are missing
    from qiskit import QuantumCircuit

    from superstaq_jobs.emulator.simulator.worker.compile_and_run import results_of
    from superstaq_jobs.emulator.simulator.worker.qiskit_circuits import transpiled

    if role == "run":
        import qiskit_aer  # noqa: F401

        transpiled(QuantumCircuit(1), level=1)
    return results_of


def main(role: str) -> None:
    """Work until the input ends, or the process that started this one.

    Args:
        role: ``run``, or ``convert`` for a worker that only splits and converts circuits.
    """
    # The results have their own file descriptor, since native code may print to the other one.
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _set_limits()
    tasks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read_tasks, args=(tasks,), daemon=True).start()
    try:
        results_of = _load(role)
    except ImportError as error:
        output.write(f"{error}; install superstaq_jobs[emulator]\n".encode())
        output.close()
        return
    output.write(b"ready\n")
    output.flush()
    while True:
        for result in results_of(tasks.get()):
            output.write(result + b"\n")
            output.flush()


if __name__ == "__main__":
    sys.path += sys.argv[2:]
    simulator = Path(__file__).resolve().parent.parent
    for name, folder in {
        "superstaq_jobs": simulator.parent.parent,
        "superstaq_jobs.emulator": simulator.parent,
        "superstaq_jobs.emulator.simulator": simulator,
    }.items():
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [str(folder)]
    main(sys.argv[1])
