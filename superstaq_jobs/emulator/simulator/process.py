"""A worker process and the queue of what it is to do.

Lives here: `Lane`: the queue, the thread that feeds the process, and the process's start, time
limit and end. Imports nothing of this package: `worker` is run, not imported.
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

_LAUNCH: Final = Path(__file__).with_name("worker") / "main.py"


@attrs.frozen(kw_only=True)
class QueuedTask:
    """A task, and who wants to know.

    Attributes:
        task: What the worker gets.
        listener: Called from the lane's thread with each line of the answer; returns whether more
            are to come.
        fail: Called instead, or afterwards, with the reason why there is no more.
        is_wanted: Asked just before the task's turn; False skips it.
    """

    task: msgspec.Struct
    listener: Callable[[bytes], bool]
    fail: Callable[[str], None]
    is_wanted: Callable[[], bool] = lambda: True


class WorkerQueue:
    """One worker process, started with the first order, and its orders one after another.

    Args:
        role: What the process loads before it is ready: all that running a circuit takes, or only
            what reading and writing one takes.
        time_limit_seconds: How long one order may take, in seconds. One that takes longer fails,
            and the process is started again.
    """

    def __init__(self, role: Literal["run", "convert"], *, time_limit_seconds: float) -> None:
        self._role = role
        self._time_limit_seconds = time_limit_seconds
        self._lock = threading.Lock()
        self._orders: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def submit(self, order: QueuedTask) -> None:
        """Queue an order; returns at once.

        Raises:
            RuntimeError: The lane is closed.
        """
        self._put(functools.partial(self._run, order))

    def warm_up(self) -> None:
        """Start the process, so that the first order need not wait for it; returns at once.

        Raises:
            RuntimeError: The lane is closed.
        """
        self._put(self._warm_up)

    def _put(self, what: Callable[[], None]) -> None:
        with self._lock:
            if self._closed:
                raise RuntimeError("the simulator is closed")
            self._orders.put(what)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="superstaq-emulator-simulator", daemon=True
                )
                self._thread.start()

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def close(self) -> None:
        """Kill the process and end the thread; queued orders are forgotten. May be repeated."""
        with self._lock:
            self._closed = True
            thread = self._thread
            self._orders.put(None)
            if self._process is not None:
                self._process.kill()
        if thread is not None:
            thread.join()

    def _work(self) -> None:
        try:
            while (order := self._orders.get()) is not None and not self._closed:
                order()
        finally:
            self._end_process()

    def _warm_up(self) -> None:
        try:
            self._running_process()
        except (OSError, EOFError):
            self._end_process()  # The first order tries again, and can say what is wrong.

    def _run(self, order: QueuedTask) -> None:
        if not order.is_wanted():
            return
        late = threading.Event()
        try:
            process = self._running_process()
            timer = threading.Timer(self._time_limit_seconds, _stop_late, (process, late))
            timer.daemon = True
            timer.start()
            try:
                self._answer(process, order)
            finally:
                timer.cancel()
                timer.join()
        except (OSError, EOFError, msgspec.DecodeError) as error:
            self._end_process()
            if self._closed:
                return
            why = f"the simulator stopped while it had this circuit ({error})"
            if late.is_set():
                why = f"the circuit took longer than {self._time_limit_seconds:g} seconds"
            order.fail(why)

    def _answer(self, process: subprocess.Popen[bytes], order: QueuedTask) -> None:
        """Give the task to the process, and its answer to the listener, line by line."""
        if process.stdin is None or process.stdout is None:
            raise EOFError("no pipes")
        process.stdin.write(msgspec.json.encode(order.task) + b"\n")
        process.stdin.flush()
        more = True
        while more:
            line = process.stdout.readline()
            if not line.endswith(b"\n"):
                raise EOFError("it died")
            if self._closed:
                return
            more = order.listener(line)

    def _running_process(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise EOFError("closed")
            if self._process is not None:
                return self._process
            process = self._process = _start_worker(self._role)
        # Not under the lock: `close` must be able to kill a process that is still starting.
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
        raise OSError("sys.executable names no Python to run the simulator with")
    # The same modules as here, whatever was done to the path; threads of linear algebra libraries
    # reserve memory that the worker's limit counts.
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "RAYON_NUM_THREADS": "1",
        "QISKIT_PARALLEL": "FALSE",
    }
    return subprocess.Popen(  # noqa: S603 - our own file, and no shell
        # -P: the folder of the script is no place for imports.
        [sys.executable, "-P", str(_LAUNCH), role],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        # A Ctrl-C in the terminal is for the program that owns the emulator.
        start_new_session=True,
    )


def _await_ready(process: subprocess.Popen[bytes]) -> None:
    line = process.stdout.readline() if process.stdout is not None else b""
    if line != b"ready\n":
        said = line.decode(errors="replace").strip()
        raise EOFError(said or "it did not start")


def _stop_late(process: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    process.kill()
