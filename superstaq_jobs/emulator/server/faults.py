"""What goes wrong with which request, as a script.

Lives here: `AnyFault`, what the emulator needs to know of a fault, and `FaultScript`, of which each
request takes an entry. What a fault does on a connection is in `playing`. May import `app`.

The faults themselves are the values of ``superstaq_jobs.testing``, which stands above the emulator
and is not needed to run one: whatever has the same four attributes will do.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

import attrs

from .client_api import CALLS, VERSION

__all__ = ["KINDS", "REFUSED", "UNREAD", "AnyFault", "FaultScript"]

REFUSED: Final = "refused"
"""The one kind that is no matter of a connection."""

UNREAD: Final = frozenset({REFUSED, "close_at_once", "reset_at_once", "hang_at_connect"})
"""With these the request is not read."""

KINDS: Final = UNREAD | {
    *("status", "web_page", "redirect", "garbage", "bad_length"),
    *("close_after_request", "reset_after_request", "cut_headers", "cut_body", "cut_chunks"),
    *("hang", "hang_in_headers", "hang_in_body", "drip_headers", "drip_body"),
    *("endless_interim", "header_flood", "long_header", "endless_body", "endless_chunks", "bomb"),
}
"""What can go wrong, by the names that ``superstaq_jobs.testing.FaultKind`` has for it."""


class AnyFault(Protocol):
    """What goes wrong with one request: a ``superstaq_jobs.testing.Fault``, or the like of it."""

    # A str. Pyright takes an attribute that attrs converts for something else.
    @property
    def kind(self) -> Any:
        """One of `KINDS`, a str."""
        ...

    @property
    def status_code(self) -> int:
        """The status of a ``status`` fault, from 400 to 599."""
        ...

    @property
    def retry_after_seconds(self) -> int | None:
        """What its ``Retry-After`` asks for; whole seconds, None for no header."""
        ...

    @property
    def is_done(self) -> bool:
        """Whether the request is carried out all the same, so that only the answer is lost."""
        ...


@attrs.frozen(eq=False)
class _Entry:
    fault: AnyFault | None
    path: re.Pattern[str] | None
    """Of method and path; None where the entry is for whatever comes."""

    @property
    def is_refusal(self) -> bool:
        return self.fault is not None and bool(self.fault.kind == REFUSED)


class FaultScript:
    """What goes wrong with the requests of the API to come, in the order of their arrival.

    Each request takes the first entry that is for it; when none is left, all goes well. Any thread
    may call this.

    While the next entry for all calls is ``refused``, nothing listens at the port: connections are
    refused as by a server that is down, and idle ones are closed. Nobody tells a server whom the
    system has refused. So this entry is no single request: it lasts until `end_refusal`, or as long
    as the emulator was told to refuse.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[_Entry] = []
        self._update_port: Callable[[], None] | None = None

    def extend(self, faults: Iterable[AnyFault | None], *, call: str | None = None) -> None:
        """Add entries to the end.

        Args:
            faults: What goes wrong with each request; None where nothing does.
            call: The only call that they are for, as ``"POST /client/job"`` or ``"GET
                /client/job/{circuit_type}"``; None for all.

        Raises:
            ValueError: There is no such call or kind of fault; the status is no error's; a request
                is done that is not read; a connection is refused to one call alone. Nothing is
                added.
        """
        path = None if call is None else _path_of(call)
        entries = [_Entry(fault, path) for fault in faults]
        for entry in entries:
            _check(entry)
        with self._lock:
            self._entries += entries
        self._changed()

    @property
    def remaining(self) -> tuple[AnyFault | None, ...]:
        """The entries that nobody has taken yet."""
        with self._lock:
            return tuple(entry.fault for entry in self._entries)

    def clear(self) -> None:
        """Let all go well from now on. What has gone wrong already goes on."""
        with self._lock:
            self._entries.clear()
        self._changed()

    def end_refusal(self) -> None:
        """Go on behind the ``refused`` that is next, if one is; then the port listens again."""
        self.end(self.refusal)

    # ---- for the server --------------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        """Whether nothing goes wrong. Takes no lock, since every request asks."""
        return not self._entries

    @property
    def refusal(self) -> object:
        """The ``refused`` that is next, or None; each entry is another object."""
        with self._lock:
            following = (entry for entry in self._entries if entry.path is None)
            entry = next(following, None)
            return entry if entry is not None and entry.is_refusal else None

    def end(self, refusal: object) -> None:
        """Take an entry out, if it is still there."""
        with self._lock:
            self._entries = [entry for entry in self._entries if entry is not refusal]
        self._changed()

    def take(self, method: str, path: str) -> AnyFault | None:
        """What goes wrong with a request that has arrived.

        One over a connection that was there before the port was closed has come to a server that
        is down: it is given the refusal, and does not end it.
        """
        if not path.startswith(f"/{VERSION}/"):
            return None
        arrived = f"{method} {path.removeprefix(f'/{VERSION}')}"
        with self._lock:
            for entry in self._entries:
                if entry.path is None or entry.path.fullmatch(arrived):
                    if not entry.is_refusal:
                        self._entries.remove(entry)
                    return entry.fault
        return None

    def watch(self, update_port: Callable[[], None] | None) -> None:
        """Call this, from the thread that changed the script, when `refusal` may be another."""
        self._update_port = update_port

    def _changed(self) -> None:
        update_port = self._update_port
        if update_port is not None:
            update_port()


def _path_of(call: str) -> re.Pattern[str]:
    if call not in CALLS:
        raise ValueError(f"there is no call {call!r}; there are: {', '.join(CALLS)}")
    parts = re.split(r"\{\w+\}", call)
    return re.compile("[^/]+".join(map(re.escape, parts)))


def _check(entry: _Entry) -> None:
    fault = entry.fault
    if fault is None:
        return
    if fault.kind not in KINDS:
        raise ValueError(f"there is no fault {fault.kind!r}; there are: {', '.join(sorted(KINDS))}")
    if fault.kind == "status" and not 400 <= fault.status_code <= 599:  # noqa: PLR2004
        raise ValueError(f"an error status is one from 400 to 599, not {fault.status_code!r}")
    if fault.is_done and fault.kind in UNREAD:
        raise ValueError(f"with {fault.kind!s} the request is not read, so that it cannot be done")
    if entry.is_refusal and entry.path is not None:
        raise ValueError("a refused connection is of no call: nothing was asked over it")
