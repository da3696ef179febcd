"""The owner of the process in which circuits are compiled and run.

Lives here: `Simulator`, a queue of tasks, the thread that feeds them to the worker process, and
that process's start, time limit and end. Imports nothing of this package: `worker` is run, not
imported.
"""

from __future__ import annotations

import contextlib
import functools
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal, Self

import attrs
import msgspec

__all__ = ["Compiled", "Counted", "Failed", "Reply", "Simulator", "Task"]

_WORKER: Final = Path(__file__).with_name("worker.py")


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One circuit to compile, and to run unless ``run`` is False."""

    circuit: str
    circuit_type: str
    verbatim: bool
    run: bool
    noise: bool
    shots: int
    seed: int
    max_qubits: int
    coupling: tuple[tuple[int, int], ...] | None


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """The compiled circuit, and the physical qubit of each logical one at its start and end."""

    compiled: str
    initial: list[int]
    final: list[int]


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured, by big-endian bitstring; None where nothing was to be run."""

    counts: dict[str, int] | None


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """Why there will be no result, and in which stage that came out."""

    failed: str
    stage: Literal["compile", "run"]


Reply = Compiled | Counted | Failed


class _AnyReply(msgspec.Struct, frozen=True):
    compiled: str | None = None
    initial: list[int] = []
    final: list[int] = []
    counts: dict[str, int] | None = None
    failed: str | None = None
    stage: Literal["compile", "run"] = "run"

    def reply(self) -> Reply:
        if self.failed is not None:
            return Failed(failed=self.failed, stage=self.stage)
        if self.compiled is not None:
            return Compiled(compiled=self.compiled, initial=self.initial, final=self.final)
        return Counted(counts=self.counts)


_DECODER: Final = msgspec.json.Decoder(_AnyReply)


@attrs.frozen
class _Order:
    task: Task
    listener: Callable[[Reply], None]
    is_wanted: Callable[[], bool]


class Simulator:
    """Runs circuits one after another in a process of its own.

    The process starts with the first circuit, which takes a second or two, and lives until
    `close`. Several emulators may share one simulator, so that a test suite pays for the start
    once: ``Emulator(simulator=simulator)``.

    Args:
        time_limit_seconds: How long one circuit may take to compile and run, in seconds, more than
            0. A circuit that takes longer fails, and the process is started again.
    """

    def __init__(self, *, time_limit_seconds: float = 60.0) -> None:
        if not time_limit_seconds > 0:
            raise ValueError(f"time_limit_seconds must be more than 0, not {time_limit_seconds!r}")
        self._time_limit_seconds = time_limit_seconds
        self._lock = threading.Lock()
        self._orders: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def submit(
        self,
        task: Task,
        listener: Callable[[Reply], None],
        *,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        """Queue a circuit; returns at once.

        Args:
            task: The circuit and what to do with it.
            listener: Called from the simulator's thread: with a `Compiled` and then a `Counted` or
                `Failed`, or with one `Failed`. Not called after `close`.
            is_wanted: Asked just before the circuit's turn; False skips it.

        Raises:
            RuntimeError: The simulator is closed.
        """
        self._order(functools.partial(self._run, _Order(task, listener, is_wanted)))

    def warm_up(self) -> None:
        """Start the process, so that the first circuit need not wait for it; returns at once.

        Raises:
            RuntimeError: The simulator is closed.
        """
        self._order(self._warm_up)

    def _order(self, what: Callable[[], None]) -> None:
        with self._lock:
            if self._closed:
                raise RuntimeError("the simulator is closed")
            self._orders.put(what)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="superstaq-emulator-simulator", daemon=True
                )
                self._thread.start()

    def close(self) -> None:
        """Kill the process and end the thread; queued circuits are forgotten. May be repeated."""
        with self._lock:
            self._closed = True
            thread = self._thread
            self._orders.put(None)
            if self._process is not None:
                self._process.kill()
        if thread is not None:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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
            self._end_process()  # The first circuit tries again, and can say what is wrong.

    def _run(self, order: _Order) -> None:
        if not order.is_wanted():
            return
        late = threading.Event()
        stage: Literal["compile", "run"] = "compile"
        try:
            process = self._running_process()
            timer = threading.Timer(self._time_limit_seconds, _stop_late, (process, late))
            timer.daemon = True
            timer.start()
            try:
                for reply in _replies(process, order.task):
                    if self._closed:
                        return
                    stage = "run"
                    order.listener(reply)
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
            order.listener(Failed(failed=why, stage=stage))

    def _running_process(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise EOFError("closed")
            if self._process is not None:
                return self._process
            process = self._process = _start_worker()
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


def _start_worker() -> subprocess.Popen[bytes]:
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
        # -P: the folder of worker.py, with names like requests.py, is no place for imports.
        [sys.executable, "-P", str(_WORKER)],
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


def _replies(process: subprocess.Popen[bytes], task: Task) -> Iterator[Reply]:
    """The replies to one task, as they come."""
    if process.stdin is None or process.stdout is None:
        raise EOFError("no pipes")
    process.stdin.write(msgspec.json.encode(task) + b"\n")
    process.stdin.flush()
    while True:
        line = process.stdout.readline()
        if not line.endswith(b"\n"):
            raise EOFError("it died")
        reply = _DECODER.decode(line).reply()
        yield reply
        if not isinstance(reply, Compiled):
            return
