"""Processes that answer questions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import active_children
from pathlib import Path

import pytest

from walee_async.errors import PayloadError, WaleeError
from walee_async.workers import Piece, Workers


@contextmanager
def squares(power: int) -> Iterator[Callable[[int], int]]:
    """The larger the number the sooner it is done."""

    def work(number: int) -> int:
        sum(range(5000 * (50 - number)))
        return int(number**power)

    yield work


@contextmanager
def refusing() -> Iterator[Callable[[str], str]]:
    def work(question: str) -> str:
        raise PayloadError(f"{question} is no report", handle=question)

    yield work


@contextmanager
def unable() -> Iterator[Callable[[str], str]]:
    raise PayloadError("there is nothing to work with")
    yield str


@contextmanager
def dying() -> Iterator[Callable[[int], int]]:
    def work(signum: int) -> int:
        os.kill(os.getpid(), signum)
        return signum

    yield work


@contextmanager
def tidy(folder: Path) -> Iterator[Callable[[int], int]]:
    (folder / f"{os.getpid()}.begun").touch()
    try:
        yield lambda number: number
    finally:
        (folder / f"{os.getpid()}.left").touch()


@contextmanager
def waiting(go: Path) -> Iterator[Callable[[int], int]]:
    def work(number: int) -> int:
        while not go.exists():
            pass
        return number

    yield work


def answers(workers: Workers[int, int], questions: Iterator[int]) -> list[int]:
    pieces: list[Piece[int]] = []
    while True:
        pieces += workers.hand_out(questions, 4)
        if pieces and all(piece.came is not None for piece in pieces):
            return [piece.came for piece in pieces if piece.came is not None]
        workers.wait()


@pytest.mark.parametrize("count", [1, 3])
def test_each_question_has_its_answer(count: int) -> None:
    """The pieces are in the order of the questions, and each has the answer to its own, whoever was first."""
    with Workers(count, squares, (2,)) as workers:
        questions = iter(range(50))
        found: list[int] = []
        while len(found) < 50:
            found += answers(workers, questions)
    assert found == [number**2 for number in range(50)]


def test_no_more_is_asked_than_there_is_room_for(tmp_path: Path) -> None:
    """Two questions each, and no more than whoever asks has room for; what is not asked is still there."""
    questions = iter(range(50))
    with Workers(1, waiting, (tmp_path / "go",)) as workers:
        assert workers.hand_out(questions, 9) == []
        workers.wait()
        asked = [len(workers.hand_out(questions, most)) for most in (0, 1, 9, 9)]
        (tmp_path / "go").touch()
    assert (asked, next(questions)) == ([0, 1, 1, 0], 2)


def test_what_goes_wrong_there_is_raised_here() -> None:
    """As it is, with all that it says; whether at work or at the beginning."""
    with Workers(1, refusing, ()) as workers, pytest.raises(PayloadError, match=r"a\.b is no report") as caught:
        workers.wait()
        workers.hand_out(iter(["a.b"]), 1)
        workers.wait()
    assert caught.value.handle == "a.b"
    with Workers(1, unable, ()) as workers, pytest.raises(PayloadError, match="nothing to work with"):
        workers.wait()


def test_a_process_that_is_killed_is_told(tmp_path: Path) -> None:
    """Whether it was at work or at rest, and there is no end of waiting for it."""
    told = pytest.raises(WaleeError, match=r"^A process beside this one has ended; .* try fewer jobs\.$")
    with Workers(1, dying, ()) as workers, told:
        workers.wait()
        workers.hand_out(iter([int(signal.SIGTERM)]), 1)
        workers.wait()
    with Workers(2, tidy, (tmp_path,)) as workers, told:
        workers.wait()
        active_children()[0].kill()
        while True:
            workers.wait()


def test_leaving_lets_everybody_finish(tmp_path: Path) -> None:
    """What a process has open it closes itself, and none is left."""
    with Workers(2, tidy, (tmp_path,)) as workers:
        begun: list[Path] = []
        while len(begun) < 2:
            workers.wait()
            begun = list(tmp_path.glob("*.begun"))
        workers.hand_out(iter(range(9)), 9)
    assert sorted(path.stem for path in tmp_path.glob("*.left")) == sorted(path.stem for path in begun)
    assert active_children() == []


def test_leaving_before_they_are_there_waits_for_them_only() -> None:
    """Whoever needs nobody in the end is not told of an error."""
    with Workers(2, squares, (2,)):
        pass
    assert active_children() == []


FORKED = """
import os, signal
from test_workers import squares
from walee_async.workers import Workers
if __name__ == "__main__":
    try:
        with Workers(1, squares, (2,)) as workers:
            workers.wait()
            if os.fork() == 0:
                raise EOFError
            os.wait()
            workers.hand_out(iter([3]), 1)
            workers.wait()
            if (child := os.fork()) == 0:
                signal.pause()
        print("left", flush=True)
        os.kill(child, signal.SIGKILL)
    except EOFError:
        os._exit(0)
"""
EXITING = """
import sys
from test_workers import squares
from walee_async.workers import Workers
if __name__ == "__main__":
    workers = Workers(1, squares, (2,)).__enter__()
    workers.wait()
    workers.hand_out(iter([0, 1]), 2)
    print("left", flush=True)
    sys.exit()
"""
KILLED = """
import os, signal, sys
from test_workers import squares
from walee_async.workers import Workers
if __name__ == "__main__":
    with Workers(1, squares, (2,)) as workers:
        workers.wait()
        workers.hand_out(iter([0, 1]), 2)
        print("asked", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def ended(folder: Path, program: str) -> tuple[int, str, str]:
    """How a program ended, and whoever has its streams: its status, and what was written to them."""
    script = folder / "script.py"
    script.write_text(program)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, env=environment, timeout=20, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_nobody_works_on_for_a_process_that_was_killed(tmp_path: Path) -> None:
    """The others end by themselves, silently."""
    assert ended(tmp_path, KILLED) == (-signal.SIGKILL, "asked\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_leaving_does_not_wait_for_a_process_that_was_forked_meanwhile(tmp_path: Path) -> None:
    """It has all that this process had open, and may end at once, or go on for as long as it likes."""
    assert ended(tmp_path, FORKED) == (0, "left\n", "")


def test_a_program_may_end_without_leaving(tmp_path: Path) -> None:
    """Nobody waits for anybody then."""
    assert ended(tmp_path, EXITING) == (0, "left\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows stops no process")
def test_leaving_waits_only_so_long_for_a_process_that_does_not_end() -> None:
    """It is killed then."""
    with Workers(1, squares, (2,)) as workers:
        workers.wait()
        pid = active_children()[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
    assert active_children() == []
