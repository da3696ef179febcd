"""A wait of ten hours on a virtual clock."""

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
STEP_SECONDS = 8_000.0  # on average, in each of five statuses


@attrs.define
class RecordingTransport:
    """A transport that records when requests are sent."""

    inner: HttpTransport
    clock: FakeClock
    times: list[float] = attrs.field(factory=list)

    def send(self, request: Request, /, *, timeout_seconds: float) -> Response:
        """Record the time and send the request."""
        self.times.append(self.clock.now())
        return self.inner.send(request, timeout_seconds=timeout_seconds)

    def close(self) -> None:
        """Close the connection."""
        self.inner.close()


def _wait_for_simulator(simulator: Simulator, job: sj.NewJob) -> None:
    """Wait until all earlier circuits have run: one by one, as long as none takes long."""
    with (
        Emulator(step_seconds=0, simulator=simulator) as other,
        sj.SuperstaqClient(other.api_key, other.url) as client,
    ):
        sj.JobHandle.submit(client, job).wait_until_complete(polling_seconds=0.1)


def ten_hours() -> Row:
    """The seconds that it takes, and whether its requests are those of a real clock."""
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
        transport = RecordingTransport(HttpTransport(origin=server.url), clock)
        client = sj.SuperstaqClient(server.api_key, server.url, transport=transport, clock=clock)
        with client:
            handle = sj.JobHandle.submit(client, job)
            _wait_for_simulator(simulator, job)
            transport.times.clear()
            began = time.perf_counter()
            snapshot = handle.wait_until_complete(polling_seconds=POLLING_SECONDS)
            seconds = time.perf_counter() - began
    updated_at = snapshot.circuits[0].updated_at
    assert updated_at is not None
    finished = (updated_at - snapshot.submitted_at).total_seconds()
    # On a real clock: a poll at once, and one a minute until the first that finds it finished.
    due = itertools.count(0.0, POLLING_SECONDS)
    schedule = [*itertools.takewhile(lambda moment: moment < finished, due)]
    schedule.append(len(schedule) * POLLING_SECONDS)
    is_same = transport.times == schedule
    return Row(
        what=f"a wait of {finished / 3600:.1f} hours, a poll every {POLLING_SECONDS:.0f} s, "
        "under a virtual clock",
        figure=f"{seconds:.2f} s, {len(transport.times)} requests, "
        + ("those of a real clock" if is_same else f"a real clock has {len(schedule)}"),
        bar="< 1 s, the same requests",
        is_met=finished >= TEN_HOURS and seconds < 1 and is_same,
    )
