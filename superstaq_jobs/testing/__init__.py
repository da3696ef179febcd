"""Fakes, pytest fixtures and Hypothesis strategies for the tests of code that uses this library.

The fakes are here: ``FakeClock`` and ``ScriptedTransport``, with ready-made responses and the
``Fault`` values that scripts consist of. The strategies are in
``superstaq_jobs.testing.strategies``, which needs Hypothesis (the extra ``[testing]``); the
fixtures are in ``superstaq_jobs.testing.pytest_plugin``, which pytest loads automatically.

Importing this package loads none of these, and each name only when it is used: pytest and
Hypothesis import the package whenever they start, whether a project uses it or not.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .fakes import FakeClock, ScriptedTransport, jobs_response, json_response
    from .faults import Fault, FaultKind

__all__ = [
    "FakeClock",
    "Fault",
    "FaultKind",
    "ScriptedTransport",
    "jobs_response",
    "json_response",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "faults" if name.startswith("Fault") else "fakes"
    return getattr(importlib.import_module(f".{home}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
