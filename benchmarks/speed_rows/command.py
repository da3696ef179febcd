"""Rows of the ``superstaq-jobs`` command: a new process from its start to its end.

Real time of whole processes that take turns. Beside it is a process that imports click and makes a
client, without which no command line could do anything. ``list`` sends a request to a server in a
process of its own; its output goes into a pipe, as does that of ``--help``. Where tornado is
installed, which Dask brings and the extra ``cli`` does not, tenacity imports it for each request.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from time import perf_counter

from .clients import KEY
from .lines import Figure, Line, Run, Way, at_most, in_turns, middle, seconds_text
from .serving import started

__all__ = ["row"]

IMPORTS = "import click, superstaq_jobs as s; s.SuperstaqClient"
VERBS = {"`superstaq-jobs --help`": ["--help"], "`superstaq-jobs list`": ["list"]}


def row(run: Run) -> Iterator[Line]:
    """Measure."""
    with started("canned_server") as origin:
        ways = {name: _started(origin, "-m", "superstaq_jobs", *v) for name, v in VERBS.items()}
        ways["imports"] = _started(origin, "-c", IMPORTS)
        taken = in_turns(ways, turns=3 if run.quick else 11, clock=perf_counter)
    for name in VERBS:
        yield Line(
            what=f"{name} ÷ importing click and the client",
            ours=seconds_text(middle(taken, name)),
            theirs=seconds_text(middle(taken, "imports")),
            figure=Figure.of(turn[name] / turn["imports"] for turn in taken),
            bar=at_most(1.5),
        )


def _started(origin: str, *arguments: str) -> Way:
    return partial(
        subprocess.run,
        [sys.executable, *arguments],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "SUPERSTAQ_REMOTE_HOST": origin, "SUPERSTAQ_API_KEY": KEY},
    )
