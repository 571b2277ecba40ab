"""What the tests of the command line have: the command as a real process, and a real gateway for it to talk to."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from walee_async.cli.entry import run
from walee_async.store import Store
from walee_async.testing import Gateway, Maker

START = 20.0
"""Seconds that a process may take for anything; a busy machine stalls, and a hung one must not."""


@dataclass
class Ended:
    """A process that has ended."""

    code: int
    out: bytes
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


class Running:
    """A process that runs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def tell(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def hang_up(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.stdin = None

    def line(self) -> bytes:
        """The next line on standard output; waits for it."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def until(self, reached: Callable[[], bool]) -> None:
        """Wait until something is so, which is looked at a hundred times a second; the process must not end before."""
        while not reached():
            with suppress(subprocess.TimeoutExpired):
                code = self.process.wait(0.01)
                assert reached(), code

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> Ended:
        out, err = self.process.communicate(timeout=START)
        return Ended(self.process.returncode, out, err.decode())


class Walee:
    """The command, in a folder of its own, with a key that fits the gateway."""

    def __init__(self, folder: Path, gateway: Gateway | None) -> None:
        self.folder = folder
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("WALEE_")}
        self.environment |= {"COLUMNS": "100", "PYTHONWARNINGS": "error"}
        self.environment.pop("NO_COLOR", None)
        if gateway is not None:
            self.environment["WALEE_API_KEY"] = gateway.key
        self._gateway = gateway
        self._started = ExitStack()

    def command(self, *arguments: str) -> list[str]:
        where = ["--base-url", self._gateway.base_url] if self._gateway is not None else []
        return [sys.executable, "-m", "walee_async", *arguments, *where]

    def start(self, *arguments: str, **options: Any) -> Running:
        process = subprocess.Popen(
            self.command(*arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env=self.environment,
            **options,
        )
        self._started.callback(_reap, process)
        return Running(process)

    def __call__(self, *arguments: str, stdin: str = "", **options: Any) -> Ended:
        running = self.start(*arguments, **options)
        out, err = running.process.communicate(stdin.encode(), timeout=START * 2)
        return Ended(running.process.returncode, out, err.decode())

    def close(self) -> None:
        self._started.close()


def _reap(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None and not pipe.closed:
            pipe.close()


@pytest.fixture
def here(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> Callable[..., Ended]:
    """Runs the command in this process, which is quicker, for what ends before anything is sent."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WALEE_API_KEYS", raising=False)
    monkeypatch.setenv("WALEE_API_KEY", gateway.key)

    def call(*arguments: str) -> Ended:
        code = run([*arguments, "--base-url", gateway.base_url])
        said = capfdbinary.readouterr()
        return Ended(code, said.out, said.err.decode())

    return call


@pytest.fixture
def serve() -> Iterator[Callable[..., Gateway]]:
    """Makes gateways that live as long as the test: `serve(creators=5, faults=...)`."""
    with ExitStack() as stack:

        def start(creators: Any = 6, **options: Any) -> Gateway:
            return stack.enter_context(Gateway(creators, **options).in_thread())

        yield start


@pytest.fixture
def walee_for(tmp_path: Path) -> Iterator[Callable[[Gateway | None], Walee]]:
    """Makes the command for a gateway: `walee_for(gateway)`."""
    with ExitStack() as stack:

        def make(gateway: Gateway | None) -> Walee:
            walee = Walee(tmp_path, gateway)
            stack.callback(walee.close)
            return walee

        yield make


@pytest.fixture
def gateway(serve: Callable[..., Gateway]) -> Gateway:
    """A gateway with six creators and no faults but those it plans."""
    return serve()


@pytest.fixture
def walee(walee_for: Callable[[Gateway | None], Walee], gateway: Gateway) -> Walee:
    """The command for that gateway."""
    return walee_for(gateway)


@pytest.fixture
def small_files() -> Callable[[int], dict[str, Any]]:
    """Options of a process on a disk where no file can be larger: `walee(…, **small_files(500_000))`."""
    resource = pytest.importorskip("resource", reason="limits of files are POSIX's")
    return lambda limit: {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))}


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The JSON lines of a file."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.fixture
def lines() -> Callable[[Path], list[dict[str, Any]]]:
    """Reads the JSON lines of a file."""
    return read_lines


HOSTILE = "=cmd()\x1b]0;owned\x07\x1b[31m\u202eevil"
"""A name that gives a terminal orders, turns text around and is a formula to a spreadsheet."""


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of twelve creators, the first of them with a hostile name, and two briefs."""
    folder = tmp_path_factory.mktemp("scored")
    maker = Maker(creators=12)
    reports = [maker.report(index)["payload"] for index in range(12)]
    reports[0]["user_profile"]["fullname"] = HOSTILE
    lines = [{"handle": handle, "report": report} for handle, report in zip(maker.handles(), reports, strict=True)]
    file = folder / "reports.jsonl"
    file.write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    with Store.open(folder / "reports.db", create=True) as store:
        asyncio.run(store.import_(file))
    (folder / "women.toml").write_text('name = "Women"\ngenders = ["female"]\nages = ["18-34"]\ncountries = ["US"]\n')
    (folder / "typo.toml").write_text("[weights]\ngrowht = 2\n")
    return folder


@pytest.fixture
def scoring(scored: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Any:
    """Runs the command beside that store, in this process; the tests of a module share it, so none changes it."""
    monkeypatch.chdir(scored)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str) -> Ended:
        code = run(arguments)
        said = capfdbinary.readouterr()
        return Ended(code, said.out, said.err.decode())

    return call
