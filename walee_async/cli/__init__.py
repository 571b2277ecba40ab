"""The command `walee`. It needs the extra `cli`; without it, it says so."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line of this process and exit with its code."""
    try:
        with _put_off():
            from walee_async.cli.entry import run
        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # before `run`, which hears every later one
        code = 130
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "walee_async":
            raise
        sys.exit(_missing(error.name))
    sys.exit(code)


@contextmanager
def _put_off() -> Iterator[None]:
    """Raise a KeyboardInterrupt at the end: in the midst of an import, one in a hundred is lost or another error."""
    mine = threading.current_thread() is threading.main_thread()
    if not mine or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    came: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if came:
            raise KeyboardInterrupt


def _missing(name: str | None) -> int:
    print(f"The command walee needs more packages ({name} is missing): pip install 'walee-async[cli]'", file=sys.stderr)
    return 2
