"""Room set aside for the day the disk is full: what is under way then has been paid for, and must still be kept."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

SIZE: Final = 4 * 1024 * 1024
"""Bytes. 64 reports on the way, of 25 KB each, take 2 MB of write-ahead log."""


class Reserve:
    """A file beside a store that is there to be deleted."""

    def __init__(self, store: Path) -> None:
        self._path = store.with_name(f"{store.name}.reserve")

    def fill(self) -> bool:
        """Set the room aside, unless it is already; False when there is none."""
        with suppress(OSError):
            if self._path.stat().st_size == SIZE:
                return True
        try:
            with open(self._path, "wb", opener=_private) as file:
                # Not zeros, which some file systems keep in no room at all.
                file.write(os.urandom(SIZE))
        except OSError:
            self.release()
            return False
        return True

    def release(self) -> bool:
        """Give the room back to the disk; False when there is none to give."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
