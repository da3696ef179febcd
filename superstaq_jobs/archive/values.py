"""The large values of states: their rows, and what was read of them, which is kept in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from .file import Connection
from .pieces import unpack

__all__ = ["ValueCache", "value_rows"]

_MAX_VARIABLES: Final = 500  # old versions of SQLite take 999
_CACHE_BYTES: Final = 32 * 1024 * 1024


def value_rows(raw: Connection, columns: str, keys: Sequence[bytes | int]) -> Iterator[Any]:
    """Two columns of the values that have one of these keys in the first of the columns."""
    key, _ = columns.split(", ")
    for start in range(0, len(keys), _MAX_VARIABLES):
        some = keys[start : start + _MAX_VARIABLES]
        marks = ",".join("?" * len(some))
        sql = f"SELECT {columns} FROM value WHERE {key} IN ({marks})"  # noqa: S608 - names, marks
        yield from raw.execute(sql, some)


class ValueCache:
    """Large values that have been read, by their ids: 32 MB, and those of a call. Thread-safe."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget them all."""
        self._values: dict[int, bytes] = {}
        self._bytes = 0

    def values(self, raw: Connection, ids: Sequence[int]) -> dict[int, bytes]:
        """Values by their ids, among them these; those that do not exist are left out.

        Raises:
            ValueError: If one cannot be read.
        """
        if self._bytes > _CACHE_BYTES:
            self.clear()
        known = self._values
        missing = [each for each in ids if each not in known]
        for each, body in value_rows(raw, "id, body", missing):
            known[each] = value = unpack(body)
            self._bytes += len(value)
        return known
