"""The program that compiles and runs circuits, in a process of its own.

Lives here: everything that knows Qiskit and Cirq. `launch` is what `simulator` starts; `loop` reads
tasks and writes replies; `running` compiles and runs one circuit, `branching` those that measure in
the middle; `programs` is what a circuit is between a reader and a writer; `languages` is the table
of them, one entry each, and `qasm`, `qpy` and `cirq_json` are the entries. It imports nothing of
the rest of the package, so that it loads the simulator and no server.

The reason for a process: Aer holds the interpreter's lock while it simulates, so in a thread it
would stop every request, and the program under test, for seconds; and a process can be killed.
"""

from __future__ import annotations

__all__: list[str] = []
