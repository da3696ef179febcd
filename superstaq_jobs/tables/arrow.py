"""Tables of Arrow, and what is made of them: pandas, Polars, Parquet files."""

from __future__ import annotations

import importlib
import itertools
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from superstaq_jobs.records import JobSnapshot, fields
from superstaq_jobs.records.frozen import is_unicode
from superstaq_jobs.records.problems import InvalidValue, how_to_install, shown

from .rows import (
    Outcomes,
    Row,
    RowKind,
    Seen,
    checked,
    find_outcomes,
    make_rows,
    outcome_rows,
    types_of,
)

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["to_arrow", "to_pandas", "to_polars", "write_parquet"]

_BATCH_ROWS: Final = 2**16
"""Rows in a batch of a table: the fastest, since a batch fits the processor's cache."""
_NO_TARGET: Final = "__HIVE_DEFAULT_PARTITION__"
"""What stands for null in the name of a folder, to Hive and all that read its layout."""


def to_arrow(snapshots: Iterable[JobSnapshot], rows: RowKind = "outcomes") -> pa.Table:
    """The rows as a table of Arrow, from which every other table is made. Needs pyarrow.

    Without snapshots it is an empty table of the same schema.

    Args:
        snapshots: As for ``to_rows``.
        rows: What the rows are; see ``superstaq_jobs.tables``.

    Returns:
        A ``pyarrow.Table`` whose columns hold plain strings, not dictionaries.

    Raises:
        ModuleNotFoundError: If pyarrow is not installed (extra ``tables``).
        TypeError: As for ``to_rows``.
        ValueError: As for ``to_rows``.
    """
    return _table(_schema(_imported("pyarrow", "to_arrow"), rows), checked(snapshots), rows)


def to_pandas(snapshots: Iterable[JobSnapshot], rows: RowKind = "outcomes") -> pd.DataFrame:
    """The rows as a DataFrame of pandas. Needs pyarrow and pandas.

    The types of the columns do not depend on the rows: strings are ``string[pyarrow]``, ``shots``
    and ``outcomes`` ``Int64`` (both with ``pd.NA``), tags lists of Arrow; the others are NumPy's.

    Args:
        snapshots: As for ``to_rows``.
        rows: What the rows are; see ``superstaq_jobs.tables``.

    Raises:
        ModuleNotFoundError: If pyarrow or pandas is not installed.
        TypeError: As for ``to_rows``.
        ValueError: As for ``to_rows``.
    """
    pa = _imported("pyarrow", "to_pandas")
    pd = _imported("pandas", "to_pandas", "pandas")
    tags = pa.list_(pa.string())
    kinds = {
        pa.string(): pd.StringDtype("pyarrow"),
        pa.int64(): pd.Int64Dtype(),
        tags: pd.ArrowDtype(tags),
    }
    return to_arrow(snapshots, rows).to_pandas(types_mapper=kinds.get)


def to_polars(snapshots: Iterable[JobSnapshot], rows: RowKind = "outcomes") -> pl.DataFrame:
    """The rows as a DataFrame of Polars. Needs pyarrow and Polars.

    Args:
        snapshots: As for ``to_rows``.
        rows: What the rows are; see ``superstaq_jobs.tables``.

    Raises:
        ModuleNotFoundError: If pyarrow or Polars is not installed.
        TypeError: As for ``to_rows``.
        ValueError: As for ``to_rows``.
    """
    _imported("pyarrow", "to_polars")
    made: pl.DataFrame = _imported("polars", "to_polars", "polars").from_arrow(
        to_arrow(snapshots, rows)
    )
    return made


def write_parquet(
    snapshots: Iterable[JobSnapshot],
    directory: str | os.PathLike[str],
    rows: RowKind = "outcomes",
    *,
    batch: int = 1000,
) -> int:
    """Write the rows into Parquet files, for tools that read more than fits in memory.

    Each target has a folder, ``target=<target>``, from whose name readers make the column
    ``target``; the files do not have that column. The folder of snapshots without a target is
    ``target=__HIVE_DEFAULT_PARTITION__``, which readers take as null. The files are numbered, one
    for each batch, compressed with zstd, and the same for the same snapshots: they hold no times of
    writing and no random names.

    Args:
        snapshots: As for ``to_rows``. They are read as they are written, ``batch`` at a time, so
            they may come from a generator and be more than fit in memory.
        directory: Where to write; created if missing.
        rows: What the rows are; see ``superstaq_jobs.tables``.
        batch: How many snapshots to hold at a time; >= 1.

    Returns:
        The number of rows.

    Raises:
        FileExistsError: If the directory is not empty; nothing was written.
        ModuleNotFoundError: If pyarrow is not installed (extra ``tables``).
        OSError: If a file cannot be written.
        TypeError: As for ``to_rows``. Earlier batches were written: delete the directory before
            you try again.
        ValueError: Likewise. Also if ``batch`` is below 1; then nothing was written.
    """
    schema = _schema(_imported("pyarrow", "write_parquet"), rows)
    if not fields.is_a(batch, int) or isinstance(batch, bool) or batch < 1:
        raise InvalidValue(f"batch must be an int >= 1, got {shown(batch)}; nothing was written")
    found = checked(snapshots)
    if not any(fields.is_a(directory, kind) for kind in (str, os.PathLike)):
        what = f"directory must be a path, got {shown(directory)}"
        raise TypeError(f"{what}. Nothing was written")
    if not is_unicode(os.fspath(directory)):
        raise InvalidValue("directory must not contain a lone surrogate. Nothing was written")
    root = Path(directory)
    root.mkdir(parents=True, exist_ok=True)
    if any(root.iterdir()):
        raise FileExistsError(
            f"{root} is not empty, so nothing was written: pass a new or an empty directory"
        )
    seen: Seen = {}
    written = 0
    for number, group in enumerate(
        iter(lambda: [*itertools.islice(found, min(batch, sys.maxsize))], [])
    ):
        by_target: dict[str | None, list[JobSnapshot]] = {}
        for snapshot in group:
            by_target.setdefault(snapshot.target, []).append(snapshot)
        for target, some in by_target.items():
            folder = root / f"target={_NO_TARGET if target is None else quote(target, safe='')}"
            table = _table(schema, some, rows, seen)
            _write_file(table, folder / f"part-{number:05d}.parquet")
            written += table.num_rows
    return written


def _write_file(table: pa.Table, path: Path) -> None:
    import pyarrow.parquet as pq

    if table.num_rows:
        columns = [name for name in table.column_names if name != "target"]
        path.parent.mkdir(exist_ok=True)
        pq.write_table(table.select(columns), path, compression="zstd")


# ---- batches -------------------------------------------------------------------------------------


def _schema(pa: Any, rows: RowKind) -> pa.Schema:
    types = {
        "string": pa.string(),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "double": pa.float64(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "list<string>": pa.list_(pa.string()),
    }
    return pa.schema([(name, types[kind]) for name, kind in types_of(rows).items()])


def _table(
    schema: pa.Schema, snapshots: Iterable[JobSnapshot], rows: RowKind, seen: Seen | None = None
) -> pa.Table:
    import pyarrow as pa

    if rows == "outcomes":
        batches = _outcome_batches(schema, snapshots)
    else:
        batches = _row_batches(schema, make_rows(snapshots, rows, seen))
    return pa.Table.from_batches(batches, schema=schema)


def _row_batches(schema: pa.Schema, rows: Iterator[Row]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    while some := list(itertools.islice(rows, _BATCH_ROWS)):
        columns = zip(*some, strict=True)
        arrays = [pa.array(c, field.type) for c, field in zip(columns, schema, strict=True)]
        yield pa.record_batch(arrays, schema=schema)


def _outcome_batches(
    schema: pa.Schema, snapshots: Iterable[JobSnapshot]
) -> Iterator[pa.RecordBatch]:
    parts: list[Outcomes] = []
    ends: list[int] = []
    bits: list[str] = []
    values: list[float] = []
    for part in find_outcomes(snapshots):
        if not part.counts:
            continue
        keys = list(part.counts.keys())
        in_order = sorted(keys)
        bits += in_order
        if in_order == keys:
            values += part.counts.values()
        else:
            values += map(dict(part.counts.items()).__getitem__, in_order)
        parts.append(part)
        ends.append(len(bits))
        if len(bits) >= _BATCH_ROWS:
            yield _outcome_batch(schema, parts, ends, bits, values)
            parts, ends, bits, values = [], [], [], []
    if bits:
        yield _outcome_batch(schema, parts, ends, bits, values)


def _outcome_batch(
    schema: pa.Schema,
    parts: Sequence[Outcomes],
    ends: Sequence[int],
    bits: Sequence[str],
    values: Sequence[float],
) -> pa.RecordBatch:
    """A batch of rows; what is the same for a whole circuit is written once and then repeated."""
    import pyarrow as pa
    import pyarrow.compute as pc

    run_ends = pa.array(ends, pa.int32())

    def repeated(name: str) -> pa.Array:
        once = pa.array([getattr(part, name) for part in parts], schema.field(name).type)
        return pc.run_end_decode(pa.RunEndEncodedArray.from_arrays(run_ends, once))

    try:
        count = pa.array(values, pa.float64())
    except (pa.ArrowInvalid, OverflowError):  # there is an int that perhaps is not a double
        count = pa.array([row[4] for row in outcome_rows(parts)], pa.float64())
    columns = {"bits": pa.array(bits, pa.string()), "count": count}
    arrays = [columns[name] if name in columns else repeated(name) for name in schema.names]
    return pa.record_batch(arrays, schema=schema)


def _imported(module: str, what: str, *also: str) -> Any:
    """A package that ``what`` needs; if it is missing, which ones to install beside the extra."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        how = how_to_install("tables", *also)
        raise ModuleNotFoundError(f"{what} needs {error.name}: {how}", name=error.name) from error
