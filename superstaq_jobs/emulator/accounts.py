"""The users of an emulator, their API keys, and who has accepted the terms of use."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any, Final

import attrs

from superstaq_jobs.records.problems import InvalidValue, shown

from .messages.responses import Refusal

__all__ = ["ACCEPTED", "EMAIL_NOT_VALIDATED", "TERMS_NOT_ACCEPTED", "Accounts", "User"]

TERMS_NOT_ACCEPTED: Final = (
    "You must accept the Terms of Use (superstaq.infleqtion.com/terms_of_use)."
)
EMAIL_NOT_VALIDATED: Final = "You must validate your registered email."
ACCEPTED: Final = "Accepted. You can now continue using Superstaq."
"""These three strings must match the real service's exactly: clients compare them."""

_EMAIL: Final = re.compile(r"[A-Za-z0-9._+-]+@[a-z0-9-]+(\.[a-z0-9-]+)+")


def _check_email(_: object, __: object, email: str) -> None:
    if not isinstance(email, str) or not _EMAIL.fullmatch(email):
        raise InvalidValue(
            f"email must be an e-mail address with a lower-case domain, got {shown(email)}"
        )


@attrs.frozen(kw_only=True)
class User:
    """The owner of an API key.

    Attributes:
        email: The e-mail address, which is part of every job of theirs.
        name: The name that ``GET /client/user`` returns.
        role: The role that it returns.
        balance: The balance in dollars; jobs cost nothing here.
        terms_accepted: Whether the terms of use are accepted from the start.
        email_validated: Whether the e-mail address is validated.
    """

    email: str = attrs.field(default="user@emulator.example.com", validator=_check_email)
    name: str = "Emulator User"
    role: str = "user"
    balance: float = 100.0
    terms_accepted: bool = True
    email_validated: bool = True

    @property
    def user_id(self) -> uuid.UUID:
        """The user's id, derived from the e-mail address."""
        return uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{self.email}")

    def details(self, key: str) -> dict[str, Any]:
        """The user as the API shows them to themselves."""
        return {
            "name": self.name,
            "email": self.email,
            "role": self.role,
            "balance": self.balance,
            "token": key,
            "user_id": str(self.user_id),
        }


class Accounts:
    """Finds the user of an API key.

    Args:
        users: The user of each key; at least one.
    """

    def __init__(self, users: Mapping[str, User]) -> None:
        fits = isinstance(users, Mapping) and all(
            isinstance(key, str) and key and isinstance(user, User) for key, user in users.items()
        )
        if not users or not fits:
            raise InvalidValue(
                "api_key must be a non-empty string, or a mapping from such keys to users"
            )
        self._users = dict(users)
        self._accepted = {user.email for user in users.values() if user.terms_accepted}

    @property
    def first_key(self) -> str:
        """The key that was given first."""
        return next(iter(self._users))

    def user(self, key: str | None, *, terms: bool = True) -> User:
        """The user of a key.

        Args:
            key: The value of the ``Authorization`` header.
            terms: Whether the user must have accepted the terms of use.

        Returns:
            The user.

        Raises:
            Refusal: 401, with the message of the real service for the case.
        """
        user = self.known(key)
        if not user.email_validated:
            raise Refusal(401, EMAIL_NOT_VALIDATED)
        if terms and user.email not in self._accepted:
            raise Refusal(401, TERMS_NOT_ACCEPTED)
        return user

    def known(self, key: str | None) -> User:
        """The user of a key, whatever may be wrong with the account; 401 if there is none."""
        user = self._users.get(key or "")
        if user is None:
            raise Refusal(401, "No user has this API key.")
        return user

    def accept_terms(self, user: User, *, accept: bool) -> str:
        """Record whether a user accepts the terms of use; returns the message to send."""
        if accept:
            self._accepted.add(user.email)
            return ACCEPTED
        self._accepted.discard(user.email)
        return "The Terms of Use are not accepted."
