"""Where the lines go: a file that is continued, never truncated; or standard output."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final, Protocol

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from walee_async.cli.aside import Aside
from walee_async.cli.exits import OutputError
from walee_async.cli.lines import ViewName
from walee_async.errors import ConfigError
from walee_async.store.lock import EXCLUSIVE, TAKEN, seize
from walee_async.store.paths import check_apart

STDOUT: Final = "-"
BINARY: Final = getattr(os, "O_BINARY", 0)
"""Without it, Windows writes a line break as two bytes."""
_APPEND: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | BINARY


class Sink(Protocol):
    """Takes lines."""

    name: str
    had: set[str]
    """Handles whose reports are there already."""
    unreadable: set[str]
    """Those among them that were bought and could not be read."""

    async def write(self, line: bytes) -> None:
        """Write one line, so that it stays if the process is killed after it.

        Raises:
            OutputError: it cannot be written.
        """

    def close(self) -> None:
        """Leave it in order."""


class _Known(Struct):
    """What is asked of a line that is there already."""

    handle: str
    view: ViewName | UnsetType = UNSET
    report: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET
    payload: Raw | UnsetType = UNSET


class ReportFile:
    """A file of lines. One that exists is continued: its reports were paid for, and are neither lost nor bought again.

    A new one can be read by its owner only, as all files with reports can; one that exists stays as open as it is.

    A last line that was cut off when the process was killed is taken out (`cut` is its length in bytes, else 0).

    Raises:
        ConfigError: it cannot be opened, another process writes to it, it holds something else, or reports of the
            other view. The file is then as it was.
    """

    def __init__(self, path: Path, view: ViewName) -> None:
        self.name = str(path)
        self.had: set[str] = set()
        self.unreadable: set[str] = set()
        self.cut = 0
        self._view = view
        try:
            self._fd = os.open(path, _APPEND, 0o600)
        except OSError as error:
            raise ConfigError(f"{self.name} cannot be written: {error.strerror}") from None
        try:
            lock_file(self._fd, self.name)
            self.length = self._continue()
        except BaseException:
            os.close(self._fd)
            raise

    async def write(self, line: bytes) -> None:
        """Write one line, whole or not at all."""
        try:
            _write_all(self._fd, line)
        except OSError as error:
            os.ftruncate(self._fd, self.length)
            raise OutputError(self.name, error) from None
        self.length += len(line)

    def close(self) -> None:
        """Wait until the disk has it all."""
        try:
            os.fsync(self._fd)
        except OSError as error:
            raise OutputError(self.name, error) from None
        finally:
            os.close(self._fd)

    def _continue(self) -> int:
        """Take note of the lines that are there, mend the last one, and return where the next one begins."""
        decoder = msgspec.json.Decoder(_Known)
        end = number = 0
        with open(self._fd, "rb", closefd=False) as lines:
            for number, line in enumerate(lines, 1):
                try:
                    known = decoder.decode(line)
                except (msgspec.MsgspecError, UnicodeError, RecursionError):
                    if line.endswith(b"\n") or not line.startswith(b'{"handle":'[: len(line)]):
                        raise self._strange(number) from None
                    os.ftruncate(self._fd, end)
                    self.cut = len(line)
                    break
                self._note(known, number)
                end += len(line)
                if not line.endswith(b"\n"):
                    os.write(self._fd, b"\n")
                    end += 1
        return end

    def _note(self, known: _Known, number: int) -> None:
        if known.report is not UNSET:
            if known.view != self._view:
                raise ConfigError(f"{self.name} holds reports of another view than {self._view}; name another file")
            self.had.add(known.handle)
        elif known.error is UNSET:
            raise self._strange(number)
        elif known.payload is not UNSET:
            self.had.add(known.handle)
            self.unreadable.add(known.handle)

    def _strange(self, number: int) -> ConfigError:
        return ConfigError(
            f"Line {number:,} of {self.name} was not written by walee fetch, so the file is left alone; name another"
        )


class Stream:
    """Standard output, or a pipe or device that is named as a file. Nothing is there already."""

    def __init__(self, fd: int, name: str) -> None:
        self.name = name
        self.had: set[str] = set()
        self.unreadable: set[str] = set()
        self._fd = fd
        self._writer = Aside("lines")

    async def write(self, line: bytes) -> None:
        """Write one line, in a thread, because a slow reader must not keep the answers of the gateway waiting."""
        try:
            await self._writer.do(_write_all, self._fd, line)
        except OSError as error:
            raise OutputError(self.name, error) from None

    def close(self) -> None:
        """Nothing to do: every line is out, and the descriptor goes with the process."""


def open_sink(out: str | None, view: ViewName, store: Path | None = None) -> ReportFile | Stream:
    """The sink of `--out`, which may be no file of the store.

    Without one, lines go to standard output when that is a pipe or a file; 90 KB a line are of no use on a terminal,
    so there it is the file `reports.jsonl`.

    Raises:
        ConfigError: the file cannot be written or continued, or belongs to the store.
    """
    if out == STDOUT or (out is None and not os.isatty(1)):
        return Stream(1, "standard output")
    path = Path("reports.jsonl" if out is None else out)
    if store is not None:
        check_apart(path, store)
    try:
        mode = path.stat().st_mode
    except OSError:
        return ReportFile(path, view)
    if stat.S_ISREG(mode):
        return ReportFile(path, view)
    try:
        return Stream(os.open(path, os.O_WRONLY | BINARY), str(path))
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None


def _write_all(fd: int, line: bytes) -> None:
    rest = memoryview(line)
    while rest:
        rest = rest[os.write(fd, rest) :]


def lock_file(fd: int, name: str) -> None:
    """Keep the file to ourselves until the process ends: two runs would buy the same reports."""
    try:
        seize(fd, EXCLUSIVE)
    except OSError as error:
        if error.errno in TAKEN:  # else it is one of the network file systems that have no locks
            raise ConfigError(f"Another walee writes to {name}; wait for it, or name another file") from None
