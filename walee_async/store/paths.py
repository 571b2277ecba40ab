"""Where a store may be."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from walee_async.errors import ConfigError, StoreDamagedError, StorePathError
from walee_async.store.connect import SIDECARS, check_header, sidecar

if TYPE_CHECKING:
    from os import PathLike


_LONGEST: Final = 255 - len(".reserve")
"""Bytes of a store's name: file systems allow 255, and `.reserve` is the longest that is put behind it."""


def resolve(path: str | PathLike[str], *, create: bool) -> Path:
    """Return the absolute path of a store, links followed, so that one file has one lock.

    Raises:
        StorePathError: there is none, and none may or can be made.
    """
    try:
        return _checked(Path(path).absolute().resolve(), create)
    except (OSError, RuntimeError, ValueError) as error:
        raise StorePathError(f"{path} cannot be used: {getattr(error, 'strerror', None) or error}") from None


def _checked(file: Path, create: bool) -> Path:
    if len(os.fsencode(file.name)) > _LONGEST:
        raise StorePathError(
            f"{file} has a name that is too long for the files beside it; {_LONGEST} bytes are the most"
        )
    if file.name.lower().endswith(SIDECARS):
        raise StorePathError(
            f"{file} cannot be a store: so ends the name of a file beside a store, which would take its place;"
            " give it another name"
        )
    if file.is_dir():
        raise StorePathError(f"{file} is a folder, not a store")
    if file.exists():
        if not file.is_file():
            raise StorePathError(f"{file} is no ordinary file")
        return file
    if not create:
        raise StorePathError(f"there is no store {file}")
    if not file.parent.is_dir():
        raise StorePathError(f"there is no folder {file.parent}")
    return file


def check_apart(file: Path, store: Path) -> None:
    """Make sure that a file which is to be written is neither a store nor one of the files beside it.

    Raises:
        ConfigError: it is, or its name can be that of no file.
    """
    try:
        path, kept = file.absolute().resolve(), store.absolute().resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(f"{file} cannot be written: {getattr(error, 'strerror', None) or error}") from None
    if path in {sidecar(kept, suffix) for suffix in ("", *SIDECARS)}:
        raise ConfigError(f"{file} belongs to the store {store}, which would be spoilt; name another file")


def check_links(path: Path) -> None:
    """Make sure that a store has no second name: under each it would have a lock and a log of its own.

    Raises:
        StorePathError: it has.
    """
    if path.exists() and path.stat().st_nlink > 1:
        raise StorePathError(
            f"{path} has a second name (a hard link), under which another run could write to it at the same time;"
            " remove one of the names, or make a copy of the file and use that"
        )


def is_same(path: Path, before: os.stat_result) -> bool:
    """Whether a path still leads to the file that it led to."""
    try:
        return os.path.samestat(path.stat(), before)
    except OSError:
        return False


def make(path: Path) -> None:
    """Make an empty file that only its owner may read, unless there is one: reports are bought, and about people.

    Raises:
        StorePathError: it cannot be made.
    """
    try:
        # Nothing that is there is opened past SQLite: see check_header.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if not os.access(path, os.W_OK):
            raise StorePathError(f"{path} cannot be written to: it may only be read") from None
    except OSError as error:
        raise StorePathError(f"{path} cannot be written to: {error.strerror}") from None


def sync_folder(path: Path) -> None:
    """Make sure that a new file is still in its folder after a power cut. Windows has no such thing."""
    with suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def wipe(path: Path) -> None:
    """Remove a store, and whatever is beside it. The lock must be held.

    Raises:
        StorePathError: the file is something else than a store, or cannot be removed.
    """
    with suppress(StoreDamagedError):
        check_header(path)
    try:
        # The file itself goes last: interrupted at any point, this can be done again.
        for suffix in (".views", ".reserve", "-wal", "-shm", "-journal", ""):
            sidecar(path, suffix).unlink(missing_ok=True)
    except OSError as error:
        raise StorePathError(f"{path} cannot be removed: {error.strerror}") from None
