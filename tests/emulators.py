"""Fixtures that start emulators, which share one simulator and stop with the test."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from superstaq_jobs.emulator import Emulator, Simulator

__all__ = ["PromptSimulator", "emulate", "hold", "prompt_simulator", "simulator", "simulator_idle"]


class PromptSimulator(Simulator):
    """Runs the circuits of a job before the submission gets its response, on another's processes.

    A job has then finished when a client first polls it, so that a wait with the pauses of real use
    makes none.
    """

    def __init__(self, other: Simulator) -> None:
        self.__dict__ = other.__dict__

    def submit(self, *arguments: Any, **options: Any) -> None:
        super().submit(*arguments, **options)
        wait_until_idle(self)


def wait_until_idle(simulator: Simulator) -> None:
    simulator._runner._turns.join()


def hold(simulator: Simulator, gate: threading.Event) -> None:
    """Keep the simulator from running circuits until the gate is opened."""

    def wait() -> Iterator[Any]:
        gate.wait()
        yield from ()

    for _ in range(3):  # as many as run at a time
        simulator._runner.submit(wait())


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with Simulator() as shared:
        yield shared


@pytest.fixture
def prompt_simulator(simulator: Simulator) -> PromptSimulator:
    return PromptSimulator(simulator)


@pytest.fixture
def emulate(simulator: Simulator) -> Iterator[Callable[..., Emulator]]:
    """Start an emulator; by default it finishes jobs at once."""
    with contextlib.ExitStack() as stack:

        def start(**options: Any) -> Emulator:
            options = {"step_seconds": 0, "simulator": simulator} | options
            return stack.enter_context(Emulator(**options))

        yield start


@pytest.fixture
def simulator_idle(simulator: Simulator) -> Callable[[], None]:
    """Wait until the simulator has nothing more to do."""

    return functools.partial(wait_until_idle, simulator)
