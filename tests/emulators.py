"""Fixtures that start emulators, which share one simulator and stop with the test."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from superstaq_jobs.emulator import Emulator, Simulator

__all__ = ["emulate", "hold", "simulator", "simulator_idle"]


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with Simulator() as shared:
        yield shared


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

    def wait() -> None:
        for _ in range(6_000):
            if simulator._runner.is_idle:
                return
            time.sleep(0.01)
        raise AssertionError("the simulator is still busy")

    return wait


def hold(simulator: Simulator, gate: threading.Event) -> None:
    """Keep the simulator from running circuits until the gate is opened."""

    def wait() -> Iterator[Any]:
        gate.wait()
        yield from ()

    simulator._runner.submit(wait())
