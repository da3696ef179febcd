"""The large values of states, which are kept in memory when they have been read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .file import Connection
from .pieces import unpack

__all__ = ["ValueCache"]

_MAX_VARIABLES: Final = 500  # old versions of SQLite take 999
_CACHE_BYTES: Final = 32 * 1024 * 1024


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
        for start in range(0, len(missing), _MAX_VARIABLES):
            some = missing[start : start + _MAX_VARIABLES]
            marks = ",".join("?" * len(some))
            sql = f"SELECT id, body FROM value WHERE id IN ({marks})"  # noqa: S608 - marks only
            for each, body in raw.execute(sql, some):
                known[each] = value = unpack(body)
                self._bytes += len(value)
        return known
