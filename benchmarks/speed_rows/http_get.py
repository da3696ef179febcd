"""Rows of requests: one after another over a connection that is kept open.

Four ways to ``GET`` the same three responses from a server in a process of its own:

- ``HttpTransport.send``: one request with a deadline, limits of size and checks of the framing;
- ``SuperstaqClient.send``, the same under the retry policy, with counts and the log;
- ``urllib3.PoolManager().request`` with the same headers, and nothing around it;
- ``get_request`` of the official client for v0.3.0, unmodified. It parses the JSON as well; so
  there are two more ratios: neither parses, or both do, each with its own parser. Decompressing the
  compressed response takes 1.5 ms in both, which is most of our time for it.

Times are wall-clock times, since a request waits for its server.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from time import perf_counter
from typing import Final

import msgspec
import urllib3

import superstaq_jobs as sj
from superstaq_jobs.transport import HttpTransport
from superstaq_jobs.wire.api import Call
from superstaq_jobs.wire.job_data import Decoded

from .clients import KEY, official_client
from .lines import Line, Run, Way, at_least, in_turns, middle, ratio
from .serving import started

__all__ = ["row"]

RESPONSES: Final = {"small": "1 KB", "large": "0.7 MB", "gzip": "0.7 MB compressed"}
BARS: Final = {"small": 1.0, "large": 1.0, "gzip": 0.9}
OFFICIAL_BAR: Final = 2.0
TURNS: Final = 80


def _unread(body: bytes, _now: dt.datetime, _source: str) -> Decoded[int]:
    return Decoded(value=len(body))


def _parsed(body: bytes, _now: dt.datetime, _source: str) -> Decoded[object]:
    return Decoded(value=msgspec.json.decode(body))


def ways(origin: str, name: str, stack: contextlib.ExitStack) -> dict[str, Way]:
    """The ways to get one response, each with a connection of its own."""
    path = f"/v0.3.0/{name}"
    client = stack.enter_context(sj.SuperstaqClient(KEY, origin))
    transport = stack.enter_context(HttpTransport(origin=origin))
    request = sj.Request(method="GET", path=path, headers=client._headers)  # noqa: SLF001 - the same
    headers = {
        name: value.reveal() if isinstance(value, sj.Secret) else value
        for name, value in request.headers
    }
    headers["Accept-Encoding"] = "gzip"
    pool = stack.enter_context(urllib3.PoolManager())
    official = official_client(origin)
    stack.enter_context(official.session)

    def official_unread() -> bytes:
        # What ``get_request`` does before it reads the JSON.
        return official._make_request(  # noqa: SLF001 - it has no public part that does this
            lambda: official.session.get(
                f"{official.url}/{name}",
                headers=official._custom_headers(),  # noqa: SLF001 - the same
                verify=official.verify_https,
            )
        ).content

    plain = sj.Request(method="GET", path=path)
    unread = Call(request=plain, read=_unread, what="a GET")
    parsed = Call(request=plain, read=_parsed, what="a GET")
    return {
        "transport": lambda: transport.send(request, timeout_seconds=300.0).body,
        "urllib3": lambda: pool.request("GET", f"{origin}{path}", headers=headers).data,
        "client": lambda: client.send(unread),
        "official": lambda: official.get_request(f"/{name}"),
        "official, unread": official_unread,
        "client, parsed": lambda: client.send(parsed),
    }


def _check(gets: Mapping[str, Way]) -> None:
    """Check that all of them get the same."""
    body = gets["urllib3"]()
    assert isinstance(body, bytes)
    assert gets["transport"]() == body
    assert gets["client"]() == len(body)
    assert gets["official, unread"]() == body
    assert gets["official"]() == gets["client, parsed"]() == msgspec.json.decode(body)


def row(run: Run) -> Iterator[Line]:
    """Measure the three responses."""
    with started("canned_server") as origin:
        for name, what in RESPONSES.items():
            with contextlib.ExitStack() as stack:
                gets = ways(origin, name, stack)
                _check(gets)
                turns = 10 if run.quick else TURNS
                taken = in_turns(gets, turns=turns, clock=perf_counter)
            yield from _lines(name, f"GET of {what}", taken)


def _lines(name: str, what: str, taken: Sequence[Mapping[str, float]]) -> Iterator[Line]:
    def rate(way: str) -> str:
        return f"{1 / middle(taken, way):,.0f}/s"

    def line(text: str, ours: str, theirs: str, bar: float | None) -> Line:
        beside = "urllib3" if theirs == "urllib3" else "official"
        return Line(
            what=f"{what}: {text}",
            ours=rate(ours),
            theirs=f"{beside} {rate(theirs)}",
            figure=ratio(taken, theirs, ours),
            bar=None if bar is None else at_least(bar),
        )

    yield line("`HttpTransport` ÷ bare urllib3", "transport", "urllib3", BARS[name])
    yield line("`SuperstaqClient` ÷ bare urllib3", "client", "urllib3", None)
    yield line("`SuperstaqClient` ÷ official, which parses", "client", "official", OFFICIAL_BAR)
    yield line("neither parses", "client", "official, unread", None)
    yield line("both parse", "client, parsed", "official", None)
