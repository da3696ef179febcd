"""What the tests on real sockets share."""

from __future__ import annotations

import traceback

from superstaq_jobs.errors import TransportError
from superstaq_jobs.wire.request import Request, Secret

__all__ = ["CANARY", "GENEROUS", "MIB", "PATIENT", "assert_no_canary", "get", "nothing_sent"]

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
