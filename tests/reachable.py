"""Which status may be observed after which, by any number of the steps of ``NEXT_STATUSES``."""

from __future__ import annotations

from superstaq_jobs.records import CircuitStatus
from superstaq_jobs.records.status import NEXT_STATUSES, TERMINAL_CIRCUIT_STATES


def may_become(before, after):
    """Whether a circuit with one status may later be observed with the other.

    A status that this version does not know may come at any time before the circuit finishes.
    """
    seen, frontier = {before}, {before}
    while frontier:
        frontier = {after for status in frontier for after in NEXT_STATUSES[status]} - seen
        seen |= frontier
    unknown = after is CircuitStatus.UNKNOWN and before not in TERMINAL_CIRCUIT_STATES
    return after in seen or unknown
