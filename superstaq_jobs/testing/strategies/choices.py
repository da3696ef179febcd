"""Many small choices from one draw of Hypothesis, which keeps strategies fast.

A draw costs Hypothesis more than building a record, so a record takes its choices from the bytes of
one draw. Hypothesis shrinks each byte on its own, and the simplest choice is at 0, so failing
examples become as simple as with one draw per choice.
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
    """Choices taken one after another from a fixed number of bytes.

    Take them in the same order each time, whether needed or not, so that a choice keeps its bytes
    while Hypothesis shrinks those before it.

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
        """A number from 0, less than the limit: one byte for limits up to 256, otherwise more.

        Raises:
            IndexError: All bytes have been used.
        """
        start = self._at
        if limit <= _ONE_BYTE:
            self._at = start + 1
            return self._data[start] * limit >> 8
        size = bytes_below(limit)
        self._at = end = start + size
        if end > len(self._data):
            raise IndexError(
                f"{size} more bytes were needed, but all {len(self._data)} that were drawn are used"
            )
        return int.from_bytes(self._data[start:end], "big") * limit >> 8 * size

    def of(self, pool: Sequence[T], free: st.SearchStrategy[T] | None = None) -> T:
        """An element of the pool, the simplest first, or just as often a value of the strategy."""
        index = self.below(len(pool) + (free is not None))
        return self.draw(free) if free is not None and index == len(pool) else pool[index]

    def flag(self) -> bool:
        """True or, as the simpler choice, False."""
        return bool(self.below(2))


def bytes_below(limit: int) -> int:
    """How many bytes a choice below a limit takes."""
    return max(1, (limit - 1).bit_length() + 7 >> 3)
