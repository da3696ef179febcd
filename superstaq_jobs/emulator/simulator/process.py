"""Worker processes: start, turns, time limit and end. ``worker`` is run, not imported."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec

from .tasks import AnyTask, Call, Compiled, Failed, Result

__all__ = ["Listener", "WorkerPool"]

Listener = Callable[[Result], None]
"""Called with a ``Compiled`` followed by another result, or with the only result of a task."""

_PROGRAM: Final = Path(__file__).with_name("worker") / "main.py"
_MOST_WORKERS: Final = 3
_LONG_SECONDS: Final = 0.25
"""A task that waits longer than this for one of the processes gets another one."""
_MAX_LINE_BYTES: Final = 256 * 1024 * 1024


class WorkerPool:
    """Worker processes of one kind, the first of which is started with the first task.

    Tasks come in series, such as the circuits of a job, that take turns. While every process is
    busy with a long task, another one is started, up to three, so that shorter ones can go on.

    Args:
        role: What a process loads before it is ready: all that running a circuit takes (``run``),
            or only what splitting and converting circuits takes (``convert``).
        time_limit_seconds: How long one task may take, in seconds. A task that takes longer fails,
            and its process is restarted.
    """

    def __init__(self, role: Literal["run", "convert"], *, time_limit_seconds: float) -> None:
        self._role = role
        self._time_limit_seconds = time_limit_seconds
        self._turns: queue.Queue[Iterator[tuple[AnyTask, Listener]] | None] = queue.Queue()
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._workers: list[_Worker] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self.is_closed = False

    def submit(self, series: Iterable[tuple[AnyTask, Listener]]) -> None:
        """Queue tasks; returns at once. Each is taken from the series when it is its turn."""
        self.warm_up()
        self._turns.put(iter(series))

    def warm_up(self) -> None:
        """Start a process, so that the first task does not wait for it; returns at once."""
        with self._lock:
            if self.is_closed:
                raise RuntimeError("the simulator is closed: create a new Simulator")
            if self._threads:
                return
            nothing = Call(name="sizes", arguments={"sources": [], "circuit_type": "qasm"})
            self._turns.put(iter([(nothing, lambda _: None)]))
            for _ in range(_MOST_WORKERS):
                thread = threading.Thread(target=self._work, name="superstaq-emulator", daemon=True)
                self._threads.append(thread)
                thread.start()

    def close(self) -> None:
        """Kill the processes and end the threads; drops queued tasks. May be called repeatedly."""
        with self._lock:
            self.is_closed = True
        for _ in self._threads:
            self._turns.put(None)
        while any(thread.is_alive() for thread in self._threads):
            for worker in list(self._workers):  # again: one may have been about to start
                worker.kill()
            time.sleep(0.01)
        for worker in self._workers:
            worker.end()

    def _work(self) -> None:
        while (series := self._turns.get()) is not None and not self.is_closed:
            for task, listener in itertools.islice(series, 1):
                self._turns.put(series)
                self._run(task, listener)
            self._turns.task_done()

    def _run(self, task: AnyTask, listener: Listener) -> None:
        worker, late_at = self._free_worker(), math.inf
        stage: Literal["compile", "run"] = "compile"
        try:
            worker.start()
            late_at = time.monotonic() + self._time_limit_seconds
            for result in worker.results(task, self._time_limit_seconds):
                listener(result)
                stage = "run"
        except (OSError, EOFError, msgspec.DecodeError) as error:
            worker.end()
            if not self.is_closed:
                reason = f"the simulator stopped while it worked on this circuit ({error})"
                if time.monotonic() >= late_at:
                    reason = f"the circuit took longer than {self._time_limit_seconds:g} seconds"
                listener(Failed(failed=reason, stage=stage))
        if time.monotonic() >= late_at:
            worker.end()  # it may have been killed just after its last result
        self._idle.put(worker)

    def _free_worker(self) -> _Worker:
        """Wait for a process that has nothing to do; another one if all are busy for long."""
        while True:
            with contextlib.suppress(queue.Empty):
                return self._idle.get(timeout=_LONG_SECONDS if self._workers else 0)
            with self._lock:
                if self.is_closed or all(worker.is_ready for worker in self._workers):
                    self._workers.append(_Worker(self._role))
                    return self._workers[-1]


class _Worker:
    """A process, which is started again after it was killed."""

    def __init__(self, role: str) -> None:
        self._role = role
        self._process: subprocess.Popen[bytes] | None = None
        self.is_ready = False

    def start(self) -> None:
        """Start the process unless it runs; raises an ``EOFError`` that says why if it does not."""
        if self.is_ready:
            return
        if not sys.executable:
            raise OSError("the simulator cannot start: sys.executable does not name a Python")
        # One thread per library, since threads of linear algebra libraries reserve memory that
        # counts towards the worker's limit.
        one_thread = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
        with tempfile.TemporaryFile() as errors:
            self._process = subprocess.Popen(  # noqa: S603 - our own file, no shell
                # -P, and this path after its own: a file beside the user's script, such as
                # `numpy.py`, must not hide a package from the packages that need it.
                [sys.executable, "-P", str(_PROGRAM), self._role, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=os.environ | dict.fromkeys(one_thread, "1") | {"QISKIT_PARALLEL": "FALSE"},
                # A Ctrl-C in the terminal is meant for the program that owns the emulator.
                start_new_session=True,
            )
            line = self._process.stdout.readline() if self._process.stdout is not None else b""
            self.is_ready = line == b"ready\n"
            if not self.is_ready:
                self.end()
                errors.seek(0)
                said = (line + errors.read()).decode(errors="replace").strip().splitlines()
                raise EOFError(said[-1] if said else "it did not start")

    def results(self, task: AnyTask, time_limit_seconds: float) -> Iterator[Result]:
        """Send a task to the process, and receive its results."""
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise EOFError("it is closed")
        timer = threading.Timer(time_limit_seconds, process.kill)
        timer.start()
        try:
            process.stdin.write(msgspec.json.encode(task) + b"\n")
            process.stdin.flush()
            result: Result | None = None
            while result is None or isinstance(result, Compiled):
                line = process.stdout.readline(_MAX_LINE_BYTES)
                if not line.endswith(b"\n"):
                    long = f"its result has more than {_MAX_LINE_BYTES:,} bytes"
                    raise EOFError(long if len(line) == _MAX_LINE_BYTES else "it died")
                result = msgspec.json.decode(line, type=Result)
                yield result
        finally:
            timer.cancel()

    def kill(self) -> None:
        """Kill the process; another thread may be working with it."""
        process = self._process
        if process is not None:
            process.kill()

    def end(self) -> None:
        """Kill the process and release what it held."""
        process, self._process, self.is_ready = self._process, None, False
        if process is not None:
            process.kill()
            with contextlib.suppress(OSError):
                process.communicate()
