"""A limit on the work of reading one response. The core has no clock: the caller brings the limit.

It is carried in a context variable, since the hooks of a converter take no further arguments.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator
from contextvars import ContextVar
from typing import Final, TypeVar

__all__ = ["OutOfTime", "limited", "paced", "spend"]

T = TypeVar("T")

_ITEMS: Final = 200
"""How many items are handled between two checks: some milliseconds of work."""


class OutOfTime(BaseException):
    """The time for reading a response is up."""


def _unlimited() -> None:
    pass


_LIMIT: Final[ContextVar[Callable[[], None]]] = ContextVar("limit", default=_unlimited)


@contextlib.contextmanager
def limited(check: Callable[[], None]) -> Iterator[None]:
    """Within the block, let ``spend`` call a function that raises ``OutOfTime`` in due time."""
    token = _LIMIT.set(check)
    try:
        yield
    finally:
        _LIMIT.reset(token)


def spend() -> None:
    """Check the limit, if there is one: to be called every millisecond or so of work.

    Raises:
        OutOfTime: If it is reached.
    """
    _LIMIT.get()()


def paced(items: Collection[T]) -> Iterable[T]:
    """Some items to work on; the limit is checked now and while they are handled."""
    spend()
    return items if len(items) <= _ITEMS else _paced(items)


def _paced(items: Iterable[T]) -> Iterator[T]:
    pending = iter(items)
    while part := tuple(itertools.islice(pending, _ITEMS)):
        spend()
        yield from part
