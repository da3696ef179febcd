"""What carries a ``WaitLoop`` out: one driver for threads, one for ``asyncio``.

Lives here: ``run`` and ``run_async``. Neither knows what a job, an answer or a deadline is. May
import ``_wait_loop`` and below.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from ._wait_loop import Ask, Pause, Waited, WaitLoop
from .clock import SystemClock

__all__: list[str] = []


def _begin(asks: Sequence[Ask], at_once: int, done: Callable[[int, Any], None]) -> None:
    """Send in threads of their own, so many at once; nobody has to wait for them at exit."""
    places = iter(range(len(asks)))
    lock = threading.Lock()

    def send_some() -> None:
        while True:
            with lock:
                place = next(places, None)
            if place is None:
                return
            done(place, asks[place].send())

    for _ in range(min(at_once, len(asks))):
        threading.Thread(target=send_some, name="superstaq-jobs look", daemon=True).start()


def _send(asks: Sequence[Ask], at_once: int) -> list[Any]:
    if len(asks) == 1 or at_once == 1:
        return [ask.send() for ask in asks]
    answered: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
    _begin(asks, at_once, lambda place, answer: answered.put((place, answer)))
    answers = dict(answered.get() for _ in asks)
    return [answers[place] for place in range(len(asks))]


async def _send_async(asks: Sequence[Ask], at_once: int) -> list[Any]:
    loop = asyncio.get_running_loop()
    futures = [loop.create_future() for _ in asks]

    def settle(place: int, answer: Any) -> None:
        if not futures[place].done():  # nobody waits for it where the task was cancelled
            futures[place].set_result(answer)

    def done(place: int, answer: Any) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, place, answer)

    _begin(asks, at_once, done)
    return list(await asyncio.gather(*futures))


def run(loop: WaitLoop) -> Iterator[Waited]:
    """Carry it out in this thread; each handle that has changed, failed or is final."""
    steps = loop.steps()
    answer: Any = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration:
            return
        answer = None
        if isinstance(step, Waited):
            yield step
        elif isinstance(step, Pause):
            if loop.clock is not None:
                loop.clock.sleep(step.seconds)
        else:
            answer = _send(step, loop.requests_at_once)


async def run_async(loop: WaitLoop) -> AsyncIterator[Waited]:
    """``run`` for a coroutine: while it asks or pauses, others run."""
    steps = loop.steps()
    answer: Any = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration:
            return
        answer = None
        if isinstance(step, Waited):
            yield step
        elif isinstance(step, Pause):
            await _pause_async(loop, step.seconds)
        else:
            answer = await _send_async(step, loop.requests_at_once)


async def _pause_async(loop: WaitLoop, seconds: float) -> None:
    if loop.clock is None or isinstance(loop.clock, SystemClock):
        await asyncio.sleep(seconds)
    else:
        loop.clock.sleep(seconds)  # a clock of a test's own
        await asyncio.sleep(0)
