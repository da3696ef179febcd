"""Bodies that are as the API promises, straight to records: how nearly every answer is read.

Lives here: ``read_jobs``, which reads a whole body or says that it cannot. Then the slow reader of
``codec`` reads it once more, and says what is wrong; what both can read, both read alike. May
import the records, ``_strict`` and the JSON parser.

The parser checks every type while it parses, so no value needs a second look. Three things it does
not do, which are done here:

- It keeps the last of equal keys. A body has as many colons as keys, and those inside of texts can
  be counted: one more than that, and some key came twice.
- It rounds a time to microseconds, so times are cut out of the body as they are.
- It makes no circuits out of parallel lists. That waits until somebody asks for a job's circuits:
  of a thousand jobs in a list, few are looked into.
"""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import operator
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Annotated, Any, Final, TypeVar, cast
from uuid import UUID

import msgspec
from msgspec import UNSET, Raw, UnsetType

from . import _fields
from ._strict import CONVERTER, Moment, WrongError, parse_json
from .counts import Counts
from .errors import ProtocolError
from .frozen import FrozenMapping, JsonMapping
from .kinds import CircuitType, JobType
from .records import PER_CIRCUIT_LISTS, REQUIRED_LISTS, CircuitSnapshot, JobSnapshot
from .status import CircuitStatus

__all__: list[str] = []

T = TypeVar("T")

_Whole = Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)]
_Qubit = Annotated[int, msgspec.Meta(gt=-(10**18), lt=10**18)]


class _Job(msgspec.Struct, gc=False):
    """``JobData`` in the parser's own types: what a ``JobSnapshot`` makes its circuits of."""

    job_type: JobType
    statuses: list[str]
    status_messages: list[str | None]
    user_email: str
    target: str
    provider_id: list[str | None]
    num_circuits: _Whole
    compiled_circuits: list[str | None]
    input_circuits: list[str]
    circuit_type: CircuitType
    counts: list[dict[str, int] | None]
    results_dicts: list[str | None]
    shots: list[_Whole]
    dry_run: bool
    submission_timestamp: Raw
    last_updated_timestamp: list[Raw]
    initial_logical_to_physicals: list[dict[_Qubit, _Whole] | None]
    final_logical_to_physicals: list[dict[_Qubit, _Whole] | None]
    logical_qubits: list[str | None]
    physical_qubits: list[str | None]
    tags: list[str] | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET

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

    counts: list[dict[str, int | float] | None]  # type: ignore[assignment]


_READ: Final = msgspec.json.Decoder(dict[UUID, _Job]).decode
_READ_MORE: Final = msgspec.json.Decoder(
    dict[str, _JobOfWeights | list[Any] | str | int | float | bool | None]
).decode
_CUT: Final = msgspec.json.Decoder(dict[str, Raw]).decode

_FIELDS: Final = frozenset(_Job.__struct_fields__)
_LISTS_OF: Final = operator.attrgetter(*PER_CIRCUIT_LISTS)
_MAPS_OF: Final = operator.attrgetter(
    "counts", "initial_logical_to_physicals", "final_logical_to_physicals"
)
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
_SCALARS: Final = frozenset({str, float, bool, type(None)})
_LARGEST: Final = 2**62
_NULL: Final = b"null"
_DIGITS_TO_ZERO: Final = bytes.maketrans(b"123456789", b"000000000")
_SHAPES: Final = frozenset(
    f'"0000-00-00T00:00:00{fraction}Z"'.encode() for fraction in ("", ".000", ".000000")
)
_SPELT_OUT: Final = b"\\u003"  # how a colon in a text may be written so that it does not count
_NOTHING: Final = Raw()
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
        _check_provenance(fetched_at, source)
        wires, warnings = _parsed(body)
        jobs = tuple(wires.values())
        times, colons = _times(jobs)
        strange = set(_flat([job.statuses for job in jobs])) - _STATUSES
        snapshots = tuple(
            [_snapshot(job_id, wire, times, fetched_at, source) for job_id, wire in wires.items()]
        )
        further = body.count(b":") - colons - _colons(body, jobs)
        if further:
            for snapshot, extra in zip(snapshots, _unknown_fields(body, further), strict=True):
                object.__setattr__(snapshot, "extra", extra)
    except (msgspec.MsgspecError, ValueError, RecursionError, ProtocolError, WrongError, _OddError):
        return None
    return snapshots, warnings, strange


def _check_provenance(fetched_at: dt.datetime | None, source: str | None) -> None:
    given = _fields.optional_moment(fetched_at), _fields.optional_text(source)
    if given != (fetched_at, source):
        raise _OddError


def cut(body: bytes) -> dict[str, bytes]:
    """The values of an object by name, as they are written; of equal names, the last."""
    return {name: bytes(part) for name, part in _CUT(body).items()}


def _parsed(body: bytes) -> tuple[dict[UUID, _Job], Any]:
    try:
        return _READ(body), UNSET
    except msgspec.ValidationError:
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


def _times(wires: Iterable[_Job]) -> tuple[Iterator[Any], int]:
    """The times of all jobs, each job's own before its circuits', and the colons in them."""
    cuts: list[Raw] = []
    for wire in wires:
        cuts.append(wire.submission_timestamp)
        cuts += wire.last_updated_timestamp
    text = b",".join(cuts)
    shape = bytes(cuts[0]).translate(_DIGITS_TO_ZERO) if cuts else b""
    if shape in _SHAPES and text.translate(_DIGITS_TO_ZERO) == b",".join([shape] * len(cuts)):
        texts = text.translate(None, b'"').decode().split(",")
        return map(dt.datetime.fromisoformat, texts), text.count(b":")
    return map(_time, map(bytes, cuts)), text.count(b":")


def _time(cut: bytes) -> dt.datetime | None:
    if cut == _NULL:
        return None
    if cut.translate(_DIGITS_TO_ZERO) in _SHAPES:
        return dt.datetime.fromisoformat(cut[1:-1].decode())
    return CONVERTER.structure(msgspec.json.decode(cut), Moment)


def _colons(body: bytes, jobs: Sequence[_Job]) -> int:
    """How many colons a body has but for its times, if it says what was read of it, and no more."""
    objects = [job.metadata for job in jobs]
    tags = [job.tags for job in jobs]
    keys = len(jobs) * (1 + len(_FIELDS)) - tags.count(UNSET) - objects.count(UNSET)
    keys += sum(map(len, filter(None, _flat(_flat(map(_MAPS_OF, jobs))))))
    texts = [job.user_email for job in jobs]
    for each in tags:
        if isinstance(each, list):
            texts += each
    keys += sum([_keys_in(items, texts) for items in objects if items])
    text = "".join(filter(None, itertools.chain(texts, _flat(_flat(map(_TEXTS_OF, jobs))))))
    if ":" not in text:
        return keys
    if _SPELT_OUT in body:
        raise _OddError
    return keys + text.count(":")


def _keys_in(items: dict[str, Any], texts: list[str]) -> int:
    """How many keys there are in an object and all that is in it; its texts go to the others."""
    keys = len(items)
    texts += items
    for value in items.values():
        if type(value) is str:
            texts.append(value)
        elif type(value) is dict:
            keys += _keys_in(value, texts)
        elif type(value) is list:
            keys += _keys_in({str(place): item for place, item in enumerate(value)}, texts)
            keys -= len(value)
    return keys


def _snapshot(
    job_id: UUID,
    job: _Job,
    times: Iterator[Any],
    fetched_at: dt.datetime | None,
    source: str | None,
) -> JobSnapshot:
    draft: Any = _JobDraft()
    draft.submitted_at = submitted_at = next(times)
    if submitted_at is None or not _is_target(job.target):
        raise _OddError
    job.submission_timestamp = _NOTHING  # a cut keeps the whole body
    job.last_updated_timestamp = list(islice(times, len(job.last_updated_timestamp)))
    draft.short_lists = _fitted(job)
    draft.job_id = job_id
    draft.job_type = job.job_type
    draft.target = job.target
    draft.circuit_type = job.circuit_type
    draft.user_email = job.user_email
    draft.dry_run = job.dry_run
    draft.tags = tuple(job.tags or ())
    draft.metadata = _frozen(job.metadata) if job.metadata else _NOTHING_MORE
    draft.extra = _NOTHING_MORE
    draft.fetched_at = fetched_at
    draft.source = source
    draft._circuits_later = job  # noqa: SLF001
    draft.__class__ = JobSnapshot
    return cast("JobSnapshot", draft)


@functools.lru_cache(maxsize=256)
def _is_target(name: str) -> bool:
    return not isinstance(_fields.target(name), _fields.Bad)


def _frozen(items: dict[str, Any]) -> JsonMapping:
    for value in items.values():
        if type(value) not in _SCALARS and not (
            type(value) is int and -_LARGEST < value < _LARGEST
        ):
            return JsonMapping(items)
    draft: Any = _ObjectDraft()
    draft._canonical = None  # noqa: SLF001
    return _adopted(draft, items, JsonMapping)


def _fitted(job: _Job) -> FrozenMapping[str, int]:
    """Fill up a job's short lists; which they were, and how long."""
    size = job.num_circuits
    lengths = list(map(len, _LISTS_OF(job)))
    if lengths.count(size) == len(lengths):
        return _NONE_SHORT
    short = {}
    for name, length in zip(PER_CIRCUIT_LISTS, lengths, strict=True):
        if length > size or (length < size and name in REQUIRED_LISTS):
            raise _OddError
        if length < size:
            short[name] = length
            setattr(job, name, [*getattr(job, name), *[None] * (size - length)])
    return FrozenMapping(short)


def _unknown_fields(body: bytes, colons: int) -> list[JsonMapping]:
    """What each job says that this version does not know, if that is what the colons are of."""
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
