"""Files that are there whole or not at all, and folders; both for their owner alone."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

from walee_async.store.paths import sync_folder


class WholeFile:
    """A file that is written beside its name, and gets the name once all of it is on the disk.

    In between it is `.NAME.….part` in the same folder. A name that is taken is taken over.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        descriptor, half = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        self._half = Path(half)
        self.file: IO[bytes] = os.fdopen(descriptor, "wb")
        """To write to."""

    def finish(self) -> None:
        """Bring all of it to the disk without giving it its name, so that several can appear together.

        Raises:
            OSError: the disk is full or refuses.
        """
        if not self.file.closed:
            self.file.flush()
            os.fsync(self.file.fileno())
            self.file.close()

    def close(self) -> None:
        """Bring all of it to the disk, and give it its name, so that both are there after a power cut.

        Raises:
            OSError: the disk is full or refuses.
        """
        self.finish()
        self._half.replace(self.path)
        sync_folder(self.path)

    def abort(self) -> None:
        """Leave nothing behind. Safe to repeat, and after `close`."""
        with suppress(OSError):
            self.file.close()
        with suppress(OSError):
            self._half.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.close()
        finally:
            self.abort()


def make_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing. One that is there keeps its mode.

    Raises:
        OSError: it cannot be made.
    """
    for folder in (*reversed(path.parents), path):
        if not folder.is_dir():
            # Not `parents=True`, which leaves the mode of those above to the umask.
            folder.mkdir(0o700, exist_ok=True)
