"""One request, one response, within its limits of time and size.

``HttpTransport`` is imported when it is first used: it loads urllib3, which records, addresses and
waits do without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .http import HttpTransport, Transport

__all__ = ["HttpTransport", "Transport"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from . import http

        return getattr(http, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
