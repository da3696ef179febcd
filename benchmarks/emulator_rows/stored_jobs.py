"""Submits jobs to an emulator, and measures their memory and the time of a listing of all.

stored_jobs.py JOBS
"""

from __future__ import annotations

import gc
import json
import sys
import time
import tracemalloc

from shared import Caller, submit_jobs

from superstaq_jobs.emulator import Emulator


def main() -> None:
    """Submit, measure, and print the figures."""
    jobs = int(sys.argv[1])
    with Emulator(step_seconds=0) as server:
        caller = Caller(server.port, server.api_key)
        submit_jobs(caller, 10)  # so that one-time costs are not counted
        gc.collect()
        tracemalloc.start()
        submit_jobs(caller, jobs)
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()  # it would slow down what is timed next
        times, cpu_times = [], []
        for _ in range(9):
            began, cpu_began = time.perf_counter(), time.process_time()
            size = len(caller.call("GET", "/job/qasm"))
            times.append(time.perf_counter() - began)
            cpu_times.append(time.process_time() - cpu_began)
        caller.close()
    figures = {
        "bytes_per_job": taken / jobs,
        "listing_seconds": min(times),
        "cpu_seconds": min(cpu_times),  # server and client
        "response_bytes": size,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
