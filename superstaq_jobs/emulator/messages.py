"""The requests and responses of the API: what they hold, and how requests are read and validated.

Reading is strict: ``"3"`` is not a number and ``1`` is not a boolean. The real service may be more
tolerant; what the emulator accepts, any service accepts.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import urllib.parse
import uuid
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

import attrs
import msgspec

from superstaq_jobs.records import fields
from superstaq_jobs.records.problems import shown

__all__ = [
    "MAX_BODY_BYTES",
    "JobQuery",
    "NewJob",
    "Refusal",
    "Request",
    "Response",
    "TargetFilter",
    "TargetName",
    "invalid",
    "job_problem",
    "json_response",
    "read_body",
    "read_json",
    "read_query",
]

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
"""The largest body that is read; a larger one is refused with 413."""

_MAX_BYTES: Final = {b'"': MAX_BODY_BYTES, b"[": 10 * 1024 * 1024}
_MAX_FREE_BYTES: Final = 1024 * 1024
"""How long a string, a list and any other JSON may be, by its first character. Nothing else runs
while it is decoded, which takes a quarter of a second at most."""

_MAX_SHOTS: Final = 1_000_000
"""Each shot may have an outcome of its own, which has to be kept."""

_THIS_MACHINE: Final = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?", re.IGNORECASE)


# ---- requests and responses ----------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Request:
    """A request; ``circuit_type`` is the last part of the path of a call that has it there."""

    query: str
    headers: Mapping[str, str]
    body: bytes
    circuit_type: str

    @property
    def key(self) -> str:
        """The API key."""
        return self.headers.get("Authorization", "")

    def check_host(self) -> None:
        """Refuse a request for another host with 421.

        A web page whose host name is made to resolve to this machine can send anything, even the
        API key, which is the same in every emulator by default; but it cannot send a different
        ``Host``.
        """
        if not _THIS_MACHINE.fullmatch(self.headers.get("Host", "")):
            message = "This emulator only serves requests to loopback addresses, such as 127.0.0.1."
            raise Refusal(421, {"message": message})


@attrs.frozen
class Response:
    """A response: its status, its own headers, and its body."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes = b""


def json_response(
    body: object, *, status_code: int = 200, headers: Mapping[str, str] = {}
) -> Response:
    """A value as a JSON response."""
    headers = {"Content-Type": "application/json", **headers}
    return Response(status_code, headers, msgspec.json.encode(body))


class Refusal(Exception):
    """An error response, as an exception: its HTTP status, and its body as plain JSON data."""

    def __init__(self, status_code: int, body: Any) -> None:
        super().__init__(status_code, body)
        self.status_code = status_code
        self.body = body


def invalid(where: tuple[str, ...], message: str, kind: str = "value_error") -> Refusal:
    """The 422 for one thing that is wrong: where it is, a message, and its kind."""
    return Refusal(422, {"detail": [_problem(where, message, kind)]})


def _problem(where: tuple[str | int, ...], message: str, kind: str) -> dict[str, Any]:
    return {"loc": where, "msg": message, "type": kind}


# ---- what requests hold --------------------------------------------------------------------------

JobType = Literal["submit", "simulate", "compile", "convert"]
CircuitType = Literal["cirq", "qiskit", "qasm", "jaqal"]
Status = Literal[
    "received", "awaiting_compile", "awaiting_submission", "awaiting_simulation", "compiling",
    "running", "simulating", "pending", "failed", "unrecognized", "completed", "cancelled",
    "deleted",
]  # fmt: skip
TargetName = Annotated[str, msgspec.Meta(pattern=f"^{fields.TARGET.pattern}$")]
Email = Annotated[str, msgspec.Meta(pattern=r"^[^@\s]+@[^@\s]+$")]


class NewJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job to submit."""

    job_type: JobType
    target: TargetName
    circuits: str
    circuit_type: CircuitType
    verbatim: bool = False
    shots: Annotated[int, msgspec.Meta(ge=0)] = 0
    dry_run: bool = False
    sim_method: Literal["noise-sim", "sim"] | None = None
    priority: int = 0
    options_dict: dict[str, Any] = {}
    tags: list[str] = []
    metadata: dict[str, Any] = {}


class JobQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which jobs are meant. Values of one field are alternatives; all fields must match."""

    user_email: list[Email] | None = None
    job_id: list[uuid.UUID] | None = None
    target_name: list[TargetName] | None = None
    status: list[Status] | None = None
    tags: list[str] | None = None
    min_priority: int | None = None
    max_priority: int | None = None
    submitted_before: dt.datetime | None = None
    submitted_after: dt.datetime | None = None


class TargetFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which targets are wanted; None for either. Retired ones only if requested."""

    simulator: bool | None = None
    supports_submit: bool | None = None
    supports_submit_qubo: bool | None = None
    supports_compile: bool | None = None
    available: bool | None = None
    retired: bool | None = False
    accessible: bool | None = None


_NOISE_OPTIONS: Final = ("error_prob", "noise", "noise_model")


def job_problem(new_job: NewJob) -> tuple[str, str] | None:
    """The field of a job that is wrong although its type is right, and why; None if none is."""
    if new_job.shots > _MAX_SHOTS:
        return "shots", (
            f"this emulator takes at most {_MAX_SHOTS:,} shots, got {shown(new_job.shots)}: submit "
            "several jobs and combine their counts"
        )
    if new_job.shots == 0 and new_job.job_type in {"submit", "simulate"} and not new_job.dry_run:
        return "shots", "a job that runs needs at least 1 shot, got 0"
    if new_job.sim_method == "noise-sim":
        for name in _NOISE_OPTIONS:
            if name in new_job.options_dict:
                return "options_dict", (
                    f"this emulator does not know the noise option {name}: use error_rate"
                )
        rate = new_job.options_dict.get("error_rate", 0.0)
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
            return "options_dict", f"error_rate must be a number from 0 to 1, got {rate!r}"
    return None


# ---- reading -------------------------------------------------------------------------------------

T = TypeVar("T", bound=msgspec.Struct)

_AT_INDEX: Final = re.compile(r" - at `\$\[(\d+)\]`$")


@functools.cache
def _shape(cls: type[T]) -> tuple[tuple[msgspec.structs.FieldInfo, ...], type[msgspec.Struct]]:
    """The fields of a Struct, and a Struct of the same fields that leaves them undecoded."""
    # Cached: msgspec evaluates the annotations each time, longer than the rest of a request takes.
    declared = msgspec.structs.fields(cls)
    pieces = [(field.name, msgspec.Raw, msgspec.Raw()) for field in declared]
    return declared, msgspec.defstruct(cls.__name__, pieces)


def _read(
    cls: type[T], where: str, given: Mapping[str, Any], convert: Callable[[Any, Any], Any]
) -> T:
    """Read every field separately, so that one invalid field does not hide the next."""
    values: dict[str, Any] = {}
    problems = []
    for field in _shape(cls)[0]:
        place = (where, field.name)
        if field.name in given:
            try:
                values[field.name] = convert(given[field.name], field.type)
            except msgspec.ValidationError as error:
                text, *index = _AT_INDEX.split(str(error))
                problems.append(_problem((*place, *map(int, index[:1])), text, "value_error"))
        elif field.required:
            problems.append(_problem(place, "this field is required", "missing"))
    if problems:
        raise Refusal(422, {"detail": problems})
    return cls(**values)


def read_json(source: bytes | msgspec.Raw, kind: Any) -> Any:
    """A piece of JSON of a type, decoded only if that does not take long.

    Raises:
        msgspec.ValidationError: It has another type, or is too long or nested too deeply.
    """
    piece = bytes(source)
    limit = _MAX_BYTES.get(piece[:1], _MAX_FREE_BYTES)
    if len(piece) > limit:
        raise msgspec.ValidationError(f"must have at most {limit:,} bytes, got {len(piece):,}")
    try:
        value = msgspec.json.decode(piece, type=kind)
        # What is nested nearly as deeply as the parser allows could not be put in a response.
        if limit == _MAX_FREE_BYTES:
            msgspec.json.encode([[[[[value]]]]])
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise msgspec.ValidationError(f"cannot be read: {error}") from error
    return value


def read_body(cls: type[T], body: bytes) -> T:
    """A request's body as a Struct; raises a ``Refusal`` with all that is wrong.

    Fields that the Struct does not have are ignored.
    """
    try:
        pieces = msgspec.json.decode(body, type=_shape(cls)[1])
    except msgspec.ValidationError as error:
        raise invalid(("body",), str(error), "model_attributes_type") from error
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise invalid(("body",), f"not JSON: {error}", "json_invalid") from error
    given = {name: piece for name, piece in msgspec.structs.asdict(pieces).items() if piece}
    return _read(cls, "body", given, read_json)


def read_query(cls: type[T], request: Request) -> T:
    """A query string as a Struct; see ``read_body``.

    A list field takes all values of its key, any other field the last one.
    """

    def convert(values: list[str], kind: Any) -> Any:
        is_list = "list[" in str(kind)
        return msgspec.convert(values if is_list else values[-1], kind, strict=False)

    given = urllib.parse.parse_qs(request.query, keep_blank_values=True)
    return _read(cls, "query", given, convert)
