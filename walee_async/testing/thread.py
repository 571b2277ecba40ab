"""A gateway in a thread with a loop of its own, for tests that have no asyncio loop to run it in."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from walee_async.testing.gateway import Gateway


class GatewayThread:
    """Runs a gateway for the length of a plain `with` block, which gives the gateway itself.

    It serves sync code, asyncio, trio and other processes alike. Its counters and `plan` may be used from any thread.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Start the thread and return once the gateway listens.

        Raises:
            OSError: it cannot listen.
        """
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="walee gateway", daemon=True)
        self._thread.start()
        ready.result()
        return self

    def close(self) -> None:
        """Close the gateway and end the thread."""
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._loop = self._stop = None
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def __enter__(self) -> Gateway:
        return self.start().gateway

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self.close()
        self.gateway.leave(error)

    def _run(self, ready: Future[None]) -> None:
        asyncio.run(self._serve(ready))

    async def _serve(self, ready: Future[None]) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        stop = self._stop
        try:
            await self.gateway.start()
        except Exception as error:  # noqa: BLE001 - raised again in the thread that waits for it
            ready.set_exception(error)
            return
        ready.set_result(None)
        await stop.wait()
        await self.gateway.aclose()
