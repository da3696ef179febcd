"""Readout errors of a few qubits, kept up to date.

``readout`` computes, ``pipeline`` asks the service; the second can be stopped at any moment and
started again.
"""
