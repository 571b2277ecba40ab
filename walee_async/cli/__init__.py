"""The command `walee`. It needs the extra `cli`; without it, it says so."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line of this process and exit with its code."""
    # Raised in the middle of an import, a KeyboardInterrupt is lost once in a hundred times, or becomes another error.
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heard:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    try:
        from walee_async.cli.entry import run

        if heard:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # just before `run`, which hears every later one
        code = 130
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "walee_async":
            raise
        sys.exit(_missing(error.name))
    sys.exit(code)


def _missing(name: str | None) -> int:
    print(f"The command walee needs more packages ({name} is missing): pip install 'walee-async[cli]'", file=sys.stderr)
    return 2
