"""Processes that work beside this one, each at the other end of a pipe of its own.

There is no thread between: while this process works itself, a thread that takes in what has come gets the interpreter
once in 5 ms, and whoever sends it stands still meanwhile. Two processes scored a store again in four fifths of the time
that they took with a ProcessPoolExecutor (`benchmarks/rescore.py`).
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, Final, Generic, Self, TypeVar

from walee_async.errors import WaleeError

if sys.platform != "win32":
    from multiprocessing.resource_tracker import ensure_running

if TYPE_CHECKING:
    from types import TracebackType

    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection as Connection
    else:
        from multiprocessing.connection import Connection

Q = TypeVar("Q")
A = TypeVar("A")

_EACH: Final = 2
"""Questions that a process has at a time: one to work on, and one to go on with."""
_LEAVE: Final = 5.0
"""Seconds for a process to finish what it is at and to close what it has open; then it is killed."""


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
                    self._workers.append(_Worker(*self._given))
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
                worker.process.join(_LEAVE)
                worker.process.kill()
                worker.process.join()

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

    def __init__(self, make: Callable[..., Any], given: tuple[object, ...]) -> None:
        # Not forked: whoever works here may have threads, and they would not be in the copy.
        context = get_context("spawn")
        self.pipe: Connection[Any, Any]
        self.pipe, theirs = context.Pipe()
        self._there = False
        self._asked: deque[Piece[A]] = deque()
        # A daemon, so that a program that ends in the middle does not wait for a process that waits for it.
        self.process = context.Process(target=_serve, args=(theirs, make, given), daemon=True)
        self.process.start()
        theirs.close()  # else nobody here would see that the process has ended

    @property
    def room(self) -> int:
        """Questions that can be asked now."""
        return _EACH - len(self._asked) if self._there else 0

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
    """Hear Ctrl-C when this is done, and keep it from the processes that are started here.

    They inherit the mask, so that they do not hear it while they start either.
    """
    if sys.platform != "win32" and threading.current_thread() is threading.main_thread():
        ensure_running()  # started with the first process, the tracker would let Ctrl-C in again before that is there
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    else:
        yield


def _serve(pipe: Connection[Any, Any], make: Callable[..., Any], given: tuple[object, ...]) -> None:
    """What the other process does, until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where `_deaf` cannot keep it away
    with suppress(ConnectionError):
        try:
            with make(*given) as work:
                pipe.send((None, None))
                while True:
                    pipe.send((work(pipe.recv()), None))
        except Exception as error:  # noqa: BLE001  (it is raised where the work is wanted, if there is anybody)
            pipe.send((None, error))
