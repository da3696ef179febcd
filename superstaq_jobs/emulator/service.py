"""What the calls of the API and of the operator work on, and how they wait for the simulator."""

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
"""How often a waiting call checks that the simulator has not been closed, in real seconds."""

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
        """The target of that name; raises a `Refusal` with 404 if there is none."""
        for target in self.targets:
            if target.name == name:
                return target
        known = ", ".join(target.name for target in self.targets)
        raise Refusal(
            404, {"message": f"The target {name} does not exist. The targets are: {known}."}
        )

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
        """Raise a RuntimeError if the simulator is closed, so that no result is to be expected."""
        if self.simulator.is_closed:
            raise RuntimeError(
                "the simulator is closed, so circuits no longer run: start a new Emulator"
            )


async def run_when_ready(service: Service, operation: Callable[[], T]) -> T:
    """Run an operation on the store once the simulator has done the work that is due.

    Other requests are served meanwhile. The wait is at most the simulator's time limit for each
    circuit that it has to run first.
    """
    while True:
        try:
            return operation()
        except SimulatorBehind as behind:
            service.check_simulator()
            reported = asyncio.wrap_future(behind.reported)
        await asyncio.wait([reported], timeout=_TURN_SECONDS)


def run_when_ready_blocking(service: Service, operation: Callable[[], T]) -> T:
    """The same, blocking the calling thread, which must not be the server's."""
    while True:
        try:
            return operation()
        except SimulatorBehind as behind:
            service.check_simulator()
            reported = behind.reported
        concurrent.futures.wait([reported], timeout=_TURN_SECONDS)
