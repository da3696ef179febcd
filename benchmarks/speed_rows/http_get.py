"""Requests a second over one kept connection: ours, bare urllib3, and the official client.

    python benchmarks/speed_rows/http_get.py            # about a minute
    python benchmarks/speed_rows/http_get.py --quick    # a look, not a proof

Four ways to ``GET`` the same three answers from a server in a process of its own:

- ``HttpTransport.send``, the hardened request: a deadline, limits of size, checks of the framing;
- ``SuperstaqClient.send``, the same under the retry policy, with counts and the log;
- ``urllib3.PoolManager().request`` with the same headers, and nothing around it;
- ``get_request`` of the official client for v0.3.0, as it is. It parses the JSON as well; so beside
  that ratio stand two of like and like: neither parses, or both do, each with its own parser.
  Inflating the compressed answer takes 1.5 ms in both, which is most of our time for it.

They take turns in short batches, and each number is the median, over all turns, of the ratio within
one turn: what slows the machine down for a while slows all of them down.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import attrs
import general_superstaq as gss
import msgspec
import urllib3
from general_superstaq.superstaq_client import _SuperstaqClientV3

import superstaq_jobs as sj
from superstaq_jobs.api import Call
from superstaq_jobs.codec import Answer
from superstaq_jobs.transport import HttpTransport

__all__ = ["Line", "row"]

KEY = "canary-key-of-the-benchmark-5e1f"
SERVER = Path(__file__).with_name("canned_server.py")
BARS = {"small": 0.85, "large": 0.95, "gzip": 0.95}
OFFICIAL_BAR = 2.0
BATCHES = {"small": 50, "large": 10, "gzip": 5}
TURNS = 120

Get: TypeAlias = Callable[[], object]


@attrs.frozen(kw_only=True)
class Line:
    """One result.

    Attributes:
        what: What is measured.
        bar: What it must not be worse than.
        ours: What was measured.
        theirs: What it is compared with.
        passed: Whether it holds the bar.
    """

    what: str
    bar: str
    ours: str
    theirs: str
    passed: bool

    def __str__(self) -> str:
        mark = "" if self.passed else "   MISSED"
        return f"{self.what:44}  {self.bar:8}  {self.ours:50}  {self.theirs}{mark}"


@contextlib.contextmanager
def canned_server() -> Iterator[str]:
    """The server, in a process of its own; its origin."""
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, str(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


def _unread(body: bytes, _now: dt.datetime, _source: str) -> Answer[int]:
    return Answer(value=len(body))


def _parsed(body: bytes, _now: dt.datetime, _source: str) -> Answer[object]:
    return Answer(value=msgspec.json.decode(body))


def ways(origin: str, name: str, stack: contextlib.ExitStack) -> dict[str, Get]:
    """The ways to get one answer, each with a connection of its own."""
    path = f"/v0.3.0/{name}"
    client = stack.enter_context(sj.SuperstaqClient(KEY, origin))
    transport = stack.enter_context(HttpTransport(origin=origin))
    request = sj.Request(method="GET", path=path, headers=client._headers)  # noqa: SLF001
    headers = {
        name: value.reveal() if isinstance(value, sj.Secret) else value
        for name, value in request.headers
    }
    headers["Accept-Encoding"] = "gzip"
    pool = stack.enter_context(urllib3.PoolManager())
    official = _SuperstaqClientV3(
        "benchmark",
        api_key=KEY,
        remote_host=origin,
        api_version="v0.3.0",
        circuit_type=gss.models.CircuitType.QASM,
    )
    stack.enter_context(official.session)

    def official_unread() -> bytes:
        # What ``get_request`` does before it reads the JSON.
        return official._make_request(  # noqa: SLF001
            lambda: official.session.get(
                f"{official.url}/{name}",
                headers=official._custom_headers(),  # noqa: SLF001
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


def seconds_of(get: Get, times: int) -> float:
    """How long so many requests take, one after another."""
    started = time.perf_counter()
    for _ in range(times):
        get()
    return time.perf_counter() - started


def measured(gets: dict[str, Get], batch: int, turns: int) -> list[dict[str, float]]:
    """For each turn, the seconds that one request took each way."""
    names = list(gets)
    taken = []
    for turn in range(turns):
        first = turn % len(names)  # nobody always comes after the same one
        order = names[first:] + names[:first]
        taken.append({name: seconds_of(gets[name], batch) / batch for name in order})
    return taken


def ratio(taken: list[dict[str, float]], ours: str, theirs: str) -> float:
    """Our requests a second over theirs: the median of the turns."""
    return statistics.median(turn[theirs] / turn[ours] for turn in taken)


def _check(gets: dict[str, Get]) -> None:
    """All of them get the same."""
    body = gets["urllib3"]()
    assert isinstance(body, bytes)
    assert gets["transport"]() == body
    assert gets["client"]() == len(body)
    assert gets["official, unread"]() == body
    assert gets["official"]() == gets["client, parsed"]() == msgspec.json.decode(body)


def _lines(name: str, taken: list[dict[str, float]]) -> list[Line]:
    def rate(way: str) -> str:
        return f"{1 / statistics.median(turn[way] for turn in taken):,.0f}/s"

    transport = ratio(taken, "transport", "urllib3")
    client = ratio(taken, "client", "urllib3")
    official = ratio(taken, "client", "official")
    unread = ratio(taken, "client", "official, unread")
    parsed = ratio(taken, "client, parsed", "official")
    return [
        Line(
            what=f"GET, {name}: HttpTransport / bare urllib3",
            bar=f">= {BARS[name]}",
            ours=f"{transport:.2f} ({rate('transport')}); client {client:.2f}",
            theirs=rate("urllib3"),
            passed=transport >= BARS[name],
        ),
        Line(
            what=f"GET, {name}: SuperstaqClient / official",
            bar=f">= {OFFICIAL_BAR}",
            ours=f"{official:.2f} ({rate('client')}); "
            f"neither parses {unread:.2f}, both {parsed:.2f}",
            theirs=rate("official"),
            passed=official >= OFFICIAL_BAR,
        ),
    ]


def row(*, quick: bool = False) -> list[Line]:
    """Measure; the results of the three answers.

    Args:
        quick: Fewer turns: a look, not a proof.
    """
    lines = []
    with canned_server() as origin, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the official client's, of its API version
        for name, batch in BATCHES.items():
            with contextlib.ExitStack() as stack:
                gets = ways(origin, name, stack)
                _check(gets)
                measured(gets, batch, 2)
                lines += _lines(name, measured(gets, batch, TURNS // 6 if quick else TURNS))
    return lines


def main() -> int:
    """Measure, print, and tell whether every bar is held."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer turns; a look, not a proof")
    lines = row(quick=parser.parse_args().quick)
    print(*lines, sep="\n")
    return 0 if all(line.passed for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
