"""Rows of memory: what a snapshot takes while it is held, and at the peak of decoding it.

Counted by ``tracemalloc``. What is kept is counted with the body made inside of the count and let
go afterwards, so that whoever holds on to a part of the body is charged for it; the peak without
the body, which is there before. Everything has been read once before it counts, so that what is
remembered from call to call (a parser's keys, say) counts for nobody.
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
    """How many bytes what is made takes, while it is held."""
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
    """How many bytes there are at the most while it is made."""
    make()
    gc.collect()
    tracemalloc.start()
    make()
    _, size = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size


def row(_run: Run) -> Iterator[Line]:
    """Measure; four payloads, and a look at one outcome of many."""
    for name in payloads.SIZES:
        yield from _lines(name, payloads.payload(name))
    (snapshot,) = sj.decode_jobs(payloads.payload("S3"))
    counts = snapshot.counts(0)
    yield Line(
        what="S3: bytes that reading `counts[…]` takes, of 100,000 outcomes",
        ours=bytes_text(size := peak(lambda: counts["0" * 17])),
        figure=float(size),
        bar=at_most(1000),
    )


def _lines(name: str, data: bytes) -> Iterator[Line]:
    # Of many small ones together: what is made but once counts for none.
    copies = max(1, 300_000 // len(data))

    def of(read: Callable[[bytes], Any]) -> float:
        return kept(lambda: [read(bytes(bytearray(data))) for _ in range(copies)]) / copies

    plain = of(orjson.loads)
    parsed = f"`orjson` {bytes_text(plain)}"
    polled, whole = of(reading.statuses_known), of(reading.wholly_read)
    for what, size in {"status of each job": polled, "all fields read": whole}.items():
        yield Line(
            what=f"{name}: kept, {what}: ours ÷ `orjson`",
            ours=bytes_text(size),
            theirs=parsed,
            figure=size / plain,
            bar=at_most(1.05),
        )
    official = of(reading.official_read)
    yield Line(
        what=f"{name}: kept, all fields read: official ÷ ours",
        ours=bytes_text(whole),
        theirs=f"official {bytes_text(official)}",
        figure=official / whole,
    )
    most = peak(lambda: reading.wholly_read(data))
    yield Line(
        what=f"{name}: peak, all fields read: ours ÷ what `orjson` keeps",
        ours=bytes_text(most),
        theirs=parsed,
        figure=most / plain,
        bar=at_most(2),
    )
