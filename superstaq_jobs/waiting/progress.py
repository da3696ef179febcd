"""What a wait on many jobs looks like while it goes on.

Lives here: ``ProgressBar``, and ``follow``, which draws one beside the steps of a loop. Beside the
command this is the one module that knows rich (extra ``progress``), imported when a bar is made.
May import ``_wait_loop`` and below.
"""

from __future__ import annotations

import atexit
import contextlib
import datetime as dt
import math
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs

from superstaq_jobs.errors import ConfigurationError, InvalidValue, Problem, WaitTimeout
from superstaq_jobs.records import STATUS_PRIORITY_ORDER, CircuitStatus, fields
from superstaq_jobs.records.fields import is_amount
from superstaq_jobs.records.status import PROGRESS

from .job_wait import JobWait
from .loop import Pause, Steps, WaitLoop

if TYPE_CHECKING:
    import rich.console
    import rich.table
    import rich.text

__all__ = ["ProgressBar"]

_S = CircuitStatus

_NOT_SEEN: Final = "not seen yet"
_UNSETTLED: Final = "unsettled"
_ROWS: Final = (_NOT_SEEN, *STATUS_PRIORITY_ORDER, _UNSETTLED)
_QUEUED: Final = tuple(
    s for s in STATUS_PRIORITY_ORDER if PROGRESS[s] < PROGRESS[_S.RUNNING] and s is not _S.UNKNOWN
)
_STYLES: Final = {
    _S.COMPLETED: "green",
    _S.FAILED: "red",
    _UNSETTLED: "red",
    _S.CANCELLED: "yellow",
    _S.DELETED: "yellow",
    _S.UNRECOGNIZED: "yellow",
    _S.RUNNING: "cyan",
    _S.SIMULATING: "cyan",
}
_OTHER_STYLE: Final = "blue"
_WIDEST: Final = 80
_RATE_SECONDS: Final = 60.0
_REDRAWN_AFTER_SECONDS: Final = 0.25


class ProgressBar:
    """How far a wait on many jobs is: give it as ``progress=``; ``True`` stands for a plain one.

    It shows how many of the jobs are over; how many are in each status, in the order of
    ``STATUS_PRIORITY_ORDER``; how many are not running yet (the queue); how many came to their end
    in a minute, by the last one; and the time that is left, if there is a limit. Jobs that nobody
    has asked about are ``not seen yet``, and those that could not be read or found ``unsettled``.

    On a terminal and in a notebook it is drawn in place and stays when the wait is over, however it
    ends. Anywhere else, in a log say, it is a line after the first round, one every
    ``line_seconds`` at the most, and one at the end. It goes to stderr. Where it cannot be written
    any more, the wait goes on without it.

    Args:
        console: What to draw on; None for stderr.
        line_seconds: How often a line is written where nothing can be drawn in place, 0 or more.

    Raises:
        ConfigurationError: If rich is not installed.
        InvalidValue: If ``line_seconds`` is out of its range.
    """

    def __init__(
        self, console: rich.console.Console | None = None, *, line_seconds: float = 60
    ) -> None:
        try:
            import rich.console
        except ImportError:
            raise ConfigurationError(
                "a progress bar needs rich: pip install 'superstaq_jobs[progress]'"
            ) from None
        if not is_amount(line_seconds):
            what = f"{line_seconds!r} is no number of seconds, 0 or more"
            raise InvalidValue("a ProgressBar", [Problem("line_seconds", what)])
        self._console = rich.console.Console(stderr=True) if console is None else console
        self._line_seconds = line_seconds

    @property
    def console(self) -> rich.console.Console:
        """What it is drawn on."""
        return self._console

    @property
    def line_seconds(self) -> float:
        """How often a line is written where nothing can be drawn in place."""
        return self._line_seconds


# ---- how things stand --------------------------------------------------------------------------


class Tally:
    """How many of a loop's jobs stand where. Another thread may read it.

    Args:
        loop: The loop, before its first step.
    """

    def __init__(self, loop: WaitLoop) -> None:
        self.total = len(loop.waits)
        self.over = 0
        self.per_minute: float | None = None
        self._loop = loop
        self._rows: dict[JobWait, str] = {}
        self._numbers: Counter[str] = Counter()
        for each in loop.waits:
            self._move(each)
        self._ends: deque[tuple[float, int]] = deque()

    def now(self) -> float:
        """The time on the loop's clock; seconds."""
        return self._loop.waits[0].handle.client.clock.now() if self.total else 0.0

    def note(self, wait: JobWait) -> None:
        """Take in that a wait has a change to tell, failed or is over."""
        self._move(wait)
        self.over += wait.error is None and wait.final is not None

    def _move(self, wait: JobWait) -> None:
        latest = wait.handle.latest
        row = _NOT_SEEN if latest is None else latest.status
        if wait.error is not None and not isinstance(wait.error, WaitTimeout):
            row = _UNSETTLED
        before = self._rows.get(wait)
        if before is not None:
            self._numbers[before] -= 1
        self._rows[wait] = row
        self._numbers[row] += 1

    def mark(self) -> None:
        """Take in that a round is over, for the rate."""
        now = self.now()
        self._ends.append((now, self.over))
        while len(self._ends) > 1 and self._ends[1][0] <= now - _RATE_SECONDS:
            self._ends.popleft()
        since, over = self._ends[0]
        if now > since:
            self.per_minute = 60 * (self.over - over) / (now - since)

    def rows(self) -> list[tuple[str, int]]:
        """Each status that there is, in order, and how many jobs have it."""
        return [(row, self._numbers[row]) for row in _ROWS if self._numbers[row]]

    def rest(self) -> str:
        """The queue, the rate and the time that is left."""
        told = [f"queue {sum(self._numbers[status] for status in _QUEUED)}"]
        if self.per_minute is not None:
            told.append(f"{self.per_minute:.1f} jobs/min".replace(".0 ", " "))
        left = math.inf if self._loop.countdown is None else self._loop.countdown.seconds_left()
        if left < math.inf:
            told.append(f"{dt.timedelta(seconds=max(0, round(left)))} left")
        return ", ".join(told)

    def line(self) -> str:
        """All of it in a line."""
        rows = ", ".join(f"{row} {number}" for row, number in self.rows())
        return f"{self.over} of {self.total} jobs over: {rows}; {self.rest()}"

    def table(self) -> rich.table.Table:
        """All of it as a histogram."""
        import rich.table

        grid = rich.table.Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True, justify="right")
        grid.add_column(ratio=1)
        bar = _Bar(self.over, self.total, "bold")
        grid.add_row("jobs over", f"{self.over}/{self.total}", bar)
        for row, number in self.rows():
            bar = _Bar(number, self.total, _STYLES.get(row, _OTHER_STYLE))
            grid.add_row(f"  {row}", str(number), bar)
        whole = rich.table.Table.grid()
        whole.width = _WIDEST
        whole.add_column(ratio=1)
        whole.add_row(grid)
        whole.add_row(self.rest())
        return whole


@attrs.frozen
class _Bar:
    """A share of a line, as wide as there is room; what is there is never nothing."""

    number: int
    total: int
    style: str

    def __rich_console__(
        self, _console: rich.console.Console, options: rich.console.ConsoleOptions
    ) -> Iterator[rich.text.Text]:
        import rich.text

        width = options.max_width * self.number // max(1, self.total)
        character = "#" if options.ascii_only else "━"
        yield rich.text.Text(character * max(width, min(1, self.number)), style=self.style)


# ---- what it is drawn on -----------------------------------------------------------------------


class Surface(Protocol):
    """What a bar is drawn on. What cannot be written is not written, and raises nothing."""

    def start(self) -> None: ...

    def draw(self) -> None: ...

    def stop(self) -> None: ...


class _Terminal:
    """Drawn over itself, also between the rounds; what the program prints goes above."""

    def __init__(self, tally: Tally, console: rich.console.Console) -> None:
        import rich.live

        # What is printed into a file or a pipe goes there all the same.
        is_shared = console.file in {sys.stderr, sys.stdout}
        self._live = rich.live.Live(
            get_renderable=tally.table,
            console=console,
            auto_refresh=False,  # its thread would die of what cannot be written, and say so
            redirect_stdout=is_shared and sys.stdout.isatty(),
            redirect_stderr=is_shared and sys.stderr.isatty(),
        )
        self._is_over = threading.Event()
        self._thread = threading.Thread(
            target=self._redraw, name="superstaq-jobs progress", daemon=True
        )

    def start(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._live.start(refresh=True)
        self._thread.start()

    def _redraw(self) -> None:
        while not self._is_over.wait(_REDRAWN_AFTER_SECONDS):
            self.draw()

    def draw(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._live.refresh()

    def stop(self) -> None:
        if self._is_over.is_set():  # at the end of the program, when nothing can be drawn any more
            return
        self._is_over.set()
        with contextlib.suppress(OSError, ValueError):
            self._live.stop()  # which draws once more, and gives the cursor back whatever happens
        self._thread.join()


class _Notebook:
    """An output of the cell's, replaced after each round."""

    def __init__(self, tally: Tally) -> None:
        from IPython.display import display

        self._tally = tally
        self._display = display
        self._shown: Any = None

    def start(self) -> None:
        self._shown = self._display(self._tally.table(), display_id=True)

    def draw(self) -> None:
        self._shown.update(self._tally.table())

    def stop(self) -> None:
        self.draw()


@attrs.define
class _Lines:
    """Lines, seldom."""

    _tally: Tally
    _console: rich.console.Console
    _line_seconds: float
    _written_at: float = -math.inf
    _last: str = ""

    def start(self) -> None:
        pass

    def draw(self) -> None:
        if self._tally.now() >= self._written_at + self._line_seconds:
            self._written_at = self._tally.now()
            self._write()

    def stop(self) -> None:
        if self._tally.line() != self._last:
            self._write()

    def _write(self) -> None:
        self._last = self._tally.line()
        # Not through rich, which ends the program where a pipe is broken.
        with contextlib.suppress(OSError, ValueError):
            print(self._last, file=self._console.file, flush=True)


def surface_of(bar: ProgressBar, tally: Tally) -> Surface:
    """The surface that a bar's console is."""
    console = bar.console
    if console.is_jupyter:
        with contextlib.suppress(ImportError):
            return _Notebook(tally)
    if console.is_terminal and not console.is_dumb_terminal:
        return _Terminal(tally, console)
    return _Lines(tally, console, bar.line_seconds)


@contextlib.contextmanager
def _drawing(bar: ProgressBar, tally: Tally) -> Iterator[Callable[[], None]]:
    """Draw how things stand, whenever what this gives is called, until the end."""
    surface = surface_of(bar, tally)
    surface.start()
    # A generator that is never left ends with the interpreter, too late to draw.
    atexit.register(surface.stop)
    try:
        yield surface.draw
    finally:
        atexit.unregister(surface.stop)
        surface.stop()


# ---- beside a loop -----------------------------------------------------------------------------


def follow(loop: WaitLoop, bar: ProgressBar) -> Steps:
    """The steps of a loop, with a bar that is drawn after each round."""
    tally = Tally(loop)
    answer: Any = None
    with _drawing(bar, tally) as draw, contextlib.closing(loop.steps()) as steps:
        while True:
            try:
                step = steps.send(answer)
            except StopIteration:
                tally.mark()
                return
            if isinstance(step, JobWait):
                tally.note(step)
            elif isinstance(step, Pause):
                tally.mark()
                draw()
            answer = yield step


def steps_of(loop: WaitLoop, progress: bool | ProgressBar) -> Steps:
    """The steps of a loop, with a bar if one is wanted.

    Raises:
        ConfigurationError: If rich is wanted and not installed.
        InvalidValue: If it is neither a bool nor a bar.
    """
    if progress is False:
        return loop.steps()
    if progress is True:
        progress = ProgressBar()
    if not fields.is_a(progress, ProgressBar):
        what = f"{progress!r} is no bool and no ProgressBar"
        raise InvalidValue("a wait", [Problem("progress", what)])
    return follow(loop, progress)
