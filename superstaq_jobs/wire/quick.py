"""Bodies that are as the API promises, straight to records: how nearly every answer is read.

Lives here: ``read_jobs``, which reads a whole body or says that it cannot. Then the slow reader of
``codec`` reads it once more, and says what is wrong; what both can read, both read alike. May
import the records, ``_strict`` and the JSON parser.

The parser checks every type while it parses, so no value needs a second look. Three things it does
not do, which are done here:

- It keeps the last of equal keys. A body has as many colons as keys, and those inside of texts can
  be counted: one more than that, and some key came twice.
- It rounds a time to microseconds, so times stay texts until somebody asks; that each is one is
  seen at once.
- It makes no records of a job and its parallel lists. That waits until somebody asks for a field of
  the job, or for its circuits: of a thousand jobs in a list, few are looked into.

One plain loop goes over the jobs, and looks for what can be wrong in its own body: calls in it
would take longer than the parser. Times are looked at all together, after it.
"""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import operator
from collections.abc import Collection
from typing import Annotated, Any, Final, TypeVar, cast
from uuid import UUID

import msgspec
from msgspec import UNSET, Raw, UnsetType
from msgspec.structs import astuple

from superstaq_jobs.errors import ProtocolError
from superstaq_jobs.records import (
    CircuitSnapshot,
    CircuitStatus,
    CircuitType,
    Counts,
    FrozenMapping,
    JobSnapshot,
    JobType,
    JsonMapping,
    fields,
)
from superstaq_jobs.records.frozen import MAX_BITS, MAX_DEPTH
from superstaq_jobs.records.snapshots import PER_CIRCUIT_LISTS, REQUIRED_LISTS

from .strict import Moment, WrongError, converter, parse_json

__all__: list[str] = []

T = TypeVar("T")

_Whole = Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)]
_Qubit = Annotated[int, msgspec.Meta(gt=-(10**18), lt=10**18)]
_Value = str | _Whole | float | bool | list[Any] | dict[str, Any] | None


class _Job(msgspec.Struct, gc=False):
    """``JobData`` in the parser's own types: what a ``JobSnapshot`` makes its circuits of."""

    job_type: JobType
    statuses: tuple[str, ...]
    status_messages: tuple[str | None, ...]
    user_email: str
    target: str
    provider_id: tuple[str | None, ...]
    num_circuits: _Whole
    compiled_circuits: tuple[str | None, ...]
    input_circuits: tuple[str, ...]
    circuit_type: CircuitType
    counts: tuple[dict[str, int] | None, ...]
    results_dicts: tuple[str | None, ...]
    shots: tuple[_Whole, ...]
    dry_run: bool
    submission_timestamp: Raw
    last_updated_timestamp: tuple[Raw, ...]
    initial_logical_to_physicals: tuple[dict[_Qubit, _Whole] | None, ...]
    final_logical_to_physicals: tuple[dict[_Qubit, _Whole] | None, ...]
    logical_qubits: tuple[str | None, ...]
    physical_qubits: tuple[str | None, ...]
    tags: tuple[str, ...] | UnsetType = UNSET
    metadata: dict[str, _Value] | UnsetType = UNSET

    def make_fields(self) -> dict[str, Any]:
        """The job's own fields, of values that were found right."""
        return {
            "job_type": self.job_type,
            "target": self.target,
            "circuit_type": self.circuit_type,
            "user_email": self.user_email,
            "dry_run": self.dry_run,
            "submitted_at": _moment(cast("str", self.submission_timestamp)),
            "tags": self.tags or (),
            "metadata": _frozen(self.metadata or {}),
        }

    def make_circuits(self) -> tuple[CircuitSnapshot, ...]:
        """The circuits, of lists that were found right."""
        circuits = []
        # In the order of PER_CIRCUIT_LISTS, which a test holds this to.
        rows = zip(
            self.statuses,
            self.status_messages,
            self.provider_id,
            self.compiled_circuits,
            self.input_circuits,
            self.counts,
            self.results_dicts,
            self.shots,
            self.last_updated_timestamp,
            self.initial_logical_to_physicals,
            self.final_logical_to_physicals,
            self.logical_qubits,
            self.physical_qubits,
            strict=True,
        )
        for index, row in enumerate(rows):
            circuit: Any = _CircuitDraft()
            circuit.index = index
            (
                circuit.status_text,
                circuit.status_message,
                circuit.provider_id,
                circuit.compiled_circuit,
                circuit.input_circuit,
                counts,
                circuit.results_dict,
                circuit.shots,
                circuit.updated_at,
                initial,
                final,
                circuit.logical_qubits,
                circuit.physical_qubits,
            ) = row
            time = circuit.updated_at
            circuit.updated_at = None if time is None else _moment(time)
            circuit.counts = None if counts is None else _adopted(_CountsDraft(), counts, Counts)
            circuit.initial_logical_to_physical = (
                None if initial is None else _adopted(_MapDraft(), initial, FrozenMapping)
            )
            circuit.final_logical_to_physical = (
                None if final is None else _adopted(_MapDraft(), final, FrozenMapping)
            )
            circuit.__class__ = CircuitSnapshot
            circuits.append(circuit)
        return tuple(circuits)


class _JobOfWeights(_Job, gc=False):
    """The same, with numbers among the counts that need not be whole."""

    counts: tuple[dict[str, int | float] | None, ...]  # type: ignore[assignment]


_READ: Final = msgspec.json.Decoder(dict[UUID, _Job]).decode
_READ_MORE: Final = msgspec.json.Decoder(
    dict[str, _JobOfWeights | list[Any] | str | int | float | bool | None]
).decode
_TEXT: Final = msgspec.json.Decoder(str | None).decode
_CUT: Final = msgspec.json.Decoder(dict[str, Raw]).decode

_FIELDS: Final = frozenset(_Job.__struct_fields__)
_KEYS: Final = 1 + len(_FIELDS)
_TEXTS_OF: Final = operator.attrgetter(
    "statuses",
    "status_messages",
    "provider_id",
    "compiled_circuits",
    "input_circuits",
    "results_dicts",
    "logical_qubits",
    "physical_qubits",
)
_flat: Final = itertools.chain.from_iterable
_STATUSES: Final = frozenset(CircuitStatus) - {CircuitStatus.UNKNOWN}
_SCALARS: Final = frozenset({str, int, float, bool, type(None)})
_DIGITS_TO_ZERO: Final = bytes.maketrans(b"123456789", b"000000000")
_SHAPES: Final = frozenset(
    f'"0000-00-00T00:00:00{fraction}Z"'.encode() for fraction in ("", ".000", ".000000")
)
# How a colon in a text, or in the name of a field, may be written so that it does not count.
_SPELT_OUT: Final = b"\\u003"
_NOTHING_MORE: Final = JsonMapping()
_NONE_SHORT: Final = FrozenMapping[str, int]()


class _OddError(Exception):
    """The body is not as nearly all are."""


# ---- records without their constructors ----------------------------------------------------------


def _draft_of(record: type[T]) -> type[T]:
    """A class whose instances can be filled in, and then become instances of the record's class.

    Storing an attribute so costs a tenth of what ``object.__setattr__`` costs.
    """
    names = ("__setattr__", "__delattr__", "__init__")
    filled = {name: getattr(object, name) for name in names}
    return type(f"_{record.__name__}Draft", (record,), {"__slots__": (), **filled})


_CircuitDraft: Final[Any] = _draft_of(CircuitSnapshot)
_JobDraft: Final[Any] = _draft_of(JobSnapshot)
_CountsDraft: Final[Any] = _draft_of(Counts)
_MapDraft: Final[Any] = _draft_of(FrozenMapping)
_ObjectDraft: Final[Any] = _draft_of(JsonMapping)


def _adopted(draft: Any, items: dict[Any, Any], kind: type[T]) -> T:
    draft._items = items  # noqa: SLF001
    draft._hash = None  # noqa: SLF001
    draft.__class__ = kind
    return cast("T", draft)


# ---- reading -------------------------------------------------------------------------------------


def read_jobs(
    body: bytes, fetched_at: dt.datetime | None, source: str | None
) -> tuple[tuple[JobSnapshot, ...], Any, Collection[str]] | None:
    """The jobs in a body; None if it has to be read slowly, be it wrong or only unusual.

    Returns:
        The jobs; the server's warnings as they are, ``UNSET`` where there are none; the statuses
        among the jobs that nobody knows.
    """
    try:
        if fetched_at is not None or source is not None:
            _check_provenance(fetched_at, source)
        try:
            wires, warnings = _READ(body), UNSET
        except msgspec.ValidationError:
            wires, warnings = _read_more(body)
        snapshots, statuses, times, numbers, keys = _snapshots(wires, fetched_at, source)
        # As many colons as there are keys and in times: then no key came twice, and there is none
        # in any text.
        further = body.count(b":") - keys - _read_times(wires.values(), times, numbers)
        if further:
            further -= _colons_in_texts(body, wires.values())
        if further:
            for snapshot, extra in zip(snapshots, _unknown_fields(body, further), strict=True):
                object.__setattr__(snapshot, "extra", extra)
    except (msgspec.MsgspecError, ValueError, RecursionError, ProtocolError, WrongError, _OddError):
        return None
    return tuple(snapshots), warnings, statuses - _STATUSES


def _check_provenance(fetched_at: dt.datetime | None, source: str | None) -> None:
    given = fields.optional_moment(fetched_at), fields.optional_text(source)
    if given != (fetched_at, source):
        raise _OddError


def cut(body: bytes) -> dict[str, bytes]:
    """The values of an object by name, as they are written; of equal names, the last."""
    return {name: bytes(part) for name, part in _CUT(body).items()}


def _read_more(body: bytes) -> tuple[dict[UUID, _Job], Any]:
    """The jobs of a body with warnings beside them, or weights for counts; and the warnings."""
    named: dict[str, Any] = _READ_MORE(body)
    warnings = UNSET
    if not isinstance(named.get("warnings"), _Job):
        warnings = named.pop("warnings", UNSET)
    wires = dict(zip(msgspec.convert(list(named), list[UUID]), named.values(), strict=True))
    if len(wires) < len(named) or not all(isinstance(wire, _Job) for wire in wires.values()):
        raise _OddError
    for wire in wires.values():
        for counts in filter(None, wire.counts):
            Counts(counts)
    return wires, warnings


def _snapshots(
    wires: dict[UUID, _Job], fetched_at: dt.datetime | None, source: str | None
) -> tuple[list[JobSnapshot], set[str], list[Raw], list[int], int]:
    """Each job as a snapshot, if its fields go together.

    Returns:
        The snapshots; all statuses; all times as they are written; of each job, how many times of
        circuits it has; and how many keys a body has that says this, and no more.
    """
    snapshots: list[JobSnapshot] = []
    statuses: set[str] = set()
    times: list[Raw] = []
    numbers: list[int] = []
    keys = 0
    for job_id, job in wires.items():
        # In the order of the fields. By name each would take longer, and so would a loop over them.
        (
            _, texts, messages, _, target, providers, size, compiled, inputs, _, counts, results,
            shots, _, submitted, updated, initial, final, logical, physical, tags, metadata,
        ) = astuple(job)  # fmt: skip
        fits = (
            size == len(texts) == len(messages) == len(providers) == len(compiled) == len(inputs)
            == len(counts) == len(results) == len(shots) == len(updated) == len(initial)
            == len(final) == len(logical) == len(physical)
        )  # fmt: skip
        if not _is_target(target):
            raise _OddError
        statuses.update(texts)
        times.append(submitted)
        times += updated
        numbers.append(len(updated))
        keys += _KEYS - (tags is UNSET) - (metadata is UNSET)
        for maps in (counts, initial, final):
            for items in maps:
                if items:
                    keys += len(items)
        if metadata:
            keys += len(metadata)
            if not _SCALARS.issuperset(map(type, metadata.values())):
                keys += _keys_in(metadata, []) - len(metadata)
        draft: Any = _JobDraft()
        draft.job_id = job_id
        draft.extra = _NOTHING_MORE
        draft.short_lists = _NONE_SHORT if fits else _filled_up(job)
        draft.fetched_at = fetched_at
        draft.source = source
        draft._fields_later = draft._circuits_later = job  # noqa: SLF001
        draft.__class__ = JobSnapshot
        snapshots.append(draft)
    return snapshots, statuses, times, numbers, keys


def _read_times(jobs: Collection[_Job], times: list[Raw], numbers: list[int]) -> int:
    """See that all of them are times, and let each job have its own as texts.

    Args:
        jobs: The jobs.
        times: Of each job its own time and then its circuits', as they are written. A cut keeps the
            whole body alive, so none may stay.
        numbers: Of each job, how many times of circuits it has.

    Returns:
        How many colons they are written with.
    """
    written = b",".join(times)
    zeros = written.translate(_DIGITS_TO_ZERO)
    # Of one shape all of them have the same length; the only commas are those between them.
    shape = zeros[: (len(zeros) + 1) // max(1, len(times)) - 1]
    if shape in _SHAPES and zeros + b"," == (shape + b",") * len(times):
        texts: list[Any] = written.translate(None, b'"').decode().split(",")
        list(map(dt.datetime.fromisoformat, set(texts)))
    else:
        texts = list(map(_TEXT, times))
        list(map(_moment, [text for text in texts if text is not None]))
    place = 0
    for job, number in zip(jobs, numbers, strict=True):
        if texts[place] is None:
            raise _OddError
        end = place + 1 + number
        job.submission_timestamp = texts[place]
        known = tuple(texts[place + 1 : end])
        job.last_updated_timestamp = known + (None,) * (job.num_circuits - number)
        place = end
    return written.count(b":")


def _moment(text: str) -> dt.datetime:
    if f'"{text}"'.encode().translate(_DIGITS_TO_ZERO) in _SHAPES:
        return dt.datetime.fromisoformat(text)
    moment: dt.datetime = converter().structure(text, Moment)
    return moment


def _colons_in_texts(body: bytes, jobs: Collection[_Job]) -> int:
    """How many colons there are in the texts and the keys of all jobs, but for times."""
    texts = [job.user_email for job in jobs]
    for job in jobs:
        texts += job.tags or ()
        _keys_in(job.metadata or {}, texts)
    text = "".join(filter(None, itertools.chain(texts, _flat(_flat(map(_TEXTS_OF, jobs))))))
    if ":" in text and _SPELT_OUT in body:
        raise _OddError
    return text.count(":")


def _keys_in(items: dict[str, Any], texts: list[str], depth: int = 1) -> int:
    """How many keys there are in an object and all that is in it; its texts go to the others."""
    if depth > MAX_DEPTH:
        raise _OddError
    keys = len(items)
    texts += items
    for value in items.values():
        if type(value) is str:
            texts.append(value)
        elif type(value) is dict:
            keys += _keys_in(value, texts, depth + 1)
        elif type(value) is list:
            places = dict(zip(map(str, range(len(value))), value, strict=True))
            keys += _keys_in(places, texts, depth + 1) - len(value)
        elif type(value) is int and value.bit_length() > MAX_BITS:
            raise _OddError
    return keys


@functools.lru_cache(maxsize=256)
def _is_target(name: str) -> bool:
    return not isinstance(fields.target(name), fields.Bad)


def _frozen(items: dict[str, Any]) -> JsonMapping:
    if not _SCALARS.issuperset(map(type, items.values())):
        return JsonMapping(items)
    draft: Any = _ObjectDraft()
    draft._canonical = None  # noqa: SLF001
    return _adopted(draft, items, JsonMapping)


def _filled_up(job: _Job) -> FrozenMapping[str, int]:
    """Fill up a job's short lists; which they were, and how long."""
    size = job.num_circuits
    short = {}
    for name in PER_CIRCUIT_LISTS:
        entries = getattr(job, name)
        if len(entries) > size or (len(entries) < size and name in REQUIRED_LISTS):
            raise _OddError
        if len(entries) < size:
            short[name] = len(entries)
            setattr(job, name, (*entries, *[None] * (size - len(entries))))
    return FrozenMapping(short)


def _unknown_fields(body: bytes, colons: int) -> list[JsonMapping]:
    """What each job says that this version does not know, if that is what the colons are of."""
    if _SPELT_OUT in body:
        raise _OddError
    extras = []
    for name, cut in _CUT(body).items():
        if name == "warnings":
            parse_json(bytes(cut))
            colons -= 1 + bytes(cut).count(b":")
            continue
        unknown = {n: bytes(c) for n, c in _CUT(cut).items() if n not in _FIELDS}
        extras.append(JsonMapping({n: parse_json(c) for n, c in unknown.items()}))
        colons -= sum(1 + n.count(":") + c.count(b":") for n, c in unknown.items())
    if colons:
        raise _OddError  # a key came twice, or there is a colon in one
    return extras
