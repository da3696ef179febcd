"""Circuits of Cirq and Qiskit in and out, and results as each of them has them.

``superstaq_jobs.interop.cirq`` and ``superstaq_jobs.interop.qiskit`` read snapshots. They import
their framework when a function is called, and nothing here sends a request.
"""

from __future__ import annotations

from . import cirq, qiskit
from .submitting import new_job

__all__ = ["cirq", "new_job", "qiskit"]
