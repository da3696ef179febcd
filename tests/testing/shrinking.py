"""What Hypothesis finds: examples of every kind, or the smallest one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from hypothesis import Phase, find, settings
from hypothesis.errors import NoSuchExample
from hypothesis.strategies import SearchStrategy

FOUND = settings(max_examples=30_000, phases=[Phase.generate], database=None, deadline=None)
"""Finds any example, without shrinking it."""

SHRUNK = settings(max_examples=30_000, database=None, deadline=None)


def assert_all_are_drawn(
    strategy: SearchStrategy[Any], kinds: Mapping[Any, Callable[[Any], object]]
) -> None:
    """Draw until there was an example of each kind; a kind is a condition and its name."""
    missing = dict(kinds)

    def is_last_of_all(value: Any) -> bool:
        for name in [name for name, condition in missing.items() if condition(value)]:
            del missing[name]
        return not missing

    with contextlib.suppress(NoSuchExample):
        find(strategy, is_last_of_all, settings=FOUND)
    assert not missing


def assert_shrinks(
    strategy: SearchStrategy[Any],
    condition: Callable[[Any], object],
    assert_smallest: Callable[[Any], None],
) -> None:
    """Check the smallest example that Hypothesis finds from one of three seeds.

    From about one seed in ten, the shrinker stops a step short.
    """
    for seed in range(3):
        found = find(strategy, lambda v: bool(condition(v)), settings=SHRUNK, random=Random(seed))
        try:
            return assert_smallest(found)
        except AssertionError:
            if seed == 2:
                raise
    return None
