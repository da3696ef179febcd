"""``demo``: three circuits from submission to counts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

import click

import superstaq_jobs as sj

from .arguments import patience
from .emulating import emulator_package
from .output import Column
from .session import Session, remote

__all__ = ["demo"]

_BELL: Final = """\
OPENQASM 2.0;
include "qelib1.inc";
qreg q[2];
creg c[2];
h q[0];
cx q[0], q[1];
measure q -> c;
"""

_GHZ: Final = """\
OPENQASM 3.0;
include "stdgates.inc";
qubit[5] q;
bit[5] c;
h q[0];
cx q[0], q[1];
cx q[1], q[2];
cx q[2], q[3];
cx q[3], q[4];
c = measure q;
"""

_BROKEN: Final = """\
OPENQASM 2.0;
include "qelib1.inc";
qreg q[2];
teleport q[0], q[1];
"""

_CIRCUITS: Final = {"Bell pair": _BELL, "GHZ state": _GHZ, "does not parse": _BROKEN}
_VERSION: Final = "v0.3.0"
"""The version of the API that takes such circuits, whatever the environment chooses."""


@click.command()
@click.option("--target", default="ss_unconstrained_simulator", help="What to run on.")
@click.option("--shots", type=int, default=1000, help="How often to run each; default: 1000.")
@patience(
    "How long to wait; default: 600.",
    "The pause between two polls; 0.1 on a local server, else 5.",
    default=600,
)
@remote
@click.pass_obj
def demo(session: Session, target: str, shots: int, timeout: float, polling: float | None) -> int:
    """Submit three circuits, wait, and show their counts.

    Starts a local Superstaq for it, or uses the server of --host, with your API key. One of the
    circuits does not parse, to show what that looks like.
    """
    from . import shapes, views

    out, names = session.out, list(_CIRCUITS)
    job = sj.NewJob(
        target=target,
        circuits=list(_CIRCUITS.values()),
        job_type="simulate",
        sim_method="sim",
        shots=shots,
        tags=["superstaq-jobs-demo"],
        metadata={"circuits": names},
    )
    if polling is None:
        polling = 5.0 if session.host else 0.1
    with _client(session) as client:
        handle = sj.JobHandle.submit(client, job)
        if session.host:  # the job outlives the command
            session.after_interrupt = f"interrupted while waiting for job {handle.job_id()}"
            session.goes_on = ["wait", str(handle.job_id())]
        if not out.json:
            out.line("Submitted job ", (str(handle.job_id()), "bold"), f" to {target}")
            out.line()
        started = client.clock.now()

        def show(before: sj.JobSnapshot | None, after: sj.JobSnapshot) -> None:
            seconds = f"{client.clock.now() - started:7.2f} s  "
            for what, parts in () if out.json else views.transitions(before, after, names):
                out.line(seconds, what, *parts)

        snapshot = handle.wait_until_complete(
            timeout_seconds=timeout, polling_seconds=polling, on_change=show
        )
    return session.done(
        shapes.jobs_data([snapshot], circuits=True), lambda: _result(session, snapshot, names)
    )


@contextlib.contextmanager
def _client(session: Session) -> Iterator[sj.SuperstaqClient]:
    session.api_version = _VERSION
    if session.host:
        with session.client() as client:
            yield client
        return
    emulator = emulator_package()
    with (
        emulator.Simulator() as simulator,
        emulator.Emulator(step_seconds=0.3, simulator=simulator) as server,
        sj.SuperstaqClient(server.api_key, server.url, api_version=_VERSION) as client,
    ):
        simulator.warm_up()
        if not session.out.json:
            session.out.line(f"A local Superstaq listens at {server.url}")
        yield client


def _result(session: Session, snapshot: sj.JobSnapshot, names: list[str]) -> None:
    from . import views

    out = session.out
    columns = (
        Column("circuit"),
        Column("status"),
        Column("shots", right=True),
        Column("most common, or error", plain=True),
    )
    titles = [views.name_of(circuit.index, names) for circuit in snapshot.circuits]
    out.line()
    rows = views.circuit_rows(snapshot.circuits, titles)
    out.table(columns, rows, title=f"Job {snapshot.job_id}: {snapshot.status}", boxed=True)
    for circuit in snapshot.circuits:
        if circuit.counts:
            out.line()
            views.histogram(out, circuit.counts, name=f"{titles[circuit.index]}, ")
