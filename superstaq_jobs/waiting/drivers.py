"""Carries out the steps of a wait: one driver for threads, one for ``asyncio``."""

from __future__ import annotations

import contextlib
import contextvars
import itertools
import math
import queue
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from typing import TYPE_CHECKING, Final

from superstaq_jobs.clock import SystemClock
from superstaq_jobs.transport.limits import CANCEL_TOKEN, CancelToken

from .job_wait import JobWait
from .loop import WaitLoop, step_after
from .polls import Poll
from .progress import steps_of

if TYPE_CHECKING:
    import asyncio

__all__ = ["run", "run_async"]

_SLOW_SECONDS: Final = 1.0
_MAX_CHARACTERS: Final = 2000
"""How long a list of ids may be; the first id is always whole, since it is what a user needs."""


def run(loop: WaitLoop) -> Generator[JobWait, None, None]:
    """Carry out the steps of a loop in this thread, and yield the waits that it reports."""
    poll: Poll | None = None
    sent: queue.SimpleQueue[Poll] = queue.SimpleQueue()
    steps, sender = steps_of(loop), _Sender(loop, sent.put)
    with _noted(loop.waits), contextlib.closing(steps), contextlib.closing(sender):
        while step := step_after(steps, poll):
            poll = None
            if isinstance(step, JobWait):
                yield step
            elif isinstance(step, Poll):
                if loop.has_one_batch:
                    step.send()
                    sent.put(step)
                else:
                    sender.send(step)
            elif step.for_outcome:
                for seconds in sender.patience(step.seconds):
                    with contextlib.suppress(queue.Empty):
                        poll = sent.get(timeout=seconds)
                        break
            else:
                loop.clock.sleep(step.seconds)


async def run_async(loop: WaitLoop) -> AsyncGenerator[JobWait, None]:
    """``run`` for a coroutine: other tasks run while it waits for a response or pauses."""
    import asyncio  # not needed by a program without coroutines

    event_loop = asyncio.get_running_loop()
    poll: Poll | None = None
    sent: asyncio.Queue[Poll] = asyncio.Queue()

    def done(poll: Poll) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop is closed, and the wait with it
            event_loop.call_soon_threadsafe(sent.put_nowait, poll)

    steps, sender = steps_of(loop), _Sender(loop, done)
    with _noted(loop.waits), contextlib.closing(steps), contextlib.closing(sender):
        while step := step_after(steps, poll):
            poll = None
            if isinstance(step, JobWait):
                yield step
            elif isinstance(step, Poll):
                sender.send(step)
            elif step.for_outcome:
                for seconds in sender.patience(step.seconds):
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(seconds):
                            poll = await sent.get()
                        break
            elif isinstance(loop.clock, SystemClock):
                await asyncio.sleep(step.seconds)
            else:
                loop.clock.sleep(step.seconds)  # a test's own clock, on which no real time passes
                await asyncio.sleep(0)


class _Sender:
    """Sends requests in threads, in order; those that have not begun at the end are not sent.

    A slow request does not keep its place among those that are in progress together, so that it
    does not hold up the others; but at most as many again are let run. Not in a pool: the
    interpreter, or an event loop, would wait for it when it ends.
    """

    def __init__(self, loop: WaitLoop, done: Callable[[Poll], object]) -> None:
        self._loop = loop
        self._done = done
        self._at_once = loop.plan.requests_at_once
        self._waiting: deque[Poll] = deque()
        self._began: dict[Poll, float] = {}
        self._lock = threading.Lock()
        self._token = CancelToken()

    def send(self, poll: Poll) -> None:
        """Send a request as soon as there is a place for it."""
        with self._lock:
            self._waiting.append(poll)
        self._fill()

    def close(self) -> None:
        """Send nothing more; requests that are in progress give their connections up."""
        with self._lock:
            self._waiting.clear()
        self._token.cancel()

    def patience(self, seconds: float) -> Generator[float | None, None, None]:
        """How long to wait for an outcome, in seconds, again and again; None for no limit."""
        # On a clock of a test no time passes during a request.
        is_real = isinstance(self._loop.clock, SystemClock)
        ends = time.monotonic() + seconds if is_real else math.inf
        while True:
            self._fill()
            left = min(ends - time.monotonic(), _SLOW_SECONDS if self._waiting else math.inf)
            yield None if left == math.inf else max(0.0, left)
            if time.monotonic() >= ends:
                return

    def _fill(self) -> None:
        while (poll := self._next()) is not None:
            context = contextvars.copy_context()
            threading.Thread(
                target=context.run, args=(self._run, poll), name="superstaq-jobs poll", daemon=True
            ).start()

    def _next(self, last: Poll | None = None) -> Poll | None:
        """The next request, if there is a place for it; the last one has been sent."""
        with self._lock:
            if last is not None:
                del self._began[last]
            now = time.monotonic()
            slow = sum(now - began >= _SLOW_SECONDS for began in self._began.values())
            if not self._waiting or len(self._began) - min(slow, self._at_once) >= self._at_once:
                return None
            poll = self._waiting.popleft()
            self._began[poll] = now
            return poll

    def _run(self, poll: Poll | None) -> None:
        CANCEL_TOKEN.set(self._token)  # in the copy of the context that the thread runs in
        while poll is not None:
            poll.send()
            done, poll = poll, self._next(last=poll)
            self._done(done)


# ---- what an interrupt says ----------------------------------------------------------------------


@contextlib.contextmanager
def _noted(waits: Sequence[JobWait]) -> Generator[None, None, None]:
    """Add a note to a ``KeyboardInterrupt``, or whatever else interrupts waits from outside."""
    try:
        yield
    except BaseException as error:  # also a coroutine that is cancelled, as Ctrl-C does
        if not isinstance(error, Exception | GeneratorExit):
            error.add_note(_note(waits))
        raise


def _note(waits: Sequence[JobWait]) -> str:
    pending = [each for each in waits if each.error is None and not each.is_reported] or waits
    names = list(dict.fromkeys(repr(str(each.cell.job_id)) for each in pending))
    client = pending[0].cell.client
    what, same, whose = f"{len(pending)} of {len(waits)} jobs", "the same handles", "job_id"
    more = f" for each of {_some(names)}"
    if len(waits) == 1:
        what, same, whose, more = f"job {names[0][1:-1]}", "its handle", names[0], ""
    return (
        f"The wait for {what} was interrupted; nothing was cancelled. Wait again with {same}; or, "
        f"in another program, with JobHandle(client, {whose}){more}, where the client is for "
        f"{client.remote_host} (API {client.api.version})."
    )


def _some(names: Sequence[str]) -> str:
    """The first names, the first of all in any case; and how many more there are."""
    lengths = itertools.accumulate(map(len, names))
    number = max(1, sum(length <= _MAX_CHARACTERS for length in lengths))
    more = f" and {len(names) - number} more" if number < len(names) else ""
    return ", ".join(names[:number]) + more
