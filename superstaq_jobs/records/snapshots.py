"""What the server says of a job, as records that cannot change.

Lives here: ``JobSnapshot`` and its circuits, each a ``CircuitSnapshot``. Reading one does no I/O.
May import ``status``, ``kinds``, ``errors``, ``frozen`` and ``counts``; knows no bytes.

A pickle names this module, so records do not move.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, overload
from uuid import UUID

import attrs

from . import fields
from .counts import Counts
from .frozen import FrozenMapping, JsonMapping, canonical_json, thaw
from .problems import (
    CircuitIndexError,
    CountsUnavailable,
    InvalidValue,
    Problem,
    SuperstaqUnsuccessfulJobException,
)
from .status import CircuitStatus, CircuitType, JobType, Stage, fold_statuses, parse_status

__all__ = [
    "JOB_FIELDS",
    "PER_CIRCUIT_LISTS",
    "REQUIRED_LISTS",
    "CircuitSnapshot",
    "JobSnapshot",
]

PER_CIRCUIT_LISTS: Final[Mapping[str, str]] = FrozenMapping(
    {
        "statuses": "status_text",
        "status_messages": "status_message",
        "provider_id": "provider_id",
        "compiled_circuits": "compiled_circuit",
        "input_circuits": "input_circuit",
        "counts": "counts",
        "results_dicts": "results_dict",
        "shots": "shots",
        "last_updated_timestamp": "updated_at",
        "initial_logical_to_physicals": "initial_logical_to_physical",
        "final_logical_to_physicals": "final_logical_to_physical",
        "logical_qubits": "logical_qubits",
        "physical_qubits": "physical_qubits",
    }
)
"""The lists of ``JobData`` on the wire, and the field of ``CircuitSnapshot`` each one fills."""

REQUIRED_LISTS: Final = frozenset({"statuses", "input_circuits", "shots"})
"""Those of the lists whose entries are never null, and which may not be shorter than the others."""

JOB_FIELDS: Final[Mapping[str, str]] = FrozenMapping(
    {
        "job_type": "job_type",
        "user_email": "user_email",
        "target": "target",
        "num_circuits": "num_circuits",
        "circuit_type": "circuit_type",
        "dry_run": "dry_run",
        "submission_timestamp": "submitted_at",
        "tags": "tags",
        "metadata": "metadata",
    }
)
"""The other fields of ``JobData`` on the wire, and what holds each in a ``JobSnapshot``."""

_FOLDED: Final = frozenset(JOB_FIELDS.values()) - {"num_circuits"}

_SHOWN_CHARACTERS: Final = 60


def _job_type(value: JobType | str) -> JobType:
    return fields.one_of(JobType, value)


def _circuit_type(value: CircuitType | str) -> CircuitType:
    return fields.one_of(CircuitType, value)


def _counts(value: Mapping[str, int | float] | None) -> Counts | None:
    if value is None or isinstance(value, Counts):
        return value
    try:
        return Counts(value)
    except (TypeError, ValueError) as error:
        bad: Counts = fields.bad(str(error))
        return bad


def _circuits(value: Iterable[CircuitSnapshot]) -> tuple[CircuitSnapshot, ...]:
    return fields.many(value, CircuitSnapshot)


def _lengths(value: Mapping[str, int]) -> FrozenMapping[str, int]:
    optional = PER_CIRCUIT_LISTS.keys() - REQUIRED_LISTS
    if not isinstance(value, Mapping) or not all(
        name in optional and type(length) is int and length >= 0 for name, length in value.items()
    ):
        bad: FrozenMapping[str, int] = fields.bad("does not map lists of the wire to lengths")
        return bad
    return FrozenMapping(value)


def _clipped(text: object) -> str:
    shown = repr(text)
    return shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}…"


@attrs.frozen(kw_only=True)
class CircuitSnapshot:
    """One circuit of a job, as the server described it at one moment.

    Attributes:
        index: Its place in the job, from 0.
        status_text: Its status as the server wrote it; ``status`` is what it means.
        status_message: What the server says of the status, such as why the circuit failed.
        provider_id: Its id at the provider of the device.
        input_circuit: The circuit as submitted, serialized in the job's ``circuit_type``.
        compiled_circuit: The circuit as compiled for the target; None until there is one.
        counts: How often each bitstring was measured (big-endian); None until it is known.
        results_dict: Further results, serialized by the server, kept as text.
        shots: How many times the circuit was to run, as asked for.
        updated_at: When the server last changed it; aware.
        initial_logical_to_physical: From each qubit of the input circuit, by index, to the qubit of
            the device that it starts on.
        final_logical_to_physical: The same at the end of the circuit.
        logical_qubits: The input circuit's qubits, which those indices count; serialized (cirq).
        physical_qubits: The device's qubits, the same way (cirq).

    Raises:
        InvalidValue: If a field cannot hold what it is given.
    """

    index: int = attrs.field(converter=fields.count)
    status_text: str = attrs.field(converter=fields.text)
    status_message: str | None = attrs.field(default=None, converter=fields.optional_text)
    provider_id: str | None = attrs.field(default=None, converter=fields.optional_text)
    input_circuit: str = attrs.field(default="", converter=fields.text, repr=_clipped)
    compiled_circuit: str | None = attrs.field(
        default=None, converter=fields.optional_text, repr=_clipped
    )
    counts: Counts | None = attrs.field(default=None, converter=_counts)
    results_dict: str | None = attrs.field(
        default=None, converter=fields.optional_text, repr=_clipped
    )
    shots: int = attrs.field(default=0, converter=fields.integer)
    updated_at: dt.datetime | None = attrs.field(
        default=None, converter=fields.optional_moment, eq=fields.same_moment
    )
    initial_logical_to_physical: FrozenMapping[int, int] | None = attrs.field(
        default=None, converter=fields.integer_map
    )
    final_logical_to_physical: FrozenMapping[int, int] | None = attrs.field(
        default=None, converter=fields.integer_map
    )
    logical_qubits: str | None = attrs.field(
        default=None, converter=fields.optional_text, repr=_clipped
    )
    physical_qubits: str | None = attrs.field(
        default=None, converter=fields.optional_text, repr=_clipped
    )

    def __attrs_post_init__(self) -> None:
        fields.refuse_bad(self)

    @property
    def status(self) -> CircuitStatus:
        """What ``status_text`` means; ``UNKNOWN`` for a status that this version does not know."""
        return parse_status(self.status_text)

    @property
    def is_terminal(self) -> bool:
        """Whether the circuit is over, well or not."""
        return self.status.is_terminal

    @property
    def canonical(self) -> str:
        """The one text of this circuit: equal for equal snapshots, and only for them."""
        return canonical_json(
            {field.name: to_plain(getattr(self, field.name)) for field in attrs.fields(type(self))}
        )


class _Folded(Protocol):
    """A job as the server sent it, found right, from which the fields can be made."""

    @property
    def statuses(self) -> Sequence[str]: ...

    def make_fields(self) -> Mapping[str, Any]:
        """The job's own fields that it did not have from the beginning."""
        ...

    def make_circuits(self) -> tuple[CircuitSnapshot, ...]:
        """The circuits."""
        ...


class _Unfolding:
    """A job whose fields may still be folded up as the server sent them.

    Nobody sees it but by the time it takes: the job's own fields are made when somebody first asks
    for one of them, the circuits when somebody first asks for these.
    """

    __slots__ = ("_circuits_later", "_fields_later")

    _circuits_later: _Folded | None
    _fields_later: _Folded | None

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            # Asked only for what no slot holds.
            if name == "circuits":
                folded = self._circuits_later
                if folded is not None:
                    object.__setattr__(self, name, folded.make_circuits())
                    object.__setattr__(self, "_circuits_later", None)
            elif name in _FOLDED:
                folded = self._fields_later
                if folded is not None:
                    for field, value in folded.make_fields().items():
                        object.__setattr__(self, field, value)
                    object.__setattr__(self, "_fields_later", None)
            else:
                raise AttributeError(f"a {type(self).__name__} has no {name!r}")
            return object.__getattribute__(self, name)


@attrs.frozen(kw_only=True)
class JobSnapshot(_Unfolding):
    """One job, as the server described it at one moment.

    A value: it never changes, reading it never does I/O, and two snapshots that say the same are
    equal, whenever and from wherever they were fetched. ``attrs.evolve`` and ``with_counts`` make
    new ones.

    Attributes:
        job_id: The job's id.
        job_type: What the job does with its circuits.
        target: What it runs on, ``<provider>_<device>_<qpu|simulator>``.
        circuit_type: The language that the circuits are written in.
        user_email: Who submitted it, as the server writes it.
        dry_run: Whether it only pretends to run on the target.
        submitted_at: When it was submitted; aware.
        tags: The tags that it was submitted with.
        metadata: The metadata that it was submitted with.
        circuits: Its circuits, in the order submitted; ``circuits[i].index == i``.
        extra: What the server sent that this version does not know: unknown fields by their name,
            and, by the list's name, the entries of a list of the wire past ``num_circuits``.
        short_lists: Lists of the wire that were shorter than ``num_circuits``, with their length;
            nothing is known of the further circuits' entries.
        fetched_at: When the answer came that said this (for a handle, the first that did), by this
            machine's clock; aware, None if unknown. Not part of equality, hash or digest.
        source: The server that it came from; None if unknown. Not part of them either.

    Raises:
        InvalidValue: If a field cannot hold what it is given.
    """

    job_id: UUID = attrs.field(converter=fields.job_id)
    job_type: JobType = attrs.field(converter=_job_type)
    target: str = attrs.field(converter=fields.target)
    circuit_type: CircuitType = attrs.field(converter=_circuit_type)
    user_email: str = attrs.field(converter=fields.text)
    dry_run: bool = attrs.field(default=False, converter=fields.flag)
    submitted_at: dt.datetime = attrs.field(converter=fields.moment, eq=fields.same_moment)
    tags: tuple[str, ...] = attrs.field(default=(), converter=fields.texts)
    metadata: JsonMapping = attrs.field(factory=JsonMapping, converter=fields.json_mapping)
    circuits: tuple[CircuitSnapshot, ...] = attrs.field(converter=_circuits)
    extra: JsonMapping = attrs.field(factory=JsonMapping, converter=fields.json_mapping)
    short_lists: FrozenMapping[str, int] = attrs.field(
        factory=FrozenMapping[str, int], converter=_lengths
    )
    fetched_at: dt.datetime | None = attrs.field(
        default=None, converter=fields.optional_moment, eq=False
    )
    source: str | None = attrs.field(default=None, converter=fields.optional_text, eq=False)

    def __attrs_post_init__(self) -> None:
        fields.refuse_bad(self)
        if self.short_lists:
            object.__setattr__(self, "short_lists", self._still_short())
        fields.refuse_bad(self, InvalidValue, *self._contradictions())

    def _contradictions(self) -> Iterator[Problem]:
        for place, circuit in enumerate(self.circuits):
            if circuit.index != place:
                yield Problem("circuits", f"[{place}] has the index {circuit.index}")
        for name, surplus in self.extra.items():
            if name in JOB_FIELDS:
                yield Problem("extra", f"{name} is a field of its own")
            elif name in PER_CIRCUIT_LISTS and (not isinstance(surplus, tuple) or not surplus):
                yield Problem("extra", f"{name} is not the rest of a list")
            elif name in self.short_lists:
                yield Problem("extra", f"{name} cannot be both too short and too long")

    def _still_short(self) -> FrozenMapping[str, int]:
        # `attrs.evolve` may have filled what a short list left open: then it is longer now.
        lengths = {}
        for name, length in self.short_lists.items():
            field = PER_CIRCUIT_LISTS[name]
            known = [c.index + 1 for c in self.circuits if getattr(c, field) is not None]
            longer = max([length, *known])
            if longer < len(self.circuits):
                lengths[name] = longer
        return FrozenMapping(lengths)

    # ---- what follows from the fields ------------------------------------------------------

    @property
    def num_circuits(self) -> int:
        """How many circuits the job has."""
        return len(self._status_texts())

    @property
    def statuses(self) -> tuple[CircuitStatus, ...]:
        """The status of each circuit."""
        return tuple(map(parse_status, self._status_texts()))

    def _status_texts(self) -> Sequence[str]:
        """Known without the circuits."""
        folded = getattr(self, "_circuits_later", None)
        return [c.status_text for c in self.circuits] if folded is None else folded.statuses

    @property
    def status(self) -> CircuitStatus:
        """The status of the job: the first of ``STATUS_PRIORITY_ORDER`` that a circuit has."""
        texts = self._status_texts()
        if len(texts) == 1:  # as of most jobs
            return parse_status(texts[0])
        return fold_statuses(map(parse_status, set(texts)))

    @property
    def is_terminal(self) -> bool:
        """Whether every circuit is over, well or not. False for a job without circuits."""
        return self.status.is_terminal

    @property
    def is_compiled(self) -> bool:
        """Whether every circuit is past compilation, or over. False without circuits."""
        return self.has_reached(Stage.COMPILED)

    @property
    def completed(self) -> bool:
        """Whether every circuit that was not deleted has completed, and one has."""
        return self.status is CircuitStatus.COMPLETED

    @property
    def unsuccessful(self) -> bool:
        """Whether the job is over without a result: its status is failed, cancelled or deleted."""
        return self.status.is_unsuccessful

    def has_reached(self, stage: Stage, index: int | None = None) -> bool:
        """Whether the job, or one circuit of it, has reached a stage.

        Args:
            stage: The stage.
            index: A circuit, from 0; None for all of them.

        Raises:
            CircuitIndexError: If there is no such circuit.
        """
        if index is not None:
            self._check_index(index)
            return stage.is_reached(self.statuses[index])
        statuses = self.statuses
        return bool(statuses) and all(map(stage.is_reached, statuses))

    def circuit(self, index: int) -> CircuitSnapshot:
        """One circuit, by its index from 0; a negative one does not count from the end.

        Raises:
            TypeError: If the index is no int.
            CircuitIndexError: If there is no such circuit.
        """
        self._check_index(index)
        return self.circuits[index]

    def _check_index(self, index: int) -> None:
        if isinstance(index, bool) or not isinstance(index, int):
            raise TypeError(f"{index!r} is no index of a circuit")
        if not 0 <= index < self.num_circuits:
            raise CircuitIndexError(job_id=self.job_id, index=index, num_circuits=self.num_circuits)

    def age(self, now: dt.datetime) -> dt.timedelta:
        """How long ago this snapshot was fetched.

        Args:
            now: The time; aware.

        Raises:
            ValueError: If it is not known when it was fetched, or ``now`` has no time zone.
        """
        if self.fetched_at is None:
            raise ValueError(f"it is not known when this snapshot of job {self.job_id} was fetched")
        if now.utcoffset() is None:
            raise ValueError("now has no time zone")
        return now - self.fetched_at

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of all that equality sees: the same on every machine and Python."""
        import hashlib  # loads OpenSSL, which not everybody needs

        everything = {
            "job_id": str(self.job_id),
            "data": self.to_dict(),
            "extra": self.extra,
            "short_lists": dict(self.short_lists),
        }
        return hashlib.sha256(canonical_json(everything).encode()).hexdigest()

    # ---- results ---------------------------------------------------------------------------

    def raise_if_unsuccessful(self, index: int | None = None) -> None:
        """Raise if the job, or one circuit of it, ended without a result.

        Args:
            index: A circuit, from 0; None for the whole job, whose status counts. A job that is not
                over yet has not ended.

        Raises:
            SuperstaqUnsuccessfulJobException: If it failed, was cancelled or was deleted, with the
                server's messages.
            CircuitIndexError: If there is no such circuit.
        """
        if index is None:
            status, concerned = self.status, self.circuits
        else:
            concerned = (self.circuit(index),)
            status = concerned[0].status
        if not status.is_unsuccessful:
            return
        ended = [circuit for circuit in concerned if circuit.status is status]
        reasons = "; ".join(
            f"circuit {c.index}: {c.status_message or 'no reason given'}" for c in ended[:20]
        )
        more = f"; and {len(ended) - 20} more" if len(ended) > 20 else ""  # noqa: PLR2004
        raise SuperstaqUnsuccessfulJobException(
            self.job_id, status, circuits=[c.index for c in ended], reason=reasons + more
        )

    @overload
    def counts(self, index: int) -> Counts: ...

    @overload
    def counts(self, index: None = None) -> tuple[Counts, ...]: ...

    def counts(self, index: int | None = None) -> Counts | tuple[Counts, ...]:
        """The counts of one circuit, or of all, which must be over.

        Args:
            index: The circuit, from 0; None for all of them.

        Returns:
            The circuit's counts; for None, those of every circuit, in order.

        Raises:
            SuperstaqUnsuccessfulJobException: If it failed, was cancelled or was deleted.
            CountsUnavailable: If it is not over, or over and without counts (a compile job).
            CircuitIndexError: If there is no such circuit.
        """
        if index is None:
            self.raise_if_unsuccessful()
            return tuple(self.counts(circuit.index) for circuit in self.circuits)
        circuit = self.circuit(index)
        self.raise_if_unsuccessful(index)
        if not circuit.is_terminal:
            raise CountsUnavailable(
                f"circuit {index} of job {self.job_id} has no counts yet: it was "
                f"{circuit.status_text} when this snapshot was taken. Wait for it with "
                "JobHandle.wait_until_complete.",
                job_id=self.job_id,
                index=index,
            )
        if circuit.counts is None:
            raise CountsUnavailable(
                f"circuit {index} of job {self.job_id} is {circuit.status_text} and has no counts "
                f"(the job's type is {self.job_type})",
                job_id=self.job_id,
                index=index,
            )
        return circuit.counts

    def with_counts(self, index: int, counts: Mapping[str, int | float]) -> JobSnapshot:
        """A new snapshot in which one circuit has these counts; all else stays as it is.

        Args:
            index: The circuit, from 0.
            counts: Big-endian bitstrings and their numbers.

        Raises:
            CircuitIndexError: If there is no such circuit.
            InvalidValue: If these are no counts.
        """
        changed = attrs.evolve(self.circuit(index), counts=counts)
        circuits = (*self.circuits[:index], changed, *self.circuits[index + 1 :])
        return attrs.evolve(self, circuits=circuits)

    # ---- plain data ------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """The job as plain JSON data in the official client's shape, ``JobData``.

        Equals ``general_superstaq.models.JobData.model_dump(mode="json")`` of what the server sent.
        The job's id and unknown fields are not in it, as they are not in theirs.

        Returns:
            New dicts and lists, which are the caller's own.
        """
        data: dict[str, Any] = {
            "job_type": str(self.job_type),
            "user_email": self.user_email,
            "target": self.target,
            "num_circuits": len(self.circuits),
            "circuit_type": str(self.circuit_type),
            "dry_run": self.dry_run,
            "submission_timestamp": _timestamp(self.submitted_at),
            "tags": list(self.tags),
            "metadata": self.metadata.to_dict(),
        }
        for name, field in PER_CIRCUIT_LISTS.items():
            sent = self.circuits[: self.short_lists.get(name, len(self.circuits))]
            surplus = thaw(self.extra.get(name, ()))
            data[name] = [*(to_plain(getattr(circuit, field)) for circuit in sent), *surplus]
        return data


def _timestamp(moment: dt.datetime) -> str:
    text = moment.isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


def to_plain(value: Any) -> Any:
    """A field of a circuit as plain JSON data."""
    if isinstance(value, dt.datetime):
        return _timestamp(value)
    if isinstance(value, Counts):
        return dict(value)
    if isinstance(value, FrozenMapping):
        return {str(key): item for key, item in value.items()}
    return value
