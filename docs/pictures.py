"""The pictures in the README and on the pages, and the views that a notebook would show.

``python docs/pictures.py`` draws the pictures anew, on the emulator; with the same matplotlib they
come out the same to the byte. ``conf.py`` makes directives of the views.
"""

from __future__ import annotations

import functools
import io
import runpy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

import superstaq_jobs as sj

HERE: Final = Path(__file__).resolve().parent
STATIC: Final = HERE / "_static"

GHZ: Final = (
    'OPENQASM 3.0; include "stdgates.inc"; qubit[4] q; bit[4] c; '
    "h q[0]; cx q[0], q[1]; cx q[1], q[2]; cx q[2], q[3]; c = measure q;"
)


def bell_parity() -> Any:
    """The figure of the study in ``examples/bell_parity.py``."""
    study = runpy.run_path(str(HERE / "examples" / "bell_parity.py"))
    return study["main"]()


def ghz_counts() -> Any:
    """Four qubits in a GHZ state, simulated with noise and without."""
    from superstaq_jobs.emulator import Emulator

    with Emulator() as server, sj.SuperstaqClient(server.api_key, server.url) as client:
        handles = [
            sj.JobHandle.submit(
                client,
                sj.NewJob(
                    target="ss_unconstrained_simulator",
                    circuits=GHZ,
                    shots=shots,
                    job_type="simulate",
                    sim_method=method,
                ),
            )
            for method, shots in (("noise-sim", 500), ("sim", 2000))
        ]
        jobs = sj.wait_all(handles, timeout_seconds=60, polling_seconds=0.1)
    counts = [job.counts(0) for job in jobs]
    return sj.plot_counts(counts, labels=["noisy, 500 shots", "ideal, 2000 shots"]).figure


def timeline() -> Any:
    """The history of a job of eight circuits on the emulator, of which one fails."""
    return sj.plot_timeline(history()).figure


@functools.cache
def history() -> tuple[sj.JobSnapshot, ...]:
    """Snapshots of a job, one a second of the emulator's own clock."""
    from superstaq_jobs.emulator import Emulator, Ending, Plan
    from superstaq_jobs.testing import FakeClock

    clock = FakeClock()
    plan = Plan(queue_seconds=60, circuits={3: Ending("failed")})
    circuits = ["OPENQASM 2.0; qreg q[1]; creg c[1]; measure q -> c;"] * 8
    with (
        Emulator(plans=[plan], clock=clock, step_seconds=20) as server,
        sj.SuperstaqClient(server.api_key, server.url, clock=clock) as client,
    ):
        new = sj.NewJob(target="emulated_ring_qpu", circuits=circuits, shots=100)
        seen = [sj.JobHandle.submit(client, new).refresh()]
        while not seen[-1].is_terminal:
            clock.sleep(1)
            seen.append(sj.fetch_job(client, seen[-1].job_id))
    return tuple(attrs.evolve(each, source="https://superstaq.example.com") for each in seen)


PICTURES: Final[Mapping[str, Callable[[], Any]]] = {
    "bell_parity.svg": bell_parity,
    "ghz_counts.svg": ghz_counts,
    "timeline.png": timeline,  # as SVG, its hatches take 400 KB
}


def image(name: str, figure: Any) -> bytes:
    """A figure as a file without a date or random names; on white, also on a dark page."""
    import matplotlib as mpl

    drawn = io.BytesIO()
    if name.endswith(".png"):
        figure.savefig(drawn, format="png", dpi=120, metadata={"Software": None})
        return drawn.getvalue()
    with mpl.rc_context({"svg.hashsalt": "superstaq_jobs", "svg.fonttype": "path"}):
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    lines = drawn.getvalue().decode().splitlines()
    return "\n".join([*map(str.rstrip, lines), ""]).encode()


# ---- what a notebook shows -----------------------------------------------------------------------


def _shown(record: Any) -> str:
    """A record as a notebook shows it, as MyST Markdown."""
    return f'```{{raw}} html\n<div class="notebook-view">{record._repr_html_()}</div>\n```\n'


def snapshot_view() -> str:
    """A job of which one circuit failed."""
    return _shown(history()[-1])


def handle_view() -> str:
    """A handle whose latest snapshot is of a running job."""
    from superstaq_jobs.testing import FakeClock, ScriptedTransport, jobs_response

    running = next(s for s in history() if s.status is sj.CircuitStatus.RUNNING)
    transport = ScriptedTransport([jobs_response(running)])
    client = sj.SuperstaqClient(
        "key", "https://superstaq.example.com", transport=transport, clock=FakeClock()
    )
    handle = sj.JobHandle(client, running.job_id)
    handle.refresh()
    return _shown(handle)


def diff_view() -> str:
    """What changed between two snapshots."""
    before, *_, after = history()
    return _shown(sj.diff(before, after))


def counts_view() -> str:
    """Counts of 64 outcomes."""
    counts = {format(n, "06b"): max(1, 400 >> (n % 13)) for n in range(64)}
    return _shown(sj.Counts(counts))


VIEWS: Final[Mapping[str, Callable[[], str]]] = {
    "snapshot-view": snapshot_view,
    "handle-view": handle_view,
    "diff-view": diff_view,
    "counts-view": counts_view,
}
"""The directives."""


def main() -> None:
    """Draw every picture."""
    for name, draw in PICTURES.items():
        (STATIC / name).write_bytes(image(name, draw()))


if __name__ == "__main__":
    main()
