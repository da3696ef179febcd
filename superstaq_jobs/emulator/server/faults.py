"""The script of faults: which request fails, and how.

`faulty_http` carries the faults out. The fault values are those of ``superstaq_jobs.testing``,
which imports the emulator and which an emulator does not need: any object with the same four
attributes will do.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

import attrs

from superstaq_jobs.records.problems import InvalidValue, expect, expect_several, shown

from .app import CALLS, find_call, path_pattern

__all__ = ["KINDS", "REFUSED", "UNREAD", "AnyFault", "FaultScript"]

REFUSED: Final = "refused"
"""The one kind that concerns the port rather than a connection."""

UNREAD: Final = frozenset({REFUSED, "close_at_once", "reset_at_once", "hang_at_connect"})
"""With these kinds the request is not read."""

KINDS: Final = UNREAD | {
    *("status", "web_page", "redirect", "garbage", "bad_length"),
    *("close_after_request", "reset_after_request", "cut_headers", "cut_body", "cut_chunks"),
    *("hang", "hang_in_headers", "hang_in_body", "drip_headers", "drip_body"),
    *("endless_interim", "header_flood", "long_header", "endless_body", "endless_chunks", "bomb"),
}
"""The kinds of faults, by the values of ``superstaq_jobs.testing.FaultKind``."""


class AnyFault(Protocol):
    """How one request fails: a ``superstaq_jobs.testing.Fault``, or an object like it."""

    # Any rather than str: pyright misjudges the type of an attribute with an attrs converter.
    @property
    def kind(self) -> Any:
        """One of `KINDS`, a string."""
        ...

    @property
    def status_code(self) -> int:
        """The status of a ``status`` fault, from 400 to 599."""
        ...

    @property
    def retry_after_seconds(self) -> int | None:
        """The value of its ``Retry-After`` header in whole seconds; None for no header."""
        ...

    @property
    def is_done(self) -> bool:
        """Whether the request is carried out all the same, so that only the response is lost."""
        ...


@attrs.frozen(eq=False)
class _Entry:
    fault: AnyFault | None
    path: re.Pattern[str] | None
    """Matches the method and path; None if the entry is for any request."""

    @property
    def is_refusal(self) -> bool:
        return self.fault is not None and bool(self.fault.kind == REFUSED)


class FaultScript:
    """The faults of the API requests to come, in the order of their arrival. Thread-safe.

    Each request takes the first entry that applies to it; once none is left, requests succeed.

    While the next entry for any request is ``refused``, nothing listens at the port: connections
    are refused, as by a server that is down, and idle ones are closed. A server does not learn
    which connections the operating system has refused for it, so this entry does not stand for one
    request but lasts until `end_refusal`, or for the emulator's ``refused_seconds``.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[_Entry] = []
        self._update_port: Callable[[], None] | None = None

    def extend(self, faults: Iterable[AnyFault | None], *, call: str | None = None) -> None:
        """Append entries.

        Args:
            faults: The fault of each request; None for no fault.
            call: The only call that they apply to, such as ``"POST /client/job"`` or ``"GET
                /client/job/{circuit_type}"``, or of v0.2.0 ``"POST /jobs"``; None for all.

        Raises:
            ValueError: The call or the kind of fault is unknown, the status is not an error status,
                a request is to be carried out although it is not read, or a refused connection is
                limited to one call. Nothing is added.
        """
        expect_several("faults", faults=faults)
        path = None if call is None else _path_of(call)
        entries = [_Entry(fault, path) for fault in faults]
        for entry in entries:
            _check(entry)
        with self._lock:
            self._entries += entries
        self._changed()

    @property
    def remaining(self) -> tuple[AnyFault | None, ...]:
        """The entries that no request has taken yet."""
        with self._lock:
            return tuple(entry.fault for entry in self._entries)

    def clear(self) -> None:
        """Remove all entries. Faults that have begun go on."""
        with self._lock:
            self._entries.clear()
        self._changed()

    def end_refusal(self) -> None:
        """Remove the ``refused`` entry if one is next, so that the port listens again."""
        self.end(self.refusal)

    # ---- for the server --------------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        """Whether it has no entries. Takes no lock, since every request checks it."""
        return not self._entries

    @property
    def refusal(self) -> object:
        """The ``refused`` entry if one is next, else None; compare it by identity."""
        with self._lock:
            following = (entry for entry in self._entries if entry.path is None)
            entry = next(following, None)
            return entry if entry is not None and entry.is_refusal else None

    def end(self, refusal: object) -> None:
        """Remove an entry, if it is still there."""
        with self._lock:
            self._entries = [entry for entry in self._entries if entry is not refusal]
        self._changed()

    def take(self, method: str, path: str) -> AnyFault | None:
        """The fault of a request that has arrived, or None.

        A request on a connection from before the port was closed has come to a server that is down:
        it gets the ``refused`` fault too, but does not remove it.
        """
        expect(str, method=method, path=path)
        arrived = find_call(method, path)
        if arrived is None:
            return None
        with self._lock:
            for entry in self._entries:
                if entry.path is None or entry.path.fullmatch(arrived):
                    if not entry.is_refusal:
                        self._entries.remove(entry)
                    return entry.fault
        return None

    def watch(self, update_port: Callable[[], None] | None) -> None:
        """Call a function whenever `refusal` may have changed, in the thread that changed it."""
        self._update_port = update_port

    def _changed(self) -> None:
        update_port = self._update_port
        if update_port is not None:
            update_port()


def _path_of(call: str) -> re.Pattern[str]:
    if not isinstance(call, str) or call not in CALLS:
        raise InvalidValue(f"call must be one of {', '.join(CALLS)}; got {shown(call)}")
    return path_pattern(call)


_OF_A_FAULT: Final = ("kind", "status_code", "is_done")


def _check(entry: _Entry) -> None:
    fault = entry.fault
    if fault is None:
        return
    if not all(hasattr(type(fault), name) or hasattr(fault, name) for name in _OF_A_FAULT):
        raise TypeError(f"faults must be Fault values or None, got {shown(fault)}")
    if fault.kind not in KINDS:
        raise InvalidValue(
            f"the kind of a fault must be one of {', '.join(sorted(KINDS))}; got "
            f"{shown(fault.kind)}"
        )
    if fault.kind == "status" and not 400 <= fault.status_code <= 599:  # noqa: PLR2004
        raise InvalidValue(
            f"status_code must be an error status from 400 to 599, got {shown(fault.status_code)}"
        )
    if fault.is_done and fault.kind in UNREAD:
        raise InvalidValue(
            f"a request with a {fault.kind!s} fault is not read: is_done must be False"
        )
    if entry.is_refusal and entry.path is not None:
        raise InvalidValue(
            "a refused connection carries no request: use a refused fault without call="
        )
