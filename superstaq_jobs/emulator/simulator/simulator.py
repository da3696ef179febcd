"""The simulator: worker processes that run circuits, and others for all that takes no running."""

from __future__ import annotations

import contextlib
import functools
import threading
import weakref
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, InvalidStateError
from typing import Any, Self

from superstaq_jobs.records.problems import InvalidValue, is_amount, shown

from .process import Listener, WorkerPool
from .tasks import AnyTask, Call, CallName, Failed, Returned, Task

__all__ = ["Listener", "Simulator"]


class Simulator:
    """Runs circuits in separate processes.

    A process starts with the first circuit, which takes a second or two, and runs until ``close``.
    The circuits of several jobs take turns. While a circuit takes long, others run in a second
    process, and in a third. Circuits are split, converted, and compiled without being run in
    processes of their own, also up to three. Several emulators can share one simulator, so that a
    test suite starts it only once: ``Emulator(simulator=simulator)``.

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
        self._runner = WorkerPool("run", time_limit_seconds=time_limit_seconds)
        self._converter = WorkerPool("convert", time_limit_seconds=time_limit_seconds)
        self._lock = threading.Lock()
        self._futures: weakref.WeakSet[Future[Any]] = weakref.WeakSet()

    def submit(self, runs: Iterable[tuple[Task, Listener]]) -> None:
        """Queue the circuits of a job; returns at once.

        Args:
            runs: Each circuit and what to call with its results, from a thread of the simulator;
                not called after ``close``. A circuit is taken from here only when it is its turn.

        Raises:
            RuntimeError: The simulator is closed.
        """
        self._runner.submit(runs)

    def call(self, name: CallName, **arguments: Any) -> Future[Any]:
        """Have circuits split, joined, described or converted, as ``request`` does."""
        return self.request([Call(name=name, arguments=arguments)])[0]

    def request(self, tasks: Sequence[AnyTask]) -> list[Future[Any]]:
        """Have something done that takes no running, without waiting for circuits that run.

        Returns:
            A future of the first result of each task. It raises a ValueError with the reason if
            there is none, and is cancelled when the simulator is closed.

        Raises:
            RuntimeError: The simulator is closed.
        """
        futures: list[Future[Any]] = [Future() for _ in tasks]
        with self._lock:
            self._futures.update(futures)
        listeners = [functools.partial(_settle, future) for future in futures]
        self._converter.submit(zip(tasks, listeners, strict=True))
        return futures

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
            for future in self._futures:
                future.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _settle(future: Future[Any], result: object) -> None:
    # It may have been cancelled, or have what was compiled already, which no counts follow.
    with contextlib.suppress(InvalidStateError):
        if isinstance(result, Failed):
            future.set_exception(ValueError(result.failed))
        else:
            future.set_result(result.value if isinstance(result, Returned) else result)
