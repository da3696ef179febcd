"""Arguments of several commands: moments, job ids, names with values, and conditions on jobs."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar
from uuid import UUID

import click

import superstaq_jobs as sj

__all__ = [
    "MOMENT",
    "conditions",
    "job_ids",
    "moment_of",
    "one_circuit",
    "pairs",
    "patience",
    "query_of",
]

F = TypeVar("F", bound=Callable[..., Any])
Decorator: TypeAlias = Callable[[F], F]  # of a command

_UNITS: Final = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN: Final = re.compile(
    r"(\d{1,6}) ?(s|min|h|d|w|(?:second|minute|hour|day|week)s?)(?: ago)?", re.IGNORECASE
)
_FORMS: Final = "yesterday, 2026-11-26, '2026-11-26 16:30', or '3 days'"


def moment_of(text: str, now: dt.datetime) -> dt.datetime:
    """The moment that a user names; a day means its beginning, and no zone means the local one.

    Raises:
        ValueError: If it is none.
    """
    words = text.strip().lower()
    days = {"today": 0, "yesterday": 1}
    if words in days:
        day = now.astimezone().date() - dt.timedelta(days=days[words])
        return dt.datetime.combine(day, dt.time()).astimezone()
    if words == "now":
        return now
    if span := _SPAN.fullmatch(words):
        unit = _UNITS.get(span[2]) or f"{span[2].removesuffix('s')}s"
        return now - dt.timedelta(**{unit: int(span[1])})
    found = dt.datetime.fromisoformat(text.strip())
    return found.astimezone() if found.tzinfo is None else found


class _Moment(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.5 only
    name = "when"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.datetime:
        if isinstance(value, dt.datetime):
            return value
        try:
            return moment_of(value, dt.datetime.now(dt.UTC))
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a time: write {_FORMS}.", param, ctx)


MOMENT: Final = _Moment()
"""A moment in the past, as people write one."""


def one_circuit(explained: str) -> Decorator[Any]:
    """The option ``--circuit``."""
    return click.option("--circuit", type=click.IntRange(min=0), help=explained)


def patience(help_of_timeout: str, help_of_polling: str, **default: Any) -> Decorator[Any]:
    """The options of a wait, ``--timeout`` and ``--polling``."""
    seconds = partial(click.option, type=click.FloatRange(min=0), metavar="SECONDS")

    def decorate(function: F) -> F:
        function = seconds("--polling", help=help_of_polling)(function)
        return seconds("--timeout", help=help_of_timeout, **default)(function)

    return decorate


def job_ids(*, required: bool = True) -> Decorator[Any]:
    """The argument ``ID...``: without white space around each, and each job once."""
    metavar = "ID..." if required else "[ID]..."
    return click.argument("ids", metavar=metavar, nargs=-1, required=required, callback=_once)


def _once(_ctx: click.Context, _param: click.Parameter, ids: tuple[str, ...]) -> list[str]:
    spelled: dict[str, str] = {}
    for each in map(str.strip, ids):
        spelled.setdefault(",".join(map(_spelling, each.split(","))), each)
    return list(spelled.values())


def _spelling(job_id: str) -> str:
    """A UUID as it is usually spelled."""
    try:
        return str(UUID(job_id.lower()))  # since it takes no "URN:UUID:"
    except ValueError:
        return job_id


def pairs(
    _ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]
) -> dict[str, object]:
    """Several ``NAME=VALUE``, each value as JSON if it is that, else as a string."""
    found: dict[str, object] = {}
    for each in values:
        name, sign, value = each.partition("=")
        if not (name and sign):
            raise click.BadParameter(f"{each!r} is not NAME=VALUE.")
        try:
            found[name] = json.loads(value)
        except (ValueError, RecursionError):
            found[name] = value
    return found


_STATUSES: Final = (
    *("received", "awaiting_compile", "compiling", "awaiting_submission", "pending", "running"),
    *("awaiting_simulation", "simulating", "completed", "failed", "cancelled", "unrecognized"),
    "deleted",
)


def conditions(function: F) -> F:
    """The options that select jobs, for ``query_of``."""
    for option in reversed(
        [
            click.option("--tag", "tags", multiple=True, help="Jobs with this tag; repeatable."),
            click.option(
                "--status",
                "statuses",
                multiple=True,
                type=click.Choice(_STATUSES, case_sensitive=False),
                metavar="STATUS",
                help="Jobs with this status, such as running or completed; repeatable.",
            ),
            click.option("--target", "targets", multiple=True, help="Jobs on it; repeatable."),
            click.option(
                "--since",
                type=MOMENT,
                help=f"Jobs submitted after this time: {_FORMS}. Local time, unless it has a zone.",
            ),
            click.option("--until", type=MOMENT, help="Jobs submitted before this time."),
        ]
    ):
        function = option(function)
    return function


def query_of(
    *,
    tags: tuple[str, ...],
    statuses: tuple[str, ...],
    targets: tuple[str, ...],
    since: dt.datetime | None,
    until: dt.datetime | None,
) -> sj.JobQuery:
    """The query for what ``conditions`` found."""
    return sj.JobQuery(
        tags=tags or None,
        status=statuses or None,
        target_name=targets or None,
        submitted_after=since,
        submitted_before=until,
    )
