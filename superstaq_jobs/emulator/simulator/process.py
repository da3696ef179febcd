"""Worker processes and the tasks that wait for them: start, time limit and end.

Imports nothing of this package: `worker` is run, not imported.
"""

from __future__ import annotations

import contextlib
import os
import site
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Final, Literal

import attrs
import msgspec

__all__ = ["QueuedTask", "WorkerPool"]

_PROGRAM: Final = Path(__file__).with_name("worker") / "main.py"
_MOST_WORKERS: Final = 3
_LONG_SECONDS: Final = 0.25
"""With every worker at one task for longer than this, another one is started."""
_CHECK_SECONDS: Final = 0.1
_MAX_LINE_BYTES: Final = 256 * 1024 * 1024


@attrs.frozen(kw_only=True)
class QueuedTask:
    """A task, and where its results go.

    Attributes:
        task: What the worker receives.
        listener: Called with each line of the worker's output; returns whether more are to come.
        fail: Called with the reason if further results will not come.
    """

    task: msgspec.Struct
    listener: Callable[[bytes], bool]
    fail: Callable[[str], None]


class WorkerPool:
    """Worker processes of one kind, the first of which is started with the first task.

    Tasks come in series, such as the circuits of a job, that take turns. While every worker is busy
    with a long task, another one is started, up to three, so that shorter ones can go on.

    Args:
        role: What a process loads before it is ready: all that running a circuit takes (``run``),
            or only what splitting and converting circuits takes (``convert``).
        time_limit_seconds: How long one task may take, in seconds. A task that takes longer fails,
            and its process is restarted.
    """

    def __init__(self, role: Literal["run", "convert"], *, time_limit_seconds: float) -> None:
        self._role = role
        self._time_limit_seconds = time_limit_seconds
        self._changed = threading.Condition()
        self._series: deque[Iterator[QueuedTask]] = deque()
        self._workers: list[_Worker] = []
        self._threads: list[threading.Thread] = []
        self._is_working = threading.Event()
        self.is_closed = False

    def submit(self, series: Iterable[QueuedTask]) -> None:
        """Queue tasks; returns at once. Each is taken from the series when it is its turn.

        Raises:
            RuntimeError: The pool is closed.
        """
        with self._changed:
            self.warm_up()
            self._series.append(iter(series))
            self._changed.notify()

    def warm_up(self) -> None:
        """Start a process, so that the first task does not wait for it; returns at once.

        Raises:
            RuntimeError: The pool is closed.
        """
        with self._changed:
            if self.is_closed:
                raise RuntimeError("the simulator is closed: create a new Simulator")
            if not self._workers:
                self._add_worker()
                self._start(self._watch)

    @property
    def is_idle(self) -> bool:
        """Whether it has nothing to do."""
        with self._changed:
            return not self._series and not any(worker.is_busy for worker in self._workers)

    def close(self) -> None:
        """Kill the processes and end the threads; drops queued tasks. May be called repeatedly."""
        with self._changed:
            self.is_closed = True
            self._series.clear()
            self._changed.notify_all()
            self._is_working.set()
            for worker in self._workers:
                worker.kill()
        for thread in self._threads:
            thread.join()

    def _add_worker(self) -> None:
        worker = _Worker(self._role, is_closed=lambda: self.is_closed)
        self._workers.append(worker)
        self._start(lambda: self._work(worker))

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name="superstaq-emulator-simulator", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self, worker: _Worker) -> None:
        try:
            with contextlib.suppress(OSError, EOFError):  # the first task can report the reason
                worker.start()
            while (queued := self._next_task(worker)) is not None:
                self._run(worker, queued)
        finally:
            worker.end()

    def _next_task(self, worker: _Worker) -> QueuedTask | None:
        """Wait for a task; None if the pool is closed."""
        while True:
            with self._changed:
                worker.is_busy = False
                self._changed.wait_for(lambda: self._series or self.is_closed)
                if self.is_closed:
                    return None
                worker.is_busy = True
                series = self._series.popleft()
            queued = next(series, None)
            if queued is not None:
                with self._changed:
                    self._series.append(series)
                    self._changed.notify()
                return queued

    def _run(self, worker: _Worker, queued: QueuedTask) -> None:
        try:
            worker.start()
            worker.began = time.monotonic()
            self._is_working.set()
            try:
                worker.exchange(queued)
            finally:
                worker.began = None
        except (OSError, EOFError, msgspec.DecodeError) as error:
            worker.end()
            if self.is_closed:
                return
            reason = f"the simulator stopped while it worked on this circuit ({error})"
            if worker.is_late:
                reason = f"the circuit took longer than {self._time_limit_seconds:g} seconds"
            queued.fail(reason)

    def _watch(self) -> None:
        """Kill workers that are late, and start others while all are busy for long."""
        while True:
            self._is_working.wait()
            time.sleep(_CHECK_SECONDS)
            self._is_working.clear()
            now = time.monotonic()
            with self._changed:
                if self.is_closed:
                    return
                began = [worker.began for worker in self._workers]
                if any(at is not None for at in began):
                    self._is_working.set()
                for worker, at in zip(self._workers, began, strict=True):
                    if at is not None and now - at > self._time_limit_seconds:
                        worker.is_late = True
                        worker.kill()
                all_long = all(at is not None and now - at > _LONG_SECONDS for at in began)
                if all_long and len(began) < _MOST_WORKERS:
                    self._add_worker()


class _Worker:
    """One process at a time, and the thread's task that it works on."""

    def __init__(self, role: str, *, is_closed: Callable[[], bool]) -> None:
        self._role = role
        self._is_closed = is_closed
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self.is_busy = False
        self.is_late = False
        self.began: float | None = None
        """When its task began."""

    def start(self) -> None:
        """Start the process unless it runs, and wait until it is ready.

        Raises:
            EOFError: It did not become ready; the message says why.
        """
        if self._process is not None:
            return
        with tempfile.TemporaryFile() as errors:
            with self._lock:
                if self._is_closed():
                    raise EOFError("it is closed")
                self._process = process = _start_process(self._role, errors)
                self.is_late = False
            # Without the lock, since `kill` must be able to end a process that is still starting.
            line = process.stdout.readline() if process.stdout is not None else b""
            if line != b"ready\n":
                self.end()
                errors.seek(0)
                said = (line + errors.read()).decode(errors="replace").strip().splitlines()
                raise EOFError(said[-1] if said else "it did not start")

    def exchange(self, queued: QueuedTask) -> None:
        """Send a task to the process, and pass its output to the listener, line by line."""
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise EOFError("it is closed")
        process.stdin.write(msgspec.json.encode(queued.task))
        process.stdin.write(b"\n")
        process.stdin.flush()
        more = True
        while more:
            line = process.stdout.readline(_MAX_LINE_BYTES)
            if not line.endswith(b"\n"):
                long = f"its result has more than {_MAX_LINE_BYTES:,} bytes"
                raise EOFError(long if len(line) == _MAX_LINE_BYTES else "it died")
            more = queued.listener(line)

    def kill(self) -> None:
        """End the process from another thread."""
        with self._lock:
            if self._process is not None:
                self._process.kill()

    def end(self) -> None:
        """End the process."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.kill()
            with contextlib.suppress(OSError):
                process.communicate()


def _start_process(role: str, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    if not sys.executable:
        raise OSError("the simulator cannot start: sys.executable does not name a Python")
    # One thread per library, since threads of linear algebra libraries reserve memory that counts
    # towards the worker's limit.
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(_import_path()),
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
        stderr=errors,
        env=environment,
        # A Ctrl-C in the terminal is meant for the program that owns the emulator.
        start_new_session=True,
    )


def _import_path() -> list[str]:
    """The import path of this process, with installed packages first.

    A file of the user's beside their script, such as ``numpy.py``, must not hide a package from the
    packages that need it.
    """
    libraries = [sysconfig.get_path("stdlib"), *site.getsitepackages()]
    libraries += [sysconfig.get_path("purelib"), site.getusersitepackages()]
    path = [entry for entry in sys.path if entry]
    chosen = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    installed = [e for e in path if any(Path(e).is_relative_to(root) for root in libraries)]
    return list(dict.fromkeys([*(e for e in path if e in chosen), *installed, *path]))
