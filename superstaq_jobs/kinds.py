"""The closed sets of words of the API besides the statuses.

Lives here: job types, simulation methods, circuit languages. Imports nothing of this package. The
words are those of the v0.3.0 models of ``general-superstaq`` 0.5.70.
"""

from __future__ import annotations

import enum

__all__ = ["CircuitType", "JobType", "SimMethod"]


class JobType(enum.StrEnum):
    """What a job is to do with its circuits."""

    SUBMIT = "submit"
    """Compile them and run them on the target."""
    SIMULATE = "simulate"
    """Compile them and simulate them on the service."""
    COMPILE = "compile"
    """Compile them only."""
    CONVERT = "convert"
    """Write them in another language only."""


class SimMethod(enum.StrEnum):
    """How a ``simulate`` job is simulated."""

    NOISE_SIM = "noise-sim"
    """With noise."""
    SIM = "sim"
    """Without noise."""


class CircuitType(enum.StrEnum):
    """The language that circuits are written in."""

    CIRQ = "cirq"
    """Cirq's JSON."""
    QISKIT = "qiskit"
    """Qiskit's QPY, in base64."""
    QASM = "qasm"
    """OpenQASM text."""
    JAQAL = "jaqal"
    """Jaqal text."""
