"""What an ``AttributeError`` says to do: what replaces an official name, how to change a record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn, TypeVar

import attrs
from attrs.exceptions import FrozenInstanceError

from .shape import PER_CIRCUIT_LISTS

__all__ = ["HANDLE_ADVICE", "SNAPSHOT_ADVICE", "explains_changes", "raise_no_attribute"]

T = TypeVar("T")

_LIVE: Final = "superstaq_jobs.JobHandle(client, snapshot.job_id)"

# What to write instead of an official name; the two dicts below say what the braces stand for.
_INSTEAD: Final[Mapping[str, str]] = {
    "counts": "{final}.counts(index)",
    "combined_counts": "superstaq_jobs.Counts().combine(*{final}.counts())",
    "result": "superstaq_jobs.interop.qiskit.to_result({final})",
    "combined_result": "superstaq_jobs.interop.qiskit.to_result({final})",
    "input_circuits": "superstaq_jobs.interop.cirq.input_circuits({known})",
    "compiled_circuits": "superstaq_jobs.interop.cirq.compiled_circuits({compiled})",
    "initial_logical_to_physical": (
        "superstaq_jobs.interop.cirq.qubit_map({known}, index, 'initial')"
    ),
    "final_logical_to_physical": "superstaq_jobs.interop.cirq.qubit_map({known}, index, 'final')",
    "pulse_gate_circuits": "{known}.circuits[index].extra['pulse_gate_circuits']",
    "num_qubits": "{known}.circuits[index].extra['num_qubits']",
    "repetitions": "{known}.circuits[index].shots",
    "shots": "{known}.circuits[index].shots",
    "jaqal_program": "{metadata}.get('jaqal_program')",
    "backend": "{target}",
    "done": "{now}.completed",
    "running": "{status} == 'running'",
    "cancelled": "{status} == 'cancelled'",
    "in_final_state": "{now}.is_terminal",
    "wait_for_final_state": "{handle}.wait_until_complete(timeout_seconds=600)",
    "version": "{handle}.client.api.version",
    "ALL_STATES": "tuple(superstaq_jobs.CircuitStatus)",
    "TERMINAL_STATES": "{status}.is_terminal",
    "NON_TERMINAL_STATES": "not {status}.is_terminal",
    "PROCESSING_STATES": "not {status}.is_terminal",
    "UNSUCCESSFUL_STATES": "{status}.is_unsuccessful",
}
_ON_A_HANDLE: Final[Mapping[str, str]] = {
    "handle": "handle",
    "known": "handle.job_data",
    "compiled": "handle.wait_until_complete(until='compiled')",
    "final": "handle.wait_until_complete()",
    "now": "handle.refresh()",
    "status": "handle.status()",
    "target": "handle.target()",
    "metadata": "handle.metadata",
}
_ON_A_SNAPSHOT: Final[Mapping[str, str]] = {
    **dict.fromkeys(("known", "compiled", "final", "now"), "snapshot"),
    **{name: f"snapshot.{name}" for name in ("status", "target", "metadata")},
    "handle": _LIVE,
}

HANDLE_ADVICE: Final[Mapping[str, str]] = {
    name: text.format_map(_ON_A_HANDLE) for name, text in _INSTEAD.items()
}
"""Names of the official clients' jobs that a handle does not have, and what to write instead."""

SNAPSHOT_ADVICE: Final[Mapping[str, str]] = {
    **{
        name: f"[circuit.{field} for circuit in snapshot.circuits]"
        for name, field in PER_CIRCUIT_LISTS.items()
        if name not in {"counts", "statuses"}  # which it has
    },
    **{name: t.format_map(_ON_A_SNAPSHOT) for name, t in _INSTEAD.items() if name != "counts"},
    **{
        name: f"{_LIVE}.{name}()"
        for name in ("cancel", "refresh", "wait_until_complete", "wait_until_terminal_state")
    },
    "submit": "superstaq_jobs.JobHandle.submit(client, new_job)",
    "job_data": "snapshot",
    "endianness": "superstaq_jobs.JobHandle.endianness",
    "STATUS_PRIORITY_ORDER": "superstaq_jobs.STATUS_PRIORITY_ORDER",
    "set_counts": "snapshot.with_counts(index, counts)",
    "set_counts_for_circuit": "snapshot.with_counts(index, counts)",
    "submission_timestamp": "snapshot.submitted_at",
    "model_dump": "snapshot.to_dict()",
    "dict": "snapshot.to_dict()",
    "model_dump_json": "superstaq_jobs.encode_jobs([snapshot])",
    "json": "superstaq_jobs.encode_jobs([snapshot])",
    "model_copy": "attrs.evolve(snapshot)",
    "copy": "attrs.evolve(snapshot)",
}
"""The same for a snapshot, and for the fields and methods of the official ``JobData``."""


def raise_no_attribute(record: object, name: str, elsewhere: Mapping[str, str]) -> NoReturn:
    """Raise the ``AttributeError`` of ``__getattr__``, which says what to use instead, if known."""
    what = f"{type(record).__name__!r} object has no attribute {name!r}"
    if name not in elsewhere:
        raise AttributeError(what, name=name, obj=record)
    raise AttributeError(f"{what}; nothing was sent. Use {elsewhere[name]}", name=name)


class FrozenRecordError(FrozenInstanceError):
    """attrs' error for a change of a record, with a message."""

    def __init__(self, message: str) -> None:
        super().__init__()
        self.args = (message,)
        self.msg = message

    def __str__(self) -> str:
        return self.msg


def explains_changes(cls: type[T]) -> type[T]:
    """A class decorator: setting or deleting an attribute of a record says how to change it."""
    cls.__setattr__ = _refuse_change  # type: ignore[method-assign]
    cls.__delattr__ = _refuse_change  # type: ignore[method-assign]
    return cls


def _refuse_change(record: Any, name: str, *_: object) -> NoReturn:
    kind = type(record)
    if name == "counts":
        way = "snapshot.with_counts(index, counts)"
    elif name in attrs.fields_dict(kind):
        way = f"attrs.evolve(record, {name}=value)"
    else:
        way = "attrs.evolve(record, field=value), for one of the fields that it is made of"
    raise FrozenRecordError(
        f"{name} of a {kind.__name__} cannot be set or deleted, since records do not change. "
        f"Nothing was changed. Make a changed copy: {way}"
    )
