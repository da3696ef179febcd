"""What the tests on real sockets share."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from superstaq_jobs.errors import TransportError
from superstaq_jobs.wire.request import Request, Secret

__all__ = [
    "CANARY",
    "GENEROUS",
    "MIB",
    "PATIENT",
    "assert_no_canary",
    "at_the_same_time",
    "get",
    "nothing_sent",
]

Case = TypeVar("Case")

MIB = 1024 * 1024
CANARY = "canary-3b9f1c"
PATIENT = 30.0
# A bound that only says "by the clock, and not by the server": a server here would take a minute.
GENEROUS = 5.0


def get(path: str = "/v0.3.0/thing?tags=a", **headers: str) -> Request:
    given = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Request(method="GET", path=path, headers=(("Authorization", Secret(CANARY)), *given))


def nothing_sent(error: TransportError) -> bool:
    return not error.sent and "Nothing of the request was sent." in str(error)


def assert_no_canary(error: BaseException) -> None:
    """The canary is nowhere in an exception, its chain, or what its frames hold below this one."""
    seen: BaseException | None = error
    while seen is not None:
        assert CANARY not in repr(seen)
        assert CANARY not in str(seen)
        assert CANARY not in repr(getattr(seen, "__dict__", {}))
        seen = seen.__cause__ or seen.__context__
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert CANARY not in "".join(shown.format())
    frames = [frame.f_globals["__name__"] for frame, _ in traceback.walk_tb(error.__traceback__)]
    inside = [name for name in frames if name.partition(".")[0] in {"urllib3", "http", "ssl"}]
    assert inside == []


def at_the_same_time(check: Callable[[Case], None], cases: Iterable[Case]) -> None:
    """Run a check of each case, all at once, for checks that hardly do anything but wait."""
    named = list(cases)
    with ThreadPoolExecutor(len(named)) as pool:
        running = [pool.submit(check, case) for case in named]
    for case, ended in zip(named, running, strict=True):
        if error := ended.exception():
            error.add_note(f"This was the case {case!r}.")
            raise error
