"""Pytest fixtures for the tests of code that uses this library; pytest loads them automatically.

Every pytest in an environment with this library imports this module, so at import it loads pytest
and nothing else; a fixture imports what it needs when a test requests it. To disable all of them,
run pytest with ``-p no:superstaq_jobs``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from superstaq_jobs.client import SuperstaqClient
    from superstaq_jobs.emulator import Emulator, Simulator
    from superstaq_jobs.testing.fakes import FakeClock, ScriptedTransport

__all__ = ["fake_clock", "scripted_transport", "superstaq_client", "superstaq_emulator"]


@pytest.fixture
def fake_clock() -> FakeClock:
    """A ``FakeClock``: time passes only when the client sleeps or the test advances it.

    >>> def test_an_hour(fake_clock):
    ...     fake_clock.sleep(3600)
    ...     assert fake_clock.sleeps == (3600.0,)
    """
    from superstaq_jobs.testing.fakes import FakeClock

    return FakeClock()


@pytest.fixture
def scripted_transport(fake_clock: FakeClock) -> ScriptedTransport:
    """A ``ScriptedTransport`` without steps: add some with ``extend``.

    In a test that requests both, ``superstaq_client`` sends its requests over it. Faults that take
    time advance ``fake_clock``.
    """
    from superstaq_jobs.testing.fakes import ScriptedTransport

    return ScriptedTransport(clock=fake_clock)


@pytest.fixture(scope="session")
def _superstaq_simulator() -> Iterator[Simulator]:
    """The process that runs circuits, shared by all emulators of a test session."""
    try:
        from superstaq_jobs.emulator import Simulator
    except ModuleNotFoundError as error:
        from superstaq_jobs.records.problems import how_to_install

        pytest.fail(
            f"superstaq_emulator needs {error.name}: {how_to_install('emulator')}", pytrace=False
        )
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def superstaq_emulator(
    request: pytest.FixtureRequest, _superstaq_simulator: Simulator
) -> Iterator[Emulator]:
    """A running local Superstaq service for this test alone: real HTTP, real simulation.

    A circuit finishes as soon as its result is available, unless a ``Plan`` says otherwise. In a
    test that requests ``fake_clock`` too, the emulator uses that clock. Needs the extra
    ``[emulator]``.
    """
    from superstaq_jobs.emulator import Emulator

    clock = _shared_clock(request)
    with Emulator(simulator=_superstaq_simulator, step_seconds=0, clock=clock) as emulator:
        yield emulator


def _shared_clock(request: pytest.FixtureRequest) -> FakeClock | None:
    """The ``fake_clock`` of a test that requests it, or None."""
    if "fake_clock" not in request.fixturenames:
        return None
    clock: FakeClock = request.getfixturevalue("fake_clock")
    return clock


@pytest.fixture
def superstaq_client(request: pytest.FixtureRequest) -> Iterator[SuperstaqClient]:
    """A ``SuperstaqClient``, closed after the test.

    In a test that requests ``scripted_transport`` too, the client uses that transport and
    ``fake_clock``, and the pauses between attempts are the longest possible ones, the same each
    time. In any other test it is a client of ``superstaq_emulator``: on ``fake_clock`` and with
    such pauses if the test requests ``fake_clock``, otherwise in real time.
    """
    from superstaq_jobs.client import SuperstaqClient

    if "scripted_transport" in request.fixturenames:
        client = SuperstaqClient(
            "key-of-the-tests",
            "https://superstaq.example.com",
            transport=request.getfixturevalue("scripted_transport"),
            clock=request.getfixturevalue("fake_clock"),
            jitter=lambda: 1.0,
        )
    else:
        emulator: Emulator = request.getfixturevalue("superstaq_emulator")
        if (clock := _shared_clock(request)) is None:
            client = SuperstaqClient(emulator.api_key, emulator.url)
        else:
            client = SuperstaqClient(
                emulator.api_key,
                emulator.url,
                clock=clock,
                jitter=lambda: 1.0,
                # In real time, so that a fault that hangs does not delay the test for long.
                request_timeout_seconds=10,
            )
    with client:
        yield client
