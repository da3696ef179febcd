"""Rows of imports: the time of an import in a new process, minus the start of Python.

Real time of processes that take turns; the compiled modules are on disk already for all of them.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from time import perf_counter
from typing import Final

from .lines import Bar, Figure, Line, Run, Way, at_most, in_turns, middle, seconds_text

__all__ = ["row"]

CODES: Final = {
    "bare": "pass",
    "official": "import general_superstaq",
    "package": "import superstaq_jobs",
    "records": "import superstaq_jobs as s; s.decode_jobs, s.JobSnapshot",
    "live": "import superstaq_jobs as s; from uuid import UUID; "
    "s.JobHandle(s.SuperstaqClient('key', 'http://localhost:9'), UUID(int=1))",
    "attrs + cattrs": "import attrs, cattrs",
    "attrs + cattrs + msgspec": "import attrs, cattrs, msgspec",
    "attrs + cattrs + urllib3 + tenacity": "import attrs, cattrs, urllib3, tenacity",
}
OURS: Final[dict[str, tuple[str, Bar | None]]] = {
    "package": ("`import superstaq_jobs`", at_most(0.25)),
    "records": ("the same, with the records and the decoder", at_most(0.25)),
    "live": ("the same, with a client and a handle", None),
}
REFERENCES: Final = [name for name in CODES if name not in {"bare", "official", *OURS}]


def row(run: Run) -> Iterator[Line]:
    """Measure; this library, and its dependencies."""
    ways = {name: _started(code) for name, code in CODES.items()}
    taken = in_turns(ways, turns=3 if run.quick else 11, clock=perf_counter)

    def over_bare(name: str) -> str:
        return seconds_text(middle(taken, name) - middle(taken, "bare"))

    def share(name: str) -> Figure:
        return Figure.of(
            (turn[name] - turn["bare"]) / (turn["official"] - turn["bare"]) for turn in taken
        )

    official = f"official {over_bare('official')}"
    for name, (what, bar) in OURS.items():
        yield Line(
            what=f"{what}: ours ÷ `import general_superstaq`",
            ours=over_bare(name),
            theirs=official,
            figure=share(name),
            bar=bar,
        )
    for name in REFERENCES:
        yield Line(
            what=f"for reference: {name} alone ÷ `import general_superstaq`",
            theirs=f"{over_bare(name)}; {official}",
            figure=share(name),
        )


def _started(code: str) -> Way:
    command = [sys.executable, "-W", "ignore", "-c", code]
    return partial(subprocess.run, command, check=True)
