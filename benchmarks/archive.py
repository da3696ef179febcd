"""How good the archive is, in numbers.

    python benchmarks/archive.py              # all rows
    python benchmarks/archive.py --row kills --row flips
    python benchmarks/archive.py --quick      # fewer of everything; a first impression

Needs ``orjson`` (the dependency group ``bench``). Ratios are of times within one run. The exit
status is 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import platform
import sqlite3
import sys
import time

from archive_rows import reading, surviving, writing

ROWS = {
    function.__name__: function
    for function in (
        writing.digests,
        writing.one_record,
        writing.record_all,
        writing.changes,
        writing.commits,
        writing.polls,
        writing.sizes,
        reading.everything,
        reading.histories,
        reading.lookups,
        reading.queries,
        surviving.kills,
        surviving.flips,
        surviving.processes,
    )
}


def main() -> int:
    """Measure and print a Markdown table; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--row", action="append", choices=ROWS, help="measure only this")
    parser.add_argument("--quick", action="store_true", help="fewer of everything")
    options = parser.parse_args()
    started = time.monotonic()
    print("| what | bar | figure |\n| --- | --- | --- |", flush=True)
    all_met = True
    for name in options.row or ROWS:
        for row in ROWS[name](quick=options.quick):
            mark = "" if row.is_met else " **missed**"
            all_met = all_met and row.is_met
            print(f"| {row.what} | {row.bar} | {row.figure}{mark} |", flush=True)
    print(
        f"\nPython {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d}; {time.monotonic() - started:.0f} s"
    )
    return 0 if all_met else 1


if __name__ == "__main__":
    sys.exit(main())
