"""The ``superstaq-jobs`` command: a demonstration, and a server to develop against.

The only module of the library that prints. What comes from a server is neither markup nor obeyed by
the terminal: it is passed through ``line`` into a ``Text``.

rich (extra ``cli``) and the emulator (extra ``emulator``) are imported when a command needs them.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import math
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Final

from . import __version__
from .client import SuperstaqClient
from .errors import SuperstaqException
from .handle import JobHandle
from .records import (
    CircuitSnapshot,
    CircuitStatus,
    Counts,
    JobSnapshot,
    JobType,
    NewJob,
    SimMethod,
    diff,
)
from .records.display import largest
from .records.fields import shown
from .records.problems import how_to_install, line

if TYPE_CHECKING:
    import rich.console

__all__ = ["main"]

_BELL: Final = """\
OPENQASM 2.0;
include "qelib1.inc";
qreg q[2];
creg c[2];
h q[0];
cx q[0], q[1];
measure q -> c;
"""

_GHZ: Final = """\
OPENQASM 3.0;
include "stdgates.inc";
qubit[5] q;
bit[5] c;
h q[0];
cx q[0], q[1];
cx q[1], q[2];
cx q[2], q[3];
cx q[3], q[4];
c = measure q;
"""

_BROKEN: Final = """\
OPENQASM 2.0;
include "qelib1.inc";
qreg q[2];
teleport q[0], q[1];
"""

_CIRCUITS: Final = {"Bell pair": _BELL, "GHZ state": _GHZ, "does not parse": _BROKEN}
_VERSION: Final = "v0.3.0"
"""The version of the API that takes such circuits, whatever the environment chooses."""

_BAR_CHARACTERS: Final = 40
_SHOWN_OUTCOMES: Final = 8
_SHOWN_BITS: Final = 40
_SHOWN_CHARACTERS: Final = 1000
_STYLES: Final = {
    CircuitStatus.COMPLETED: "green",
    CircuitStatus.FAILED: "red",
    CircuitStatus.CANCELLED: "yellow",
}


class _UsageError(Exception):
    """A mistake that the user can correct, explained in one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The command line without the command's name; None for this process's.

    Returns:
        The exit status: 0, 1 for an error, 2 for wrong usage, 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except (SuperstaqException, _UsageError) as error:
        print(f"superstaq-jobs: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("superstaq-jobs: stopped", file=sys.stderr)
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="superstaq-jobs", description="Superstaq jobs.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="submit three circuits, wait, and show their counts")
    demo.add_argument("--remote-host", help="a server to use instead of a local one")
    demo.add_argument(
        "--api-key", help="its API key; without it, found as the library finds it (safer)"
    )
    demo.add_argument("--target", default="ss_unconstrained_simulator")
    demo.add_argument("--shots", type=int, default=1000)
    demo.add_argument("--timeout", type=float, default=600, help="seconds (default: 600)")
    demo.add_argument("--polling", type=float, default=None, help="seconds between two polls")
    demo.set_defaults(run=_demo)

    emulator = commands.add_parser("emulator", help="run a local Superstaq until Ctrl-C")
    emulator.add_argument("--port", type=int, default=8080, help="default: 8080; 0 for any")
    emulator.add_argument("--api-key", default="emulator-key")
    emulator.add_argument("--seed", type=int, default=0)
    emulator.add_argument(
        "--step-seconds", type=float, default=0.5, help="how long a circuit stays in each status"
    )
    emulator.add_argument(
        "--targets",
        choices=("default", "official"),
        default="default",
        help="official: the names of the service's targets, for programs that name them",
    )
    emulator.set_defaults(run=_emulator)
    return parser


def _extra(module: str, extra: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise _UsageError(f"this command needs {error.name}: {how_to_install(extra)}") from None


# ---- emulator ----------------------------------------------------------------------------------


def _emulator(options: argparse.Namespace) -> int:
    emulator = _extra("superstaq_jobs.emulator", "emulator")
    stopped = threading.Event()
    with contextlib.suppress(ValueError):  # not in the main thread, which handles signals
        signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    try:
        server = emulator.Emulator(
            port=options.port,
            api_key=options.api_key,
            seed=options.seed,
            step_seconds=options.step_seconds,
            targets=getattr(emulator, f"{options.targets.upper()}_TARGETS"),
        )
        with server:
            print(f"A local Superstaq listens at {server.url} until Ctrl-C.")
            print(f"  export SUPERSTAQ_REMOTE_HOST={server.url}")
            print(f"  export SUPERSTAQ_API_KEY={server.api_key}", flush=True)
            stopped.wait()
    except (OSError, ValueError) as error:
        raise _UsageError(f"the emulator cannot start: {error}") from None
    return 0


# ---- demo --------------------------------------------------------------------------------------


def _demo(options: argparse.Namespace) -> int:
    _extra("rich", "cli")
    import rich.console
    import rich.text

    console = rich.console.Console(highlight=False)
    with _client(options, console) as client:
        job = NewJob(
            target=options.target,
            circuits=list(_CIRCUITS.values()),
            job_type=JobType.SIMULATE,
            sim_method=SimMethod.SIM,
            shots=options.shots,
            tags=["superstaq-jobs-demo"],
            metadata={"circuits": list(_CIRCUITS)},
        )
        handle = JobHandle.submit(client, job)
        submitted = ("Submitted job ", (line(str(handle.job_id())), "bold"), " to ", options.target)
        console.print(rich.text.Text.assemble(*submitted, "\n"))
        started = client.clock.now()

        def show(before: JobSnapshot | None, after: JobSnapshot) -> None:
            for change in _changes(before, after):
                seconds = f"{client.clock.now() - started:7.2f} s  "
                console.print(rich.text.Text.assemble(seconds, *change))

        polling = options.polling
        if polling is None:
            polling = 5.0 if options.remote_host else 0.1
        snapshot = handle.wait_until_complete(
            timeout_seconds=options.timeout, polling_seconds=polling, on_change=show
        )
    console.print()
    _print_table(console, snapshot)
    for circuit in snapshot.circuits:
        if circuit.counts:
            _print_histogram(console, circuit)
    return 0


@contextlib.contextmanager
def _client(
    options: argparse.Namespace, console: rich.console.Console
) -> Iterator[SuperstaqClient]:
    if options.remote_host:
        with SuperstaqClient(options.api_key, options.remote_host, api_version=_VERSION) as client:
            yield client
        return
    if options.api_key:
        raise _UsageError("--api-key is for a server of your own: name it with --remote-host")
    emulator = _extra("superstaq_jobs.emulator", "emulator")
    with (
        emulator.Emulator(step_seconds=0.3, warm_up=True) as server,
        SuperstaqClient(server.api_key, server.url, api_version=_VERSION) as client,
    ):
        console.print(f"A local Superstaq listens at {server.url}")
        yield client


_Part = str | tuple[str, str]
"""A string, or a string and its style: a part of a line."""


def _name(index: int) -> str:
    names = list(_CIRCUITS)
    return f"circuit {index} ({names[index]})" if index < len(names) else f"circuit {index}"


def _changes(before: JobSnapshot | None, after: JobSnapshot) -> Iterator[tuple[_Part, ...]]:
    if before is None:
        for circuit in after.circuits:
            yield f"{_name(circuit.index)}: ", _styled(circuit)
        return
    for change in diff(before, after).circuits:
        if change.before is not None and change.after is not None:
            yield f"{_name(change.index)}: ", _styled(change.before), " → ", _styled(change.after)


def _styled(circuit: CircuitSnapshot) -> tuple[str, str]:
    return line(circuit.status_text, 30), _STYLES.get(circuit.status, "cyan")


def _print_table(console: rich.console.Console, snapshot: JobSnapshot) -> None:
    import rich.table
    import rich.text

    title = rich.text.Text(f"Job {line(str(snapshot.job_id))}: {snapshot.status}")
    table = rich.table.Table(title=title)
    table.add_column("circuit", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("shots", justify="right")
    table.add_column("most common, or error", overflow="fold")
    for circuit in snapshot.circuits:
        said = line(circuit.status_message or "", _SHOWN_CHARACTERS)
        result = largest(circuit.counts) if circuit.counts else said
        shots = "" if circuit.shots is None else shown(circuit.shots)
        cells = (_name(circuit.index), _styled(circuit), shots, result)
        table.add_row(*(rich.text.Text.assemble(cell) for cell in cells))
    console.print(table)


def _print_histogram(console: rich.console.Console, circuit: CircuitSnapshot) -> None:
    import rich.bar
    import rich.table
    import rich.text

    counts = circuit.counts
    if counts is None:
        return
    top = counts.most_common(_SHOWN_OUTCOMES)
    grid = rich.table.Table.grid(padding=(0, 1))
    for bits, number in top:
        length = _share(number, top[0][1]) or 0  # of weights, some may be negative
        bar = rich.bar.Bar(size=1, begin=0, end=length, width=_BAR_CHARACTERS, color="blue")
        share = _share(number, _total(counts))
        cells = (rich.text.Text(f"  {line(bits, _SHOWN_BITS)}"), bar, shown(number))
        grid.add_row(*cells, "" if share is None else f"{share:.1%}")
    console.print(rich.text.Text(f"\n{_name(circuit.index)}, {shown(_total(counts))} shots"))
    console.print(grid)
    if len(counts) > len(top):
        console.print(f"  … and {len(counts) - len(top)} more outcomes")


def _total(counts: Counts) -> float:
    try:
        return counts.shots
    except ValueError:  # it is more than any float
        return math.inf


def _share(number: float, total: float) -> float | None:
    """A part of a total; None if the total is none, as of counts that add up to 0."""
    try:
        return number / total if 0 < total < math.inf else None
    except OverflowError:
        return None
