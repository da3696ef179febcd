"""A wait of ten hours on a clock that nobody has to watch."""

from __future__ import annotations

import itertools
import time

import attrs

import superstaq_jobs as sj
from emulator_rows.shared import SMALLEST, Row
from superstaq_jobs.emulator import Emulator, Simulator
from superstaq_jobs.testing import FakeClock
from superstaq_jobs.transport import HttpTransport
from superstaq_jobs.wire.request import Request, Response

__all__ = ["ten_hours"]

TEN_HOURS = 36_000.0
POLLING_SECONDS = 60.0
STEP_SECONDS = 7_200.0  # five steps, each half of it to one and a half


@attrs.define
class Noted:
    """A transport that notes when a request was sent."""

    inner: HttpTransport
    clock: FakeClock
    times: list[float] = attrs.field(factory=list)

    def send(self, request: Request, /, *, timeout_seconds: float) -> Response:
        """Send it."""
        self.times.append(self.clock.now())
        return self.inner.send(request, timeout_seconds=timeout_seconds)

    def close(self) -> None:
        """Close the connection."""
        self.inner.close()


def _simulated(simulator: Simulator, job: sj.NewJob) -> None:
    """Wait until all that was submitted before has been run: circuits have their turn in order."""
    with (
        Emulator(step_seconds=0, simulator=simulator) as other,
        sj.SuperstaqClient(other.api_key, other.url) as client,
    ):
        sj.JobHandle.submit(client, job).wait_until_complete(polling_seconds=0.1)


def ten_hours() -> Row:
    """The seconds that it takes, and whether the requests are those of a real clock."""
    job = sj.NewJob(
        target="ss_unconstrained_simulator",
        circuits=[SMALLEST],
        job_type="simulate",
        sim_method="sim",
        shots=100,
    )
    clock = FakeClock()
    with (
        Simulator() as simulator,
        Emulator(step_seconds=STEP_SECONDS, simulator=simulator, clock=clock) as server,
    ):
        transport = Noted(HttpTransport(origin=server.url), clock)
        client = sj.SuperstaqClient(server.api_key, server.url, transport=transport, clock=clock)
        with client:
            handle = sj.JobHandle.submit(client, job)
            _simulated(simulator, job)
            transport.times.clear()
            began = time.perf_counter()
            snapshot = handle.wait_until_complete(polling_seconds=POLLING_SECONDS)
            seconds = time.perf_counter() - began
    updated_at = snapshot.circuits[0].updated_at
    assert updated_at is not None
    over = (updated_at - snapshot.submitted_at).total_seconds()
    # On a real clock: a look at once, and one a minute, up to the first that finds it over.
    due = itertools.count(0.0, POLLING_SECONDS)
    schedule = [*itertools.takewhile(lambda moment: moment < over, due)]
    schedule.append(len(schedule) * POLLING_SECONDS)
    is_same = transport.times == schedule
    return Row(
        what=f"a wait of {over / 3600:.1f} hours, a look every {POLLING_SECONDS:.0f} s, "
        "under a virtual clock",
        figure=f"{seconds:.2f} s, {len(transport.times)} requests, "
        + ("those of a real clock" if is_same else f"a real clock has {len(schedule)}"),
        bar="< 1 s, the same requests",
        is_met=over >= TEN_HOURS and seconds < 1 and is_same,
    )
