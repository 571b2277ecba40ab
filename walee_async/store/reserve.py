"""Room set aside for the day the disk is full: what is under way then has been paid for, and must still be kept."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from walee_async.store.connect import sidecar

if TYPE_CHECKING:
    from pathlib import Path

EACH: Final = 96 * 1024
"""Bytes for one report on the way: one of 25 KB that is committed alone takes some 90 KB of write-ahead log."""
_PIECE: Final = 1024 * 1024


class Reserve:
    """A file beside a store that is there to be deleted: room for so many reports on the way."""

    def __init__(self, store: Path, under_way: int) -> None:
        self._path = sidecar(store, ".reserve")
        self.size = under_way * EACH

    def fill(self) -> bool:
        """Set the room aside, unless it is already; False when there is none."""
        with suppress(OSError):
            if self._path.stat().st_size >= self.size:
                return True
        # Not zeros, which some file systems keep in no room at all, nor the same again, which others find.
        piece = os.urandom(_PIECE)
        turned = (piece[number:] + piece[:number] for number in range(-(-self.size // _PIECE)))
        try:
            with open(self._path, "wb", opener=_private) as file:
                file.writelines(turned)
                file.truncate(self.size)
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
