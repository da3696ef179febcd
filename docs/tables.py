"""Tables of the documentation that are generated from the code, so that they cannot differ from it.

Each function returns Markdown. ``conf.py`` makes a directive of each; ``tests/test_docs.py`` checks
the contents.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import msgspec

import superstaq_jobs
import superstaq_jobs as sj
from superstaq_jobs.records import CircuitStatus, status
from superstaq_jobs.records.shape import JOB_FIELDS, PER_CIRCUIT_LISTS
from superstaq_jobs.testing import FakeClock, ScriptedTransport
from superstaq_jobs.wire.api import NOT_IN_V0_2_0

HERE: Final = Path(__file__).resolve().parent

SOURCES: Final = tuple(sorted(Path(inspect.getfile(superstaq_jobs)).parent.rglob("*.py")))
"""The modules that the tables are generated from."""


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
    CircuitStatus.RECEIVED: "Received by the service; nothing has been done yet.",
    CircuitStatus.AWAITING_COMPILE: "Waiting for the compiler.",
    CircuitStatus.AWAITING_SUBMISSION: "Compiled; not yet sent to the device's provider.",
    CircuitStatus.AWAITING_SIMULATION: "Compiled; waiting for the simulator.",
    CircuitStatus.COMPILING: "Being compiled.",
    CircuitStatus.SIMULATING: "Being simulated.",
    CircuitStatus.RUNNING: "Running on the device.",
    CircuitStatus.PENDING: "In the provider's queue.",
    CircuitStatus.UNKNOWN: (
        "The server sent a status that this version does not know; `status_text` has the word. "
        "This library never sends it."
    ),
    CircuitStatus.FAILED: "Failed; `status_message` says why.",
    CircuitStatus.CANCELLED: "Cancelled.",
    CircuitStatus.UNRECOGNIZED: "The service has lost track of it.",
    CircuitStatus.COMPLETED: "Completed; the results are available.",
    CircuitStatus.DELETED: "Deleted from the service.",
}
"""What each status means, for a reader."""


def statuses() -> str:
    """Every status: its position in the order, its meaning, and the sets it belongs to."""
    return _table(
        ["order", "status", "meaning", "finished", "compiled", "unsuccessful"],
        (
            [
                str(place),
                f"`{s.value}`",
                MEANINGS[s],
                _yes(s.is_terminal),
                _yes(s.is_compiled),
                _yes(s.is_unsuccessful),
            ]
            for place, s in enumerate(CircuitStatus, 1)
        ),
    )


def next_statuses() -> str:
    """Which status may directly follow which."""
    return _table(
        ["from", "directly to"],
        (
            [
                f"`{s.value}`",
                "anything"
                if status.NEXT_STATUSES[s] == frozenset(CircuitStatus)
                else _codes(n.value for n in CircuitStatus if n in status.NEXT_STATUSES[s])
                or "nothing",
            ]
            for s in CircuitStatus
        ),
    )


# ---- versions of the API -------------------------------------------------------------------------


def not_in_v0_2_0() -> str:
    """The fields in which a job differs when it is read through v0.2.0 and v0.3.0, and why."""
    return _table(
        ["field", "in v0.2.0"], ([f"`{name}`", why] for name, why in NOT_IN_V0_2_0.items())
    )


_WORDS: Final[Mapping[str, str]] = {
    "Submitted": "Received by the service.",
    "Ready": "After `Submitted`, before the queue.",
    "Queued": "In the provider's queue.",
    "Running": "Running on the device, or being simulated.",
    "Done": "Completed; the results are available.",
    "Failed": "Failed; `status_message` says why.",
    "Canceled": "Cancelled, in the spelling of cirq-superstaq.",
    "Cancelled": "Cancelled, in the spelling of qiskit-superstaq.",
    "Deleted": "Deleted from the service.",
}
"""The words of API v0.2.0 for a status, as the official clients explain them."""


def old_words() -> str:
    """The words of API v0.2.0 for a status, and how this library reads each."""
    body = msgspec.json.encode({word: {"status": word} for word in _WORDS})
    rows = []
    for job in sj.decode_jobs(body, api_version="v0.2.0"):
        circuit = job.circuits[0]
        meaning = _WORDS[str(circuit.circuit_id)]
        kept = f'`{{"status": "{circuit.extra["status"]}"}}`' if circuit.extra else ""
        rows.append([f"`{circuit.circuit_id}`", meaning, f"`{circuit.status}`", kept])
    return _table(["word", "meaning", "`status`", "`extra`"], rows)


# ---- errors --------------------------------------------------------------------------------------


def _children(kind: type[BaseException]) -> list[type[BaseException]]:
    """Its direct public subclasses, in the order of the source."""
    return [
        member
        for member in kind.__subclasses__()
        if member.__name__ in sj.__all__ and member.__bases__[0] is kind
    ]


def walk_errors(
    kind: type[BaseException] = sj.SuperstaqException, depth: int = 0
) -> Iterator[tuple[int, type[BaseException]]]:
    """Every exception with its depth in the tree, parents first."""
    yield depth, kind
    for child in _children(kind):
        yield from walk_errors(child, depth + 1)


def _summary(thing: Any) -> str:
    return inspect.getdoc(thing).partition("\n\n")[0].replace("\n", " ").replace("``", "`")


def error_tree() -> str:
    """The exceptions as nested lists: each with its meaning and its other base classes."""
    lines = []
    for depth, kind in walk_errors():
        also = "".join(f" Also a `{base.__name__}`." for base in kind.__bases__[1:])
        lines.append(f"{'  ' * depth}- {_link(kind.__name__)}: {_summary(kind)}{also}")
    return "\n".join(lines) + "\n"


# ---- what talks to the server --------------------------------------------------------------------

TALKS: Final[Mapping[str, str]] = {
    "JobHandle.cancel": (
        "one request; none if the job is known to be finished; with `index` in v0.3.0, one more if "
        "nothing has been fetched yet"
    ),
    "JobHandle.job_data": "one request if nothing has been fetched yet, else none",
    "JobHandle.metadata": "one request if nothing has been fetched yet, else none",
    "JobHandle.refresh": "one request; none if the job is known to be finished",
    "JobHandle.status": "one request; none if the job is known to be finished",
    "JobHandle.submit": "one request",
    "JobHandle.tags": "one request if nothing has been fetched yet, else none",
    "JobHandle.target": "one request if nothing has been fetched yet, else none",
    "JobHandle.to_dict": "one request; none if the job is known to be finished",
    "JobHandle.wait_until_complete": "one request per poll; sleeps in between",
    "JobHandle.wait_until_complete_async": "one request per poll; awaits in between",
    "JobHandle.wait_until_terminal_state": "as `wait_until_complete`",
    "HttpTransport.send": "one request",
    "SuperstaqClient.send": "one request",
    "Transport.send": "one request",
    "as_completed": (
        "in each round, one request per 150 or so unfinished jobs (250 circuits in v0.2.0)"
    ),
    "as_completed_async": "as `as_completed`",
    "wait_all": "as `as_completed`",
    "wait_all_async": "as `as_completed`",
    "wait_any": "as `as_completed`",
    "watch": "as `as_completed`",
    "watch_async": "as `as_completed`",
    "cancel_jobs": "one request; none for no ids",
    "fetch_balance": "one request",
    "fetch_job": "one request",
    "fetch_jobs": "one request per 150 or so ids (250 circuits in v0.2.0); none for no ids",
    "fetch_target_info": "one request",
    "fetch_targets": "one request",
    "query_jobs": "one request; more if the conditions are too long for one",
    "submit_job": "one request",
}
"""The public names that talk to the server, and how many requests each sends. No other name does.

A request that may be retried can be sent several times, under the client's ``RetryPolicy``.
"""

_LOCAL: Final[Mapping[str, str]] = {
    "SuperstaqClient": "reads the environment and, if it has no key, the key files",
    "HttpTransport": "reads the trusted certificates",
    "HttpTransport.close": "closes connections",
    "SuperstaqClient.close": "closes connections",
    "SnapshotArchive": "opens or makes a file",
    **dict.fromkeys(
        (
            *("SnapshotArchive.record", "SnapshotArchive.record_all", "SnapshotArchive.expect"),
            *("SnapshotArchive.merge", "SnapshotArchive.import_jsonl", "SnapshotArchive.forget"),
            "SnapshotArchive.compact",
        ),
        "writes to its file",
    ),
    **dict.fromkeys(
        (
            *("SnapshotArchive.latest", "SnapshotArchive.as_of", "SnapshotArchive.history"),
            *("SnapshotArchive.by_digest", "SnapshotArchive.query", "SnapshotArchive.unfinished"),
            *("SnapshotArchive.job_ids", "SnapshotArchive.digests", "SnapshotArchive.verify"),
            "SnapshotArchive.circuit_types",
        ),
        "reads its file",
    ),
    **dict.fromkeys(
        ("SnapshotArchive.copy_to", "SnapshotArchive.export_jsonl"),
        "reads its file, and writes another",
    ),
    "SnapshotArchive.close": "closes its file",
    "OfflineClient": "reads an archive, and so does its `send`",
    "Recorder.expect": "writes, if it is an archive",
    "Recorder.record_all": "writes, if it is an archive",
    "resume": "reads the archive",
    "lock": "reads and writes the file",
    "locked": "reads the file and the archive",
    "StudyLock.differences": "reads the archive, if there is one",
    "StudyLock.load": "reads the archive",
    "StudyLock.read": "reads the file",
    "StudyLock.write": "writes the file",
    "SystemClock.sleep": "sleeps",
    "ProgressBar": "drawn by the wait that it is passed to",
}
"""Names that send nothing but have another side effect."""

_RAISES: Final = re.compile(r"^Raises:\n((?:    .*\n?|\n)+)", re.MULTILINE)
_ERROR_NAME: Final = re.compile(r"^    (\w+):", re.MULTILINE)
_SAME_ERRORS: Final = re.compile(r"errors\s+are\s+those\s+of\s+``([\w.]+)``", re.IGNORECASE)


def _public_members(kind: type) -> Iterator[tuple[str, Any]]:
    fields = set(attrs.fields_dict(kind)) if attrs.has(kind) else set()
    enum_members = set(getattr(kind, "__members__", ()))
    seen: set[str] = set()
    for base in kind.__mro__:
        if not base.__module__.startswith("superstaq_jobs"):
            continue
        if base is not kind and base.__name__ in superstaq_jobs.__all__:
            break  # the rest is documented there
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
    """Every public function, class, method and property by name, with the object that documents it.

    Exceptions, the fields of records and the members of enums are left out: they are plain data.
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
    """The errors that a docstring lists under ``Raises``."""
    section = _RAISES.search((inspect.getdoc(thing) or "") + "\n")
    return _ERROR_NAME.findall(section[1]) if section else []


def _errors(thing: Any) -> str:
    same = [f"those of `{name}`" for name in _SAME_ERRORS.findall(inspect.getdoc(thing) or "")]
    return ", ".join(same + [f"`{name}`" for name in dict.fromkeys(raised(thing))])


def _link(name: str) -> str:
    """A link to where a public name is documented: a member that is inherited, at its owner."""
    head, _, tail = name.partition(".")
    owner = getattr(superstaq_jobs, head)
    if tail:
        owner = next(base for base in owner.__mro__ if tail in vars(base))
    place = owner.__name__ if owner.__name__ in superstaq_jobs.__all__ else head
    return f"[`{name}`](#superstaq_jobs.{place}{'.' * bool(tail)}{tail})"


def io_table() -> str:
    """The public names that send requests, and those that only raise or have another effect."""
    talking, others = [], []
    for name, thing in public_names().items():
        errors = _errors(thing)
        if name in TALKS:
            talking.append([_link(name), TALKS[name], errors])
        elif errors or name in _LOCAL:
            others.append([_link(name), _LOCAL.get(name, "no effect"), errors])
    return (
        "These send requests:\n\n"
        + _table(["name", "how many", "may raise"], talking)
        + "\nThese do not, but have another effect or may raise an error:\n\n"
        + _table(["name", "effect", "may raise"], others)
        + "\nAll other public names send nothing, have no effect and raise no error of their own.\n"
    )


# ---- the official client's fields ----------------------------------------------------------------


def job_data_fields() -> str:
    """Each field of the official ``JobData``, and where a ``JobSnapshot`` has it."""
    rows = [[f"`{theirs}`", f"`{ours}`"] for theirs, ours in JOB_FIELDS.items()]
    rows += [
        [f"`{theirs}[i]`", f"`circuits[i].{ours}`"] for theirs, ours in PER_CIRCUIT_LISTS.items()
    ]
    return _table(["`JobData`", "`JobSnapshot`"], rows)


# ---- unreleased changes --------------------------------------------------------------------------


_KINDS: Final[Mapping[str, str]] = {
    "breaking": "Breaking changes",
    "feature": "New",
    "bugfix": "Fixed",
    "doc": "Documentation",
}
"""As in the settings of towncrier."""


def unreleased() -> str:
    """The fragments of the changelog, as lists: by kind, then by issue."""

    def order(fragment: Path) -> tuple[int, list[int]]:
        issue, _kind, *number = fragment.stem.split(".")
        return int(issue), [int(each) for each in number]

    parts = []
    for kind, title in _KINDS.items():
        fragments = sorted((HERE / "changelog.d").glob(f"*.{kind}.*md"), key=order)
        if fragments:
            items = (f.read_text().strip().replace("\n", "\n  ") for f in fragments)
            parts.append("\n".join([f"**{title}**", "", *(f"- {item}" for item in items), ""]))
    return "\n".join(parts) or "Nothing.\n"


# ---- retries -------------------------------------------------------------------------------------

_FAULTS: Final[tuple[tuple[str, Exception | sj.Response], ...]] = (
    ("connection refused, no such host", sj.TransportError("refused", sent=False)),
    ("reset before the request was sent", sj.TransportError("reset", sent=False)),
    ("reset after the request was sent", sj.TransportError("reset", sent=True)),
    ("connect timeout", sj.RequestTimeout("connecting", sent=False)),
    ("read timeout", sj.RequestTimeout("reading", sent=True)),
    ("short body", sj.TransportError("10 of 20 bytes", sent=True)),
    ("TLS failure", sj.TlsError("untrusted", sent=False)),
    ("response too large", sj.AnswerTooLarge("too large", sent=True)),
    ("not HTTP", sj.ProtocolError("the response is not HTTP")),
    ("status 200, but a body that cannot be decoded", sj.Response(status=200, body=b"<html>")),
)

_CALLS: Final[Mapping[str, Callable[[sj.SuperstaqClient], object]]] = {
    "fetch": sj.fetch_balance,
    "fetch by `POST`": lambda client: sj.fetch_target_info(client, "a_b_qpu"),
    "cancel": lambda client: sj.cancel_jobs(client, ["0" * 32]),
    "submit": lambda client: sj.submit_job(
        client, sj.NewJob(target="a_b_qpu", circuits="{}", circuit_type="cirq", shots=1)
    ),
}


def retried(
    step: Exception | sj.Response,
    call: Callable[[sj.SuperstaqClient], object],
    *,
    api_version: str,
) -> str:
    """What a client does about a failure, found by making it fail: a retry, or an error."""
    transport = ScriptedTransport([step, step])
    client = sj.SuperstaqClient(
        "a key of more than a word",  # errors are searched for a short one more thoroughly
        "https://superstaq.example.com",
        transport=transport,
        api_version=api_version,
        clock=FakeClock(),
        retry_policy=sj.RetryPolicy(max_attempts=2),
    )
    try:
        call(client)
    except sj.SuperstaqException as error:
        return "retried" if len(transport.requests) > 1 else f"`{type(error).__name__}`"
    return "succeeds"


def _outcomes(fault: Exception | sj.Response) -> list[str]:
    """What happens to a read or a cancellation, and to a submission, in every version."""
    calls = [
        [retried(fault, call, api_version=version) for version in ("v0.2.0", "v0.3.0")]
        for call in _CALLS.values()
    ]
    others, submit = {each for call in calls[:-1] for each in call}, set(calls[-1])
    if (len(others), len(submit)) != (1, 1):
        raise RuntimeError(f"after {fault!r}, calls or versions differ: {calls}")
    return [*others, *submit]


def retry_rows() -> Iterator[tuple[str, list[str]]]:
    """Every failure, and what each kind of call does about it; equal neighbours share a row."""
    for label, fault in _FAULTS:
        yield label, _outcomes(fault)
    first = last = 0
    cells: list[str] = []
    for code in [*range(100, 200), *range(300, 600), 0]:
        now = _outcomes(sj.Response(status=code, body=b'"message"')) if code else []
        if cells and (now != cells or code != last + 1):
            yield str(first) if first == last else f"{first} to {last}", cells
            first = code
        first, last, cells = first or code, code, now


def retry_table() -> str:
    """The retry table."""
    head = ["failure, or status", "reads and cancellations", "submissions"]
    return _table(head, ([label, *cells] for label, cells in retry_rows()))


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "error-tree": error_tree,
    "io-table": io_table,
    "job-data-fields": job_data_fields,
    "next-statuses": next_statuses,
    "not-in-v0-2-0": not_in_v0_2_0,
    "old-words": old_words,
    "retry-table": retry_table,
    "statuses": statuses,
    "unreleased": unreleased,
}
"""The directives."""
