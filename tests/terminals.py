"""A terminal that keeps what is written to it, and what must not reach one, for tests of output."""

from __future__ import annotations

import io
import re

HOSTILE = "\x1b]0;owned\x07\x9b2J [red]x[/] [link=http://e.example]\u202e\r\b\t"
"""What a terminal would obey, or rich would take for markup."""


class Tty(io.TextIOWrapper):
    """A terminal that keeps what is written."""

    def __init__(self, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, newline="")

    def isatty(self) -> bool:
        return True

    def text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


def without_colours(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def is_safe(text: str) -> bool:
    """Whether a terminal obeys nothing in it but colours, line ends and tabs."""
    return re.sub(r"[\n\t]", "", without_colours(text)).isprintable()
