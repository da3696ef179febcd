"""Fixtures of these tests: an emulator that finishes jobs at once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from superstaq_jobs.emulator import Emulator, Simulator


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
