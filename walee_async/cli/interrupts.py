"""Ctrl-C and its kin: the first one asks for an orderly end, the second one leaves at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from types import FrameType
from typing import Any, Final, Self

from walee_async.cli.exits import Exit

_EXITS: Final = {
    name: code
    for name, code in (
        ("SIGINT", Exit.INTERRUPTED),
        ("SIGTERM", Exit.TERMINATED),
        ("SIGHUP", Exit.HUNG_UP),
        ("SIGBREAK", Exit.TERMINATED),  # Ctrl-Break of Windows, which has no way to send the others but Ctrl-C
    )
    if hasattr(signal, name)
}


class Interrupts:
    """Turns signals into a request to stop, for the length of a `with` block inside an event loop.

    A signal that is ignored stays ignored: `nohup walee fetch …` survives its terminal.
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.exit: Exit | None = None
        """The code to exit with, once a signal has come."""
        self._loop = asyncio.get_running_loop()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for name in _EXITS:
            number = signal.Signals[name]
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._caught)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _caught(self, number: int, frame: FrameType | None) -> None:
        code = _EXITS[signal.Signals(number).name]
        if self.exit is not None:
            if sys.stderr.isatty():
                os.write(2, b"\x1b[?25h\n")  # the bar hid the cursor
            os._exit(code)
        self.exit = code
        # A handler of the signal module's does not wake the loop by itself.
        self._loop.call_soon_threadsafe(self.asked.set)
