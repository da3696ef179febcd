"""What the calls of the API and of the operator work on, and how they wait for the simulator."""

from __future__ import annotations

import asyncio
import concurrent.futures
import datetime as dt
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import attrs

from superstaq_jobs.clock import Clock, VirtualClock
from superstaq_jobs.records.problems import InvalidValue, is_amount, shown

from .accounts import Accounts
from .jobs.job import Job
from .jobs.store import JobStore, SimulatorBehind
from .messages.circuits import no_circuits, split_circuits
from .messages.requests import TargetFilter
from .messages.responses import Refusal
from .simulator.simulator import Simulator
from .simulator.tasks import Result, Size
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
    aqt_files: dict[str, dict[str, str]] = attrs.field(factory=dict)
    """The files that users have stored, by e-mail address."""

    def target(self, name: str) -> Target:
        """The target of that name; raises a `Refusal` with 404 if there is none."""
        for target in self.targets:
            if target.name == name:
                return target
        known = ", ".join(target.name for target in self.targets)
        raise Refusal(
            404, {"message": f"The target {name} does not exist. The targets are: {known}."}
        )

    def find_targets(self, query: TargetFilter) -> list[Target]:
        """The targets that have the flags of a filter."""
        wanted = {
            flag: value
            for flag in query.__struct_fields__
            if (value := getattr(query, flag)) is not None
        }
        return [target for target in self.targets if wanted.items() <= target.flags.items()]

    async def split(self, circuits: str, circuit_type: str) -> list[str]:
        """The circuits of a submission, one string each; raises a `Refusal` with 422."""
        found = split_circuits(circuits, circuit_type)
        if found is not None:
            return found
        splitting = self.simulator.split(circuits, circuit_type)
        try:
            return (await asyncio.wrap_future(splitting)).circuits
        except ValueError as error:
            raise no_circuits(str(error)) from error

    async def sizes(self, circuits: list[str], circuit_type: str) -> list[Size | None]:
        """The size of each circuit; None for one that cannot be read."""
        describing = self.simulator.describe(circuits, circuit_type)
        try:
            return (await asyncio.wrap_future(describing)).sizes
        except ValueError:  # it took too long
            return [None] * len(circuits)

    def start(self, job: Job) -> None:
        """Hand the circuits of a stored job to the simulator."""
        for index in range(len(job.circuits)):

            def listen(result: Result, index: int = index) -> None:
                self.store.report(job, index, result)

            def is_wanted(index: int = index) -> bool:
                return self.store.is_wanted(job, index)

            self.simulator.submit(self.store.task(job, index), listen, is_wanted=is_wanted)

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
        if not is_amount(seconds):
            raise InvalidValue(f"seconds must be a number of seconds >= 0, got {shown(seconds)}")
        try:
            self.clock.utcnow() + dt.timedelta(seconds=seconds)
        except OverflowError as error:
            raise InvalidValue(
                f"seconds must not lead past the last date, got {shown(seconds)}"
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
