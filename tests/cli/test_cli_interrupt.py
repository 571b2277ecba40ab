"""Ctrl-C and its kin: what arrived is kept, what is under way is waited for a little, and the way on is told."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from walee_async.cli.bar import Bar
from walee_async.cli.pulse import Pulse
from walee_async.cli.screen import Screen
from walee_async.client import WaleeClient
from walee_async.options import Options
from walee_async.testing import Gateway, Hang

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no signals that another process can send")
Lines = Callable[[Path], list[dict[str, Any]]]


def _python(program: str, *arguments: str) -> tuple[int, str, str]:
    """Run a program: its exit code, its output and its errors."""
    command = [sys.executable, "-c", program, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout, ended.stderr


def _has(file: Path, count: int) -> Callable[[], bool]:
    """Whether the file has so many lines."""
    return lambda: file.exists() and file.read_bytes().count(b"\n") >= count


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_an_interrupted_run_goes_on_where_it_was(
    serve: Callable[..., Gateway], walee_for: Any, tmp_path: Path, lines: Lines, name: str, code: int
) -> None:
    """A run that is told to end keeps what arrived, and the same command again fetches the rest and nothing twice."""
    gateway = serve(100)
    walee, file = walee_for(gateway), tmp_path / "reports.jsonl"
    (tmp_path / "handles.txt").write_text("\n".join(gateway.handles), "utf-8")
    command = ("fetch", "handles.txt", "--rate", "60", "--concurrency", "8", "--out", "reports.jsonl")
    running = walee.start(*command)
    running.until(_has(file, 5))
    running.signal(signal.Signals[name])
    ended = running.end()
    assert ended.code == code
    assert "Interrupted; what had arrived is kept. The same command again goes on from here." in ended.err
    assert 5 <= len(lines(file)) < 100
    assert "Traceback" not in ended.err
    assert re.search(rf"^{len(lines(file))} of 100 creators fetched", ended.err, re.MULTILINE)
    assert walee(*command).code == 0
    assert sorted(line["handle"] for line in lines(file)) == sorted(gateway.handles)
    assert set(gateway.billed.values()) == {1}


@pytest.mark.parametrize("after", [0.005, 0.02])
def test_an_interrupt_while_the_command_starts_is_no_error(after: float) -> None:
    """A Ctrl-C that comes while the packages are imported leaves with the code of an interrupt and says nothing."""
    program = (
        "import signal; from walee_async.cli import main\n"
        "signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))\n"
        f"signal.setitimer(signal.ITIMER_REAL, {after}); main()"
    )
    assert _python(program, "--help") == (130, "", "")


def test_an_interrupt_is_not_lost_in_an_import() -> None:
    """Where it falls into what ignores every exception, such as the callbacks of the import system, it still counts."""
    program = (
        "import signal, sys, weakref; from walee_async.cli import main\n"
        "class Thing: pass\n"
        "class Finder:\n"
        "    def find_spec(self, name, *more):\n"
        "        if name == 'cyclopts':\n"
        "            thing = Thing()\n"
        "            gone = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))\n"
        "            del thing\n"
        "sys.meta_path.insert(0, Finder()); main()"
    )
    assert _python(program, "--help") == (130, "", "")


def test_the_command_leaves_ctrl_c_as_it_was() -> None:
    """Once its packages are imported, Ctrl-C means to it and to a program that calls it what it meant before."""
    program = (
        "import signal, sys; from walee_async.cli import main\n"
        "try: main()\n"
        "finally: print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, file=sys.stderr)"
    )
    code, _, err = _python(program, "--version")
    assert (code, err) == (0, "True\n")


def test_the_command_runs_in_any_thread() -> None:
    """Where a program calls it outside its main thread, signals are left to that program."""
    program = (
        "import threading; from walee_async.cli import main\n"
        "thread = threading.Thread(target=main); thread.start(); thread.join()"
    )
    code, out, err = _python(program, "--version")
    assert (code, err) == (0, "")
    assert out.startswith("walee")


def test_a_command_to_which_ctrl_c_means_nothing_goes_on() -> None:
    """As of a program that a shell started in the background."""
    program = (
        "import signal; from walee_async.cli import main\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.01); main()"
    )
    code, _, err = _python(program, "--version")
    assert (code, err) == (0, "")


def test_requests_under_way_may_end(walee: Any, gateway: Gateway, tmp_path: Path, lines: Lines) -> None:
    """After a Ctrl-C an answer that takes half a second is waited for, and nothing new is sent."""
    gateway.plan(gateway.handles[1], Hang(0.5))
    running = walee.start("fetch", *gateway.handles, "--out", "reports.jsonl", "--concurrency", "1")
    running.until(lambda: gateway.requests_seen >= 2)
    running.signal(signal.SIGINT)
    assert running.end().code == 130
    assert [line["handle"] for line in lines(tmp_path / "reports.jsonl")] == gateway.handles[:2]
    assert gateway.requests_seen == 2


def test_an_answer_that_does_not_come_is_named(walee: Any, gateway: Gateway, tmp_path: Path) -> None:
    """A request that is given up after a Ctrl-C may have bought its report, and its handle is said."""
    gateway.plan(gateway.handles[1], Hang())
    running = walee.start("fetch", *gateway.handles[:2], "--out", "reports.jsonl")
    running.until(lambda: gateway.requests_seen >= 2)
    running.until(_has(tmp_path / "reports.jsonl", 1))
    began = time.monotonic()
    running.signal(signal.SIGINT)
    ended = running.end()
    assert 1.0 < time.monotonic() - began < 10
    assert ended.code == 130
    assert f"no whole answer came: {gateway.handles[1]}" in ended.err


def test_the_second_ctrl_c_leaves_at_once(walee: Any, gateway: Gateway, tmp_path: Path, lines: Lines) -> None:
    """Who presses Ctrl-C twice does not want to wait; what arrived is there all the same."""
    gateway.plan(gateway.handles[1], Hang())
    running = walee.start("fetch", *gateway.handles, "--out", "reports.jsonl", "--concurrency", "2", "--rate", "50")
    running.until(_has(tmp_path / "reports.jsonl", 5))
    running.signal(signal.SIGINT)
    running.signal(signal.SIGTERM)
    ended = running.end()
    assert ended.code in (130, 143)
    assert "creators fetched" not in ended.err
    assert len(lines(tmp_path / "reports.jsonl")) == 5


def test_what_waits_for_its_turn_is_kept(walee: Any, gateway: Gateway, tmp_path: Path, lines: Lines) -> None:
    """Reports that --ordered holds back behind a slow one are written when the run is left without it."""
    gateway.plan(gateway.handles[0], Hang())
    running = walee.start("fetch", *gateway.handles, "--ordered", "--rate", "50", "--out", "reports.jsonl")
    running.until(lambda: gateway.billed.total() >= 5)
    running.signal(signal.SIGINT)
    assert running.end().code == 130
    assert [line["handle"] for line in lines(tmp_path / "reports.jsonl")] == gateway.handles[1:]


def test_a_silent_pipe_does_not_hold_the_end_up(walee: Any, gateway: Gateway) -> None:
    """A run that waits for its list alone ends, though nobody writes to the pipe or closes it."""
    running = walee.start("fetch", "-")
    running.tell(f"{gateway.handles[0]}\n")
    running.line()
    running.signal(signal.SIGINT)
    assert running.process.wait(20) == 130


def test_a_run_outlives_the_terminal_it_was_started_from(walee: Any, gateway: Gateway, tmp_path: Path) -> None:
    """Under nohup, which ignores the hang-up, a run goes on to its end."""
    running = walee.start(
        "fetch",
        *gateway.handles,
        "--out",
        "reports.jsonl",
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    running.until(_has(tmp_path / "reports.jsonl", 1))
    running.signal(signal.SIGHUP)
    assert running.end().code == 0


@pytest.mark.anyio
async def test_a_run_that_is_being_stopped_is_said_to_be_once(gateway: Gateway) -> None:
    """A line of the log says that it is being stopped instead of the pause that this is done by."""
    pulse = Pulse(print)
    options = Options(hook=pulse)
    async with WaleeClient(gateway.key, base_url=gateway.base_url, options=options) as client:
        pulse.client = client
        async with client.creator_reports(gateway.handles) as run:
            bar = Bar(run, pulse, Screen())
            client.pause(9, "stopping")
            assert re.search(r"/s of 8/s, paused \d s: stopping$", bar.line())
            bar.notice = "stopping; Ctrl-C again leaves at once"
            assert bar.line().endswith("/s of 8/s, stopping; Ctrl-C again leaves at once")
