"""Fixtures for the tests of code that uses this library: pytest finds them by itself.

Lives here: ``fake_clock``, ``scripted_transport``, ``superstaq_emulator`` and ``superstaq_client``.
Every pytest of an environment with this library imports this module, so it imports pytest and
nothing else; what a fixture needs is imported when a test asks for it. To have none of it, run
pytest with ``-p no:superstaq_jobs``.
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
    """A ``FakeClock``: time passes only when the client sleeps or the test says so.

    >>> def test_an_hour(fake_clock):
    ...     fake_clock.sleep(3600)
    ...     assert fake_clock.sleeps == (3600.0,)
    """
    from superstaq_jobs.testing.fakes import FakeClock

    return FakeClock()


@pytest.fixture
def scripted_transport(fake_clock: FakeClock) -> ScriptedTransport:
    """A ``ScriptedTransport`` without steps yet: give it some with ``extend``.

    ``superstaq_client`` sends over it in a test that asks for both. Its faults let time pass on
    ``fake_clock``.
    """
    from superstaq_jobs.testing.fakes import ScriptedTransport

    return ScriptedTransport(clock=fake_clock)


@pytest.fixture(scope="session")
def _superstaq_simulator() -> Iterator[Simulator]:
    """The process that runs circuits, shared by all emulators of a test session."""
    try:
        from superstaq_jobs.emulator import Simulator
    except ModuleNotFoundError as error:
        pytest.fail(
            f"superstaq_emulator needs {error.name}: pip install 'superstaq_jobs[emulator]'",
            pytrace=False,
        )
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def superstaq_emulator(
    request: pytest.FixtureRequest, _superstaq_simulator: Simulator
) -> Iterator[Emulator]:
    """A local Superstaq of this test alone, running: real HTTP on loopback, real simulation.

    A circuit is finished as soon as its result is there, unless a ``Plan`` says otherwise. In a
    test that asks for ``fake_clock`` too, it goes by that one. Needs the extra ``[emulator]``.
    """
    from superstaq_jobs.emulator import Emulator

    clock = _shared_clock(request)
    with Emulator(simulator=_superstaq_simulator, step_seconds=0, clock=clock) as emulator:
        yield emulator


def _shared_clock(request: pytest.FixtureRequest) -> FakeClock | None:
    """The clock of a test that asks for one."""
    if "fake_clock" not in request.fixturenames:
        return None
    clock: FakeClock = request.getfixturevalue("fake_clock")
    return clock


@pytest.fixture
def superstaq_client(request: pytest.FixtureRequest) -> Iterator[SuperstaqClient]:
    """A ``SuperstaqClient``, closed after the test.

    In a test that asks for ``scripted_transport`` too, it sends over that one, on ``fake_clock``,
    and the pauses between attempts are the longest that they can be, the same each time. In any
    other it is a client of ``superstaq_emulator``: on ``fake_clock``, with pauses that are the same
    each time, where the test asks for it, and in real time where not.
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
                # In real time: what hangs does so for nobody's good.
                request_timeout_seconds=10,
            )
    with client:
        yield client
