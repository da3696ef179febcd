"""The script of faults: which request fails, and how. `faulty_http` carries the faults out."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable

import attrs

from superstaq_jobs.records.problems import InvalidValue, expect, expect_several, shown

from .app import CALLS, find_call, path_pattern
from .faulty_http import KINDS, REFUSED, UNREAD, AnyFault

__all__ = ["FaultScript"]


@attrs.frozen(eq=False)
class _Entry:
    fault: AnyFault | None
    path: re.Pattern[str] | None
    """Matches the method and path; None if the entry is for any request."""

    @property
    def is_refusal(self) -> bool:
        return self.fault is not None and bool(self.fault.kind == REFUSED)

    def check(self) -> None:
        """Raise an error if it cannot be carried out."""
        fault = self.fault
        if fault is None:
            return
        if not all(hasattr(fault, name) for name in ("kind", "status_code", "is_done")):
            raise TypeError(f"faults must be Fault values or None, got {shown(fault)}")
        if fault.kind not in KINDS:
            kinds = ", ".join(sorted(KINDS))
            raise InvalidValue(
                f"the kind of a fault must be one of {kinds}; got {shown(fault.kind)}"
            )
        if fault.kind == "status" and not 400 <= fault.status_code <= 599:  # noqa: PLR2004
            code = shown(fault.status_code)
            raise InvalidValue(f"status_code must be an error status from 400 to 599, got {code}")
        if fault.is_done and fault.kind in UNREAD:
            raise InvalidValue(
                f"a request with a {fault.kind!s} fault is not read: is_done must be False"
            )
        if self.is_refusal and self.path is not None:
            raise InvalidValue(
                "a refused connection carries no request: use a refused fault without call="
            )


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
        self._changed: Callable[[], None] = _do_nothing

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
        if call is not None and (not isinstance(call, str) or call not in CALLS):
            raise InvalidValue(f"call must be one of {', '.join(CALLS)}; got {shown(call)}")
        path = None if call is None else path_pattern(call)
        entries = [_Entry(fault, path) for fault in faults]
        for entry in entries:
            entry.check()
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
        self._changed = update_port or _do_nothing


def _do_nothing() -> None:
    pass
