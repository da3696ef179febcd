"""What the command writes: for a person on a terminal, for a program in a pipe, or as JSON.

What comes from a server is never obeyed by a terminal: it passes through ``printable``, and rich
does not take it for markup. On a terminal there are tables, colours and bars (rich); in a pipe,
lines with tabs.
"""

from __future__ import annotations

import codecs
import io
import json
import math
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import attrs

from .failures import CommandError, ExitCode

if TYPE_CHECKING:
    import rich.console
    import rich.text

__all__ = [
    "Cell",
    "Column",
    "Output",
    "Row",
    "amount",
    "prepare_streams",
    "printable",
    "silence_stdout",
]

Cell: TypeAlias = str | tuple[str, str]
"""A string, or a string and its style."""

Row: TypeAlias = Sequence[Cell]

FORMAT: Final = 1
"""The version of the JSON documents."""

_ON_TERMINAL: Final = 1000  # characters of one value; a pipe gets all of them
_BAR: Final = 40
_ROOM: Final = 10  # characters at least for what is wrapped
_ERRORS: Final = "superstaq_jobs.cli"
_PLAIN: Final = {"→": "->", "…": "...", "█": "#"}


def printable(text: str, limit: int = sys.maxsize) -> str:
    """A string on one line, in which nothing is left that a terminal would obey."""
    from superstaq_jobs.records.problems import line

    return line(text, limit)


def amount(number: int, noun: str) -> str:
    """A number and its noun, which is in the plural unless the number is 1."""
    from superstaq_jobs.records import display

    return display.plural(number, noun)


def _encodable(error: UnicodeError) -> tuple[str, int]:
    """Spell what an encoding lacks: arrows and the like in ASCII, the rest with a backslash."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    spelled = [_PLAIN.get(c) or c.encode("ascii", "backslashreplace").decode() for c in lacking]
    return "".join(spelled), error.end


def prepare_streams() -> None:
    """Let stdout and stderr take every string, whatever their encoding is."""
    codecs.register_error(_ERRORS, _encodable)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ERRORS)


def silence_stdout() -> None:
    """Drop what is still to be written, so that the interpreter's end does not report it."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


class Column(NamedTuple):
    """A column of a table on a terminal."""

    name: str
    right: bool = False
    plain: bool = False
    """Whether its values need no name where they stand in a line."""


@attrs.define
class Output:
    """Where a command writes to.

    Attributes:
        json: Whether to write JSON documents to stdout, and nothing else.
        command: The name of the command, for those documents.
        warnings: The warnings so far.
    """

    json: bool = False
    command: str = ""
    warnings: list[str] = attrs.field(factory=list)

    @property
    def is_terminal(self) -> bool:
        """Whether a person reads stdout."""
        return not self.json and sys.stdout.isatty()

    # ---- for people ------------------------------------------------------------------------

    def note(self, text: str, *, before: str = "") -> None:
        """Write lines for people to stderr, some of them before the name of the command."""
        lines = f"{before}superstaq-jobs: {text}".splitlines()
        print(*map(printable, lines), sep="\n", file=sys.stderr, flush=True)

    def warn(self, text: str) -> None:
        """Report a warning."""
        self.warnings.append(text)
        self.note(f"warning: {text}")

    def line(self, *parts: Cell) -> None:
        """Write one line to stdout."""
        if self.is_terminal:
            self._write(*map(self._text, parts))
        else:
            # At once, since somebody may follow a wait in a pipe.
            print("".join(printable(_string(part)) for part in parts), flush=True)

    def table(
        self,
        columns: Sequence[Column],
        rows: Iterable[Row],
        *,
        title: str = "",
        boxed: bool = False,
    ) -> None:
        """Write a table, or two lines for each row where a terminal is too narrow for it.

        In a pipe, the rows alone, with a tab between two cells. Only the last column is wrapped.
        """
        if not self.is_terminal:
            for row in rows:
                print("\t".join(printable(_string(cell)) for cell in row))
            return
        texts = [tuple(map(self._text, row)) for row in rows]
        if not texts:
            self.line(("none", "dim"))
            return
        import rich.box
        import rich.cells
        import rich.table

        names = [column.name for column in columns]
        widths = [
            max(map(rich.cells.cell_len, each))
            for each in zip(names, *([t.plain for t in row] for row in texts), strict=True)
        ]
        edges = 3 * len(widths) + (1 if boxed else -3)
        if sum(widths[:-1]) + min(widths[-1], _ROOM) + edges > self._console().width:
            self._stacked(columns, texts, title)
            return
        table = rich.table.Table(
            title=self._text(title) if title else None,
            box=rich.box.HEAVY_HEAD if boxed else rich.box.SIMPLE_HEAD,
            pad_edge=boxed,
            show_edge=boxed,
        )
        for column in columns:
            table.add_column(
                column.name,
                justify="right" if column.right else "left",
                no_wrap=column is not columns[-1],
                overflow="fold",
            )
        for text in texts:
            table.add_row(*text)
        self._console().print(table)

    def _stacked(
        self, columns: Sequence[Column], rows: Iterable[Sequence[rich.text.Text]], title: str
    ) -> None:
        if title:
            self.line(title)
        for first, second, *others in rows:
            self._write(first, "  ", second)
            about: list[rich.text.Text | str] = []
            for column, text in zip(columns[2:], others, strict=True):
                if text:
                    about += [", ", "" if column.plain else f"{column.name} ", text]
            if about:
                self._write("    ", *about[1:])

    def facts(self, pairs: Iterable[tuple[str, Cell]]) -> None:
        """Write names and their values, without those that are empty; a line each."""
        kept = [(name, value) for name, value in pairs if _string(value)]
        if not self.is_terminal:
            self.table((), kept)
            return
        if max((len(name) for name, _ in kept), default=0) + _ROOM > self._console().width:
            for name, value in kept:
                self.line((name, "bold"), "  ", value)
            return
        import rich.table

        grid = rich.table.Table.grid(padding=(0, 2))
        grid.add_column(style="bold", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in kept:
            grid.add_row(self._text(name), self._text(value))
        self._console().print(grid)

    def bars(self, rows: Sequence[tuple[str, str, float | None]]) -> None:
        """Write labels, numbers and their shares; on a terminal also a bar for each share."""
        percent = ["" if share is None else f"{share:.1%}" for _, _, share in rows]
        if not self.is_terminal:
            cells = ((label, number) for label, number, _ in rows)
            self.table((), [(*c, p) for c, p in zip(cells, percent, strict=True)])
            return
        import rich.table

        console = self._console()
        width = max([0, *(len(label) + len(number) for label, number, _ in rows)])
        room = max(4, min(_BAR, console.width - width - 14))
        longest = max([abs(share) for _, _, share in rows if share is not None] or [1]) or 1
        block = "#" if console.options.ascii_only else "█"
        grid = rich.table.Table.grid(padding=(0, 1))
        for justify in ("left", "left", "right", "right"):
            grid.add_column(justify=justify, overflow="fold")
        for (label, number, share), shown in zip(rows, percent, strict=True):
            length = max(0, round(room * (share or 0) / longest))
            bar = self._text((block * length, "blue"))
            grid.add_row(self._text(f"  {label}"), bar, number, shown)
        console.print(grid)

    def _text(self, cell: Cell) -> rich.text.Text:
        import rich.text

        text, style = (cell, "") if isinstance(cell, str) else cell
        return rich.text.Text(printable(text, _ON_TERMINAL), style)

    def _write(self, *texts: rich.text.Text | str) -> None:
        """Write a line that is never cut off; the terminal wraps it."""
        import rich.text

        self._console().print(rich.text.Text.assemble(*texts), soft_wrap=True)

    def _console(self) -> rich.console.Console:
        return console_on(stderr=False)

    def confirm(self, question: str, otherwise: str) -> None:
        """Ask on stderr, where a pipe does not hide it.

        Raises:
            CommandError: If the user does not agree, or nobody is there to ask.
        """
        print(f"{printable(question)} [y/N] ", end="", file=sys.stderr, flush=True)
        said = sys.stdin.readline() if sys.stdin is not None else ""
        if not said:
            print(file=sys.stderr)
            raise CommandError(
                f"nothing was sent, since it was not confirmed: {otherwise}", ExitCode.USAGE
            )
        if said.strip().lower() not in {"y", "yes"}:
            raise CommandError("nothing was sent, since you did not confirm it")

    # ---- for programs ----------------------------------------------------------------------

    def document(
        self,
        data: Any,
        *,
        code: ExitCode | None = ExitCode.OK,
        error: dict[str, Any] | None = None,
    ) -> None:
        """Write one JSON document: a line of ASCII."""
        document = {
            "format": FORMAT,
            "command": self.command,
            "exit_code": code,
            "data": data,
            "warnings": self.warnings,
            "error": error,
        }
        print(json.dumps(document, default=str), flush=True)


def console_on(*, stderr: bool) -> rich.console.Console:
    """A console that takes nothing for markup. It respects ``NO_COLOR``.

    Raises:
        CommandError: If rich is not installed.
    """
    try:
        import rich.console
    except ImportError:
        from superstaq_jobs.records.problems import how_to_install

        what = f"output on a terminal needs rich: {how_to_install('cli')}; or pass --json"
        raise CommandError(what, ExitCode.USAGE) from None

    class Console(rich.console.Console):
        def on_broken_pipe(self) -> None:  # rich would exit
            raise BrokenPipeError

    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def share_of(number: float, total: float) -> float | None:
    """A part of a total; None if the total is none, as of counts that add up to 0."""
    try:
        return number / total if 0 < total < math.inf else None
    except OverflowError:
        return None


def _string(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell[0]
