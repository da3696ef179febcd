"""Puts jobs into an emulator; what they take there, and how long a listing of all of them takes.

stored_jobs.py JOBS
"""

from __future__ import annotations

import gc
import json
import sys
import time
import tracemalloc

from shared import Caller, put_in

from superstaq_jobs.emulator import Emulator


def main() -> None:
    """Fill, measure, and print the figures."""
    jobs = int(sys.argv[1])
    with Emulator(step_seconds=0) as server:
        caller = Caller(server.port, server.api_key)
        put_in(caller, 10)  # whatever is made once is there now
        gc.collect()
        tracemalloc.start()
        put_in(caller, jobs)
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()  # it slows down what is timed next
        times, cpu_times = [], []
        for _ in range(9):
            began, cpu_began = time.perf_counter(), time.process_time()
            size = len(caller.call("GET", "/job/qasm"))
            times.append(time.perf_counter() - began)
            cpu_times.append(time.process_time() - cpu_began)
        caller.close()
    figures = {
        "bytes_a_job": taken / jobs,
        "listing_seconds": min(times),
        "cpu_seconds": min(cpu_times),  # server and client
        "answer_bytes": size,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
