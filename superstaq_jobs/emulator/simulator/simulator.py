"""The simulator: one worker process that runs circuits, and one for all that takes no running."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Any, Literal, Self, TypeVar

import msgspec

from superstaq_jobs.records.problems import InvalidValue, is_amount, shown

from .process import QueuedTask, WorkerQueue
from .tasks import (
    Compiled,
    Conversion,
    Converted,
    Describe,
    Described,
    Failed,
    Join,
    Joined,
    Result,
    Split,
    SplitCircuits,
    Task,
    read_result,
)

__all__ = ["Simulator"]

R = TypeVar("R", SplitCircuits, Converted, Joined, Described)


class Simulator:
    """Runs circuits, one after another, in a separate process.

    The process starts with the first circuit, which takes a second or two, and runs until `close`.
    A second process, started when it is first needed, splits and converts circuits, and compiles
    those that are not to run, so that this does not have to wait for a circuit that takes long to
    run. Several emulators can share one simulator, so that a test suite starts it only once:
    ``Emulator(simulator=simulator)``.

    Args:
        time_limit_seconds: How long one circuit may take to compile and run, in seconds, > 0. A
            circuit that takes longer fails, and the process is restarted.

    Raises:
        ValueError: ``time_limit_seconds`` is not greater than 0.
    """

    def __init__(self, *, time_limit_seconds: float = 60.0) -> None:
        if not is_amount(time_limit_seconds) or time_limit_seconds == 0:
            raise InvalidValue(
                "time_limit_seconds must be a number of seconds > 0, got "
                f"{shown(time_limit_seconds)}"
            )
        self._runner = WorkerQueue("run", time_limit_seconds=time_limit_seconds)
        self._converter = WorkerQueue("convert", time_limit_seconds=time_limit_seconds)
        self._lock = threading.Lock()
        self._pending: set[Future[Any]] = set()

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
            listener: Called from the simulator's thread, either with a `Compiled` followed by a
                `Counted` or a `Failed`, or with one `Failed`. Not called after `close`.
            is_wanted: Called just before the circuit's turn; False skips it.

        Raises:
            RuntimeError: The simulator is closed.
        """
        stage: Literal["compile", "run"] = "compile"

        def listen(line: bytes) -> bool:
            nonlocal stage
            result = read_result(line)
            stage = "run"
            listener(result)
            return isinstance(result, Compiled)

        def fail(reason: str) -> None:
            listener(Failed(failed=reason, stage=stage))

        self._runner.submit(QueuedTask(task=task, listener=listen, fail=fail, is_wanted=is_wanted))

    def split(self, text: str, circuit_type: str) -> Future[SplitCircuits]:
        """Split a string with several circuits; returns at once.

        Returns:
            A future of the circuits. It raises a ValueError with the reason if the string cannot be
            read, and is cancelled when the simulator is closed.

        Raises:
            RuntimeError: The simulator is closed.
        """
        return self._request_one(Split(split=text, circuit_type=circuit_type), SplitCircuits)

    def convert(self, conversion: Conversion) -> Future[Converted]:
        """Write a circuit in another format; returns as `split` does."""
        return self._request_one(conversion, Converted)

    def join(self, circuits: list[str], circuit_type: str) -> Future[Joined]:
        """Write several circuits as one string; returns as `split` does."""
        return self._request_one(Join(join=circuits, circuit_type=circuit_type), Joined)

    def describe(self, circuits: list[str], circuit_type: str) -> Future[Described]:
        """Find out the sizes of circuits; returns as `split` does."""
        return self._request_one(Describe(describe=circuits, circuit_type=circuit_type), Described)

    def compile(self, task: Task) -> Future[Compiled]:
        """Compile a circuit without waiting for those that run; returns as `split` does."""

        def read(line: bytes) -> tuple[Result, bool]:
            result = read_result(line)
            return result, isinstance(result, Compiled)  # which the worker follows by no counts

        return self._request(task, read)

    def _request_one(self, task: Split | Conversion | Join | Describe, kind: type[R]) -> Future[R]:
        def read(line: bytes) -> tuple[R | Failed, bool]:
            result = msgspec.json.decode(line, type=dict[str, object])
            if "failed" in result:
                return msgspec.convert(result, Failed), False
            return msgspec.convert(result, kind), False

        return self._request(task, read)

    def _request(
        self, task: msgspec.Struct, read: Callable[[bytes], tuple[Any, bool]]
    ) -> Future[Any]:
        """Queue a task for the second process.

        ``read`` returns the result that a line holds, and whether another line is to come.
        """
        future: Future[Any] = Future()
        with self._lock:
            self._pending.add(future)
        future.add_done_callback(self._forget)

        def fail(reason: str) -> None:
            # The future may have been cancelled meanwhile.
            with contextlib.suppress(InvalidStateError):
                future.set_exception(ValueError(reason))

        def listen(line: bytes) -> bool:
            result, is_more_to_come = read(line)
            if isinstance(result, Failed):
                fail(result.failed)
            elif not future.done():  # or it is the line after the result
                with contextlib.suppress(InvalidStateError):
                    future.set_result(result)
            return is_more_to_come

        try:
            self._converter.submit(
                QueuedTask(
                    task=task, listener=listen, fail=fail, is_wanted=lambda: not future.cancelled()
                )
            )
        except RuntimeError:
            future.cancel()
            raise
        return future

    def _forget(self, future: Future[Any]) -> None:
        with self._lock:
            self._pending.discard(future)

    def warm_up(self) -> None:
        """Start the process, so that the first circuit does not wait for it; returns at once.

        Raises:
            RuntimeError: The simulator is closed.
        """
        self._runner.warm_up()

    @property
    def is_closed(self) -> bool:
        """Whether it is closed, so that queued circuits will have no result."""
        return self._runner.is_closed

    def close(self) -> None:
        """Kill the processes, end the threads, drop queued circuits. May be called repeatedly."""
        self._runner.close()
        self._converter.close()
        with self._lock:
            pending = list(self._pending)
        for future in pending:
            future.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
