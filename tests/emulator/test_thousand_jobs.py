"""A thousand jobs of an emulator in one loop, over real sockets."""

from __future__ import annotations

import contextlib

import superstaq_jobs as sj
from superstaq_jobs.emulator import Emulator

CIRCUIT = 'OPENQASM 2.0;include "qelib1.inc";qreg q[1];creg c[1];x q[0];measure q->c;'


def test_a_thousand_jobs_take_seven_requests_per_round(simulator):
    job = sj.NewJob(
        job_type="compile", target="ss_unconstrained_simulator", circuits=[CIRCUIT], shots=1
    )
    with (
        Emulator(step_seconds=0.05, simulator=simulator) as emulator,
        sj.SuperstaqClient(emulator.api_key, emulator.url) as client,
    ):
        handles = [sj.JobHandle.submit(client, job) for _ in range(1000)]
        before = client.traffic.requests
        with contextlib.suppress(sj.JobsTimeout):
            sj.wait_all(handles, timeout_seconds=0)
        assert client.traffic.requests - before <= 7
        snapshots = sj.wait_all(handles, timeout_seconds=100, polling_seconds=1)
        assert [s.job_id for s in snapshots] == [h.job_id() for h in handles]
        assert all(s.completed for s in snapshots)
        rounds = -(-(client.traffic.requests - before) // 7)
        assert rounds < 110
