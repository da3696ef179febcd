"""The options of a wait, and the values that they take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self, TypedDict

import attrs
from attrs.converters import optional

from superstaq_jobs.errors import ConfigurationError, InvalidRequest, InvalidValue, Problem
from superstaq_jobs.records import CircuitStatus, JobSnapshot, Stage, fields
from superstaq_jobs.records.advice import explains_changes
from superstaq_jobs.records.fields import is_amount, shown
from superstaq_jobs.records.problems import how_to_install

if TYPE_CHECKING:
    import rich.console

__all__ = ["JobWaitOptions", "JobsWaitOptions", "Pace", "PollPolicy", "ProgressBar", "WaitOptions"]

Change = tuple[JobSnapshot | None, JobSnapshot]
OnChange = Callable[[JobSnapshot | None, JobSnapshot], object]


def _check_pause(**arguments: object) -> None:
    fields.refuse("a pause", arguments, InvalidValue)


@explains_changes
@attrs.frozen(kw_only=True)
class Pace(fields.Checked):
    """How the pause between two polls grows with the time since the last change.

    Attributes:
        fraction: The pause as a share of that time, 0 or more.
        min_seconds: The shortest pause, in seconds.
        max_seconds: The longest pause, in seconds.

    Raises:
        InvalidValue: If a number is out of its range.
    """

    fraction: float = attrs.field(default=0.1, converter=fields.amount)
    min_seconds: float = attrs.field(default=1.0, converter=fields.amount)
    max_seconds: float = attrs.field(default=30.0, converter=fields.amount)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.max_seconds < self.min_seconds:
            problem = Problem("max_seconds", "must not be less than min_seconds")
            raise InvalidValue("a Pace", [problem])

    def pause_seconds(self, quiet_seconds: float) -> float:
        """The pause, before jitter, if nothing has changed for that many seconds."""
        _check_pause(quiet_seconds=fields.seconds_or_inf(quiet_seconds))
        return min(self.max_seconds, max(self.min_seconds, self.fraction * quiet_seconds))


@explains_changes
@attrs.frozen(kw_only=True)
class PollPolicy(fields.Checked):
    """How often a wait polls: seldom while nothing happens, often when something has.

    The pause grows with the time waited. A change of the job cuts it to a share of what it was,
    since a job that has changed is likely to change again soon.

    Attributes:
        queued: The pace while no circuit is running.
        running: The pace while a circuit is running or simulating.
        snap_back: The share of the pause that is left after a change, 0 to 1.
        jitter: How far a pause is drawn uniformly to either side, as a share of it, 0 to 1, so that
            waits that began together drift apart.

    Raises:
        InvalidValue: If a number is out of its range.
    """

    queued: Pace = Pace(fraction=0.12)
    running: Pace = Pace()
    snap_back: float = attrs.field(default=0.75, converter=fields.fraction)
    jitter: float = attrs.field(default=0.25, converter=fields.fraction)

    def pause_seconds(
        self, status: CircuitStatus | None, *, quiet_seconds: float, jitter: float
    ) -> float:
        """The pause before the next poll, in seconds.

        Args:
            status: The job's status; None if it is not known.
            quiet_seconds: The time since the last change, as ``quiet_after_change`` left it.
            jitter: A number drawn uniformly from 0 to 1.
        """
        _check_pause(jitter=fields.amount(jitter))
        pause = self._pace(status).pause_seconds(quiet_seconds)
        return pause * (1 + self.jitter * (2 * jitter - 1))

    def quiet_after_change(self, status: CircuitStatus | None, quiet_seconds: float) -> float:
        """The quiet time to count on from after a change, in seconds.

        Args:
            status: The job's status before the change; None if it was not known.
            quiet_seconds: The quiet time counted until the change.
        """
        pace = self._pace(status)
        pause = self.snap_back * pace.pause_seconds(quiet_seconds)
        return pause / pace.fraction if pace.fraction else 0.0

    def _pace(self, status: CircuitStatus | None) -> Pace:
        if status is not None:
            _check_pause(status=fields.one_of(CircuitStatus, status))
        is_running = status in {CircuitStatus.RUNNING, CircuitStatus.SIMULATING}
        return self.running if is_running else self.queued


def _console(value: rich.console.Console | None) -> rich.console.Console:
    try:
        import rich.console
    except ImportError:
        raise ConfigurationError(
            f"a progress bar needs rich: {how_to_install('progress')}"
        ) from None
    return rich.console.Console(stderr=True) if value is None else value


@explains_changes
@attrs.frozen(eq=False)
class ProgressBar(fields.Checked):
    """The progress of a wait on many jobs; pass it as ``progress=``. ``True`` means a default one.

    It shows how many of the jobs are finished; how many are in each status, in the order of
    ``STATUS_PRIORITY_ORDER``; how many are not running yet (the queue); how many finished in the
    last minute; and the time that is left, if there is a limit. Jobs without a response so far are
    ``not seen yet``, and those that could not be read or found ``unsettled``.

    On a terminal and in a notebook it is drawn in place, and stays when the wait ends, however it
    ends. Anywhere else, as in a log, it is a line after the first round of polls, at most one every
    ``line_seconds``, and one at the end. It is written to stderr. If writing fails, the wait goes
    on without it.

    Attributes:
        console: Where it is drawn; None for stderr.
        line_seconds: The time between two lines where it cannot be drawn in place, in seconds, 0 or
            more.

    Raises:
        ConfigurationError: If rich is not installed.
        InvalidValue: If ``line_seconds`` is out of its range.
    """

    console: rich.console.Console = attrs.field(default=None, converter=_console)
    line_seconds: float = attrs.field(default=60, kw_only=True, converter=fields.seconds)


class WaitOptions(TypedDict, total=False):
    """The options of every wait, beside ``timeout_seconds`` and ``polling_seconds``."""

    until: Stage | str
    """``finished`` (the default), or ``compiled`` to wait only until compilation is done."""

    poll_policy: PollPolicy | None
    """Pauses that grow with the time waited, instead of ``polling_seconds``. Of many jobs, the one
    that is due first sets the pause."""

    unknown_status_seconds: float | None
    """How long to wait on a status that this version does not know, in seconds, 0 or more; None for
    no limit. By default 600."""


class JobWaitOptions(WaitOptions, total=False):
    """The options of a wait on one job: those of ``WaitOptions`` and one more."""

    on_change: OnChange | None
    """Called with the snapshots before (None at first) and after, each time the job has changed; in
    the thread, or the event loop's thread, that waits. An error that it raises ends the wait."""


class JobsWaitOptions(WaitOptions, total=False):
    """The options of a wait on many jobs: those of ``WaitOptions`` and two more."""

    requests_at_once: int
    """How many requests may be in progress together, 1 or more; slow ones are not counted, up to as
    many again. By default 4."""

    progress: bool | ProgressBar
    """True to show the progress on stderr, which needs rich (extra ``progress``); or a
    ``ProgressBar``, to show it elsewhere. By default nothing is shown."""


def _index(value: int | None) -> int | None:
    hint = f"; did you mean timeout_seconds={value}?" if is_amount(value) else ""
    is_valid = value is None or type(value) is int
    return value if is_valid else fields.bad(f"must be an integer, got {shown(value)}{hint}")


def _stage(value: Stage | str) -> Stage:
    return fields.one_of(Stage, value)


def _policy(value: PollPolicy | None) -> PollPolicy | None:
    return fields.valid(
        value, value is None or isinstance(value, PollPolicy), "must be a PollPolicy"
    )


def _callback(value: OnChange | None) -> OnChange | None:
    return fields.valid(value, value is None or callable(value), "must be callable")


def _bar(value: bool | ProgressBar) -> bool | ProgressBar:
    if isinstance(value, bool):
        return ProgressBar() if value else False
    return fields.valid(value, fields.is_a(value, ProgressBar), "must be a bool or a ProgressBar")


@attrs.frozen(kw_only=True)
class WaitPlan:
    """How to wait: the arguments and options of a public function, checked."""

    timeout_seconds: float | None = attrs.field(converter=optional(fields.seconds))
    polling_seconds: float = attrs.field(converter=fields.seconds)
    index: int | None = attrs.field(default=None, converter=_index)
    until: Stage = attrs.field(default=Stage.FINISHED, converter=_stage)
    poll_policy: PollPolicy | None = attrs.field(default=None, converter=_policy)
    unknown_status_seconds: float | None = attrs.field(
        default=600.0, converter=optional(fields.seconds)
    )
    on_change: OnChange | None = attrs.field(default=None, converter=_callback)
    requests_at_once: int = attrs.field(default=4, converter=fields.positive_integer)
    progress: bool | ProgressBar = attrs.field(default=False, converter=_bar)

    def __attrs_post_init__(self) -> None:
        fields.refuse_bad(self, lambda _, problems: InvalidRequest("a wait", problems))

    @classmethod
    def of(
        cls,
        function: str,
        allowed: frozenset[str],
        options: Mapping[str, Any],
        timeout_seconds: float | None,
        polling_seconds: float,
        **index: Any,
    ) -> Self:
        """The plan of one call of a public function; ``TypeError`` if an option is not allowed."""
        for name in options:
            if name not in allowed:
                import difflib  # for this error only

                known = [*index, "timeout_seconds", "polling_seconds", *sorted(allowed)]
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(known)}."
                raise TypeError(
                    f"{function}() got an unexpected keyword argument {name!r}; {hint} "
                    "Nothing was sent"
                )
        return cls(
            timeout_seconds=timeout_seconds, polling_seconds=polling_seconds, **index, **options
        )
