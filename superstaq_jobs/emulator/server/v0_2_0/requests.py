"""The bodies of requests of version 0.2.0, and the form of its errors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final, TypeVar

import msgspec

from superstaq_jobs.emulator.messages import Refusal, Request, TargetName, read_body, read_json
from superstaq_jobs.emulator.service import Service

__all__ = [
    "CIRCUIT_TYPES",
    "AqtFiles",
    "Circuits",
    "JobIds",
    "NewJobs",
    "Reading",
    "TargetInfoQuery",
    "Terms",
    "bad_request",
    "error",
    "read",
    "sizes",
]

T = TypeVar("T", bound=msgspec.Struct)

CIRCUIT_TYPES: Final = ("cirq", "qiskit")
"""The formats of circuits; those of one format are in the field ``cirq_circuits``, and so on."""


def bad_request(message: str) -> Refusal:
    """The 400 for a request that cannot be carried out."""
    return Refusal(400, {"message": message})


def error(refusal: Refusal) -> Refusal:
    """A refusal as this version sends it: an object with a ``message``, or a JSON string."""
    body = refusal.body
    if not isinstance(body, dict) or "message" in body:
        return refusal
    detail = body["detail"]
    if isinstance(detail, str):
        return Refusal(refusal.status_code, {"message": detail})
    return bad_request("; ".join(map(_sentence, detail)))


def _sentence(problem: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in problem["loc"][1:])
    return f"{where}: {problem['msg']}" if where else f"the body is invalid: {problem['msg']}"


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What every body may have: options, a JSON object written as a string."""

    options: str | None = None

    def read_options(self) -> dict[str, Any]:
        """The options; raises a ``Refusal`` with 400 if the string is not a JSON object."""
        try:
            options: dict[str, Any] = read_json((self.options or "{}").encode(), dict[str, Any])
        except msgspec.ValidationError as error:
            raise bad_request(f"options: must be a JSON object as a string: {error}") from error
        return options


class Circuits(Reading, frozen=True, kw_only=True):
    """Circuits in one format, for a target."""

    target: TargetName
    cirq_circuits: str | None = None
    qiskit_circuits: str | None = None
    jaqal_strs: str | None = None

    @property
    def one(self) -> tuple[str, str]:
        """The circuits as a string, and their format; raises a ``Refusal`` unless there is one."""
        given = {kind: getattr(self, f"{kind}_circuits") for kind in CIRCUIT_TYPES}
        found = [(circuits, kind) for kind, circuits in given.items() if circuits is not None]
        if self.jaqal_strs is not None:
            raise bad_request("this emulator does not read Jaqal: send cirq or qiskit circuits")
        if len(found) != 1:
            raise bad_request("expected either cirq_circuits or qiskit_circuits")
        return found[0]


class NewJobs(Circuits, frozen=True, kw_only=True):
    """Circuits to run, one job each."""

    shots: Annotated[int, msgspec.Meta(ge=1)]
    method: str | None = None


class JobIds(Reading, frozen=True, kw_only=True):
    """The ids of jobs."""

    job_ids: Annotated[list[str], msgspec.Meta(min_length=1)]

    @property
    def unique(self) -> Iterable[str]:
        """The ids in order, each once."""
        return dict.fromkeys(self.job_ids)


class TargetInfoQuery(Reading, frozen=True, kw_only=True):
    """The target whose details are wanted."""

    target: TargetName


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What the user typed when asked to accept the terms of use."""

    user_input: str


class AqtFiles(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration files of an AQT device, as YAML."""

    pulses: str
    variables: str


def read(cls: type[T], request: Request) -> T:
    """The body of a request; raises a ``Refusal``."""
    return read_body(cls, request.body)


def sizes(service: Service, circuits: list[str], circuit_type: str) -> list[dict[str, int] | None]:
    """The size of each circuit, as in estimates; None for one that cannot be read."""
    given = {"sources": circuits, "circuit_type": circuit_type}
    try:
        found: list[dict[str, int] | None] = service.store.call("sizes", **given)
    except ValueError:  # it took too long
        return [None] * len(circuits)
    return found
