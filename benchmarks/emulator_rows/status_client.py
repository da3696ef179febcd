"""Fetches the statuses of jobs repeatedly, and prints the number of requests per second.

status_client.py PORT KEY SECONDS JOBS_PER_REQUEST plain|ours   # ids on standard input
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Sequence

from shared import Caller

import superstaq_jobs as sj


def rate(
    fetch: Callable[[Sequence[str]], object], batches: list[list[str]], seconds: float
) -> float:
    """Requests per second."""
    fetch(batches[0])
    again = itertools.cycle(batches)
    number, passed, began = 0, 0.0, time.perf_counter()
    while passed < seconds:
        fetch(next(again))
        number, passed = number + 1, time.perf_counter() - began
    return number / passed


def main() -> None:
    """Send requests, and print the rate."""
    port, key, seconds, many, client_kind = sys.argv[1:]
    ids = sys.stdin.read().split()
    size = int(many)
    batches = [ids[start : start + size] for start in range(0, len(ids) - size + 1, size)]
    if client_kind == "plain":
        print(rate(Caller(int(port), key).fetch, batches, float(seconds)))
    else:
        with sj.SuperstaqClient(key, f"http://127.0.0.1:{port}") as client:
            print(rate(lambda batch: sj.fetch_jobs(client, batch), batches, float(seconds)))


if __name__ == "__main__":
    main()
