"""Sends small requests until a line arrives, and prints the seconds that the slowest took.

bystander.py PORT KEY
"""

from __future__ import annotations

import sys
import threading
import time

from shared import NEW_JOB, Caller


def main() -> None:
    """Send requests, and print the longest time."""
    caller = Caller(int(sys.argv[1]), sys.argv[2])
    stopped = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), stopped.set()), daemon=True).start()
    job_id = caller.call("POST", "/job", NEW_JOB).decode().split('"')[3]
    print("ready", flush=True)
    longest = 0.0
    while not stopped.is_set():
        for send in (
            lambda: caller.call("GET", "/balance"),
            lambda: caller.fetch([job_id]),
            lambda: caller.call("POST", "/job", NEW_JOB),
        ):
            began = time.perf_counter()
            send()
            longest = max(longest, time.perf_counter() - began)
        time.sleep(0.02)
    print(longest, flush=True)


if __name__ == "__main__":
    main()
