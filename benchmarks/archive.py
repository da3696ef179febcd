"""How good the archive is, in numbers.

    python benchmarks/archive.py              # all rows
    python benchmarks/archive.py --row kills --row flips
    python benchmarks/archive.py --quick      # fewer of everything; a first impression
    python benchmarks/archive.py --write-docs # all rows, into docs/archive-figures.md

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
from pathlib import Path
from typing import Final

from archive_rows import reading, surviving, writing
from speed_rows.page import with_result

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "archive-figures.md"
MARK: Final = "<!-- written by benchmarks/archive.py -->"

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
    parser.add_argument("--write-docs", action="store_true", help="write the result into docs/")
    options = parser.parse_args()
    if options.write_docs and (options.row or options.quick):
        parser.error("--write-docs needs a complete run, without --row and --quick")
    page = PAGE.read_text(encoding="utf-8")
    with_result(page, "", MARK)  # fail now if the marks are missing, not after the work
    started = time.monotonic()
    lines = []
    all_met = True

    def show(line: str) -> None:
        lines.append(line)
        print(line, flush=True)

    show("| what | bar | figure |\n| --- | --- | --- |")
    for name in options.row or ROWS:
        for row in ROWS[name](quick=options.quick):
            mark = "" if row.is_met else " (missed)"
            all_met = all_met and row.is_met
            show(f"| {row.what} | {row.bar} | {row.figure}{mark} |")
    show(
        f"\nPython {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d}; {time.monotonic() - started:.0f} s"
    )
    if options.write_docs:
        PAGE.write_text(with_result(page, "\n".join(lines), MARK), encoding="utf-8")
    return 0 if all_met else 1


if __name__ == "__main__":
    sys.exit(main())
