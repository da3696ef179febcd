"""What carries out the steps of a wait: one driver for threads, one for ``asyncio``.

Lives here: ``run`` and ``run_async``. Neither knows what a job, an answer or a deadline is. May
import ``_wait_loop`` and below.
"""

from __future__ import annotations

import contextlib
import contextvars
import queue
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

from ._job_wait import JobWait
from ._wait_loop import Answer, Pause, Round, Steps
from .clock import SystemClock

if TYPE_CHECKING:
    import asyncio

__all__: list[str] = []

_Done = Callable[[int, Answer], object]


def run(steps: Steps) -> Generator[JobWait, None, None]:
    """Carry the steps out in this thread.

    Yields:
        Each wait that has a change to tell, failed or is over.
    """
    answer: Any = None
    with contextlib.closing(steps):
        while True:
            try:
                step = steps.send(answer)
            except StopIteration:
                return
            answer = None
            if isinstance(step, JobWait):
                yield step
            elif isinstance(step, Pause):
                step.clock.sleep(step.seconds)
            else:
                answer = _send(step)


async def run_async(steps: Steps) -> AsyncGenerator[JobWait, None]:
    """``run`` for a coroutine: while it asks or pauses, others run."""
    answer: Any = None
    with contextlib.closing(steps):
        while True:
            try:
                step = steps.send(answer)
            except StopIteration:
                return
            answer = None
            if isinstance(step, JobWait):
                yield step
            elif isinstance(step, Pause):
                await _pause_async(step)
            else:
                answer = await _send_async(step)


async def _pause_async(pause: Pause) -> None:
    import asyncio  # which a program without coroutines need not load

    if isinstance(pause.clock, SystemClock):
        await asyncio.sleep(pause.seconds)
    else:
        pause.clock.sleep(pause.seconds)  # a clock of a test's own, on which no time passes
        await asyncio.sleep(0)


def _send(work: Round) -> list[Answer]:
    if len(work.asks) == 1 or work.at_once == 1:
        return [ask.send() for ask in work.asks]
    answered: queue.SimpleQueue[tuple[int, Answer]] = queue.SimpleQueue()
    with _sending(work, lambda place, answer: answered.put((place, answer))):
        answers = dict(answered.get() for _ in work.asks)
    return [answers[place] for place in range(len(work.asks))]


async def _send_async(work: Round) -> list[Answer]:
    import asyncio

    loop = asyncio.get_running_loop()
    all_answered: asyncio.Future[None] = loop.create_future()
    answers: dict[int, Answer] = {}

    def note(place: int, answer: Answer) -> None:
        answers[place] = answer
        if len(answers) == len(work.asks) and not all_answered.done():
            all_answered.set_result(None)

    def done(place: int, answer: Answer) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop is closed: nobody waits for it
            loop.call_soon_threadsafe(note, place, answer)

    with _sending(work, done):
        await all_answered
    return [answers[place] for place in range(len(work.asks))]


@contextlib.contextmanager
def _sending(work: Round, done: _Done) -> Iterator[None]:
    """Send in threads of their own, so many at once; what is not under way at the end is not sent.

    Not in a pool, which an interpreter, or an event loop, would wait for at its end.
    """
    places = iter(range(len(work.asks)))
    lock = threading.Lock()
    stopped = False

    def send_some() -> None:
        while True:
            with lock:
                place = None if stopped else next(places, None)
            if place is None:
                return
            done(place, work.asks[place].send())

    try:
        for _ in range(min(work.at_once, len(work.asks))):
            context = contextvars.copy_context()
            threading.Thread(
                target=context.run, args=(send_some,), name="superstaq-jobs look", daemon=True
            ).start()
        yield
    finally:
        with lock:
            stopped = True
