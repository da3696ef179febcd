"""The page of the documentation that holds the result. Imports the standard library alone."""

from __future__ import annotations

from typing import Final

__all__ = ["BEGIN", "END", "with_result"]

BEGIN: Final = "<!-- written by benchmarks/speed.py -->"
END: Final = "<!-- until here -->"


def with_result(page: str, result: str) -> str:
    """The page with another result between its marks, and all else as it is.

    Raises:
        ValueError: If the marks are not there, once each and in order.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise ValueError(f"the page does not have the marks {BEGIN} and {END}, once each")
    return f"{before}{begin}\n\n{result.strip()}\n\n{end}{after}"
