"""The program that compiles, runs and converts circuits, in a process of its own.

Everything that knows Qiskit and Cirq is here. It imports nothing of the rest of the package, so
that a worker loads the simulator and no server.

It is a process because Aer holds the interpreter's lock while it simulates: in a thread it would
block every request, and the program under test, for seconds. And a process can be killed.
"""

from __future__ import annotations

__all__: list[str] = []
