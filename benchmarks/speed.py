"""How fast the library is, compared with the official client: tables, and a plot of growth.

    python benchmarks/speed.py                  # all rows, five to nine minutes on two cores
    python benchmarks/speed.py --only decode --only import
    python benchmarks/speed.py --quick          # fewer turns; a first impression
    python benchmarks/speed.py --write-docs     # table, versions and plot into docs/

Needs the dependency group ``bench``; ``python3 dev.py speed`` installs it and runs this. Everything
stays on this machine. The exit status is 1 if a bar is missed. The modules in ``speed_rows`` say
how they measure.
"""

from __future__ import annotations

import argparse
import datetime as dt
import multiprocessing
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path

warnings.simplefilter("ignore")  # the official client warns of its API version at every start

from speed_rows import (  # noqa: E402
    command,
    decoding,
    growth,
    handles,
    http_get,
    imports,
    memory,
    polls,
    profiles,
    waiting,
)
from speed_rows.lines import HEAD, Line, Run, as_table  # noqa: E402
from speed_rows.page import with_result  # noqa: E402

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "speed.md"
PLOT = DOCS / "growth.svg"
PICTURE = (
    "![Time of one decode against the number of circuits, of outcomes and of jobs, on logarithmic "
    "axes: the official client, superstaq_jobs and orjson.loads; the slopes are in the table "
    f"above.]({PLOT.name})"
)
ROWS: dict[str, tuple[str, Callable[[Run], Iterator[Line]]]] = {
    "decode": ("Decoding a response", decoding.row),
    "memory": ("Memory", memory.row),
    "poll": ("Reading the response to a poll", polls.row),
    "wait": ("Waiting for 1,000 jobs", waiting.row),
    "handles": ("10,000 handles", handles.row),
    "http": ("Requests", http_get.row),
    "import": ("Import", imports.row),
    "command": ("The command line", command.row),
    "profile": ("Where our time goes", profiles.row),
    "growth": ("Growth", growth.row),
}
"""By the name for ``--only``: the title, and the function that measures."""

MEASURED = (
    *("superstaq_jobs", "general-superstaq", "orjson", "msgspec", "attrs", "cattrs"),
    *("pydantic", "urllib3", "requests", "tenacity"),
)


def stated() -> str:
    """When, where and with which versions the figures were measured."""
    versions = ", ".join(f"{name} {version(name)}" for name in MEASURED)
    return (
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, {platform.system()} on {os.cpu_count()} cores of "
        f"{platform.machine()}, Python {platform.python_version()}; {versions}."
    )


def measured(name: str, run: Run) -> list[Line]:
    """Measure one table, and print each line when it is ready."""
    title, row = ROWS[name]
    began = time.monotonic()
    print(f"\n### {title}\n\n{HEAD}", flush=True)
    lines = []
    for line in row(run):
        print(line, flush=True)
        lines.append(line)
    print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return lines


def main() -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", action="append", choices=ROWS, help="measure only this")
    parser.add_argument("--quick", action="store_true", help="fewer turns; a first impression")
    parser.add_argument("--write-docs", action="store_true", help="write the result into docs/")
    options = parser.parse_args()
    if options.write_docs and (options.only or options.quick):
        parser.error("--write-docs needs a complete run, without --only and --quick")
    page = PAGE.read_text(encoding="utf-8")
    with_result(page, "")  # fail now if the marks are missing, not after the work
    print(stated())
    run = Run(quick=options.quick, plot=PLOT if options.write_docs else None)
    # Each table in a new process, so that none is affected by the heap that another has left.
    new = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=new, max_tasks_per_child=1) as processes:
        found = {
            name: processes.submit(measured, name, run).result() for name in options.only or ROWS
        }
    lines = [line for row in found.values() for line in row]
    missed = [line for line in lines if line.is_met is False]
    bars = sum(line.bar is not None for line in lines)
    verdict = f"{bars} bars: {bars - len(missed)} met, {len(missed)} missed."
    print(f"\n{verdict}", *(f"missed: {line.what}" for line in missed), sep="\n")
    if options.write_docs:
        tables = [f"### {ROWS[name][0]}\n\n{as_table(row)}" for name, row in found.items()]
        result = "\n\n".join([f"{stated()} {verdict}", *tables, PICTURE])
        PAGE.write_text(with_result(page, result), encoding="utf-8")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
