"""A local Superstaq service for tests: real HTTP, real simulation, no account.

>>> from superstaq_jobs.emulator import Emulator
>>> with Emulator() as server:
...     server.api_key
'emulator-key'

``Emulator`` is the server. ``User`` and ``Target`` describe who may use it and what it runs jobs
on; ``OFFICIAL_TARGETS`` are those of the service. A ``Plan`` with its ``Ending`` says how a job
will go, and an ``EmulatedJob`` shows how it went. A ``FaultScript`` says which request fails and
how. A ``Simulator`` is the process that runs circuits; several emulators may share one.

The package uses only the statuses, the frozen mapping, the clock and the errors for arguments of
this library, so that it can judge the rest of it.
"""

from __future__ import annotations

import importlib.util

from superstaq_jobs.records.problems import how_to_install

from .emulator import Emulator
from .jobs.job import EmulatedJob
from .jobs.plans import Ending, Plan
from .server.faults import FaultScript
from .service import User
from .simulator.simulator import Simulator
from .targets import DEFAULT_TARGETS, OFFICIAL_TARGETS, Target

for _name in ("qiskit", "qiskit_aer"):  # found, but not imported: a worker process does
    if importlib.util.find_spec(_name) is None:
        raise ModuleNotFoundError(
            f"superstaq_jobs.emulator needs {_name}: {how_to_install('emulator')}", name=_name
        )

__all__ = [
    "DEFAULT_TARGETS",
    "OFFICIAL_TARGETS",
    "EmulatedJob",
    "Emulator",
    "Ending",
    "FaultScript",
    "Plan",
    "Simulator",
    "Target",
    "User",
]
