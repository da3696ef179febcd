"""Many small choices from one draw of Hypothesis.

Lives here: ``Choices``. A draw costs Hypothesis more than everything that a record is made of, so a
record takes its choices from the bytes of one draw. Hypothesis makes each of these bytes smaller on
its own, and a choice goes by the size of its bytes, with the simplest choice at 0: so what is found
becomes as simple as with a draw for each choice. Imports Hypothesis.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Final, TypeVar

from hypothesis import strategies as st

__all__ = ["Choices"]

T = TypeVar("T")

_ONE_BYTE: Final = 256


@functools.cache
def _bytes(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


class Choices:
    """Choices that are taken one after another from a fixed number of bytes.

    Take them in the same order each time, needed or not: then a choice keeps its bytes while
    Hypothesis makes those before it simpler.

    Args:
        draw: The draw function of a composite strategy.
        size: How many bytes to draw.
    """

    __slots__ = ("_at", "_data", "draw")

    def __init__(self, draw: st.DrawFn, size: int) -> None:
        self.draw = draw
        self._data = draw(_bytes(size)) if size else b""
        self._at = 0

    def below(self, limit: int) -> int:
        """A number from 0, less than the limit: one byte for limits up to 256, else more.

        Raises:
            IndexError: If there are no bytes left.
        """
        start = self._at
        if limit <= _ONE_BYTE:
            self._at = start + 1
            return self._data[start] * limit >> 8
        size = bytes_below(limit)
        self._at = end = start + size
        if end > len(self._data):
            raise IndexError(f"{size} more bytes were asked for than the {len(self._data)} drawn")
        return int.from_bytes(self._data[start:end], "big") * limit >> 8 * size

    def of(self, pool: Sequence[T], free: st.SearchStrategy[T] | None = None) -> T:
        """One of a pool, the simplest first, or, as often as any of these, one of a strategy."""
        index = self.below(len(pool) + (free is not None))
        return self.draw(free) if free is not None and index == len(pool) else pool[index]

    def flag(self) -> bool:
        """True or, more simply, False."""
        return bool(self.below(2))


def bytes_below(limit: int) -> int:
    """How many bytes a choice of so many takes."""
    return max(1, (limit - 1).bit_length() + 7 >> 3)
