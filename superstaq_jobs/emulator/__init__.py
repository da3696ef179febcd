"""A Superstaq on this machine, to test against: real HTTP, real simulation, no account.

>>> from superstaq_jobs.emulator import Emulator
>>> with Emulator() as server:
...     server.api_key
'emulator-key'

Lives here: nothing but names. ``Emulator`` is the server; ``User`` and ``Target`` are what it can
be told to have; ``Simulator`` is the process that runs circuits, which several emulators may share;
``FaultScript`` is what goes wrong with which request, made of whatever is an ``AnyFault``.

How the package hangs together, from the bottom: `lives` (which status when, pure), `targets`,
`answers`, `splitting` and `requests` (what the API says, as values), `accounts`, `process`,
`simulator` and its program `worker` (the only one that knows Qiskit and Cirq), `jobs` (the store),
`app` (the calls), `faults` (which request goes wrong), `playing` (how), `server`. Of the library it
uses the table of statuses alone, so that it stays an independent judge of the rest. A further
language is one entry in ``splitting.SPLITTERS`` and one in ``worker.languages.LANGUAGES``.
"""

from __future__ import annotations

from .accounts import User
from .faults import AnyFault, FaultScript
from .server import Emulator
from .simulator import Simulator
from .targets import DEFAULT_TARGETS, Target

__all__ = [
    "DEFAULT_TARGETS",
    "AnyFault",
    "Emulator",
    "FaultScript",
    "Simulator",
    "Target",
    "User",
]
