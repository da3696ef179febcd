"""Readout errors of a few qubits, kept up to date.

``readout`` computes; ``pipeline`` talks to the service, and can be stopped at any moment and
restarted.
"""
