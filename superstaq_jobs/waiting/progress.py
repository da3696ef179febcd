"""Draws the progress of a wait on many jobs.

rich (extra ``progress``) is imported when a bar is drawn; IPython, in a notebook only. A failure to
write is ignored.
"""

from __future__ import annotations

import atexit
import contextlib
import datetime as dt
import math
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import attrs

from superstaq_jobs.errors import WaitTimeout
from superstaq_jobs.records import STATUS_PRIORITY_ORDER, CircuitStatus
from superstaq_jobs.records.status import PROGRESS

from .job_wait import JobWait
from .loop import Pause, Steps, WaitLoop, step_after
from .options import ProgressBar

if TYPE_CHECKING:
    import rich.console
    import rich.table
    import rich.text

__all__ = ["Tally", "steps_of", "surface_of"]

_S = CircuitStatus

_NOT_SEEN: Final = "not seen yet"
_UNSETTLED: Final = "unsettled"
_ROWS: Final = (_NOT_SEEN, *CircuitStatus, _UNSETTLED)
_QUEUED: Final = tuple(s for s in STATUS_PRIORITY_ORDER if PROGRESS[s] < PROGRESS[_S.RUNNING])
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
_MAX_WIDTH: Final = 80
_RATE_SECONDS: Final = 60.0


class Tally:
    """How many of a loop's jobs are in which status. Another thread may read it."""

    def __init__(self, loop: WaitLoop) -> None:
        self.total = len(loop.waits)
        self.finished = 0
        self.per_minute: float | None = None
        self._loop = loop
        self._row_of: dict[JobWait, str] = {}
        for each in loop.waits:
            self.note(each)
        self._ends: deque[tuple[float, int]] = deque()

    def now(self) -> float:
        """The time on the loop's clock; seconds."""
        return self._loop.clock.now() if self.total else 0.0

    def note(self, wait: JobWait) -> None:
        """Take in that a wait has a change to report, has failed or has ended."""
        snapshot = wait.cell.snapshot
        row = _NOT_SEEN if snapshot is None else snapshot.status
        if wait.error is not None and not isinstance(wait.error, WaitTimeout):
            row = _UNSETTLED
        self._row_of[wait] = row
        self.finished += wait.error is None and wait.is_reported

    def mark(self) -> None:
        """Take in that a round has ended, for the rate."""
        now = self.now()
        self._ends.append((now, self.finished))
        while len(self._ends) > 1 and self._ends[1][0] <= now - _RATE_SECONDS:
            self._ends.popleft()
        since, finished = self._ends[0]
        if now > since:
            self.per_minute = 60 * (self.finished - finished) / (now - since)

    def rows(self) -> dict[str, int]:
        """Each status that some jobs have, in order, and how many."""
        numbers = Counter(self._row_of.values())
        return {row: numbers[row] for row in _ROWS if row in numbers}

    def rest(self) -> str:
        """The queue, the rate and the time that is left."""
        parts = [f"queue {sum(n for row, n in self.rows().items() if row in _QUEUED)}"]
        if self.per_minute is not None:
            parts.append(f"{self.per_minute:.1f} jobs/min".replace(".0 ", " "))
        left = math.inf if self._loop.deadline is None else self._loop.deadline.seconds_left()
        if left < math.inf:
            parts.append(f"{dt.timedelta(seconds=max(0, round(left)))} left")
        return ", ".join(parts)

    def line(self) -> str:
        """All of it as a line."""
        rows = ", ".join(f"{row} {number}" for row, number in self.rows().items())
        return f"{self.finished} of {self.total} jobs finished: {rows}; {self.rest()}"

    def table(self) -> rich.table.Table:
        """All of it as a histogram."""
        import rich.table
        import rich.text

        grid = rich.table.Table.grid(padding=(0, 1))
        grid.width = _MAX_WIDTH
        grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True, justify="right")
        grid.add_column(ratio=1)
        bar = _Bar(self.finished, self.total, "bold")
        grid.add_row("jobs finished", f"{self.finished}/{self.total}", bar)
        for row, number in self.rows().items():
            bar = _Bar(number, self.total, _STYLES.get(row, _OTHER_STYLE))
            grid.add_row(f"  {row}", str(number), bar)
        grid.caption, grid.caption_justify = rich.text.Text(self.rest()), "left"
        return grid


@attrs.frozen
class _Bar:
    """A share of a line, as wide as there is room; at least one character unless it is zero."""

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


class _Terminal:
    """Drawn over itself, also between the rounds; what the program prints appears above it."""

    def __init__(self, tally: Tally, console: rich.console.Console) -> None:
        import rich.live

        class Live(rich.live.Live):
            def refresh(self) -> None:
                # rich's own thread would die of a failed write, with a traceback.
                with contextlib.suppress(OSError, ValueError):
                    super().refresh()

        # Output that is redirected to a file or a pipe still goes there.
        is_shared = console.file in {sys.stderr, sys.stdout}
        self._live = Live(
            get_renderable=tally.table,
            console=console,
            redirect_stdout=is_shared and sys.stdout.isatty(),
            redirect_stderr=is_shared and sys.stderr.isatty(),
        )

    def start(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._live.start(refresh=True)

    def draw(self) -> None:
        self._live.refresh()

    def stop(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._live.stop()  # draws once more, and always shows the cursor again


@attrs.define
class _Notebook:
    """One output of the cell, replaced after each round."""

    _tally: Tally
    _display: Callable[..., Any]
    _shown: Any = None

    def start(self) -> None:
        self._shown = self._display(self._tally.table(), display_id=True)

    def draw(self) -> None:
        self._shown.update(self._tally.table())

    def stop(self) -> None:
        self.draw()


@attrs.define
class _Lines:
    """A line from time to time."""

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
        # Not through rich, which exits the program if a pipe is broken.
        with contextlib.suppress(OSError, ValueError):
            print(self._last, file=self._console.file, flush=True)


def surface_of(bar: ProgressBar, tally: Tally) -> _Terminal | _Notebook | _Lines:
    """The surface for a bar's console."""
    console = bar.console
    if console.is_jupyter:
        with contextlib.suppress(ImportError):
            from IPython.display import display

            return _Notebook(tally, display)
    if console.is_terminal and not console.is_dumb_terminal:
        return _Terminal(tally, console)
    return _Lines(tally, console, bar.line_seconds)


def steps_of(loop: WaitLoop) -> Steps:
    """The steps of a loop, with a bar drawn after each round if its plan has one."""
    bar = loop.plan.progress
    return _drawn(loop, bar) if isinstance(bar, ProgressBar) else loop.steps()


def _drawn(loop: WaitLoop, bar: ProgressBar) -> Steps:
    tally = Tally(loop)
    surface = surface_of(bar, tally)
    surface.start()
    # A generator that is never closed ends with the interpreter, too late to draw.
    atexit.register(surface.stop)
    try:
        with contextlib.closing(loop.steps()) as steps:
            poll = None
            while step := step_after(steps, poll):
                if isinstance(step, JobWait):
                    tally.note(step)
                elif isinstance(step, Pause) and not step.for_outcome:
                    tally.mark()
                    surface.draw()
                poll = yield step
                if isinstance(step, Pause) and step.for_outcome and poll is None:
                    # A slow request outlasts the pause of the others.
                    tally.mark()
                    surface.draw()
            tally.mark()
    finally:
        atexit.unregister(surface.stop)
        surface.stop()
