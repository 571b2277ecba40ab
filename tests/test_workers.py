"""Processes that answer questions."""

from __future__ import annotations

import math
import operator
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest

import walee_async
from walee_async.errors import InvalidHandleError, WaleeError
from walee_async.handles import parse_handle
from walee_async.workers import Piece, Workers

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals, forks and limits")


def answers(workers: Workers[int, int], questions: Iterator[int]) -> list[int]:
    pieces: list[Piece[int]] = []
    while True:
        pieces += workers.hand_out(questions, 4)
        if pieces and all(piece.came is not None for piece in pieces):
            return [piece.came for piece in pieces if piece.came is not None]
        workers.wait()


def pid_of_one(workers: Workers[Callable[[], int], int]) -> int:
    """The id of a process that does what it is asked to."""
    pieces: list[Piece[int]] = []
    while not pieces or pieces[0].came is None:
        workers.wait()
        pieces += workers.hand_out(iter([os.getpid]), 1 - len(pieces))
    return pieces[0].came


@pytest.mark.parametrize("count", [1, 3])
def test_each_question_has_its_answer(count: int) -> None:
    """The pieces are in the order of the questions, and each has the answer to its own, whoever was first."""
    asked = [5000, 1, 3000, 2, *range(46)]
    questions, found = iter(asked), list[int]()
    with Workers(count, nullcontext, (math.factorial,)) as workers:
        while len(found) < 50:
            found += answers(workers, questions)
    assert found == [math.factorial(number) for number in asked]


@posix
def test_no_more_is_asked_than_there_is_room_for() -> None:
    """Two questions each, and no more than whoever asks has room for; what is not asked is still there."""
    questions = iter([os.getpid] * 50)
    with Workers[Callable[[], int], int](1, nullcontext, (operator.call,)) as workers:
        assert workers.hand_out(questions, 9) == []
        pid = pid_of_one(workers)
        assert workers.hand_out(questions, 0) == []
        os.kill(pid, signal.SIGSTOP)
        asked = [len(workers.hand_out(questions, most)) for most in (1, 9, 9)]
        os.kill(pid, signal.SIGCONT)
    assert (asked, len(list(questions))) == ([1, 1, 0], 48)


def test_what_goes_wrong_there_is_raised_here(tmp_path: Path) -> None:
    """As it is, with all that it says; whether at work or at the beginning."""
    with Workers(1, nullcontext, (parse_handle,)) as workers, pytest.raises(InvalidHandleError) as caught:
        workers.wait()
        workers.hand_out(iter(["no handle at all"]), 1)
        workers.wait()
    with pytest.raises(InvalidHandleError) as here:
        parse_handle("no handle at all")
    assert str(caught.value) == str(here.value)
    with Workers(1, open, (tmp_path / "nothing",)) as workers, pytest.raises(FileNotFoundError, match="nothing"):
        workers.wait()


@posix
def test_a_process_that_is_killed_is_told() -> None:
    """How it ended, and what to do; whether it was at work or at rest, there is no end of waiting for it."""
    told = pytest.raises(WaleeError, match=r"^A process beside this one was ended by signal 15; try one job\.$")
    with Workers(1, nullcontext, (signal.raise_signal,)) as workers, told:
        workers.wait()
        workers.hand_out(iter([int(signal.SIGTERM)]), 1)
        workers.wait()
    told = pytest.raises(WaleeError, match=r"by signal 9; where memory is short, try fewer jobs\.$")
    with Workers[Callable[[], int], int](2, nullcontext, (operator.call,)) as others, told:
        os.kill(pid_of_one(others), signal.SIGKILL)
        while True:
            others.wait()


def test_a_process_that_ends_by_itself_is_told() -> None:
    """By its status."""
    told = pytest.raises(WaleeError, match=r"^A process beside this one ended with status 3; try one job\.$")
    with Workers[int, None](1, nullcontext, (sys.exit,)) as workers, told:
        workers.wait()
        workers.hand_out(iter([3]), 1)
        workers.wait()


def test_leaving_lets_everybody_finish(tmp_path: Path) -> None:
    """What a process has open it closes itself."""
    with Workers(2, TemporaryDirectory, (None, "begun", str(tmp_path))) as workers:
        while len(list(tmp_path.glob("begun*"))) < 2:
            workers.wait()
    assert list(tmp_path.iterdir()) == []


@posix
def test_leaving_waits_only_so_long_for_a_process_that_does_not_end() -> None:
    """It is killed then."""
    with Workers[Callable[[], int], int](1, nullcontext, (operator.call,)) as workers:
        pid = pid_of_one(workers)
        os.kill(pid, signal.SIGSTOP)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


BEGINNING = """
import operator, os, signal, sys
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from walee_async.workers import Workers
"""
KILLED = """
with Workers(1, nullcontext, (operator.neg,)) as workers:
    workers.wait()
    workers.hand_out(iter([0, 1]), 2)
    print("asked", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
FORKED = """
try:
    with (
        Workers(1, TemporaryDirectory, (None, "begun", str(Path(__file__).parent))) as keepers,
        Workers(1, nullcontext, (operator.neg,)) as workers,
    ):
        keepers.wait()
        workers.wait()
        if os.fork() == 0:
            raise EOFError
        os.wait()
        workers.hand_out(iter([3]), 1)
        workers.wait()
        if (child := os.fork()) == 0:
            signal.pause()
    print("left", *Path(__file__).parent.glob("begun*"), flush=True)
    os.kill(child, signal.SIGKILL)
except EOFError:
    os._exit(0)
"""
EXITING = """
workers = Workers(1, nullcontext, (operator.neg,)).__enter__()
workers.wait()
workers.hand_out(iter([0, 1]), 2)
print("left", flush=True)
sys.exit()
"""
EARLY = """
with Workers(2, nullcontext, (operator.neg,)):
    pass
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("none is left")
"""
ELSEWHERE = """
elsewhere = Path(__file__).with_name("elsewhere é")
elsewhere.mkdir()
(elsewhere / "halving.py").write_text("def half(number): return number / 2")
class Odd:
    def __fspath__(self):
        return "/nowhere"
sys.path[:0] = [Odd(), *(f"/nowhere/{number:0200}" for number in range(2000)), str(elsewhere)]
import halving
with Workers(1, nullcontext, (halving.half,)) as workers:
    workers.wait()
    pieces = workers.hand_out(iter([3]), 1)
    workers.wait()
    print(pieces[0].came)
"""
MOVED = """
import os, sys
sys.path[:0] = [os.path.relpath(sys.argv[1])]
sys.path += sys.argv[2:]
import operator
from contextlib import nullcontext
from walee_async.workers import Workers
os.chdir("/")
with Workers(1, nullcontext, (operator.neg,)) as workers:
    workers.wait()
    print("there")
"""
SHADOWED = """
here = Path(__file__).with_name("here")
here.mkdir()
(here / "socket.py").write_text("import another_than_was_meant")
os.chdir(here)
with Workers(1, nullcontext, (operator.neg,)) as workers:
    workers.wait()
    print("there")
"""
MINE = """
class Mine:
    pass
try:
    with Workers(1, nullcontext, (Mine(),)) as workers:
        workers.wait()
except Exception as error:
    print(type(error).__name__, error)
"""
NOWHERE = """
sys.executable = "/nowhere/python"
try:
    Workers(2, nullcontext, (operator.neg,)).__enter__()
except Exception as error:
    print(type(error.__context__).__name__, type(error).__name__, error)
"""
MANY = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (14, 14))
try:
    Workers(20, nullcontext, (operator.neg,)).__enter__()
except Exception as error:
    print(type(error).__name__, error)
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("none is left")
"""
READING = """
from functools import partial
with Workers(1, nullcontext, (partial(os.read, 0),)) as workers:
    workers.wait()
    pieces = workers.hand_out(iter([10]), 1)
    workers.wait()
    print(pieces[0].came, sys.stdin.read())
"""
DAEMON = """
from multiprocessing import get_context
def work():
    with Workers(1, nullcontext, (operator.neg,)) as workers:
        workers.wait()
process = get_context("fork").Process(target=work, daemon=True)
process.start()
process.join()
print(process.exitcode)
"""
THREAD = """
from itertools import repeat
from threading import Event, Thread
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what is in the background without it
interrupted, left = Event(), Event()
def work():
    try:
        with Workers(2, nullcontext, (operator.call,)) as workers:
            print("begun", flush=True)
            interrupted.wait()
            pieces = []
            while len({piece.came for piece in pieces} - {None}) < 2:  # until each has told its number
                pieces += workers.hand_out(repeat(os.getpid), 4)
                workers.wait()
    finally:
        left.set()
try:
    Thread(target=work).start()
    left.wait()
except KeyboardInterrupt:
    interrupted.set()
    left.wait()  # on Python 3.11 a join that was interrupted does not wait when it is called again
    print("left")
"""


@contextmanager
def begun(folder: Path, program: str, *flags: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A program that was started, and ends with this."""
    script = folder / "script.py"
    script.write_text(BEGINNING + program, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, *flags, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(folder: Path, program: str, *flags: str, **environment: str) -> tuple[int, str, str]:
    """How a program ended, and whoever has its streams: its status, and what was written to them."""
    with begun(folder, program, *flags, **environment) as process:
        out, err = process.communicate("input", timeout=20)
        return process.returncode, out, err


@posix
def test_nobody_works_on_for_a_process_that_was_killed(tmp_path: Path) -> None:
    """The others end by themselves, silently."""
    assert ended(tmp_path, KILLED) == (-signal.SIGKILL, "asked\n", "")


@posix
def test_leaving_does_not_wait_for_a_process_that_was_forked_meanwhile(tmp_path: Path) -> None:
    """It has all that this process had open, and may end at once, or go on for as long as it likes."""
    assert ended(tmp_path, FORKED) == (0, "left\n", "")


def test_a_program_may_end_without_leaving(tmp_path: Path) -> None:
    """Nobody waits for anybody then."""
    assert ended(tmp_path, EXITING) == (0, "left\n", "")


@posix
def test_leaving_before_they_are_there_is_no_error(tmp_path: Path) -> None:
    """Whoever needs nobody in the end waits for them only."""
    assert ended(tmp_path, EARLY) == (0, "none is left\n", "")


def test_they_import_what_this_one_does(tmp_path: Path) -> None:
    """From where it does now, and nothing that it does not: a script needs no guard, and is run once."""
    assert ended(tmp_path, ELSEWHERE) == (0, "1.5\n", "")


def test_this_package_is_found_wherever_this_process_has_gone() -> None:
    """A place that is relative to where it was is another one now."""
    places = [str(Path(module.__file__ or "").parents[1]) for module in (walee_async, msgspec)]
    command = [sys.executable, "-S", "-c", MOVED, *places]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "there\n", "")


def test_what_lies_about_where_this_process_is_is_not_imported(tmp_path: Path) -> None:
    """Though it has the name of a module that is."""
    assert ended(tmp_path, SHADOWED) == (0, "there\n", "")


def test_they_are_as_isolated_as_this_one(tmp_path: Path) -> None:
    """What an interpreter is told to leave alone, the others leave alone."""
    assert ended(tmp_path, ELSEWHERE, "-I", PYTHONHOME="/nowhere") == (0, "1.5\n", "")


def test_what_is_of_the_main_module_is_told(tmp_path: Path) -> None:
    """No other process has it."""
    status, out, err = ended(tmp_path, MINE)
    assert (status, err) == (0, "")
    assert out.startswith("WaleeError Another process has no main module to find this in: Can't get attribute 'Mine'")
    assert out.endswith("; try one job.\n")


def test_an_interpreter_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    """It says what to do."""
    status, out, err = ended(tmp_path, NOWHERE)
    assert (status, err) == (0, "")
    assert out.startswith("FileNotFoundError WaleeError So many processes cannot be started (")
    assert out.endswith("; try fewer jobs.\n")


def test_they_do_not_read_what_this_one_is_to_read(tmp_path: Path) -> None:
    """Their standard input is empty."""
    assert ended(tmp_path, READING) == (0, "b'' input\n", "")


@posix
def test_those_that_were_started_end_when_one_cannot_be(tmp_path: Path) -> None:
    """And that is one sentence."""
    status, out, err = ended(tmp_path, MANY)
    assert (status, err) == (0, "")
    assert out.startswith("WaleeError So many processes cannot be started ([Errno 24]")
    assert out.endswith("; try fewer jobs.\nnone is left\n")


@posix
def test_a_daemonic_process_has_others_beside_it(tmp_path: Path) -> None:
    """`multiprocessing` would let it start none."""
    assert ended(tmp_path, DAEMON) == (0, "0\n", "")


@posix
def test_ctrl_c_is_heard_by_none_that_a_thread_has_started(tmp_path: Path) -> None:
    """Though the whole group of processes gets it while they start."""
    with begun(tmp_path, THREAD) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.communicate(timeout=20) == ("left\n", "")
