"""From arguments to an exit code: every expected failure becomes one sentence, never a traceback."""

from __future__ import annotations

import io
import logging
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any, Final, TextIO

from cyclopts import CycloptsError

from walee_async.cli.app import app
from walee_async.cli.complaints import complaint
from walee_async.cli.exits import Exit, OutputError, exit_of
from walee_async.cli.keys import refuse_keys
from walee_async.cli.reasons import spelled_out
from walee_async.cli.screen import Screen, complain, help_console
from walee_async.errors import WaleeError

if TYPE_CHECKING:
    from collections.abc import Sequence

DEBUG: Final = "WALEE_DEBUG"


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code."""
    if sys.stderr is None:
        sys.stderr = _unheard()
    debug = bool(os.environ.get(DEBUG))
    teller = _Teller(logging.WARNING)
    if debug:
        logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    else:
        logging.getLogger("walee_async").addHandler(teller)
    if sys.stdout is sys.__stdout__:  # else somebody else's, who calls this inside a program
        sys.stdout = _standard_output()
    try:
        code = _run(list(arguments))
        sys.stdout.flush()
    except BaseException as error:
        if isinstance(error, SystemExit):
            raise
        code = _explain(error, arguments)
        if debug and code != Exit.NO_READER:
            traceback.print_exc()
    finally:
        logging.getLogger("walee_async").removeHandler(teller)
    return code


class _StandardOutput(io.RawIOBase):
    """Standard output that says which of all files it was that could not be written."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def isatty(self) -> bool:
        return self._raw.isatty()

    def write(self, data: Any, /) -> int | None:
        try:
            return self._raw.write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            _discard_the_rest()
            raise OutputError("Standard output", error) from None


def _standard_output() -> io.TextIOWrapper:
    was = sys.stdout
    if was is None:  # closed by the shell; the next file opened would be taken for it, so one that refuses is
        os.dup2(os.open(os.devnull, os.O_RDONLY), 1)
        refusing = _StandardOutput(io.FileIO(1, "w", closefd=False))
        return io.TextIOWrapper(io.BufferedWriter(refusing), "utf-8", "replace")
    assert isinstance(was, io.TextIOWrapper)
    raw: Any = getattr(was.buffer, "raw", was.buffer)  # with python -u there is no buffer
    out = io.BufferedWriter(_StandardOutput(raw))
    return io.TextIOWrapper(out, was.encoding, "replace", line_buffering=was.line_buffering)


def _unheard() -> TextIO:
    """A standard error for one that the shell has closed: nobody listens, and that keeps no command from its work."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the next file opened would be taken for it
    return open(2, "w", encoding="utf-8", errors="replace", closefd=False)


def _discard_the_rest() -> None:
    """What is still buffered has nowhere to go; the interpreter would complain about it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


class _Teller(logging.Handler):
    """Tells what the library logs as a warning, each sentence once: sixty reports may meet one full disk."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._told: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        first = record.args[0] if isinstance(record.args, tuple) and record.args else None
        sentence = str(first.about(None)) if isinstance(first, WaleeError) else record.getMessage()
        if sentence not in self._told:
            self._told.add(sentence)
            Screen().warn(sentence)


def _run(arguments: list[str]) -> int:
    refuse_keys(arguments)
    code = app(spelled_out(arguments), console=help_console(), exit_on_error=False, print_error=False)
    return int(code) if isinstance(code, Exit) else Exit.FETCHED


def _explain(error: BaseException, arguments: Sequence[str]) -> Exit:
    """Say in one sentence what went wrong, and return the exit code for it."""
    match error:
        case BrokenPipeError():
            _discard_the_rest()
            return Exit.NO_READER
        case KeyboardInterrupt():
            return Exit.INTERRUPTED
        case CycloptsError():
            command = next((f"walee {word}" for word in arguments[:1] if word in app), "walee")
            complain(f"{complaint(error, command, arguments)} `{command} --help` lists what there is.")
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


def _kinds(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return ", ".join(sorted({_kinds(part) for part in error.exceptions}))
    return type(error).__name__
