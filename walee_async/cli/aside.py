"""Blocking calls in a thread that the end of the process does not wait for.

The usual worker threads are waited for. One that reads a pipe which says nothing more would keep the process for ever.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

_Job = tuple[Callable[..., Any], tuple[Any, ...], asyncio.Future[Any]]


class Aside:
    """One thread that does one thing after another; made when first needed."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._started = False

    async def do(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call the function in the thread and wait for it. Cancelled, nobody waits for it any more."""
        if not self._started:
            self._started = True
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put((function, arguments, future))
        return await future

    def _work(self) -> None:
        while True:
            function, arguments, future = self._jobs.get()
            try:
                result, error = function(*arguments), None
            except Exception as raised:  # noqa: BLE001  (it is raised where the call is waited for)
                result, error = None, raised
            with suppress(RuntimeError):  # the loop is closed, and nobody waits
                future.get_loop().call_soon_threadsafe(_settle, future, result, error)


def _settle(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
