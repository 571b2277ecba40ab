"""A Redis server of one's own on a free port, which can be killed, frozen and started again.

Shared by the tests of what goes through Redis and their benchmark. It writes nothing to disk.
"""

from __future__ import annotations

import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

PATIENCE = 30.0
"""Seconds until a server that does not come up is a failure; a busy machine stalls."""


def find() -> str | None:
    """Where the server is, if it is installed."""
    return shutil.which("redis-server")


def free_port() -> int:
    """A port that no connection is given, as one could be before the server takes it, or while the server is gone."""
    while True:
        port = secrets.choice(range(20_000, 32_768))  # connections get 32,768 and up (Linux; others 49,152 and up)
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port


class RedisServer:
    """One server process; in the end it is killed."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._folder = tempfile.TemporaryDirectory(prefix="redis-", ignore_cleanup_errors=True)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What clients take as its address."""
        return f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()
        self._folder.cleanup()

    def start(self) -> None:
        """Start it, and return when it answers.

        Raises:
            RuntimeError: it does not come up; with its own words.
        """
        log = Path(self._folder.name) / "log"
        options = (
            f"--port {self.port} --bind 127.0.0.1 --save  --appendonly no --dir {self._folder.name} --logfile {log}"
        )
        self._process = subprocess.Popen([self._program, *options.split(" ")])
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self._process.poll() is None:
            try:
                if self.command("PING").startswith("+PONG"):
                    return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"redis-server did not start: {log.read_text() if log.is_file() else 'no log'}")

    def revive(self) -> None:
        """Let it run, whatever was done to it."""
        if self._process is None:
            self.start()
        else:
            self.thaw()

    def command(self, line: str) -> str:
        """Send one command and return the beginning of the answer, as it comes over the wire."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5.0) as wire:
            wire.sendall(line.encode() + b"\r\n")
            return wire.recv(65536).decode()

    def calls(self) -> int:
        """How many scripts it was asked to run since it started."""
        lines = self.command("INFO commandstats").splitlines()
        (stats,) = [line for line in lines if line.startswith("cmdstat_evalsha:")] or ["calls=0,"]
        return int(stats.partition("calls=")[2].partition(",")[0])

    def kill(self) -> None:
        """Kill it as `kill -9` does, frozen or not; what it held is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Stop it as SIGSTOP does: connections stay open, and nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
