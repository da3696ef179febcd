"""Rows of waiting: many jobs that finish at random times, on a real server in its own process.

Who waits is a process of its own too (``waiting_client``): the same server, the same lives, the
same polling interval for all, one after another. What is counted is the processor time of the one
who waits, the requests that the server saw, and how long after a job has finished the one who waits
knows it: it has finished when the server's responses begin to say so.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence

from .lines import Figure, Line, Run, at_least, at_most, seconds_text
from .serving import BENCHMARKS, started
from .waiting_client import Outcome

__all__ = ["row"]

JOBS, SEED = 1000, 7
POLLING_SECONDS = 1.0
OURS, AS_IT_IS = "ours", "official, one after another"
ONCE = {
    "official, in rounds": "the official client, by hand, each unfinished `Job` in each round",
    "official, in batches": "the official client, by hand, 150 ids a `fetch_jobs` in each round",
}
FLOOR = "parsed alone"


def row(run: Run) -> Iterator[Line]:
    """Measure; processor time, then the detection of each job's end."""
    seconds, turns = (4.0, 1) if run.quick else (14.0, 2)
    with started("job_server", str(JOBS), str(seconds), str(SEED)) as origin:

        def waited(way: str) -> Outcome:
            return _waited(way, origin, seconds)

        pairs = [(waited(OURS), waited(AS_IT_IS)) for _ in range(turns)]
        once = {way: waited(way) for way in ONCE}
        floor = waited(FLOOR)
    yield from _of_time(pairs, once, floor, seconds)
    yield from _of_detection([ours for ours, _ in pairs], [theirs for _, theirs in pairs], once)


def _waited(way: str, origin: str, seconds: float) -> Outcome:
    ended = subprocess.run(  # noqa: S603 - our own program
        [
            *(sys.executable, "-m", f"{__package__}.waiting_client"),
            *(way, origin, str(JOBS), str(seconds), str(SEED), str(POLLING_SECONDS)),
        ],
        cwd=BENCHMARKS,
        stdout=subprocess.PIPE,
        text=True,
        timeout=240,
        check=True,
    )
    return Outcome(**json.loads(ended.stdout))


def _of_time(
    pairs: Sequence[tuple[Outcome, Outcome]],
    once: dict[str, Outcome],
    floor: Outcome,
    seconds: float,
) -> Iterator[Line]:
    ours = pairs[0][0]
    ours_of = Figure.of(mine.processor_seconds for mine, _ in pairs).value
    shown = f"{seconds_text(ours_of)}, {ours.requests:,} requests"
    theirs = Figure.of(theirs.processor_seconds for _, theirs in pairs).value
    what = (
        f"processor time until {JOBS:,} jobs are finished, all within {seconds:g} s, polled every "
    )
    what += f"{POLLING_SECONDS:g} s"
    yield Line(
        what=f"{what}: official, one `Job` waited for after another, ÷ ours",
        ours=shown,
        theirs=f"official {seconds_text(theirs)}, {pairs[0][1].requests:,} requests",
        figure=Figure.of(t.processor_seconds / o.processor_seconds for o, t in pairs),
        bar=at_least(20),
    )
    for way, name in ONCE.items():
        found = once[way]
        yield Line(
            what=f"the same: {name}, ÷ ours",
            ours=shown,
            theirs=f"official {seconds_text(found.processor_seconds)}, {found.requests:,} requests",
            figure=found.processor_seconds / ours_of,
        )
    bare = f"bare {seconds_text(floor.processor_seconds)}, {floor.requests:,} requests"
    yield Line(
        what="the floor: ours ÷ bare urllib3 and `orjson`, 150 ids a request in each round",
        ours=shown,
        theirs=bare,
        figure=ours_of / floor.processor_seconds,
    )
    yield Line(
        what="the most that the first line could be: official ÷ that floor",
        theirs=f"official {seconds_text(theirs)}; {bare}",
        figure=theirs / floor.processor_seconds,
    )
    yield Line(
        what="the same from the start of Python, imports included: official, one after another, "
        "÷ ours",
        ours=seconds_text(Figure.of(mine.process_seconds for mine, _ in pairs).value),
        theirs="official "
        + seconds_text(Figure.of(theirs.process_seconds for _, theirs in pairs).value),
        figure=Figure.of(t.process_seconds / o.process_seconds for o, t in pairs),
    )


def _of_detection(
    ours: Sequence[Outcome], official: Sequence[Outcome], once: dict[str, Outcome]
) -> Iterator[Line]:
    worst = max(ours, key=lambda each: each.latest - max(each.rounds))
    longest = max(worst.rounds)
    limit = POLLING_SECONDS + longest
    late = max(official, key=lambda each: each.latest)
    beside = once["official, in rounds"]
    yield Line(
        what=f"a job's end until `as_completed` yields it, polling every {POLLING_SECONDS:g} s, "
        "the latest",
        ours=f"{seconds_text(worst.latest)}; the longest round {seconds_text(longest)}",
        theirs=f"official {seconds_text(late.latest)}, in rounds {seconds_text(beside.latest)}",
        figure=worst.latest,
        bar=at_most(limit, f"{seconds_text(limit)}: an interval and a round"),
        show=seconds_text,
    )
    yield Line(
        what="the same, the median",
        ours=seconds_text(worst.middle),
        theirs=f"official {seconds_text(late.middle)}, in rounds {seconds_text(beside.middle)}",
        figure=worst.middle,
        show=seconds_text,
    )
