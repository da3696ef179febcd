import os

import superstaq_jobs as sj

QASM = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; h q[0]; measure q -> c;'
task = os.environ.get("SLURM_ARRAY_TASK_ID", "0")

with (
    sj.SnapshotArchive(f"part-{task}.db") as archive,
    sj.SuperstaqClient(api_version="v0.3.0", recorder=archive) as client,
):
    job = sj.NewJob(target="ss_unconstrained_simulator", circuits=[QASM] * 20, shots=100)
    handle = sj.JobHandle.submit(client, job, submission_key=f"scan-7/{task}")
    snapshot = handle.wait_until_complete(timeout_seconds=86_400, poll_policy=sj.PollPolicy())
    print(task, snapshot.status, handle.job_id())
