"""What the calls of an emulator work on, and how they wait for its simulator.

Lives here: `Service`, a value; `read_all`, the bounded body of a request; `settled`, a look at the
store that waits where it must, for the calls, and `settled_here` the same for a thread. May import
`accounts`, `answers`, `jobs`, `simulator` and `targets`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import re
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import attrs
from starlette.requests import Request

from superstaq_jobs.clock import Clock

from .accounts import Accounts
from .answers import Refusal
from .jobs import JobStore, NotYet
from .simulator import Simulator
from .targets import Target

__all__ = ["MAX_BODY_BYTES", "Service", "check_host", "read_all", "settled", "settled_here"]

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""The largest body that is read; a larger one is answered with 413."""

_TURN_SECONDS: Final = 1.0
"""How often somebody who waits for the simulator sees whether it still lives; real seconds."""

_THIS_MACHINE: Final = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?", re.IGNORECASE)

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Service:
    """What the calls work on."""

    accounts: Accounts
    store: JobStore
    clock: Clock
    targets: tuple[Target, ...]
    simulator: Simulator
    warnings: Sequence[str] = ()

    def target(self, name: str) -> Target:
        """The target of that name; a `Refusal` with 404 when there is none."""
        for target in self.targets:
            if target.name == name:
                return target
        known = ", ".join(target.name for target in self.targets)
        raise Refusal(404, {"message": f"There is no target {name}. There are: {known}."})

    def check_simulator(self) -> None:
        """Raise a RuntimeError if nothing more will come of the simulator."""
        if self.simulator.is_closed:
            raise RuntimeError("the emulator's simulator is closed")


async def settled(service: Service, look: Callable[[], T]) -> T:
    """What a look at the store gives, after the simulator has done what is due by the clock.

    Other calls are served meanwhile. The wait is bounded by the simulator's time limit for each
    circuit that it has to run before.
    """
    while True:
        try:
            return look()
        except NotYet as not_yet:
            service.check_simulator()
            reported = asyncio.wrap_future(not_yet.reported)
        await asyncio.wait([reported], timeout=_TURN_SECONDS)


def settled_here(service: Service, look: Callable[[], T]) -> T:
    """The same, blocking this thread, which is not the server's."""
    while True:
        try:
            return look()
        except NotYet as not_yet:
            service.check_simulator()
            reported = not_yet.reported
        concurrent.futures.wait([reported], timeout=_TURN_SECONDS)


def check_host(request: Request) -> None:
    """A `Refusal` with 421 for a request that was meant for another host.

    A web page whose name begins to resolve to this machine may send what it likes, the key too,
    which is the same in every emulator that is not told another; but not another ``Host``.
    """
    if not _THIS_MACHINE.fullmatch(request.headers.get("host", "")):
        raise Refusal(421, {"message": "This emulator answers under addresses of loopback only."})


async def read_all(request: Request) -> bytes:
    """The body of a request; a `Refusal` with 413 when it is too large."""
    too_large = Refusal(413, {"detail": f"The body is larger than {MAX_BODY_BYTES} bytes."})
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise too_large
    return bytes(body)
