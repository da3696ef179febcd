"""A Superstaq on this machine, to test against: real HTTP, real simulation, no account.

>>> from superstaq_jobs.emulator import Emulator
>>> with Emulator() as server:
...     server.api_key
'emulator-key'

Lives here: nothing but names. ``Emulator`` is the server; ``User`` and ``Target`` are what it can
be told to have; a ``Plan`` with its ``Ending`` is what is to become of a job, and ``EmulatedJob``
what its operator sees of one; ``FaultScript`` is what goes wrong with which request, made of
whatever is an ``AnyFault``; ``Simulator`` is the process that runs circuits, which several
emulators may share.

How the package hangs together, from the bottom: `plans` and `lives` (which status when, pure),
`targets`, `answers`, `splitting` and `requests` (what the API says, as values), `accounts`,
`process`, `simulator` and its program `worker` (the only one that knows Qiskit and Cirq), `stored`
and `views` (a job, and how it is shown), `jobs` (the store), `service`, `operating` and `admin`
(what the operator does), `app` (the calls), `faults` (which request goes wrong), `playing` (how),
`serving` (HTTP in a thread), `server`. Of the library it uses the statuses, the clock and the
mapping that cannot change, so that it stays an independent judge of the rest. A further language is
one entry in ``splitting.SPLITTERS`` and one in ``worker.languages.LANGUAGES``.
"""

from __future__ import annotations

try:
    from .accounts import User
    from .emulator import Emulator
    from .jobs.job import EmulatedJob
    from .jobs.plans import Ending, Plan
    from .server.faults import AnyFault, FaultScript
    from .simulator.simulator import Simulator
    from .targets import DEFAULT_TARGETS, Target
except ModuleNotFoundError as error:
    missing = (error.name or "another package").partition(".")[0]
    raise ModuleNotFoundError(
        f"superstaq_jobs.emulator needs {missing}: pip install 'superstaq_jobs[emulator]'",
        name=missing,
    ) from error

__all__ = [
    "DEFAULT_TARGETS",
    "AnyFault",
    "EmulatedJob",
    "Emulator",
    "Ending",
    "FaultScript",
    "Plan",
    "Simulator",
    "Target",
    "User",
]
