"""Fixtures of these tests: an emulator that finishes jobs at once."""

from emulators import emulate, simulator  # noqa: F401 - fixtures
