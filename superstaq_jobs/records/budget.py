"""A limit on the work of reading one response. The core has no clock: the caller brings the limit.

It is carried in a context variable, since the hooks of a converter take no further arguments.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator
from contextvars import ContextVar
from typing import Final, TypeVar

__all__ = ["OutOfTime", "limited", "paced", "spend", "spend_on"]

T = TypeVar("T")

_ITEMS: Final = 200
"""How many items are handled between two checks: some milliseconds of work."""

_COSTS: Final = {b"[": 0.4e-6, b"{": 0.5e-6, b":": 0.5e-6}
"""How many seconds a parser takes for each list, each object and each key, at most."""

_UNNOTICED_SECONDS: Final = 0.1
"""By how much one step of a parser may miss the limit."""

_SMALL_BYTES: Final = _UNNOTICED_SECONDS / max(_COSTS.values())
"""What is not longer takes no more than that, whatever it is."""


class OutOfTime(BaseException):
    """The time for reading a response is up."""


_LIMIT: Final[ContextVar[Callable[[float], object]]] = ContextVar(
    "limit", default=lambda _seconds: None
)


@contextlib.contextmanager
def limited(check: Callable[[float], None]) -> Iterator[None]:
    """Within the block, let ``spend`` call a function that raises ``OutOfTime`` in due time.

    It gets the seconds that the next step will take: 0 if that is too little to matter.
    """
    token = _LIMIT.set(check)
    try:
        yield
    finally:
        _LIMIT.reset(token)


def spend(seconds: float = 0.0) -> None:
    """Check the limit, if there is one, before work that takes ``seconds`` and checks nothing.

    To be called every millisecond or so. Raises ``OutOfTime`` if the limit is or would be exceeded.
    """
    _LIMIT.get()(seconds)


def spend_on(body: bytes) -> None:
    """Check the limit before a parser reads JSON, since nothing can interrupt it.

    The time that it takes is estimated by what the JSON consists of. Raises what ``spend`` raises.
    """
    if len(body) <= _SMALL_BYTES:
        return
    with contextlib.suppress(OutOfTime):
        spend(len(body) * max(_COSTS.values()))
        return  # there is time for whatever it is: counting takes a while too
    estimate = sum(cost * body.count(sign) for sign, cost in _COSTS.items())
    spend(max(0.0, estimate - _UNNOTICED_SECONDS))


def paced(items: Collection[T]) -> Iterable[T]:
    """Some items to work on; the limit is checked now and while they are handled."""
    spend()
    return items if len(items) <= _ITEMS else _paced(items)


def _paced(items: Iterable[T]) -> Iterator[T]:
    pending = iter(items)
    while part := tuple(itertools.islice(pending, _ITEMS)):
        spend()
        yield from part
