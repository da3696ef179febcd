"""What the calls of an emulator work on, and how they wait for its simulator.

Lives here: `Service`, a value; `read_all`, the bounded body of a request; `settled`, a look at the
store that waits where it must, for the calls, and `settled_here` the same for a thread. May import
`accounts`, `answers`, `jobs`, `simulator` and `targets`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import datetime as dt
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import attrs

from superstaq_jobs.clock import Clock, VirtualClock

from .accounts import Accounts
from .jobs.store import JobStore, SimulatorBehind
from .messages.responses import Refusal
from .simulator.simulator import Simulator
from .targets import Target

__all__ = ["Service", "run_when_ready", "run_when_ready_blocking"]

_TURN_SECONDS: Final = 1.0
"""How often somebody who waits for the simulator sees whether it still lives; real seconds."""

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

    def advance(self, seconds: float) -> None:
        """Advance the clock.

        Raises:
            RuntimeError: It is a real clock.
            ValueError: The seconds are negative, not finite, or lead past the last date.
        """
        if not isinstance(self.clock, VirtualClock):
            raise RuntimeError(  # noqa: TRY004 - it is the emulator that cannot, not the argument
                "this emulator runs on a real clock, which cannot be advanced; pass it a virtual "
                "one: Emulator(clock=superstaq_jobs.testing.FakeClock())"
            )
        try:
            self.clock.utcnow() + dt.timedelta(seconds=seconds)
        except OverflowError as error:
            raise ValueError(
                f"cannot advance the clock by {seconds} seconds: the date would be out of range"
            ) from error
        self.clock.advance(seconds)

    def check_simulator(self) -> None:
        """Raise a RuntimeError if nothing more will come of the simulator."""
        if self.simulator.is_closed:
            raise RuntimeError("the emulator's simulator is closed")


async def run_when_ready(service: Service, look: Callable[[], T]) -> T:
    """What a look at the store gives, after the simulator has done what is due by the clock.

    Other calls are served meanwhile. The wait is bounded by the simulator's time limit for each
    circuit that it has to run before.
    """
    while True:
        try:
            return look()
        except SimulatorBehind as behind:
            service.check_simulator()
            reported = asyncio.wrap_future(behind.reported)
        await asyncio.wait([reported], timeout=_TURN_SECONDS)


def run_when_ready_blocking(service: Service, look: Callable[[], T]) -> T:
    """The same, blocking this thread, which is not the server's."""
    while True:
        try:
            return look()
        except SimulatorBehind as behind:
            service.check_simulator()
            reported = behind.reported
        concurrent.futures.wait([reported], timeout=_TURN_SECONDS)
