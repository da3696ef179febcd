"""The large values of states: their rows, those kept in memory, and what is joined of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from .file import Connection
from .pieces import sha256, unpack, unpack_pieces

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

    def joined(self, raw: Connection, bodies: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
        """What was said in some states, from SHA-256 and body of each, without what is damaged."""
        with contextlib.suppress(ValueError, KeyError, TypeError):
            unpacked: dict[bytes, list[Any]]
            unpacked = {sha: unpack_pieces(body) for sha, body in bodies.items()}
            ids = [each for pieces in unpacked.values() for each in pieces[1::2]]
            values = self._read(raw, ids)
            wires = {sha: _joined(pieces, values) for sha, pieces in unpacked.items()}
            return {sha: wire for sha, wire in wires.items() if sha256(wire) == sha}
        return {}

    def _read(self, raw: Connection, ids: Sequence[int]) -> dict[int, bytes]:
        """Values by their ids, among them these; those that do not exist are left out."""
        if self._bytes > _CACHE_BYTES:
            self.clear()
        known = self._values
        missing = [each for each in ids if each not in known]
        for each, body in value_rows(raw, "id, body", missing):
            known[each] = value = unpack(body)
            self._bytes += len(value)
        return known


def _joined(pieces: list[Any], values: Mapping[int, bytes]) -> bytes:
    """What was cut into pieces, which are used up."""
    pieces[::2] = map(str.encode, pieces[::2])
    pieces[1::2] = map(values.__getitem__, pieces[1::2])
    return b"".join(pieces)
