"""The processes of a soak: each is watched to its end, and none outlives it. Linux alone has what this takes."""

from __future__ import annotations

import os
import resource
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

LONGEST = 180.0
"""Seconds until a process that does not end is a failure; the longest round takes a third of it."""
MARK = "WALEE_SOAK"
"""The variable that every process of a soak, and all that it starts, can be told by."""


class Ended(Struct, frozen=True):
    """A process that has ended. `peak` is the most memory seen in use, in bytes; `code` as subprocess has it."""

    code: int
    out: str
    err: str
    seconds: float
    peak: int


class Process:
    """One process, with its output in files."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        name: str,
        largest: int | None = None,
    ) -> None:
        self._files = [folder / f"{name}.out", folder / f"{name}.err"]
        self._began = time.monotonic()
        self._peak = 0

        def limit() -> None:
            assert largest is not None
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

        with self._files[0].open("wb") as out, self._files[1].open("wb") as err:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=folder,
                env=environment,
                preexec_fn=limit if largest is not None else None,  # noqa: PLW1509 - the soak has no threads
            )
        self._watched = os.pidfd_open(self._process.pid)

    @property
    def pid(self) -> int:
        """Its id."""
        return self._process.pid

    def lasts(self, seconds: float) -> bool:
        """Wait so long, or until it ends; whether it still runs."""
        until = time.monotonic() + seconds
        while True:
            self._peak = max(self._peak, memory(self.pid)[1])
            left = max(0.0, until - time.monotonic())
            if select.select([self._watched], [], [], min(left, 0.1))[0]:
                return False
            if not left:
                return True

    def lasts_until(self, happened: Callable[[], bool]) -> bool:
        """Wait for something, or until it ends; whether it still runs."""
        until = time.monotonic() + LONGEST
        while time.monotonic() < until and self.lasts(0.02):
            if happened():
                return True
        return False

    def signal(self, number: int) -> None:
        """Send it a signal."""
        if self._process.poll() is None:
            self._process.send_signal(number)

    @staticmethod
    def send(pid: int, number: int) -> None:
        """Send a signal to a process that this one started, if it is still there."""
        with suppress(ProcessLookupError):
            os.kill(pid, number)

    def end(self) -> Ended:
        """Wait for its end."""
        hung = self.lasts(LONGEST)
        if hung:
            self.signal(signal.SIGKILL)
        self._process.wait()
        os.close(self._watched)
        out, err = (file.read_text("utf-8", errors="replace") for file in self._files)
        if hung:
            err += f"\nthe soak: it did not end in {LONGEST:g} s\nTraceback of nothing"
        return Ended(self._process.returncode, out, err, time.monotonic() - self._began, self._peak)


def memory(pid: int) -> tuple[int, int]:
    """The memory a process has in use and the most it ever had, in bytes; nothing of one that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    found = {name: value for name, _, value in (line.partition(":") for line in lines)}
    return tuple(int(found.get(name, "0 kB").split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[return-value]


def descriptors(pid: int) -> int:
    """The files and sockets a process has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def marked(mark: str, key: str = "") -> dict[int, str]:
    """The processes that bear a mark, and if one is given have this key, by id, with their command lines."""
    found = {}
    wanted = {f"{MARK}={mark}".encode()} | ({f"WALEE_API_KEY={key}".encode()} if key else set())
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and wanted <= set((entry / "environ").read_bytes().split(b"\0")):
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:200]
        except OSError:
            continue
    return found


def wait_for(happened: Callable[[], bool], seconds: float) -> bool:
    """Wait for something, at most so long; whether it happened."""
    until = time.monotonic() + seconds
    while not (done := happened()) and time.monotonic() < until:
        select.select([], [], [], 0.05)
    return done
