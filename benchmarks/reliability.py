"""How reliable the library is, in numbers, compared with the official client.

    python benchmarks/reliability.py                 # all rows, about eight minutes on two cores
    python benchmarks/reliability.py --row 4 --row 10
    python benchmarks/reliability.py --quick         # fewer of everything; a first impression
    python benchmarks/reliability.py --write-docs    # the table and the versions into docs/
    python benchmarks/reliability.py --api-version v0.2.0   # the rows without a submission key

Needs ``general-superstaq`` (the dependency group ``test``). Everything stays on this machine. The
exit status is 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import sys
import textwrap
import time
import warnings
from importlib.metadata import version
from pathlib import Path

from reliability_rows.connections import cancelled_waits, interrupts, unrequested_bytes
from reliability_rows.hostile import memory, wrong_types
from reliability_rows.leaks import leaks
from reliability_rows.reading import reading
from reliability_rows.refusing import dripping, refusals
from reliability_rows.shared import Row
from reliability_rows.sharing import forks, outage, through_faults
from reliability_rows.submitting import lost_answers, lost_tags
from reliability_rows.waiting import overshoot, polling, spread
from speed_rows.page import with_result

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reliability.md"

ONLY_V0_3_0 = {1, 14}
"""The rows that need a submission key."""

ROWS = {
    1: lost_answers,
    2: overshoot,
    3: outage,
    4: polling,
    5: spread,
    6: through_faults,
    7: forks,
    8: memory,
    9: leaks,
    10: wrong_types,
    11: unrequested_bytes,
    12: interrupts,
    13: cancelled_waits,
    14: lost_tags,
    15: refusals,
    16: dripping,
    17: reading,
}


def as_text(number: int, row: Row) -> str:
    """A row as a paragraph."""
    lines = [f"{number:2}  {row.what}"]
    columns = {
        "bar": row.bar,
        "superstaq_jobs": f"{row.ours}{'' if row.passed else '   MISSED'}",
        "general-superstaq": row.theirs,
    }
    for name, value in columns.items():
        lines += textwrap.wrap(
            f"{name:17}  {value}", 100, initial_indent=" " * 4, subsequent_indent=" " * 23
        )
    return "\n".join(lines)


def as_markdown(rows: dict[int, Row]) -> str:
    """The whole table."""
    lines = [
        "| | what | bar | `superstaq_jobs` | `general-superstaq` |",
        "| --: | --- | --- | --- | --- |",
    ]
    for number, row in rows.items():
        mark = "" if row.passed else " (missed)"
        lines.append(f"| {number} | {row.what} | {row.bar} | {row.ours}{mark} | {row.theirs} |")
    return "\n".join(lines)


def main() -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--row", type=int, action="append", choices=ROWS, help="measure only this")
    parser.add_argument("--quick", action="store_true", help="fewer of everything")
    parser.add_argument("--write-docs", action="store_true", help="write the table into docs/")
    parser.add_argument("--api-version", choices=["v0.3.0", "v0.2.0"], default="v0.3.0")
    options = parser.parse_args()
    # The clients of this library read it, in other processes too; the official one stays v0.3.0.
    os.environ["SUPERSTAQ_API_VERSION"] = options.api_version
    left_out = ONLY_V0_3_0 if options.api_version == "v0.2.0" else set()
    if options.write_docs and (options.row or options.quick or left_out):
        parser.error("--write-docs needs a complete run, without --row, --quick and --api-version")
    page = PAGE.read_text(encoding="utf-8")
    with_result(page, "")  # fail now if the marks are missing, not after the work
    warnings.simplefilter("ignore")  # the official client warns of its API version at every start
    started = time.monotonic()
    rows = {}
    for number in options.row or ROWS.keys() - left_out:
        print(f"row {number} ...", file=sys.stderr, flush=True)
        rows[number] = ROWS[number](quick=options.quick)
        print(as_text(number, rows[number]), flush=True)
    stated = (
        f"API {options.api_version}, Python {platform.python_version()}, "
        f"superstaq_jobs {version('superstaq_jobs')}, "
        f"general-superstaq {version('general-superstaq')}, {dt.datetime.now(dt.UTC):%Y-%m-%d}; "
        f"{os.cpu_count()} cores, {(time.monotonic() - started) / 60:.0f} minutes."
    )
    print(f"\n{stated}")
    if options.write_docs:
        result = f"{as_markdown(rows)}\n\n{stated}"
        PAGE.write_text(with_result(page, result), encoding="utf-8")
    return 0 if all(row.passed for row in rows.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
