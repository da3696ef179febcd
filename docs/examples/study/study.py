"""Does the contrast of a Bell pair drift? Three jobs, from submission to a table and a plot.

python study.py online     # submit, record, lock, analyse
python study.py offline    # analyse again, next year, without the server
"""

from __future__ import annotations

import cmath
import math
import sys

from matplotlib.figure import Figure

import superstaq_jobs as sj
from superstaq_jobs.emulator import Emulator
from superstaq_jobs.tables import write_parquet

ARCHIVE, LOCK = "study.db", "study.lock"
PHASES = [math.pi * k / 8 for k in range(8)]
CIRCUIT = (
    'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; '
    "rz({phase}) q[0]; rz({phase}) q[1]; h q[0]; h q[1]; c[0] = measure q[0]; c[1] = measure q[1];"
)


def submit(client: sj.SuperstaqClient) -> list[sj.JobHandle]:
    """Submit the three jobs; the client's recorder notes each of them."""
    job = sj.NewJob(
        target="ss_unconstrained_simulator",
        circuits=[CIRCUIT.format(phase=phase) for phase in PHASES],
        shots=500,
        job_type="simulate",
        sim_method="noise-sim",
        tags=["bell-drift"],
    )
    return [sj.JobHandle.submit(client, job) for _ in range(3)]


def contrast(snapshot: sj.JobSnapshot) -> float:
    """The contrast C of the parity C cos(2 phi), by least squares."""
    parities = [counts.parity_expectation() for counts in snapshot.counts()]
    pairs = zip(PHASES, parities, strict=True)
    return abs(2 / len(PHASES) * sum(p * cmath.exp(-2j * phase) for phase, p in pairs))


def analyse(client: sj.SuperstaqClient) -> None:
    """The same lines with a server and with an archive."""
    lock = sj.StudyLock.read(LOCK)
    handles = [sj.JobHandle(client, entry.job_id) for entry in lock.entries]
    snapshots = sj.wait_all(handles, timeout_seconds=60, polling_seconds=0.1)
    if lock.differences(snapshots):
        raise SystemExit("these are not the data that were locked")
    contrasts = [contrast(snapshot) for snapshot in snapshots]
    print(f"data {lock.root[:16]}")
    print("contrast", *(f"{each:.4f}" for each in contrasts))
    write_parquet(snapshots, "table")
    figure = Figure(figsize=(4, 3), layout="constrained")
    axes = figure.subplots()
    axes.plot(contrasts, "o")
    axes.set(xlabel="job", ylabel="contrast", ylim=(0, 1.05))
    figure.savefig("study.png")


def main(mode: str) -> None:
    if mode == "offline":
        with sj.SnapshotArchive(ARCHIVE, mode="r") as archive:
            sj.locked(LOCK, archive)  # raises LockMismatch if they are not all there
            analyse(sj.OfflineClient(archive))
        return
    with (
        sj.SnapshotArchive(ARCHIVE) as archive,
        Emulator(seed=18) as server,
        sj.SuperstaqClient(server.api_key, server.url, recorder=archive) as client,
    ):
        handles = submit(client)
        sj.lock(LOCK, sj.wait_all(handles, timeout_seconds=60, polling_seconds=0.1))
        analyse(client)


if __name__ == "__main__":
    main(sys.argv[1])
