"""Tables of the documentation that are made from the code, so that they cannot differ from it.

Each function gives Markdown. ``conf.py`` makes a directive of each; ``tests/test_docs.py`` checks
what they say.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

import superstaq_jobs
import superstaq_jobs as sj
from superstaq_jobs import errors
from superstaq_jobs.records import CircuitStatus, status
from superstaq_jobs.records.snapshots import JOB_FIELDS, PER_CIRCUIT_LISTS
from superstaq_jobs.testing import FakeClock, ScriptedTransport

HERE: Final = Path(__file__).resolve().parent

SOURCES: Final = tuple(sorted(Path(inspect.getfile(superstaq_jobs)).parent.glob("*.py")))
"""What the tables are made of."""


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = list(head)
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _yes(value: bool) -> str:
    return "yes" if value else ""


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


# ---- statuses ------------------------------------------------------------------------------------

MEANINGS: Final[Mapping[CircuitStatus, str]] = {
    CircuitStatus.RECEIVED: "The service has it and has not begun.",
    CircuitStatus.AWAITING_COMPILE: "In line for the compiler.",
    CircuitStatus.AWAITING_SUBMISSION: "Compiled, not yet sent to the device's provider.",
    CircuitStatus.AWAITING_SIMULATION: "Compiled, in line for the simulator.",
    CircuitStatus.COMPILING: "Being compiled.",
    CircuitStatus.SIMULATING: "Being simulated.",
    CircuitStatus.RUNNING: "Running on the device.",
    CircuitStatus.PENDING: "In the provider's queue.",
    CircuitStatus.UNKNOWN: (
        "The server used a word that this version does not know; `status_text` has it. "
        "Never sent by this library."
    ),
    CircuitStatus.FAILED: "It went wrong; `status_message` says why.",
    CircuitStatus.CANCELLED: "Somebody cancelled it.",
    CircuitStatus.UNRECOGNIZED: "The service has lost sight of it.",
    CircuitStatus.COMPLETED: "Done; what it was to give is there.",
    CircuitStatus.DELETED: "Removed from the service.",
}
"""What each status means, for a reader."""


def statuses() -> str:
    """Every status: its place in the order, what it means, which sets it is in."""
    return _table(
        ["order", "status", "what it means", "finished", "compiled", "unsuccessful"],
        (
            [
                str(place),
                f"`{s.value}`",
                MEANINGS[s],
                _yes(s.is_terminal),
                _yes(s.is_compiled),
                _yes(s.is_unsuccessful),
            ]
            for place, s in enumerate(status.STATUS_PRIORITY_ORDER, 1)
        ),
    )


def next_statuses() -> str:
    """Which status may follow which."""
    return _table(
        ["from", "directly to"],
        (
            [
                f"`{s.value}`",
                "anything"
                if status.NEXT_STATUSES[s] == frozenset(CircuitStatus)
                else _codes(
                    n.value for n in status.STATUS_PRIORITY_ORDER if n in status.NEXT_STATUSES[s]
                )
                or "nothing",
            ]
            for s in status.STATUS_PRIORITY_ORDER
        ),
    )


# ---- errors --------------------------------------------------------------------------------------


def _children(kind: type[BaseException]) -> list[type[BaseException]]:
    """Its direct subclasses in this package, in the order of the source."""
    return [
        member
        for member in kind.__subclasses__()
        if member.__name__ in errors.__all__ and member.__bases__[0] is kind
    ]


def walk_errors(
    kind: type[BaseException] = errors.SuperstaqException, depth: int = 0
) -> Iterator[tuple[int, type[BaseException]]]:
    """Every exception with its depth in the tree, parents first."""
    yield depth, kind
    for child in _children(kind):
        yield from walk_errors(child, depth + 1)


def _summary(thing: Any) -> str:
    return inspect.getdoc(thing).partition("\n\n")[0].replace("\n", " ").replace("``", "`")


def error_tree() -> str:
    """The exceptions: parents, what else each one is, and what it means."""
    rows = []
    for depth, kind in walk_errors():
        also = [base.__name__ for base in kind.__bases__[1:]]
        indent = "\u2003" * depth
        link = f"[`{kind.__name__}`](#{kind.__module__}.{kind.__name__})"
        rows.append([indent + link, _codes(also), _summary(kind)])
    return _table(["exception", "also a", "what it means"], rows)


# ---- what talks to the server --------------------------------------------------------------------

TALKS: Final[Mapping[str, str]] = {
    "JobHandle.cancel": (
        "one request; none if the job is known to be over; with `index`, one more if nothing has "
        "been fetched yet"
    ),
    "JobHandle.job_data": "one request if nothing has been fetched yet, else none",
    "JobHandle.metadata": "one request if nothing has been fetched yet, else none",
    "JobHandle.refresh": "one request; none if the job is known to be over",
    "JobHandle.status": "one request; none if the job is known to be over",
    "JobHandle.submit": "one request",
    "JobHandle.tags": "one request if nothing has been fetched yet, else none",
    "JobHandle.target": "one request if nothing has been fetched yet, else none",
    "JobHandle.to_dict": "one request; none if the job is known to be over",
    "JobHandle.wait_until_complete": "one request a look, and sleeps in between",
    "JobHandle.wait_until_complete_async": "the same, and lets others run",
    "HttpTransport.send": "one request",
    "SuperstaqClient.send": "one request",
    "Transport.send": "one request",
    "as_completed": "one request a round for about 150 jobs that are not over",
    "as_completed_async": "the same",
    "wait_all": "the same",
    "wait_all_async": "the same",
    "wait_any": "the same",
    "watch": "the same",
    "watch_async": "the same",
    "cancel_jobs": "one request; none for no ids",
    "fetch_balance": "one request",
    "fetch_job": "one request",
    "fetch_jobs": "one request for about 150 ids; none for no ids",
    "fetch_target_info": "one request",
    "fetch_targets": "one request",
    "query_jobs": "one request; more if the conditions are too long for one",
    "submit_job": "one request",
}
"""The public names that talk to the server, and how much. No other name does.

A request that may be repeated can go out several times, under the client's ``RetryPolicy``.
"""

_LOCAL: Final[Mapping[str, str]] = {
    "SuperstaqClient": "no request; reads the environment and, without a key, the key files",
    "HttpTransport": "no request; reads the certificates that it is to trust",
    "HttpTransport.close": "no request; closes connections",
    "SuperstaqClient.close": "no request; closes connections",
    "SystemClock.sleep": "sleeps",
    "ProgressBar": "no request; the wait that it is given to draws it",
}
"""Names that do something else that is not pure."""

_RAISES: Final = re.compile(r"^Raises:\n((?:    .*\n?|\n)+)", re.MULTILINE)
_ERROR_NAME: Final = re.compile(r"^    (\w+):", re.MULTILINE)


def _public_members(kind: type) -> Iterator[tuple[str, Any]]:
    fields = set(attrs.fields_dict(kind)) if attrs.has(kind) else set()
    enum_members = set(getattr(kind, "__members__", ()))
    seen: set[str] = set()
    for base in kind.__mro__:
        if not base.__module__.startswith("superstaq_jobs"):
            continue
        for name, member in vars(base).items():
            if name.startswith("_") or name in fields | enum_members | seen:
                continue
            seen.add(name)
            if isinstance(member, property):
                yield name, member.fget
            elif isinstance(member, classmethod | staticmethod):
                yield name, member.__func__
            elif inspect.isfunction(member):
                yield name, member


def public_names() -> dict[str, Any]:
    """Every public function, class, method and property, by its name, with what documents it.

    Not in it: exceptions, the fields of records and the members of enums, which are plain data.
    """
    found: dict[str, Any] = {}
    for name in sorted(superstaq_jobs.__all__):
        thing = getattr(superstaq_jobs, name)
        if inspect.isclass(thing):
            if issubclass(thing, Warning | Exception):
                continue
            found[name] = thing
            found.update((f"{name}.{m}", member) for m, member in _public_members(thing))
        elif inspect.isfunction(thing):
            found[name] = thing
    return found


def raised(thing: Any) -> list[str]:
    """The errors that a docstring names under ``Raises``."""
    section = _RAISES.search((inspect.getdoc(thing) or "") + "\n")
    return _ERROR_NAME.findall(section[1]) if section else []


def _link(name: str) -> str:
    head, _, tail = name.partition(".")
    thing = getattr(superstaq_jobs, head)
    owner = thing
    if tail:  # documented where it is defined, which may be a base class
        owner = next(base for base in thing.__mro__ if tail in vars(base))
    anchor = f"{owner.__module__}.{owner.__qualname__}" + (f".{tail}" if tail else "")
    return f"[`{name}`](#{anchor})"


def io_table() -> str:
    """Every public name: whether it talks to the server, and what it may raise."""
    return _table(
        ["name", "asks the server?", "may raise"],
        (
            [
                _link(name),
                f"**yes**: {TALKS[name]}" if name in TALKS else _LOCAL.get(name, "no"),
                _codes(dict.fromkeys(raised(thing))),
            ]
            for name, thing in public_names().items()
        ),
    )


# ---- the official client's fields ----------------------------------------------------------------


def job_data_fields() -> str:
    """Each field of the official ``JobData``, and what holds it in a ``JobSnapshot``."""
    rows = [[f"`{theirs}`", f"`{ours}`"] for theirs, ours in JOB_FIELDS.items()]
    rows += [
        [f"`{theirs}[i]`", f"`circuits[i].{ours}`"] for theirs, ours in PER_CIRCUIT_LISTS.items()
    ]
    return _table(["`JobData`", "`JobSnapshot`"], rows)


# ---- modules that the reference does not name ----------------------------------------------------


def further_modules() -> str:
    """Every public module that ``reference.md`` does not name by itself: none is missing."""
    named = set(re.findall(r"automodule:: (\S+)", (HERE / "reference.md").read_text()))
    blocks = []
    for path in SOURCES:
        name = f"superstaq_jobs.{path.stem}"
        if path.stem.startswith("_") or path.stem == "cli" or name in named:
            continue
        blocks.append(f"**`{name}`**\n\n```{{eval-rst}}\n.. automodule:: {name}\n```\n")
    return "\n".join(blocks)


# ---- what is not released yet --------------------------------------------------------------------


def unreleased() -> str:
    """The changelog's fragments, as a list."""
    fragments = sorted((HERE / "changelog.d").glob("*.md"))
    listed = "\n".join("- " + f.read_text().strip().replace("\n", "\n  ") for f in fragments)
    return f"{listed or 'Nothing.'}\n"


# ---- retries -------------------------------------------------------------------------------------

_FAULTS: Final[tuple[tuple[str, Exception | sj.Response], ...]] = (
    ("connection refused, no such host", sj.TransportError("refused", sent=False)),
    ("reset before the request was sent", sj.TransportError("reset", sent=False)),
    ("reset after the request was sent", sj.TransportError("reset", sent=True)),
    ("connect timeout", sj.RequestTimeout("connecting", sent=False)),
    ("read timeout", sj.RequestTimeout("reading", sent=True)),
    ("short body", sj.TransportError("10 of 20 bytes", sent=True)),
    ("TLS failure", sj.TlsError("untrusted", sent=False)),
    ("answer too large", sj.AnswerTooLarge("too large", sent=True)),
    ("not HTTP", sj.ProtocolError("what came back is not HTTP")),
    ("a good status, an undecodable body", sj.Response(status=200, body=b"<html>")),
)

_CALLS: Final[Mapping[str, Callable[[sj.SuperstaqClient], object]]] = {
    "`GET`: jobs, targets, balance": sj.fetch_balance,
    "`POST`: target info": lambda client: sj.fetch_target_info(client, "a_b_qpu"),
    "`PUT`: cancel": lambda client: sj.cancel_jobs(client, ["0" * 32]),
    "`POST`: submit": lambda client: sj.submit_job(
        client, sj.NewJob(target="a_b_qpu", circuits="OPENQASM 2.0;")
    ),
}


def retried(step: Exception | sj.Response, call: Callable[[sj.SuperstaqClient], object]) -> str:
    """What a client does about a failure, found by letting it fail: ``again``, or the error."""
    transport = ScriptedTransport([step, step])
    client = sj.SuperstaqClient(
        "key",
        "https://superstaq.example.com",
        transport=transport,
        clock=FakeClock(),
        retry_policy=sj.RetryPolicy(max_attempts=2),
    )
    try:
        call(client)
    except sj.SuperstaqException as error:
        return "again" if len(transport.requests) > 1 else f"`{type(error).__name__}`"
    return "good"


def retry_rows() -> Iterator[tuple[str, list[str]]]:
    """Every failure, and what each kind of call does about it; equal neighbours in one row."""
    for label, fault in _FAULTS:
        yield label, [retried(fault, call) for call in _CALLS.values()]
    first = last = 0
    cells: list[str] = []
    for code in [*range(100, 200), *range(300, 600), 0]:
        answer = sj.Response(status=code, body=b'"told"')
        now = [retried(answer, call) for call in _CALLS.values()] if code else []
        if cells and (now != cells or code != last + 1):
            yield str(first) if first == last else f"{first} to {last}", cells
            first = code
        first, last, cells = first or code, code, now


def retry_table() -> str:
    """The retry table."""
    return _table(["what happens", *_CALLS], ([label, *cells] for label, cells in retry_rows()))


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "error-tree": error_tree,
    "further-modules": further_modules,
    "io-table": io_table,
    "job-data-fields": job_data_fields,
    "next-statuses": next_statuses,
    "retry-table": retry_table,
    "statuses": statuses,
    "unreleased": unreleased,
}
"""The directives."""
