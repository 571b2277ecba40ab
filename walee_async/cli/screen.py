"""The screen: everything said to people goes to standard error, so that standard output holds data and nothing else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, TextIO

from rich.console import Console
from rich.text import Text

from walee_async.cli.text import clean

if TYPE_CHECKING:
    from rich.console import RenderableType

_NARROW: Final = 20
"""Columns of a help page at least. Below 6 there is no word in its tables, below 3 rich wraps them without end."""


class _Sturdy:
    """Standard error that may go away: a closed terminal must not end a run that is paid for."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.encoding = file.encoding or "utf-8"

    def write(self, text: str) -> int:
        try:
            return self._file.write(text)
        except (OSError, ValueError):
            return len(text)

    def flush(self) -> None:
        try:
            self._file.flush()
        except (OSError, ValueError):
            return

    def isatty(self) -> bool:
        return self._file.isatty()

    def fileno(self) -> int:
        return self._file.fileno()


class Screen:
    """Standard error as rich sees it, without markup: no text from outside can style itself or give orders."""

    def __init__(self) -> None:
        self.console = console_on(_Sturdy(sys.stderr))

    @property
    def lively(self) -> bool:
        """Whether lines can be redrawn; a log file or a dumb terminal gets plain lines now and then instead."""
        return self.console.is_terminal and not self.console.is_dumb_terminal

    def say(self, text: str | Text, style: str = "") -> None:
        """Write one sentence; in a log it stays on one line."""
        self.console.print(text, style=style, soft_wrap=not self.lively)

    def warn(self, text: str) -> None:
        """Write one sentence that wants attention."""
        self.say(Text.assemble(("Note: ", "bold yellow"), clean(text)))

    def show(self, what: RenderableType) -> None:
        """Write a table or the like."""
        self.console.print(what)


class _Console(Console):
    """Leaves it to the command what a reader who went away means; rich would exit with 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console_on(file: object) -> Console:
    """A rich console on a file, that interprets nothing in the text it is given.

    Raises:
        BrokenPipeError: when written to, if whoever reads the file went away.
    """
    return _Console(file=file, markup=False, emoji=False, highlight=False)  # type: ignore[arg-type]


def help_console() -> Console:
    """The console of help pages, on standard output as it is when they are written."""
    console = _Console()
    console.width = max(console.width, _NARROW)
    return console


def complain(sentence: str) -> None:
    """Say in one sentence what was wrong, as the last thing before the end."""
    Screen().say(Text.assemble(("walee: ", "bold red"), clean(sentence)))
