"""What compiles and runs circuits, and what takes them apart and translates them.

Lives here: `Simulator`, and the tasks and replies that go to its worker processes and come back.
May import `process`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Literal, Self, TypeVar

import msgspec

from .process import QueuedTask, WorkerQueue
from .tasks import (
    Compiled,
    Conversion,
    Converted,
    Failed,
    Result,
    Split,
    SplitCircuits,
    Task,
    read_result,
)

__all__ = ["Simulator"]

R = TypeVar("R", SplitCircuits, Converted)


class Simulator:
    """Runs circuits one after another in a process of its own.

    The process starts with the first circuit, which takes a second or two, and lives until
    `close`. A second one, which starts when it is first needed, takes texts of several circuits
    apart and translates circuits, so that nobody waits for a circuit that runs long. Several
    emulators may share one simulator, so that a test suite pays for the start once:
    ``Emulator(simulator=simulator)``.

    Args:
        time_limit_seconds: How long one circuit may take to compile and run, in seconds, more than
            0. A circuit that takes longer fails, and the process is started again.
    """

    def __init__(self, *, time_limit_seconds: float = 60.0) -> None:
        if not time_limit_seconds > 0:
            raise ValueError(f"time_limit_seconds must be more than 0, not {time_limit_seconds!r}")
        self._runs = WorkerQueue("run", time_limit_seconds=time_limit_seconds)
        self._conversions = WorkerQueue("convert", time_limit_seconds=time_limit_seconds)
        self._lock = threading.Lock()
        self._pending: set[Future[SplitCircuits] | Future[Converted]] = set()

    def submit(
        self,
        task: Task,
        listener: Callable[[Result], None],
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
        stage: Literal["compile", "run"] = "compile"

        def listen(line: bytes) -> bool:
            nonlocal stage
            reply = read_result(line)
            stage = "run"
            listener(reply)
            return isinstance(reply, Compiled)

        def fail(why: str) -> None:
            listener(Failed(failed=why, stage=stage))

        self._runs.submit(QueuedTask(task=task, listener=listen, fail=fail, is_wanted=is_wanted))

    def split(self, text: str, circuit_type: str) -> Future[SplitCircuits]:
        """Take a text of several circuits apart; returns at once.

        Returns:
            What the circuits will be in. It raises a ValueError with the reason where the text
            cannot be read, and is cancelled when the simulator is closed.

        Raises:
            RuntimeError: The simulator is closed.
        """
        return self._request(Split(split=text, circuit_type=circuit_type), SplitCircuits)

    def convert(self, conversion: Conversion) -> Future[Converted]:
        """Write a circuit in another language; as `split`."""
        return self._request(conversion, Converted)

    def _request(self, task: Split | Conversion, kind: type[R]) -> Future[R]:
        future: Future[R] = Future()
        with self._lock:
            self._pending.add(future)
        future.add_done_callback(self._forget)

        def fail(why: str) -> None:
            # Whoever asked may have given up since.
            with contextlib.suppress(InvalidStateError):
                future.set_exception(ValueError(why))

        def listen(line: bytes) -> bool:
            reply = msgspec.json.decode(line, type=dict[str, object])
            if "failed" in reply:
                fail(str(reply["failed"]))
            else:
                with contextlib.suppress(InvalidStateError):
                    future.set_result(msgspec.convert(reply, kind))
            return False

        try:
            self._conversions.submit(
                QueuedTask(
                    task=task, listener=listen, fail=fail, is_wanted=lambda: not future.cancelled()
                )
            )
        except RuntimeError:
            future.cancel()
            raise
        return future

    def _forget(self, future: Future[R]) -> None:
        with self._lock:
            self._pending.discard(future)

    def warm_up(self) -> None:
        """Start the process, so that the first circuit need not wait for it; returns at once.

        Raises:
            RuntimeError: The simulator is closed.
        """
        self._runs.warm_up()

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, so that nothing will come of what was submitted."""
        return self._runs.is_closed

    def close(self) -> None:
        """Kill the processes, end the threads; queued circuits are forgotten. May be repeated."""
        self._runs.close()
        self._conversions.close()
        with self._lock:
            asked = list(self._pending)
        for future in asked:
            future.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
