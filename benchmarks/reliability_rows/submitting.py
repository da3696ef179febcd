"""Rows 1 and 14: a submission whose response is lost creates one job, not two and not none.

The server is a model in memory. A script says what happens to each submission (the first is always
lost, in one of five ways) and to each query; after its end all succeed. Time is simulated.
"""

from __future__ import annotations

import contextlib
import json
import random
import warnings
from collections import Counter
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import superstaq_jobs as sj
from superstaq_jobs.testing import FakeClock

from .shared import (
    TARGET,
    Answer,
    Failed,
    Row,
    job_data,
    no_sleep,
    official_on,
    our_client_on,
)

__all__ = ["lost_answers", "lost_tags"]

LOSSES = (
    "the request is lost",
    "created, the response lost",
    "created late, the response lost",
    "created, then an error",
    "an error, nothing created",
)
REFUSALS = ("refused", "busy")
ERRORS = (500, 502, 503, 504)
LATEST_SECONDS = 3.4
"""The longest time until a job appears; the library queries for 3.5 s (0.5 + 1 + 2)."""

PATIENCE_SECONDS = 5.0
"""The pause of a user after ``SubmissionUnknown``."""

KEPT: dict[str, Callable[[list[str]], list[str]]] = {
    "keeps": list,
    "drops": lambda _tags: [],
    "lowers": lambda tags: [tag.lower() for tag in tags],
    "trims": lambda tags: [tag.replace(" ", "") for tag in tags],
    "cuts": lambda tags: [tag[:20] for tag in tags],
    "keeps the first of": lambda tags: tags[:1],
}
"""What a server makes of the tags of a job."""

NEW_JOB = sj.NewJob(target=TARGET, circuits="OPENQASM 2.0;", job_type="simulate", shots=10)


class ModelServer:
    """A server that creates jobs, and a network that follows a script."""

    def __init__(self, seed: int, clock: FakeClock, *, tags: str = "keeps") -> None:
        self.kept = KEPT[tags]
        self.random = random.Random(seed)  # noqa: S311 - not used for a secret
        self.clock = clock
        self.jobs: list[tuple[float, UUID, list[str]]] = []
        draw = self.random
        self.posts = [draw.choice(LOSSES)]
        self.posts += [draw.choice((*LOSSES, *REFUSALS, "")) for _ in range(draw.randint(0, 3))]
        share = draw.choice((0.0, 0.3, 0.9))
        failures = ("refused", "busy", "the request is lost", "an error, nothing created")
        self.gets = [
            draw.choice(failures) if draw.random() < share else ""
            for _ in range(draw.randint(0, 12))
        ]
        if draw.random() < 0.5:  # the query before the submission succeeds, those after it may not
            self.gets.insert(0, "")

    def handle(self, method: str, path: str, body: bytes) -> Answer:
        """The response to a request, or none."""
        script = self.posts if method == "POST" else self.gets
        fault = script.pop(0) if script else ""
        if fault == "refused":
            raise Failed(sent=False)
        self.clock.advance(self.random.uniform(0.01, 0.4))
        if fault == "the request is lost":
            self.clock.advance(2.0)
            raise Failed(sent=True)
        if fault == "busy":
            return 429, b'"busy"'
        if fault == "an error, nothing created":
            return self.random.choice(ERRORS), b'"error"'
        if method != "POST":
            return 200, self.found(path)
        late = self.random.uniform(0, LATEST_SECONDS) if "late" in fault else 0.0
        job_id = UUID(int=self.random.getrandbits(128), version=4)
        self.jobs.append((self.clock.now() + late, job_id, self.kept(json.loads(body)["tags"])))
        if "error" in fault:
            return self.random.choice(ERRORS), b'"error"'
        if "lost" in fault:
            raise Failed(sent=True)
        return 200, json.dumps({"job_id": str(job_id), "num_circuits": 1}).encode()

    def found(self, path: str) -> bytes:
        """The jobs that have the requested tag and exist by now."""
        (tag,) = parse_qs(urlsplit(path).query)["tags"]
        now = self.clock.now()
        return json.dumps(
            {str(j): job_data(tags=tags) for at, j, tags in self.jobs if at <= now and tag in tags}
        ).encode()


def ours(seed: int) -> int:
    """How many jobs one script creates; -1 if the receipt names a different one."""
    clock = FakeClock()
    server = ModelServer(seed, clock)
    client = our_client_on(server.handle, clock, jitter=server.random.random)
    for _ in range(20):
        try:
            receipt = sj.submit_job(client, NEW_JOB, submission_key=f"script-{seed}")
            break
        except sj.SubmissionUnknown:
            clock.advance(PATIENCE_SECONDS)
        except sj.SuperstaqServerException:
            pass  # it was not sent: retry at once
        if server.random.random() < 0.5:  # in a restarted program
            client = our_client_on(server.handle, clock, jitter=server.random.random)
    else:
        return 0
    is_it = [job_id for _, job_id, _ in server.jobs] == [receipt.job_id]
    return 1 if is_it else -1 if len(server.jobs) == 1 else len(server.jobs)


def theirs(seed: int) -> int:
    """How many jobs one call of the official client creates."""
    clock = FakeClock()
    server = ModelServer(seed, clock)
    client = official_on(server.handle)
    # The jobs are counted, whatever it raises.
    with no_sleep(clock), contextlib.suppress(Exception):
        client.create_job({"qiskit_circuits": "x"}, target=TARGET, tag=f"script-{seed}")
    return len(server.jobs)


def lost_answers(*, quick: bool) -> Row:
    """Row 1."""
    number = 500 if quick else 10_000
    mine = Counter(map(ours, range(number)))
    other = Counter(map(theirs, range(number)))
    more = sum(count for jobs, count in other.items() if jobs > 1)
    return Row(
        what=f"{number:,} scripts with a lost response and a submission key",
        bar="exactly one job each",
        ours=f"one job in {mine[1]:,}",
        theirs=f"one job in {other[1]:,}, none in {other[0]:,}, more in {more:,} (up to "
        f"{max(other)})",
        passed=mine[1] == number,
    )


def with_tags(tags: str, seed: int) -> tuple[int, bool]:
    """How many jobs one call creates, and whether an error or a warning reports that.

    In every other script, the same client has submitted a job before, whose key every server that
    keeps any keeps as it is.
    """
    clock = FakeClock()
    server = ModelServer(seed, clock, tags=tags)
    client = our_client_on(server.handle, clock, jitter=server.random.random)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        if seed % 2:
            scripts, server.posts, server.gets = (server.posts, server.gets), [], []
            sj.submit_job(client, NEW_JOB, submission_key="k")
            server.posts, server.gets = scripts
            server.jobs.clear()
            said.clear()
        try:
            sj.submit_job(client, NEW_JOB, submission_key=f"Script {seed} of them")
        except sj.SubmissionUnknown:
            return len(server.jobs), True
        except sj.SuperstaqServerException:
            return len(server.jobs), not server.jobs
    return len(server.jobs), bool(said)


def lost_tags(*, quick: bool) -> Row:
    """Row 14."""
    number = 200 if quick else 2_000
    found = {tags: Counter(with_tags(tags, seed) for seed in range(number)) for tags in KEPT}
    kept = Counter(map(ours, range(number)))
    most = {tags: max(jobs for jobs, _ in counts) for tags, counts in found.items()}
    silent = sum(
        count
        for tags, counts in found.items()
        for (jobs, is_said), count in counts.items()
        if jobs and not is_said and (jobs > 1 or "keeps" not in tags)
    )
    others = [f"{jobs} (it {tags} tags)" for tags, jobs in most.items() if tags != "keeps"]
    return Row(
        what=f"{number:,} lost responses each on servers that keep, drop, lower, trim, cut tags",
        bar="one job each where tags are kept; elsewhere 2 at most, never without a warning or an "
        "error",
        ours=f"kept: one job in {kept[1]:,}, {most['keeps']} at most in one call; elsewhere at "
        f"most {', '.join(others)}; {silent} in silence",
        theirs="has no submission keys",
        passed=kept[1] == number and max(most.values()) <= 2 and not silent,
    )
