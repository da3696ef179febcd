"""Fakes and Hypothesis strategies for the tests of code that uses this library.

Lives here: the fakes, ``FakeClock`` and ``ScriptedTransport``, with the answers that a script is
made of. The strategies are in ``superstaq_jobs.testing.strategies``, which needs Hypothesis (the
extra ``[testing]``); importing this package does not load it. May import the core, never a socket.
"""

from __future__ import annotations

from .fakes import FakeClock, ScriptedTransport, jobs_response, json_response

__all__ = ["FakeClock", "ScriptedTransport", "jobs_response", "json_response"]
