"""Processes that work beside this one, each at the other end of a pipe of its own.

There is no thread between: while this process works itself, a thread that takes in what has come gets the interpreter
once in 5 ms, and whoever sends it stands still meanwhile. Nor are they processes of `multiprocessing`: it starts one
more to clean up after them, and has each import the main module, which a script must be written for. Two processes
scored 10,000 reports again in 1.37 s with a ProcessPoolExecutor, in 1.08 with processes of `multiprocessing`, and take
1.00 like this (`benchmarks/rescore.py`).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import islice
from multiprocessing import Pipe
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, Final, Generic, Self, TypeVar

from walee_async.errors import WaleeError

if sys.platform == "win32":
    from multiprocessing.connection import PipeConnection as Connection
else:
    from multiprocessing.connection import Connection

if TYPE_CHECKING:
    from types import TracebackType

Q = TypeVar("Q")
A = TypeVar("A")

_EACH: Final = 2
"""Questions that a process has at a time: one to work on, and one to go on with."""
_LEAVE: Final = 5.0
"""Seconds for a process to finish what it is at and to close what it has open; then it is killed."""


def can_start() -> bool:
    """Whether there can be any: the interpreter of a frozen program starts nothing but the program."""
    return bool(sys.executable) and not getattr(sys, "frozen", False)


class Piece(Generic[A]):
    """A part of the work: `came` is what came of it, None while it is under way."""

    __slots__ = ("came",)

    def __init__(self, came: A | None = None) -> None:
        self.came = came


class Workers(Generic[Q, A]):
    """Some processes that answer questions. To be entered; leaving waits until they have ended.

    Nobody has to wait for them to start: none is asked before it is there.
    """

    def __init__(
        self, count: int, make: Callable[..., AbstractContextManager[Callable[[Q], A]]], given: tuple[object, ...]
    ) -> None:
        """Prepare so many processes, each of which answers with what it gets by entering `make(*given)`.

        `make` is a function of a module; what is given, asked and answered is pickled. Questions are small: a pipe
        holds those of a process.
        """
        self._count = count
        self._given = (make, given)
        self._process = os.getpid()
        self._workers: list[_Worker[A]] = []

    def __enter__(self) -> Self:
        try:
            with _deaf():
                for _ in range(self._count):
                    self._workers.append(_Worker())
                for worker in self._workers:
                    worker.begin(self._given)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if os.getpid() != self._process:
            return  # forked meanwhile: they are another's
        with _deaf():
            for worker in self._workers:
                worker.hang_up()
            for worker in self._workers:
                worker.end()

    def hand_out(self, questions: Iterator[Q], most: int) -> list[Piece[A]]:
        """Take in what has come, and ask who has too little to do: one piece for each question taken, in their order.

        Raises:
            WaleeError: a process has ended.
            Exception: whatever was raised by one.
        """
        self._listen(0)
        pieces: list[Piece[A]] = []
        for worker in self._workers:
            for question in islice(questions, min(worker.room, most - len(pieces))):
                pieces.append(worker.ask(question))
        return pieces

    def wait(self) -> None:
        """Wait until something has come; raises as `hand_out` does."""
        self._listen(None)

    def _listen(self, timeout: float | None) -> None:
        heard = wait([worker.pipe for worker in self._workers], timeout)
        for worker in self._workers:
            if worker.pipe in heard:
                worker.listen()


class _Worker(Generic[A]):
    """One process."""

    def __init__(self) -> None:
        self.pipe: Connection[Any, Any]
        self.pipe, theirs = Pipe()
        self._there = False
        self._asked: deque[Piece[A]] = deque()
        with theirs:  # left open, nobody here would see that the process has ended
            self._process = _start(theirs.fileno())

    @property
    def room(self) -> int:
        """Questions that can be asked now."""
        return _EACH - len(self._asked) if self._there else 0

    def begin(self, given: object) -> None:
        """Say what is to be done."""
        with _connected():
            self.pipe.send(given)

    def ask(self, question: object) -> Piece[A]:
        with _connected():
            self.pipe.send(question)
        piece: Piece[A] = Piece()
        self._asked.append(piece)
        return piece

    def hang_up(self) -> None:
        """Ask nothing more: the process ends when it sees that."""
        if sys.platform != "win32":
            # A process that was forked from this one has the pipe too, and closing ours alone would not end it.
            end = socket.socket(fileno=self.pipe.fileno())
            with suppress(OSError):  # it has ended
                end.shutdown(socket.SHUT_RDWR)
            end.detach()
        self.pipe.close()

    def end(self) -> None:
        """Wait until it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_LEAVE)
        self._process.kill()
        self._process.wait()

    def listen(self) -> None:
        with _connected():
            came, problem = self.pipe.recv()
        if problem is not None:
            raise problem
        if self._there:
            self._asked.popleft().came = came
        self._there = True


@contextmanager
def _connected() -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError):  # OSError: it has ended in the middle of a message
        raise WaleeError("A process beside this one has ended; where memory is short, try fewer jobs") from None


@contextmanager
def _deaf() -> Iterator[None]:
    """Hear Ctrl-C when this is done."""
    if sys.platform != "win32" and threading.current_thread() is threading.main_thread():
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    else:
        yield


def _start(handle: int) -> subprocess.Popen[Any]:
    """Start a process that serves the end of a pipe. It imports what this one would, and hears no Ctrl-C."""
    # Not forked: whoever works here may have threads, and they would not be in the copy.
    path = [os.fsdecode(entry) for entry in sys.path]
    code = f"import sys; sys.path[:] = {path!a}; from walee_async.workers import serve; serve({handle})"
    how: dict[str, Any] = {"pass_fds": [handle], "process_group": 0}
    if sys.platform == "win32":
        os.set_handle_inheritable(handle, True)
        how = {"close_fds": False, "creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    try:
        return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.DEVNULL, **how)  # noqa: S603  (ourselves)
    except OSError as error:
        raise WaleeError(f"No process can be started beside this one ({error}); do with one job") from None


def serve(handle: int) -> None:
    """What the other process does with its end of the pipe, until nobody asks any more."""
    pipe: Connection[Any, Any] = Connection(handle)
    with suppress(ConnectionError, EOFError):
        make, given = pipe.recv()
        try:
            with make(*given) as work:
                pipe.send((None, None))
                while True:
                    pipe.send((work(pipe.recv()), None))
        except Exception as error:  # noqa: BLE001  (it is raised where the work is wanted, if there is anybody)
            pipe.send((None, error))
    os._exit(0)  # all is closed, and taking the interpreter down would keep whoever leaves waiting for 15 to 30 ms
