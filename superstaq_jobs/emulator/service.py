"""What the calls of the API and of the operator work on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import attrs

from superstaq_jobs.clock import Clock, VirtualClock
from superstaq_jobs.records.problems import InvalidValue, is_amount, shown

from .accounts import Accounts
from .jobs.store import JobStore
from .messages.circuits import no_circuits, split_here
from .messages.requests import TargetFilter
from .messages.responses import Refusal
from .simulator.simulator import Simulator
from .simulator.tasks import Describe, Described, Size, Split, SplitCircuits
from .targets import Target

__all__ = ["Service"]


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

    def split(self, circuits: str, circuit_type: str) -> list[str]:
        """The circuits of a submission, one string each; raises a `Refusal` with 422."""
        found = split_here(circuits, circuit_type)
        if found is not None:
            return found
        try:
            splitting = self.simulator.request(Split(split=circuits, circuit_type=circuit_type))
            split: SplitCircuits = self.store.wait(splitting)
        except ValueError as error:
            raise no_circuits(str(error)) from error
        return split.circuits

    def sizes(self, circuits: list[str], circuit_type: str) -> list[Size | None]:
        """The size of each circuit; None for one that cannot be read."""
        describe = Describe(describe=circuits, circuit_type=circuit_type)
        try:
            described: Described = self.store.wait(self.simulator.request(describe))
        except ValueError:  # it took too long
            return [None] * len(circuits)
        return described.sizes

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
