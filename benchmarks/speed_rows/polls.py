"""Rows of polls: what a response costs that says what the last one said, or nearly.

Only decoding a response is measured here, beside decoding one that is all new; the rows of requests
measure what its request costs, and those of waiting a whole wait.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from uuid import UUID

import attrs
import orjson

import superstaq_jobs as sj
from superstaq_jobs.waiting.memory import RepeatedCall

from . import payloads, reading
from .lines import Line, Run, Way, at_most, in_turns, middle, ratio, seconds_text

__all__ = ["row"]

NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
CHANGED = 10


def row(run: Run) -> Iterator[Line]:
    """Measure; one job, many without news, and many of which a few have changed."""
    client = sj.SuperstaqClient("key", "http://localhost:9")
    yield from _one_job(client, run)
    yield from _many_jobs(client, run)
    query = sj.JobQuery(job_id=[UUID(int=number) for number in range(1000)])
    requests = len(client.api.query_jobs(query, sj.CircuitType.QASM))
    yield Line(
        what="requests of a round of 1,000 jobs",
        ours=str(requests),
        theirs="official 1,000: one for each `Job`",
        figure=float(requests),
        bar=at_most(7),
    )


def _one_job(client: sj.SuperstaqClient, run: Run) -> Iterator[Line]:
    data = payloads.payload("S1")
    taken = in_turns(
        {
            "poll": _poll(client, [data]),
            "full": lambda: reading.our_read(data),
            "official": lambda: reading.official_read(data),
        },
        turns=run.turns,
    )
    yield Line(
        what="S1 without news: ours ÷ ours decoded, complete",
        ours=seconds_text(middle(taken, "poll")),
        theirs=f"ours in full {seconds_text(middle(taken, 'full'))}",
        figure=ratio(taken, "poll", "full"),
        bar=at_most(0.05),
    )
    yield Line(
        what="S1 without news: official ÷ ours",
        ours=seconds_text(middle(taken, "poll")),
        theirs=f"official {seconds_text(middle(taken, 'official'))}",
        figure=ratio(taken, "official", "poll"),
    )


def _many_jobs(client: sj.SuperstaqClient, run: Run) -> Iterator[Line]:
    data = payloads.payload("S4")
    jobs = json.loads(data)
    for job in list(jobs.values())[: CHANGED // 2] + list(jobs.values())[-CHANGED // 2 :]:
        job["metadata"] = {"run": -1}
    changed = json.dumps(jobs, separators=(",", ":")).encode()
    taken = in_turns(
        {
            "poll": _poll(client, [data]),
            "news": _poll(client, [data, changed]),
            "orjson": lambda: orjson.loads(data),
            "official": lambda: reading.official_read(data),
        },
        turns=run.turns,
    )
    spent = {way: seconds_text(middle(taken, way)) for way in taken[0]}
    ways = {"poll": "without news", "news": f"in which {CHANGED} jobs have changed"}
    for way, what in ways.items():
        yield Line(
            what=f"S4 {what}: ours ÷ `orjson`",
            ours=spent[way],
            theirs=f"`orjson` {spent['orjson']}",
            figure=ratio(taken, way, "orjson"),
            bar=at_most(0.25) if way == "poll" else None,
        )
        yield Line(
            what=f"S4 {what}: official ÷ ours",
            ours=spent[way],
            theirs=f"official {spent['official']}",
            figure=ratio(taken, "official", way),
        )


def _poll(client: sj.SuperstaqClient, responses: Sequence[bytes]) -> Way:
    """A poll whose responses repeat in turn, each a new object, as from a socket."""
    ids = [UUID(key) for key in json.loads(responses[0])]
    (call, *_) = client.api.query_jobs(sj.JobQuery(job_id=ids[:1]), sj.CircuitType.QASM)
    # As if one request were for all of them: what it is compared with is one response too.
    known = RepeatedCall(attrs.evolve(call, job_ids=tuple(ids))).current
    read = known.remembering(known.read)
    bodies = [bytes(bytearray(response)) for _ in range(2) for response in responses]
    state = {"next": 0}

    def poll() -> None:
        state["next"] = place = (state["next"] + 1) % len(bodies)
        assert len(read(bodies[place], NOW, "here").value) == len(ids)

    return poll
