"""What ``doctor`` finds."""

from __future__ import annotations

from typing import Literal

import attrs

__all__ = ["Finding"]


@attrs.frozen
class Finding:
    """One thing that was checked.

    Attributes:
        name: What it is about.
        what: What was found.
        state: Whether it is in order; a ``note`` is neither.
        advice: What to do about it.
    """

    name: str
    what: str
    state: Literal["ok", "note", "problem"] = "ok"
    advice: str = ""
