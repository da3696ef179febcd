"""Asks an emulator for the statuses of jobs, again and again; how many requests a second.

status_client.py PORT KEY SECONDS JOBS_A_REQUEST plain|ours   # ids on standard input
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Sequence

from shared import Caller

import superstaq_jobs as sj


def rate(
    look: Callable[[Sequence[str]], object], batches: list[list[str]], seconds: float
) -> float:
    """Requests a second."""
    look(batches[0])
    again = itertools.cycle(batches)
    number, passed, began = 0, 0.0, time.perf_counter()
    while passed < seconds:
        look(next(again))
        number, passed = number + 1, time.perf_counter() - began
    return number / passed


def main() -> None:
    """Ask, and print the rate."""
    port, key, seconds, many, whose = sys.argv[1:]
    ids = sys.stdin.read().split()
    size = int(many)
    batches = [ids[start : start + size] for start in range(0, len(ids) - size + 1, size)]
    if whose == "plain":
        print(rate(Caller(int(port), key).look, batches, float(seconds)))
    else:
        with sj.SuperstaqClient(key, f"http://127.0.0.1:{port}") as client:
            print(rate(lambda batch: sj.fetch_jobs(client, batch), batches, float(seconds)))


if __name__ == "__main__":
    main()
