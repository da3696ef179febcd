from concurrent.futures import ProcessPoolExecutor

import superstaq_jobs as sj

QASM = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; x q[0]; measure q -> c;'


def share_of_ones(handle: sj.JobHandle) -> float:
    """Runs in a worker, which finds the key in its environment."""
    snapshot = handle.wait_until_complete(timeout_seconds=600, polling_seconds=0.2)
    return snapshot.counts(0).probabilities()["1"]


if __name__ == "__main__":
    with sj.SuperstaqClient(api_version="v0.3.0") as client:
        job = sj.NewJob(target="ss_unconstrained_simulator", circuits=QASM, shots=100)
        handles = [sj.JobHandle.submit(client, job) for _ in range(4)]
        with ProcessPoolExecutor(max_workers=2) as pool:
            print(list(pool.map(share_of_ones, handles)))
