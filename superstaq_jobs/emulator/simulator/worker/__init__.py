"""The program that compiles, runs and converts circuits, in a process of its own.

Aer holds the interpreter's lock while it simulates: in a thread it would block every request, and
the program under test, for seconds. And a process can be killed. It imports nothing of the rest of
the package, so that it loads Qiskit, Cirq and Aer, and no server.
"""

from __future__ import annotations

__all__: list[str] = []
