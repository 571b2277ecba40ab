"""How the process can end: its exit codes, and the one error that is the command line's own."""

from __future__ import annotations

from enum import IntEnum
from textwrap import fill
from typing import Final

from walee_async.errors import (
    AccountError,
    BudgetError,
    ConfigError,
    LongPauseError,
    NotSentError,
    RunEndedError,
    StoreError,
    WaleeError,
)

_WIDTH: Final = 79
"""Columns of a terminal nobody has widened, less one."""


class Exit(IntEnum):
    """The exit codes. Codes from 128 follow the shell's custom of 128 plus the number of the signal."""

    FETCHED = 0
    USAGE = 2
    SOME_FAILED = 3
    ACCOUNT = 4
    STORE = 5
    BUDGET = 6
    BUG = 70
    OUTPUT = 74
    HUNG_UP = 129
    INTERRUPTED = 130
    NO_READER = 141
    TERMINATED = 143


MEANINGS: Final[dict[Exit, str]] = {
    Exit.FETCHED: "everything was fetched or scored",
    Exit.USAGE: "wrong usage or set-up; nothing was sent",
    Exit.SOME_FAILED: "some handles failed, or reports cannot be read, each for its own reason",
    Exit.ACCOUNT: "the gateway refused the account, made it wait past the deadline, or is not there",
    Exit.STORE: "the store cannot be used, is damaged, or its disk is full; what was kept is kept",
    Exit.BUDGET: "the budget was spent before the list ended",
    Exit.BUG: "a bug in walee; WALEE_DEBUG=1 shows where",
    Exit.OUTPUT: "the output could not be written, such as on a full disk",
    Exit.HUNG_UP: "the terminal was closed; what had arrived is kept",
    Exit.INTERRUPTED: "interrupted by Ctrl-C; what had arrived is kept",
    Exit.NO_READER: "whoever read the output went away",
    Exit.TERMINATED: "told to end by SIGTERM; what had arrived is kept",
}


def exit_of(error: WaleeError) -> Exit:
    """The exit code of a command that ended with this error."""
    if isinstance(error, ConfigError):
        return Exit.USAGE
    if isinstance(error, RunEndedError) and isinstance(error.__cause__, WaleeError):
        return exit_of(error.__cause__)
    if isinstance(error, StoreError):
        return Exit.STORE
    if isinstance(error, BudgetError):
        return Exit.BUDGET
    if isinstance(error, AccountError | LongPauseError | NotSentError | RunEndedError):
        return Exit.ACCOUNT
    return Exit.SOME_FAILED


class OutputError(Exception):
    """The output cannot be written. `reader_gone`: whoever read it went away, which is nobody's mistake."""

    def __init__(self, name: str, error: OSError) -> None:
        super().__init__(f"{name} cannot be written: {error.strerror}")
        self.reader_gone = isinstance(error, BrokenPipeError)


def epilogue() -> str:
    """The exit codes as the end of a help page."""
    rows = (
        fill(f"  {code.value:>3}  {meaning}", _WIDTH, subsequent_indent=" " * 7) for code, meaning in MEANINGS.items()
    )
    return "Exit codes:\n\n" + "\n".join(rows)
