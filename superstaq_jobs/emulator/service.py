"""What the calls of the API work on, and what a version of the API consists of."""

from __future__ import annotations

import importlib.util
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import attrs
import msgspec

from superstaq_jobs.records import fields
from superstaq_jobs.records.problems import how_to_install

from .jobs.store import JobStore
from .messages import Refusal, Request, TargetFilter, invalid
from .targets import Target

__all__ = ["ApiVersion", "Call", "Service", "User", "check_format"]

_TERMS_NOT_ACCEPTED: Final = (
    "You must accept the Terms of Use (superstaq.infleqtion.com/terms_of_use)."
)
_EMAIL_NOT_VALIDATED: Final = "You must validate your registered email."
_ACCEPTED: Final = "Accepted. You can now continue using Superstaq."
"""These three strings must match the real service's exactly: clients compare them."""

_CIRCUIT_TYPES: Final = ("qasm", "cirq", "qiskit")  # as in the worker's table of formats

_MOST_CIRCUITS: Final = 500_000


_EMAIL: Final = re.compile(r"[A-Za-z0-9._+-]+@[a-z0-9-]+(\.[a-z0-9-]+)+")


def _email(value: str) -> str:
    fits = isinstance(value, str) and _EMAIL.fullmatch(value) is not None
    return fields.valid(value, fits, "must be an e-mail address with a lower-case domain")


@attrs.frozen(kw_only=True)
class User(fields.Checked):
    """The owner of an API key.

    Attributes:
        email: The e-mail address, which is part of every job of theirs.
        name: The name that ``GET /client/user`` returns.
        role: The role that it returns.
        balance: The balance in dollars; jobs cost nothing here.
        terms_accepted: Whether the terms of use are accepted from the start.
        email_validated: Whether the e-mail address is validated.

    Raises:
        ValueError: The e-mail address is invalid.
    """

    email: str = attrs.field(default="user@emulator.example.com", converter=_email)
    name: str = "Emulator User"
    role: str = "user"
    balance: float = 100.0
    terms_accepted: bool = True
    email_validated: bool = True

    def details(self, key: str) -> dict[str, Any]:
        """The user as the API shows them to themselves."""
        return {
            "name": self.name,
            "email": self.email,
            "role": self.role,
            "balance": self.balance,
            "token": key,
            "user_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{self.email}")),
        }


@attrs.frozen(kw_only=True)
class Service:
    """What the calls work on.

    Attributes:
        users: The user of each API key.
        warnings: Messages to add to every response that is a JSON object.
        accepted: The e-mail addresses of those who have accepted the terms of use.
        aqt_files: The files that users have stored, by e-mail address.
    """

    users: Mapping[str, User]
    store: JobStore
    targets: Sequence[Target]
    warnings: Sequence[str] = ()
    accepted: set[str] = attrs.field(init=False)
    aqt_files: dict[str, dict[str, str]] = attrs.field(init=False, factory=dict)

    @accepted.default
    def _accepted_from_the_start(self) -> set[str]:
        return {user.email for user in self.users.values() if user.terms_accepted}

    def user(self, key: str, access: str) -> User | None:
        """The user of the key in the ``Authorization`` header; None if anyone may call.

        Raises:
            Refusal: 401, with the message of the real service for the case.
        """
        if access == "anyone":
            return None
        user = self.users.get(key)
        if user is None:
            raise Refusal(401, "No user has this API key.")
        if not user.email_validated:
            raise Refusal(401, _EMAIL_NOT_VALIDATED)
        if access == "accepted" and user.email not in self.accepted:
            raise Refusal(401, _TERMS_NOT_ACCEPTED)
        return user

    def accept_terms(self, user: User, *, accept: bool) -> str:
        """Record whether a user accepts the terms of use; returns the message to send."""
        (self.accepted.add if accept else self.accepted.discard)(user.email)
        return _ACCEPTED if accept else "The Terms of Use are not accepted."

    def target(self, name: str) -> Target:
        """The target of that name; raises a ``Refusal`` with 404 if there is none."""
        for target in self.targets:
            if target.name == name:
                return target
        known = ", ".join(target.name for target in self.targets)
        raise Refusal(
            404, {"message": f"The target {name} does not exist. The targets are: {known}."}
        )

    def find_targets(self, query: TargetFilter) -> list[Target]:
        """The targets that have the flags of a filter."""
        flags = msgspec.structs.asdict(query).items()
        wanted = {flag: value for flag, value in flags if value is not None}
        return [target for target in self.targets if wanted.items() <= target.flags.items()]

    def split(self, source: str, circuit_type: str) -> list[str]:
        """The circuits of a submission, one string each; raises a ``Refusal`` with 422."""
        check_format(("body", "circuit_type"), circuit_type)
        if circuit_type == "qasm":
            return _split_qasm(source)
        try:
            circuits: list[str] = self.store.call("split", source=source, circuit_type=circuit_type)
        except ValueError as error:
            raise _no_circuits(str(error)) from error
        return circuits


@attrs.frozen
class Call:
    """One call.

    Attributes:
        run: Carries a request out; returns plain JSON data, or a ``Response``.
        access: Who may send the request: anyone, or users with a validated e-mail address, or those
            of them who have accepted the terms of use.
    """

    run: Callable[[Service, User, Request], object]
    access: Literal["anyone", "validated", "accepted"] = "accepted"


@attrs.frozen(kw_only=True)
class ApiVersion:
    """A version of the API.

    Attributes:
        calls: Its calls, by method and path after the version, such as ``"POST /client/job"``. The
            last part of a path may be ``{circuit_type}``, for any.
        error: Returns a refusal in the form in which this version sends errors.
    """

    calls: Mapping[str, Call]
    error: Callable[[Refusal], Refusal]


def check_format(where: tuple[str, str], circuit_type: str) -> None:
    """Check that circuits of a type can be read and written here.

    Raises:
        Refusal: 422, with what is missing.
    """
    if circuit_type not in _CIRCUIT_TYPES:
        known = ", ".join(_CIRCUIT_TYPES)
        message = f"circuit_type must be one of {known} in this emulator, got {circuit_type}"
    elif circuit_type == "cirq" and importlib.util.find_spec("cirq") is None:
        message = (
            f"Cirq is not installed where this emulator runs: {how_to_install('emulator-cirq')}"
        )
    else:
        return
    raise invalid(where, message, "unsupported")


def _no_circuits(message: str) -> Refusal:
    return invalid(("body", "circuits"), message)


def _split_qasm(source: str) -> list[str]:
    """The circuits of a program, or of a JSON list of programs."""
    if not source.lstrip().startswith("["):
        return [source]
    # Each string begins with a quotation mark that is not escaped. Found out beforehand, because
    # nothing else runs while the list is decoded.
    if source.count('"') - source.count('\\"') > 2 * _MOST_CIRCUITS:
        raise _no_circuits(f"a job can have at most {_MOST_CIRCUITS:,} circuits in this emulator")
    try:
        circuits = msgspec.json.decode(source, type=list[str])
    except (msgspec.DecodeError, RecursionError) as error:
        message = f"expected an OpenQASM program or a JSON list of them: {error}"
        raise _no_circuits(message) from error
    if not circuits:
        raise _no_circuits("a job needs at least one circuit")
    return circuits
