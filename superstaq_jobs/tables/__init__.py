"""Snapshots as tables: plain rows, Arrow, pandas, Polars, and Parquet files.

It knows records only, and does no I/O but to write files. Arrow is imported when it is used.

There are three kinds of rows. What a snapshot does not say is None, or null in a table:

``"outcomes"``
    One row for each bitstring of each circuit that has counts, whatever the circuit's status:
    ``job_id``, ``circuit`` (its index), ``target``, ``bits``, ``count``, ``total`` (of all counts
    of the circuit), ``shots`` (requested).
``"circuits"``
    One row for each circuit: ``job_id``, ``circuit``, ``job_type``, ``target``, ``circuit_type``,
    ``status`` (as the server wrote it), ``status_message``, ``provider_id``, ``shots``,
    ``outcomes`` (how many bitstrings have a count), ``total``, ``submitted_at``, ``updated_at``,
    ``fetched_at``, ``tags``, ``metadata`` (canonical JSON), ``digest`` (of the snapshot).
``"changes"``
    One row for each change of a circuit's status that several snapshots of its job show, oldest
    first: ``job_id``, ``circuit``, ``from_status`` (None in the first snapshot), ``to_status``,
    ``at`` (``updated_at``, otherwise ``fetched_at``), ``seconds`` (since the change before).

Rows are in the order of the snapshots, then of the circuits, then of the bitstrings. Equal
snapshots that were fetched at equal times give equal tables, on every machine.
"""

from __future__ import annotations

from .arrow import to_arrow, to_pandas, to_polars, write_parquet
from .rows import RowKind, to_rows

__all__ = ["RowKind", "to_arrow", "to_pandas", "to_polars", "to_rows", "write_parquet"]
