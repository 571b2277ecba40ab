"""From arguments to an exit code: every expected failure becomes one sentence, never a traceback."""

from __future__ import annotations

import io
import logging
import os
import sys
import traceback
from typing import TYPE_CHECKING, Final

from cyclopts import CycloptsError

from walee_async.cli.app import app
from walee_async.cli.exits import Exit, OutputError
from walee_async.cli.keys import mask, refuse_keys
from walee_async.cli.screen import complain
from walee_async.errors import AccountError, ConfigError, LongPauseError, RunEndedError, WaleeError

if TYPE_CHECKING:
    from collections.abc import Sequence

DEBUG: Final = "WALEE_DEBUG"


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code."""
    debug = bool(os.environ.get(DEBUG))
    if debug:
        logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        code = _run(list(arguments))
        sys.stdout.flush()
    except BaseException as error:
        if isinstance(error, SystemExit):
            raise
        code = _explain(error, arguments)
        if debug and code != Exit.NO_READER:
            traceback.print_exc()
    return code


def _run(arguments: list[str]) -> int:
    refuse_keys(arguments)
    code = app(arguments, exit_on_error=False, print_error=False)
    return int(code) if isinstance(code, Exit) else Exit.FETCHED


def _explain(error: BaseException, arguments: Sequence[str]) -> Exit:
    """Say in one sentence what went wrong, and return the exit code for it."""
    match error:
        case BrokenPipeError():
            # What is still buffered has nowhere to go; the interpreter would complain about it at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return Exit.NO_READER
        case KeyboardInterrupt():
            return Exit.INTERRUPTED
        case CycloptsError():
            command = next((f"walee {word}" for word in arguments[:1] if word in app), "walee")
            complain(f"{mask(str(error)).strip()} `{command} --help` lists what there is.")
            return Exit.USAGE
        case OutputError():
            complain(f"{error}.")
            return Exit.OUTPUT
        case WaleeError():
            complain(str(error))
            return exit_of(error)
        case _:
            complain(f"This is a bug in walee ({_kinds(error)}). {DEBUG}=1 in the environment shows where it is.")
            return Exit.BUG


def exit_of(error: WaleeError) -> Exit:
    """The exit code of a command that ended with this error."""
    if isinstance(error, ConfigError):
        return Exit.USAGE
    if isinstance(error, AccountError | LongPauseError | RunEndedError):
        return Exit.ACCOUNT
    return Exit.SOME_FAILED


def _kinds(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return ", ".join(sorted({_kinds(part) for part in error.exceptions}))
    return type(error).__name__
