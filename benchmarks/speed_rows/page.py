"""Writes the result into a page of the documentation."""

from __future__ import annotations

from typing import Final

__all__ = ["BEGIN", "END", "with_result"]

BEGIN: Final = "<!-- written by a benchmark -->"
END: Final = "<!-- until here -->"


def with_result(page: str, result: str, begin_mark: str = BEGIN) -> str:
    """The page with a new result between its marks, and everything else unchanged.

    Raises:
        ValueError: If the page does not have both marks, once each and in order.
    """
    before, begin, rest = page.partition(begin_mark)
    _, end, after = rest.partition(END)
    if not begin or not end or begin_mark in rest or END in after:
        raise ValueError(f"the page does not have the marks {begin_mark} and {END}, once each")
    return f"{before}{begin}\n\n{result.strip()}\n\n{end}{after}"
