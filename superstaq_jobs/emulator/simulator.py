"""What compiles and runs circuits, and what takes them apart and translates them.

Lives here: `Simulator`, and the tasks and replies that go to its worker processes and come back.
May import `process`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Final, Literal, Self, TypeVar

import msgspec

from .process import Lane, Order

__all__ = [
    "Compiled",
    "Counted",
    "Failed",
    "Reply",
    "Simulator",
    "Split",
    "SplitUp",
    "Task",
    "Translated",
    "Translation",
]


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


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """A text of circuits to take apart."""

    split: str
    circuit_type: str


class Translation(msgspec.Struct, frozen=True, kw_only=True):
    """A circuit, and its compiled form or None, to write in another language."""

    circuit: str
    compiled: str | None
    physical_qubits: str | None
    circuit_type: str
    translate_to: str


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """The compiled circuit, and the physical qubit of each logical one at its start and end.

    ``logical_qubits`` and ``physical_qubits`` name them where the language has names.
    """

    compiled: str
    initial: list[int]
    final: list[int]
    logical_qubits: str | None = None
    physical_qubits: str | None = None


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured, by big-endian bitstring; None where nothing was to be run."""

    counts: dict[str, int] | None


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """Why there will be no result, and in which stage that came out."""

    failed: str
    stage: Literal["compile", "run"]


class SplitUp(msgspec.Struct, frozen=True, kw_only=True):
    """The circuits of a text, one text each."""

    circuits: list[str]


class Translated(msgspec.Struct, frozen=True, kw_only=True):
    """A circuit and its compiled form in another language, and the names of the qubits there."""

    circuit: str
    compiled: str | None = None
    logical_qubits: str | None = None
    physical_qubits: str | None = None


Reply = Compiled | Counted | Failed

R = TypeVar("R", SplitUp, Translated)


class _AnyReply(msgspec.Struct, frozen=True):
    compiled: str | None = None
    initial: list[int] = []
    final: list[int] = []
    logical_qubits: str | None = None
    physical_qubits: str | None = None
    counts: dict[str, int] | None = None
    failed: str | None = None
    stage: Literal["compile", "run"] = "run"

    def reply(self) -> Reply:
        if self.failed is not None:
            return Failed(failed=self.failed, stage=self.stage)
        if self.compiled is not None:
            return Compiled(
                compiled=self.compiled,
                initial=self.initial,
                final=self.final,
                logical_qubits=self.logical_qubits,
                physical_qubits=self.physical_qubits,
            )
        return Counted(counts=self.counts)


_DECODER: Final = msgspec.json.Decoder(_AnyReply)


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
        self._runs = Lane("run", time_limit_seconds=time_limit_seconds)
        self._desk = Lane("desk", time_limit_seconds=time_limit_seconds)
        self._lock = threading.Lock()
        self._asked: set[Future[SplitUp] | Future[Translated]] = set()

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
        stage: Literal["compile", "run"] = "compile"

        def listen(line: bytes) -> bool:
            nonlocal stage
            reply = _DECODER.decode(line).reply()
            stage = "run"
            listener(reply)
            return isinstance(reply, Compiled)

        def fail(why: str) -> None:
            listener(Failed(failed=why, stage=stage))

        self._runs.submit(Order(task=task, listener=listen, fail=fail, is_wanted=is_wanted))

    def split(self, text: str, circuit_type: str) -> Future[SplitUp]:
        """Take a text of several circuits apart; returns at once.

        Returns:
            What the circuits will be in. It raises a ValueError with the reason where the text
            cannot be read, and is cancelled when the simulator is closed.

        Raises:
            RuntimeError: The simulator is closed.
        """
        return self._ask(Split(split=text, circuit_type=circuit_type), SplitUp)

    def translate(self, translation: Translation) -> Future[Translated]:
        """Write a circuit in another language; as `split`."""
        return self._ask(translation, Translated)

    def _ask(self, task: Split | Translation, kind: type[R]) -> Future[R]:
        future: Future[R] = Future()
        with self._lock:
            self._asked.add(future)
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
            self._desk.submit(
                Order(
                    task=task, listener=listen, fail=fail, is_wanted=lambda: not future.cancelled()
                )
            )
        except RuntimeError:
            future.cancel()
            raise
        return future

    def _forget(self, future: Future[R]) -> None:
        with self._lock:
            self._asked.discard(future)

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
        self._desk.close()
        with self._lock:
            asked = list(self._asked)
        for future in asked:
            future.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
