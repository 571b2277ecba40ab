"""Processes that work beside this one, each at the other end of a pipe of its own.

There is no thread between: while this process works itself, a thread that takes in what has come gets the interpreter
once in 5 ms, and whoever sends it stands still meanwhile. Nor are they processes of `multiprocessing`: it starts one
more to clean up after them, and has each import the main module, which a script must be written for. Two processes
scored 10,000 reports again in 1.37 s with a ProcessPoolExecutor, in 1.08 with processes of `multiprocessing`, and in
1.01 like this (`benchmarks/rescore.py`).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import islice
from multiprocessing import Pipe
from multiprocessing.connection import wait
from pathlib import Path
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
"""Seconds for all to finish what they are at and to close what they have open; then they are killed."""
_KILLED: Final = 9
"""The signal by which the system ends what takes too much memory."""
_BEGINNING: Final = """
import sys
from multiprocessing.connection import {kind}
pipe = {kind}({handle})
try:
    sys.path[:] = pipe.recv()
except (EOFError, OSError):
    sys.exit()
from walee_async.workers import serve
serve(pipe)
"""
"""What another process does first."""


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
            until = time.monotonic() + _LEAVE
            for worker in self._workers:
                worker.hang_up()
            for worker in self._workers:
                worker.end(until)

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
        self._there = False
        self._asked: deque[Piece[A]] = deque()
        try:
            self.pipe, theirs = Pipe()
            with theirs:  # left open, nobody here would see that the process has ended
                self._process = _start(theirs.fileno())
        except OSError as error:
            raise WaleeError(f"So many processes cannot be started ({error}); try fewer jobs") from None

    @property
    def room(self) -> int:
        """Questions that can be asked now."""
        return _EACH - len(self._asked) if self._there else 0

    def begin(self, given: object) -> None:
        """Say what is to be done."""
        with self._connected():
            self.pipe.send(_path())
            self.pipe.send(given)

    def ask(self, question: object) -> Piece[A]:
        with self._connected():
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

    def end(self, until: float) -> None:
        """Wait until it has ended, and from that moment on see to it."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, until - time.monotonic()))
        self._process.kill()
        self._process.wait()

    def listen(self) -> None:
        """Take in what has come."""
        with self._connected():
            came, problem = self.pipe.recv()
        if problem is not None:
            raise problem
        if self._there:
            self._asked.popleft().came = came
        self._there = True

    @contextmanager
    def _connected(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, OSError):  # OSError: it has ended in the middle of a message
            self.end(time.monotonic() + _LEAVE)
            status = self._process.returncode
            how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
            advice = "where memory is short, try fewer jobs" if status == -_KILLED else "try one job"
            raise WaleeError(f"A process beside this one {how}; {advice}") from None


@contextmanager
def _deaf() -> Iterator[None]:
    """Hear Ctrl-C when this is done. Processes that are started here never hear it: they inherit the mask."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(handle: int) -> subprocess.Popen[Any]:
    """Start a process at the end of a pipe."""
    # Not forked: whoever works here may have threads, and they would not be in the copy.
    flags = ["-P", *subprocess._args_from_interpreter_flags()]  # type: ignore[attr-defined]  # as multiprocessing does
    command = [sys.executable, *flags, "-c", _BEGINNING.format(kind=Connection.__name__, handle=handle)]
    how: dict[str, Any] = {"pass_fds": [handle]}
    if sys.platform == "win32":
        os.set_handle_inheritable(handle, True)
        how = {"close_fds": False, "creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, **how)  # noqa: S603  (ourselves)


def _path() -> list[str]:
    """Where the other process finds all that this one does, and this package wherever it is."""
    return [*(entry for entry in sys.path if isinstance(entry, str)), str(Path(__file__).parents[1])]


def _taken(pipe: Connection[Any, Any]) -> Any:
    try:
        return pipe.recv()
    except (AttributeError, ImportError) as error:
        raise WaleeError(f"Another process has no main module to find this in: {error}; try one job") from None


def serve(pipe: Connection[Any, Any]) -> None:
    """What the other process does with its end of the pipe, until nobody asks any more."""
    with suppress(EOFError, OSError):  # there is nobody any more
        try:
            make, given = _taken(pipe)
            with make(*given) as work:
                pipe.send((None, None))
                while True:
                    pipe.send((work(pipe.recv()), None))
        except Exception as error:  # noqa: BLE001  (it is raised where the work is wanted, if there is anybody)
            pipe.send((None, error))
    os._exit(0)  # all is closed, and taking the interpreter down would keep whoever leaves waiting for 15 to 30 ms
