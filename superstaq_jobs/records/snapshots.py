"""Jobs and their circuits as the server described them, as records that cannot change.

Reading a record does no I/O. A pickle names this module, so its classes do not move.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn, overload
from uuid import UUID

import attrs
from attrs.converters import optional

from . import display, fields
from .advice import SNAPSHOT_ADVICE, explains_changes, raise_no_attribute
from .counts import Counts
from .frozen import FrozenMapping, JsonMapping, canonical_json, to_plain
from .ids import JobId
from .problems import (
    MAX_PROBLEMS,
    CountsUnavailable,
    InvalidValue,
    Problem,
    SuperstaqUnsuccessfulJobException,
    check_index,
    check_type,
    line,
)
from .shape import JOB_FIELDS, MISSING_ENTRIES, PER_CIRCUIT_LISTS
from .status import CircuitStatus, CircuitType, JobType, Stage, fold_statuses, parse_status

__all__ = [
    "CircuitSnapshot",
    "JobSnapshot",
    "digest_of",
    "make_circuit",
    "make_job",
    "status_text",
]

_MAX_REASON: Final = 1000
"""The most that an error repeats of the server's explanation."""


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
    optional = PER_CIRCUIT_LISTS.keys() - {"statuses"}
    if not isinstance(value, Mapping) or not all(
        name in optional and type(length) is int and length >= 0 for name, length in value.items()
    ):
        bad: FrozenMapping[str, int] = fields.bad("must map names of optional lists to lengths")
        return bad
    return FrozenMapping(value)


@explains_changes
@attrs.frozen(kw_only=True)
class CircuitSnapshot(fields.Checked):
    """One circuit of a job, as the server described it at one moment.

    Attributes:
        index: Its position in the job, from 0.
        status_text: Its status as the server wrote it; ``status`` is what it means.
        status_message: The server's explanation of the status, such as why the circuit failed.
        provider_id: Its id at the device's provider.
        input_circuit: The circuit as submitted, serialized as the job's ``circuit_type`` says;
            empty or None if the server did not say.
        compiled_circuit: The circuit as compiled for the target, or None.
        counts: How often each bitstring was measured (big-endian), or None.
        results_dict: Further results, as a string that the server serialized.
        shots: How many shots were requested; None if the server did not say.
        updated_at: When the server last changed the circuit; has a time zone.
        initial_logical_to_physical: Where each qubit of the input circuit starts: from its index to
            the index of the device's qubit.
        final_logical_to_physical: The same at the end of the circuit.
        logical_qubits: The input circuit's qubits in the order of those indices, serialized (cirq).
        physical_qubits: The device's qubits, likewise (cirq).
        circuit_id: The circuit's own id, in API v0.2.0; None in v0.3.0, where it has none.
        extra: What API v0.2.0 said of the circuit and no other field holds, by the server's names,
            such as ``num_qubits``.

    Raises:
        InvalidValue: If a field cannot hold its value; names every such field.
    """

    index: int = attrs.field(converter=fields.count)
    status_text: str = attrs.field(converter=fields.string)
    status_message: str | None = attrs.field(default=None, converter=optional(fields.string))
    provider_id: str | None = attrs.field(default=None, converter=optional(fields.string))
    input_circuit: str | None = attrs.field(default="", converter=optional(fields.string))
    compiled_circuit: str | None = attrs.field(default=None, converter=optional(fields.string))
    counts: Counts | None = attrs.field(default=None, converter=_counts)
    results_dict: str | None = attrs.field(default=None, converter=optional(fields.string))
    shots: int | None = attrs.field(default=0, converter=optional(fields.integer))
    updated_at: dt.datetime | None = attrs.field(
        default=None, converter=optional(fields.moment), eq=fields.same_moment
    )
    initial_logical_to_physical: FrozenMapping[int, int] | None = attrs.field(
        default=None, converter=optional(fields.integer_map)
    )
    final_logical_to_physical: FrozenMapping[int, int] | None = attrs.field(
        default=None, converter=optional(fields.integer_map)
    )
    logical_qubits: str | None = attrs.field(default=None, converter=optional(fields.string))
    physical_qubits: str | None = attrs.field(default=None, converter=optional(fields.string))
    circuit_id: str | None = attrs.field(default=None, converter=optional(fields.string))
    extra: JsonMapping = attrs.field(factory=JsonMapping, converter=fields.json_mapping)

    @property
    def status(self) -> CircuitStatus:
        """The meaning of ``status_text``; ``UNKNOWN`` if this version does not know it."""
        return parse_status(self.status_text)

    @property
    def is_terminal(self) -> bool:
        """Whether the circuit is finished, successful or not."""
        return self.status.is_terminal

    @property
    def canonical(self) -> str:
        """The circuit as canonical JSON: the same for equal snapshots, and only for them."""
        return canonical_json(
            {field.name: to_plain(getattr(self, field.name)) for field in attrs.fields(type(self))}
        )

    @display.never_raises
    def __repr__(self) -> str:
        parts = [] if self.shots is None else [display.plural(self.shots, "shot")]
        parts += [] if self.counts is None else [display.outcomes(self.counts)]
        parts += [f"updated {display.moment(self.updated_at)}"] if self.updated_at else []
        text = f"<CircuitSnapshot {self.index} {display.line(self.status_text)}: {', '.join(parts)}"
        message = f"\n {display.line(self.status_message, 100)}" if self.status_message else ""
        return f"{text.removesuffix(': ')}{message}>"


@explains_changes
@attrs.frozen(kw_only=True)
class JobSnapshot:
    """One job, as the server described it at one moment.

    It never changes, and reading it does no I/O. Snapshots with the same content are equal,
    whenever and from wherever they were fetched. ``attrs.evolve`` and ``with_counts`` make changed
    copies.

    What the server did not say is None. Of the fields from ``job_type`` to ``metadata``, API v0.2.0
    sends ``target`` and ``circuit_type`` at most.

    Attributes:
        job_id: The job's id: a UUID in API v0.3.0; in v0.2.0 the ids of its circuits, joined by
            commas.
        job_type: What the job does with its circuits.
        target: What it runs on, ``<provider>_<device>_<qpu|simulator>``.
        circuit_type: The format of the circuits.
        user_email: Who submitted it, as the server writes it.
        dry_run: Whether running on the target is only simulated.
        submitted_at: When it was submitted; has a time zone.
        tags: The tags it was submitted with.
        metadata: The metadata it was submitted with.
        circuits: Its circuits, in the order submitted; ``circuits[i].index == i``.
        extra: What the server sent and this version does not know: unknown fields by name, and, by
            the name of a list, its entries beyond ``num_circuits``.
        short_lists: By name, the length of each list from the server that had fewer than
            ``num_circuits`` entries. For the remaining circuits, the field is unknown.
        fetched_at: When the response with this content arrived (for a handle, the first one), by
            the clock of this machine; None if unknown. Not part of equality, hash and digest.
        source: The server it came from; None if unknown. Not part of them either.

    Raises:
        InvalidValue: If a field cannot hold its value; names every such field.
    """

    job_id: JobId = attrs.field(converter=fields.any_job_id)
    job_type: JobType | None = attrs.field(converter=optional(fields.job_type))
    target: str | None = attrs.field(converter=optional(fields.target))
    circuit_type: CircuitType | None = attrs.field(converter=optional(fields.circuit_type))
    user_email: str | None = attrs.field(converter=optional(fields.string))
    dry_run: bool | None = attrs.field(default=False, converter=optional(fields.flag))
    submitted_at: dt.datetime | None = attrs.field(
        converter=optional(fields.moment), eq=fields.same_moment
    )
    tags: tuple[str, ...] | None = attrs.field(default=(), converter=optional(fields.strings))
    metadata: JsonMapping | None = attrs.field(
        factory=JsonMapping, converter=optional(fields.json_mapping)
    )
    circuits: tuple[CircuitSnapshot, ...] = attrs.field(converter=_circuits)
    extra: JsonMapping = attrs.field(factory=JsonMapping, converter=fields.json_mapping)
    short_lists: FrozenMapping[str, int] = attrs.field(
        factory=FrozenMapping[str, int], converter=_lengths
    )
    fetched_at: dt.datetime | None = attrs.field(
        default=None, converter=optional(fields.moment), eq=False
    )
    source: str | None = attrs.field(default=None, converter=optional(fields.string), eq=False)

    def __attrs_post_init__(self) -> None:
        circuits = self.circuits if isinstance(self.circuits, tuple) else ()
        uuid = fields.job_id(self.job_id)
        # The ids of circuits stay strings, though each may look like a UUID.
        if not any(circuit.circuit_id for circuit in circuits) and (
            self.circuits != () or isinstance(uuid, UUID)
        ):
            object.__setattr__(self, "job_id", uuid)
        fields.refuse_bad(self)
        if self.short_lists:
            object.__setattr__(self, "short_lists", self._still_short())
        fields.refuse_bad(self, InvalidValue, *self._contradictions())

    def _contradictions(self) -> Iterator[Problem]:
        own = [circuit.circuit_id for circuit in self.circuits]
        if any(own) and self.job_id != ",".join(str(each) for each in own):
            yield Problem("job_id", "must be the circuit_id of each circuit, joined by commas")
        for place, circuit in enumerate(self.circuits):
            if circuit.index != place:
                yield Problem(
                    "circuits", f"[{place}] must have the index {place}, got {circuit.index}"
                )
        for name, surplus in self.extra.items():
            if name in JOB_FIELDS:
                yield Problem("extra", f"{name} is a field of JobSnapshot")
            elif name in PER_CIRCUIT_LISTS and (not isinstance(surplus, tuple) or not surplus):
                yield Problem(
                    "extra", f"{name} must be the entries of that list beyond num_circuits"
                )
            elif name in self.short_lists:
                yield Problem("extra", f"{name} cannot be in short_lists as well")

    def _still_short(self) -> FrozenMapping[str, int]:
        # `attrs.evolve` may have filled in what a short list left out: then it is longer now.
        lengths = {}
        for name, length in self.short_lists.items():
            field = PER_CIRCUIT_LISTS[name]
            missing = MISSING_ENTRIES.get(name)
            known = [c.index + 1 for c in self.circuits if getattr(c, field) != missing]
            longer = max([length, *known])
            if longer < len(self.circuits):
                lengths[name] = longer
        return FrozenMapping(lengths)

    if not TYPE_CHECKING:  # where it would hide every misspelled name

        def __getattr__(self, name: str) -> NoReturn:
            raise_no_attribute(self, name, SNAPSHOT_ADVICE)

    # ---- what follows from the fields ------------------------------------------------------

    @property
    def num_circuits(self) -> int:
        """How many circuits the job has."""
        return len(self.circuits)

    @property
    def statuses(self) -> tuple[CircuitStatus, ...]:
        """The status of each circuit."""
        return tuple([parse_status(circuit.status_text) for circuit in self.circuits])

    @property
    def status(self) -> CircuitStatus:
        """The status of the job: the first of ``STATUS_PRIORITY_ORDER`` that a circuit has."""
        if len(self.circuits) == 1:  # as in most jobs
            return parse_status(self.circuits[0].status_text)
        return fold_statuses(map(parse_status, {c.status_text for c in self.circuits}))

    @property
    def is_terminal(self) -> bool:
        """Whether every circuit is finished, successful or not. False if there is none."""
        return self.status.is_terminal

    @property
    def is_compiled(self) -> bool:
        """Whether every circuit is past compilation, or finished. False if there is none."""
        return self.has_reached(Stage.COMPILED)

    @property
    def completed(self) -> bool:
        """Whether every circuit that was not deleted has completed, and at least one has."""
        return self.status is CircuitStatus.COMPLETED

    @property
    def unsuccessful(self) -> bool:
        """Whether the job is finished without a result: failed, cancelled or deleted."""
        return self.status.is_unsuccessful

    def has_reached(self, stage: Stage, index: int | None = None) -> bool:
        """Whether the job, or one circuit of it, has reached a stage.

        Args:
            stage: The stage.
            index: A circuit, from 0; None for all of them.

        Raises:
            CircuitIndexError: If the job does not have that circuit.
        """
        stage = fields.one_of(Stage, stage)
        fields.refuse("a call of has_reached", {"stage": stage}, InvalidValue)
        if index is not None:
            return stage.is_reached(self.circuit(index).status)
        statuses = self.statuses
        return bool(statuses) and all(map(stage.is_reached, statuses))

    def circuit(self, index: int) -> CircuitSnapshot:
        """One circuit, by its index from 0. Negative indices do not count from the end.

        Raises:
            TypeError: If the index is not an int.
            CircuitIndexError: If the job does not have that circuit.
        """
        check_index(self.job_id, index, num_circuits=self.num_circuits)
        return self.circuits[index]

    def age(self, now: dt.datetime) -> dt.timedelta:
        """How long ago this snapshot was fetched.

        Args:
            now: The current time, with a time zone.

        Raises:
            ValueError: If ``fetched_at`` is None, or ``now`` has no time zone.
        """
        if self.fetched_at is None:
            raise InvalidValue(f"this snapshot of job {self.job_id} has no fetched_at")
        check_type(dt.datetime, now=now)
        if now.utcoffset() is None:
            raise InvalidValue("now must have a time zone, such as datetime.UTC")
        return now - self.fetched_at

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of all that equality compares: the same everywhere."""
        return digest_of(self, self.to_dict())

    # ---- results ---------------------------------------------------------------------------

    def raise_if_unsuccessful(self, index: int | None = None) -> None:
        """Raise if the job, or one circuit of it, ended without a result.

        Args:
            index: A circuit, from 0; None for the status of the whole job, which is not
                unsuccessful while one of its circuits is unfinished.

        Raises:
            SuperstaqUnsuccessfulJobException: If it failed, was cancelled or was deleted; with the
                server's explanations.
            CircuitIndexError: If the job does not have that circuit.
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
            f"circuit {c.index}: {line(c.status_message or 'no reason given', _MAX_REASON)}"
            for c in ended[:MAX_PROBLEMS]
        )
        rest = len(ended) - MAX_PROBLEMS
        more = f"; and {rest} more" if rest > 0 else ""
        raise SuperstaqUnsuccessfulJobException(
            self.job_id, status, circuits=[c.index for c in ended], reason=reasons + more
        )

    @overload
    def counts(self, index: int) -> Counts: ...

    @overload
    def counts(self, index: None = None) -> tuple[Counts, ...]: ...

    def counts(self, index: int | None = None) -> Counts | tuple[Counts, ...]:
        """The counts of one circuit, or of all of them; they must be finished.

        Args:
            index: The circuit, from 0; None for all of them.

        Returns:
            The circuit's counts; for None, those of every circuit, in order.

        Raises:
            SuperstaqUnsuccessfulJobException: If it failed, was cancelled or was deleted.
            CountsUnavailable: If it is unfinished, or finished without counts (a compile job).
            CircuitIndexError: If the job does not have that circuit.
        """
        if index is None:
            self.raise_if_unsuccessful()
            return tuple(self.counts(circuit.index) for circuit in self.circuits)
        circuit = self.circuit(index)
        self.raise_if_unsuccessful(index)
        if circuit.is_terminal and circuit.counts is not None:
            return circuit.counts
        if circuit.is_terminal:
            kind = self.job_type or "not known"
            why = f"is {circuit.status_text} and has no counts (its job type is {kind})"
        else:
            why = (
                f"has no counts yet: it was {line(circuit.status_text)} when this snapshot was "
                "taken. Wait for it with JobHandle.wait_until_complete()."
            )
        raise CountsUnavailable(
            f"circuit {index} of job {self.job_id} {why}", job_id=self.job_id, index=index
        )

    def with_counts(self, index: int, counts: Mapping[str, int | float]) -> JobSnapshot:
        """A copy of the snapshot in which one circuit has these counts.

        Args:
            index: The circuit, from 0.
            counts: Big-endian bitstrings and their numbers.

        Raises:
            CircuitIndexError: If the job does not have that circuit.
            InvalidValue: If ``counts`` cannot be made into ``Counts``.
        """
        changed = attrs.evolve(self.circuit(index), counts=counts)
        circuits = (*self.circuits[:index], changed, *self.circuits[index + 1 :])
        return attrs.evolve(self, circuits=circuits)

    # ---- plain data ------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """The job as plain JSON data in the official client's shape, ``JobData``.

        In API v0.3.0 it equals ``general_superstaq.models.JobData.model_dump(mode="json")`` of what
        the server sent. As there, the job's id and unknown fields are left out. In v0.2.0 it has
        the same shape, with None for what that version does not say.

        Returns:
            New dicts and lists.
        """
        data = {name: to_plain(getattr(self, field)) for name, field in JOB_FIELDS.items()}
        for name, field in PER_CIRCUIT_LISTS.items():
            sent = self.circuits[: self.short_lists.get(name, len(self.circuits))]
            surplus = to_plain(self.extra.get(name, ()))
            data[name] = [*(to_plain(getattr(circuit, field)) for circuit in sent), *surplus]
        return data

    # ---- for people ------------------------------------------------------------------------

    @display.never_raises
    def __repr__(self) -> str:
        circuits = display.plural(self.num_circuits, "circuit")
        if self.num_circuits > 1:
            circuits += f" ({display.status_counts(c.status_text for c in self.circuits)})"
        kind = [str(part) for part in (self.target, self.job_type, self.circuit_type) if part]
        status = display.line(status_text(self), 30)
        lines = [f"<JobSnapshot {status}: {circuits}", ", ".join(kind)]
        lines.append(f"job {display.line(str(self.job_id), 80)}")
        if self.fetched_at is not None:
            source = "" if self.source is None else f" from {display.line(self.source)}"
            lines.append(f"fetched {display.moment(self.fetched_at)}{source}")
        return "\n ".join(filter(None, lines)) + ">"

    def _repr_html_(self) -> str:
        circuits = display.plural(self.num_circuits, "circuit")
        statuses = display.status_counts(c.status_text for c in self.circuits)
        known = display.facts(
            [
                ("target", self.target),
                ("type", self.job_type),
                ("format", self.circuit_type),
                ("submitted", self.submitted_at),
                ("fetched", self.fetched_at),
                ("from", self.source),
                ("tags", ", ".join(self.tags) if self.tags else None),
                (circuits, statuses),
            ]
        )
        rows = [_table_row(circuit) for circuit in self.circuits[: display.MAX_ROWS]]
        head = ["circuit", "status", "shots", "result"]
        table = display.table(head, rows, self.num_circuits)
        return display.card("JobSnapshot", str(self.job_id), status_text(self), known, table)


def status_text(snapshot: JobSnapshot, index: int | None = None) -> str:
    """The status of a job, or of one circuit, in the server's word, whether it is known or not."""
    if index is not None:
        return snapshot.circuit(index).status_text
    status = snapshot.status
    return next((c.status_text for c in snapshot.circuits if c.status is status), str(status))


def _table_row(circuit: CircuitSnapshot) -> tuple[object, ...]:
    counts = None if circuit.counts is None else display.largest(circuit.counts)
    return (
        circuit.index,
        display.status_mark(circuit.status_text),
        "" if circuit.shots is None else circuit.shots,
        "; ".join(filter(None, [counts, circuit.status_message])),
    )


def digest_of(
    snapshot: JobSnapshot,
    data: dict[str, Any],
    write: Callable[[Any], bytes] = lambda value: canonical_json(value).encode(),
) -> str:
    """The digest of a snapshot whose ``to_dict()`` is at hand; ``write`` gives canonical JSON."""
    import hashlib  # loads OpenSSL, which few programs need

    everything: dict[str, Any] = {
        "job_id": str(snapshot.job_id),
        "data": data,
        "extra": snapshot.extra,
        "short_lists": dict(snapshot.short_lists),
    }
    if any(circuit.circuit_id or circuit.extra for circuit in snapshot.circuits):
        everything["circuits"] = [(c.circuit_id, c.extra) for c in snapshot.circuits]
    return hashlib.sha256(write(everything)).hexdigest()


make_circuit: Final = fields.maker(CircuitSnapshot, circuit_id=None, extra=JsonMapping())
"""A ``CircuitSnapshot`` of checked values, in the order of its fields up to ``physical_qubits``."""

make_job: Final = fields.maker(JobSnapshot)
"""A ``JobSnapshot`` of checked values, in the order of its fields."""
