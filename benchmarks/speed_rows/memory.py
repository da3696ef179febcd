"""Rows of memory: what snapshots need while they are kept, and at the peak of decoding them.

Counted by ``tracemalloc``. The body is made during the count of what is kept, and dropped before it
ends, so that a reader that keeps parts of the body is charged for them. The peak is counted without
the body. Everything is read once before the count, so that caches (of a parser's keys, for example)
do not count.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import orjson

import superstaq_jobs as sj

from . import payloads, reading
from .lines import Line, Run, at_most, bytes_text

__all__ = ["kept", "peak", "row"]


def kept(make: Callable[[], Any]) -> int:
    """The bytes that a value needs while it is kept."""
    make()
    gc.collect()
    tracemalloc.start()
    made = make()
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert made is not None
    return size


def peak(make: Callable[[], Any]) -> int:
    """The peak number of bytes while a value is made."""
    make()
    gc.collect()
    tracemalloc.start()
    make()
    _, size = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size


def row(_run: Run) -> Iterator[Line]:
    """Measure; four payloads, and one outcome of many read."""
    for name in payloads.SIZES:
        yield from _lines(name, payloads.payload(name))
    (snapshot,) = sj.decode_jobs(payloads.payload("S3"))
    counts = snapshot.counts(0)
    yield Line(
        what="S3: bytes allocated by `counts[…]`, of 100,000 outcomes",
        ours=bytes_text(size := peak(lambda: counts["0" * 17])),
        figure=float(size),
        bar=at_most(1000),
    )


def _lines(name: str, data: bytes) -> Iterator[Line]:
    # Of many small ones together, so that what is made only once does not count.
    copies = max(1, 300_000 // len(data))

    def of(read: Callable[[bytes], Any]) -> float:
        return kept(lambda: [read(bytes(bytearray(data))) for _ in range(copies)]) / copies

    plain = of(orjson.loads)
    parsed = f"`orjson` {bytes_text(plain)}"
    ours, official = of(reading.our_read), of(reading.official_read)
    yield Line(
        what=f"{name}: kept: ours ÷ `orjson`",
        ours=bytes_text(ours),
        theirs=parsed,
        figure=ours / plain,
        bar=at_most(1.05),
    )
    yield Line(
        what=f"{name}: kept: official ÷ ours",
        ours=bytes_text(ours),
        theirs=f"official {bytes_text(official)}",
        figure=official / ours,
    )
    most = peak(lambda: reading.our_read(data))
    yield Line(
        what=f"{name}: peak of decoding: ours ÷ what `orjson` keeps",
        ours=bytes_text(most),
        theirs=parsed,
        figure=most / plain,
        bar=at_most(2),
    )
