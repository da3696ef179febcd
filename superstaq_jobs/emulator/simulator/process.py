"""A worker process and its queue: start, time limit and end.

Imports nothing of this package: `worker` is run, not imported.
"""

from __future__ import annotations

import contextlib
import functools
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import attrs
import msgspec

__all__ = ["QueuedTask", "WorkerQueue"]

_PROGRAM: Final = Path(__file__).with_name("worker") / "main.py"


@attrs.frozen(kw_only=True)
class QueuedTask:
    """A task, and where its results go.

    Attributes:
        task: What the worker receives.
        listener: Called from the queue's thread with each line of the worker's output; returns
            whether more lines are to come.
        fail: Called with the reason if further results will not come.
        is_wanted: Called just before the task's turn; False skips it.
    """

    task: msgspec.Struct
    listener: Callable[[bytes], bool]
    fail: Callable[[str], None]
    is_wanted: Callable[[], bool] = lambda: True


class WorkerQueue:
    """One worker process, started with the first task, and the tasks that wait for it.

    Args:
        role: What the process loads before it is ready: all that running a circuit takes (``run``),
            or only what splitting and converting circuits takes (``convert``).
        time_limit_seconds: How long one task may take, in seconds. A task that takes longer fails,
            and the process is restarted.
    """

    def __init__(self, role: Literal["run", "convert"], *, time_limit_seconds: float) -> None:
        self._role = role
        self._time_limit_seconds = time_limit_seconds
        self._lock = threading.Lock()
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def submit(self, queued: QueuedTask) -> None:
        """Queue a task; returns at once.

        Raises:
            RuntimeError: The queue is closed.
        """
        self._put(functools.partial(self._run, queued))

    def warm_up(self) -> None:
        """Start the process, so that the first task does not wait for it; returns at once.

        Raises:
            RuntimeError: The queue is closed.
        """
        self._put(self._warm_up)

    def _put(self, step: Callable[[], None]) -> None:
        with self._lock:
            if self._closed:
                raise RuntimeError("the simulator is closed: create a new Simulator")
            self._queue.put(step)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="superstaq-emulator-simulator", daemon=True
                )
                self._thread.start()

    @property
    def is_closed(self) -> bool:
        """Whether it is closed."""
        return self._closed

    def close(self) -> None:
        """Kill the process and end the thread; drops queued tasks. May be called repeatedly."""
        with self._lock:
            self._closed = True
            thread = self._thread
            self._queue.put(None)
            if self._process is not None:
                self._process.kill()
        if thread is not None:
            thread.join()

    def _work(self) -> None:
        try:
            while (queued := self._queue.get()) is not None and not self._closed:
                queued()
        finally:
            self._end_process()

    def _warm_up(self) -> None:
        try:
            self._running_process()
        except (OSError, EOFError):
            self._end_process()  # The first task tries again, and can report the reason.

    def _run(self, queued: QueuedTask) -> None:
        if not queued.is_wanted():
            return
        late = threading.Event()
        try:
            process = self._running_process()
            timer = threading.Timer(self._time_limit_seconds, _stop_late, (process, late))
            timer.daemon = True
            timer.start()
            try:
                self._exchange(process, queued)
            finally:
                timer.cancel()
                timer.join()
        except (OSError, EOFError, msgspec.DecodeError) as error:
            self._end_process()
            if self._closed:
                return
            reason = f"the simulator stopped while it worked on this circuit ({error})"
            if late.is_set():
                reason = f"the circuit took longer than {self._time_limit_seconds:g} seconds"
            queued.fail(reason)

    def _exchange(self, process: subprocess.Popen[bytes], queued: QueuedTask) -> None:
        """Send the task to the process, and pass its output to the listener, line by line."""
        if process.stdin is None or process.stdout is None:
            raise EOFError("it has no pipes")
        process.stdin.write(msgspec.json.encode(queued.task) + b"\n")
        process.stdin.flush()
        more = True
        while more:
            line = process.stdout.readline()
            if not line.endswith(b"\n"):
                raise EOFError("it died")
            if self._closed:
                return
            more = queued.listener(line)

    def _running_process(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise EOFError("it is closed")
            if self._process is not None:
                return self._process
            process = self._process = _start_worker(self._role)
        # Without the lock, since `close` must be able to kill a process that is still starting.
        _await_ready(process)
        return process

    def _end_process(self) -> None:
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.kill()
            with contextlib.suppress(OSError):
                process.communicate()


def _start_worker(role: str) -> subprocess.Popen[bytes]:
    if not sys.executable:
        raise OSError("the simulator cannot start: sys.executable does not name a Python")
    # The same import path as here; one thread per library, since threads of linear algebra
    # libraries reserve memory that counts towards the worker's limit.
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "RAYON_NUM_THREADS": "1",
        "QISKIT_PARALLEL": "FALSE",
    }
    return subprocess.Popen(  # noqa: S603 - our own file, no shell
        # -P: do not import from the folder of the script.
        [sys.executable, "-P", str(_PROGRAM), role],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        # A Ctrl-C in the terminal is meant for the program that owns the emulator.
        start_new_session=True,
    )


def _await_ready(process: subprocess.Popen[bytes]) -> None:
    line = process.stdout.readline() if process.stdout is not None else b""
    if line != b"ready\n":
        output = line.decode(errors="replace").strip()
        raise EOFError(output or "it did not start")


def _stop_late(process: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    process.kill()
