"""The users of an emulator."""

from __future__ import annotations

import re
import uuid
from typing import Any, Final

import attrs

from superstaq_jobs.records import fields

__all__ = ["User"]

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
