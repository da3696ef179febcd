"""What an ``AttributeError`` says to do.

Where a name of the official clients' jobs is here, and how to change a record, which is frozen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn, TypeVar

import attrs
from attrs.exceptions import FrozenInstanceError

__all__ = ["OF_HANDLES", "OF_SNAPSHOTS", "FrozenRecordError", "explains_changes", "has_no"]

T = TypeVar("T")

OF_HANDLES: Final[Mapping[str, str]] = {
    "counts": "handle.wait_until_complete().counts(index)",
    "combined_counts": "superstaq_jobs.Counts().combine(*handle.wait_until_complete().counts())",
    "result": "superstaq_jobs.interop.qiskit.to_result(handle.wait_until_complete())",
    "combined_result": "superstaq_jobs.interop.qiskit.to_result(handle.wait_until_complete())",
    "input_circuits": "superstaq_jobs.interop.cirq.input_circuits(handle.job_data)",
    "compiled_circuits": (
        "superstaq_jobs.interop.cirq.compiled_circuits("
        "handle.wait_until_complete(until='compiled'))"
    ),
    "initial_logical_to_physical": (
        "superstaq_jobs.interop.cirq.qubit_map(handle.job_data, index, 'initial')"
    ),
    "final_logical_to_physical": (
        "superstaq_jobs.interop.cirq.qubit_map(handle.job_data, index, 'final')"
    ),
    "pulse_gate_circuits": "handle.job_data.circuits[index].extra['pulse_gate_circuits']",
    "num_qubits": "handle.job_data.circuits[index].extra['num_qubits']",
    "repetitions": "handle.job_data.circuits[index].shots",
    "shots": "handle.job_data.circuits[index].shots",
    "jaqal_program": "handle.metadata.get('jaqal_program')",
    "backend": "handle.target()",
    "done": "handle.refresh().completed",
    "running": "handle.status() == 'running'",
    "cancelled": "handle.status() == 'cancelled'",
    "in_final_state": "handle.refresh().is_terminal",
    "wait_for_final_state": "handle.wait_until_complete(timeout_seconds=600)",
    "version": "handle.client.api.version",
    "ALL_STATES": "tuple(superstaq_jobs.CircuitStatus)",
    "TERMINAL_STATES": "handle.status().is_terminal",
    "NON_TERMINAL_STATES": "not handle.status().is_terminal",
    "PROCESSING_STATES": "not handle.status().is_terminal",
    "UNSUCCESSFUL_STATES": "handle.status().is_unsuccessful",
}
"""Names of the official clients' jobs that a handle does not have, and what to write instead."""

_LIVE: Final = "superstaq_jobs.JobHandle(client, snapshot.job_id)"

OF_SNAPSHOTS: Final[Mapping[str, str]] = {
    name: text.replace("handle.wait_until_complete(until='compiled')", "snapshot")
    .replace("handle.wait_until_complete()", "snapshot")
    .replace("handle.job_data", "snapshot")
    .replace("handle.metadata", "snapshot.metadata")
    .replace("handle.target()", "snapshot.target")
    .replace("handle.status()", "snapshot.status")
    .replace("handle.refresh()", "snapshot")
    .replace("handle.", f"{_LIVE}.")
    for name, text in OF_HANDLES.items()
    if name != "counts"
} | {
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
    "status_messages": "[circuit.status_message for circuit in snapshot.circuits]",
    "provider_id": "[circuit.provider_id for circuit in snapshot.circuits]",
    "results_dicts": "[circuit.results_dict for circuit in snapshot.circuits]",
    "last_updated_timestamp": "[circuit.updated_at for circuit in snapshot.circuits]",
    "logical_qubits": "[circuit.logical_qubits for circuit in snapshot.circuits]",
    "physical_qubits": "[circuit.physical_qubits for circuit in snapshot.circuits]",
    "initial_logical_to_physicals": (
        "[circuit.initial_logical_to_physical for circuit in snapshot.circuits]"
    ),
    "final_logical_to_physicals": (
        "[circuit.final_logical_to_physical for circuit in snapshot.circuits]"
    ),
    "model_dump": "snapshot.to_dict()",
    "dict": "snapshot.to_dict()",
    "model_dump_json": "superstaq_jobs.encode_jobs([snapshot])",
    "json": "superstaq_jobs.encode_jobs([snapshot])",
    "model_copy": "attrs.evolve(snapshot)",
    "copy": "attrs.evolve(snapshot)",
}
"""The same for a snapshot, and for the fields and methods of the official ``JobData``."""


def has_no(record: object, name: str, elsewhere: Mapping[str, str]) -> NoReturn:
    """Raise the ``AttributeError`` of ``__getattr__``, which says where the name is here, if it is.

    Names that Python or IPython probes for get the usual message.
    """
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
