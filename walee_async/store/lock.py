"""The lock that lets one process write to a store. The system takes it back when the process dies, however it dies."""

from __future__ import annotations

import errno
import os
import platform
import sys
import time
import weakref
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from walee_async.errors import StoreError, StoreLockedError, StorePathError
from walee_async.store.connect import sidecar
from walee_async.store.paths import is_same

if TYPE_CHECKING:
    from typing import IO

if sys.platform == "win32":
    import msvcrt

    SHARED: Final = msvcrt.LK_NBLCK
    EXCLUSIVE: Final = msvcrt.LK_NBLCK
    _BYTE: Final = 1 << 30
    """A lock on Windows keeps others from reading what it covers, so it covers nothing that is there."""

    def seize(descriptor: int, how: int) -> None:
        """Lock an open file, or raise an OSError whose number is one of `TAKEN`. It then is at its beginning."""
        os.lseek(descriptor, _BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, how, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
else:
    import fcntl

    SHARED: Final = fcntl.LOCK_SH
    EXCLUSIVE: Final = fcntl.LOCK_EX

    def seize(descriptor: int, how: int) -> None:
        """Lock an open file, or raise an OSError whose number is one of `TAKEN`."""
        # flock rather than lockf: it also keeps out a second store of this same process, and it is not lost when
        # somebody else in the process opens and closes the file.
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)


TAKEN: Final = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)
_MOST: Final = 4096
_GLANCE: Final = 0.02
"""Seconds. To see whether a lock is held takes some 10 µs."""


class _Holder(Struct, frozen=True):
    pid: int
    host: str
    command: str
    started: float


class Lock:
    """Held from `acquire` to `release`, or until the process ends. The file it leaves behind locks nothing."""

    _held: Final[weakref.WeakSet[Lock]] = weakref.WeakSet()

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file = file
        self._path = path
        self._stat = os.fstat(file.fileno())
        self._held.add(self)

    @classmethod
    def acquire(cls, store: Path) -> Lock:
        """Take the lock of a store, or say who has it; never waits.

        Raises:
            StoreLockedError: another process has it, or another store of this one.
            StorePathError: the folder cannot be written to.
            StoreError: the file system has no locks.
        """
        path = sidecar(store, ".lock")
        try:
            file = open(path, "r+b", buffering=0, opener=_opener)  # noqa: SIM115  (kept open; Path has no opener)
        except OSError as error:
            raise StorePathError(f"{store} cannot be written to: {path.name}: {error.strerror}") from None
        try:
            _take(file.fileno())
        except OSError as error:
            with file:
                raise _refusal(store, file, error) from None
        if not is_same(
            path, os.fstat(file.fileno())
        ):  # removed while we took it: whoever comes next would take another
            file.close()
            return cls.acquire(store)
        lock = cls(file, path)
        # Only the program's name, not its arguments: there might be a key among them.
        command = Path(sys.argv[0]).name if sys.argv else ""
        holder = _Holder(os.getpid(), platform.node(), command, time.time())
        with suppress(OSError):  # a full disk keeps nobody from reading the store and saying so
            file.truncate(0)
            file.seek(0)
            file.write(msgspec.json.encode(holder))
        return lock

    def is_lost(self) -> bool:
        """Whether somebody removed the file, so that another process can take a lock of the same name."""
        return not is_same(self._path, self._stat)

    def release(self) -> None:
        """Let others write."""
        with suppress(OSError):
            self._file.truncate(0)
        self._held.discard(self)
        self._file.close()

    @classmethod
    def drop_all(cls) -> None:
        """Close what a forked child has inherited, without unlocking: else it would hold the lock past its parent."""
        for lock in list(cls._held):
            lock._file.close()
        cls._held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=Lock.drop_all)


def is_held(store: Path) -> bool:
    """Whether somebody writes to a store, this process included. Where nobody can tell, nobody does."""
    try:
        file = sidecar(store, ".lock").open("rb")
    except OSError:
        return False
    with file:
        try:
            seize(file.fileno(), SHARED)
        except OSError as error:
            return error.errno in TAKEN
    return False


def _take(descriptor: int) -> None:
    """Take the lock; once more after a moment, for `is_held` may have been looking."""
    with suppress(OSError):
        return seize(descriptor, EXCLUSIVE)
    time.sleep(_GLANCE)
    return seize(descriptor, EXCLUSIVE)


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT, 0o600)


def _refusal(store: Path, file: IO[bytes], error: OSError) -> StoreError:
    if error.errno not in TAKEN:
        return StoreError(f"{store} cannot be locked on this file system: {error.strerror}")
    try:
        file.seek(0)
        holder = msgspec.json.decode(file.read(_MOST), type=_Holder)
    except (OSError, ValueError):
        return StoreLockedError(f"{store} is being written to by another process")
    mine = holder.pid == os.getpid() and holder.host == platform.node()
    who = "this process" if mine else f"process {holder.pid} ({holder.command or 'unnamed'}) on {holder.host}"
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(holder.started))
    return StoreLockedError(f"{store} is being written to by {who} since {since}")
