"""The list of a run: read as it is asked for, and each distinct handle handed out once."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import anyio

from walee_async.errors import ConfigError, InvalidHandleError
from walee_async.handles import Entry, resolve
from walee_async.outcomes import Failed

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

Handles: TypeAlias = Iterable[str | Entry] | AsyncIterable[str | Entry]
"""A list of handles: texts or lines of a file, of any length."""

BREATH: Final = 1000
"""Duplicates skipped in a row before other tasks get a turn."""


_END: Final = object()


class _Due(NamedTuple):
    """In the place of an entry: a handle that was put aside, and is due."""

    handle: str


async def _close(list_: AsyncGenerator[Any, None]) -> None:
    task = asyncio.current_task()
    # A task group that is open in it, and sees the task cancelled, would cut off what it has yet to clean up.
    while task is not None and task.uncancel():
        pass
    try:
        await list_.aclose()
    except BaseExceptionGroup as group:
        # What a task group that is open across its items makes of being closed.
        _, others = group.split(GeneratorExit)
        if others is not None:
            raise others from None


class Feed:
    """Hands out the handles of a list. Only the distinct ones are remembered, so that none is bought twice.

    An async list is read by `read`, in one task from beginning to end: a generator may hold a timeout or a task group
    open across its items, and those must not change hands. A handle whose report is being prepared can be put aside
    until it is due, and is handed out again then, as long as the list goes on; nobody waits for it. An async generator
    that is not read to its end is closed by the task that read it.

    Raises:
        ConfigError: a single text was given for a list.
    """

    def __init__(self, entries: Handles) -> None:
        if isinstance(entries, str | bytes):
            raise ConfigError(f"A run takes a list of handles, not one text: pass [{entries!r}]")
        self.duplicates = 0
        self._parked: list[tuple[float, int, Failed]] = []
        self._parkings = 0
        self._seen: set[str] = set()
        self._stopped = False
        self._later = aiter(entries) if isinstance(entries, AsyncIterable) else None
        self._now = iter(entries) if not isinstance(entries, AsyncIterable) else iter(())
        self._send: MemoryObjectSendStream[Any] | None = None
        self._receive: MemoryObjectReceiveStream[Any] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self.reading = False
        """Whether an async list is being read, and may have to be kept from going on; not while it is closed."""

    def open(self) -> None:
        """Get ready to hand out; to be closed again."""
        if self._later is not None:
            self._send, self._receive = anyio.create_memory_object_stream[Any](0)

    async def read(self) -> None:
        """Read an async list to its end, one entry at a time as they are asked for. Raises what the list raises."""
        if self._later is None or self._send is None or self._stopped:
            return
        with self._send:
            try:
                self.reading = True
                async for entry in self._later:
                    if not await self._hand_over(entry):
                        break
            finally:
                self.reading = False
                if isinstance(self._later, AsyncGenerator):
                    await _close(self._later)

    async def _hand_over(self, entry: Any) -> bool:
        assert self._send is not None
        try:
            await self._send.send(entry)
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            return False  # stopped meanwhile
        return True

    def stop(self) -> None:
        """Hand out nothing more, also to those who wait for a list that says nothing."""
        self._stopped = True
        if self._alarm is not None:
            self._alarm.cancel()
        if self._send is not None:
            self._send.close()

    def close(self) -> None:
        """Give back what the handing over holds."""
        self.stop()
        if self._receive is not None:
            self._receive.close()

    async def next(self) -> str | Failed | None:
        """The next handle, or what is wrong with the next entry; None at the end. Raises what the list raises."""
        while not self._stopped:
            if self._parked and self._parked[0][0] <= asyncio.get_running_loop().time():
                return heapq.heappop(self._parked)[2].handle
            try:
                entry = await self._entry()
            except (StopAsyncIteration, anyio.EndOfStream):
                self._stopped = True
                break
            if isinstance(entry, _Due):
                return entry.handle
            handle = self._new(entry)
            if handle is not None:
                return handle
            self.duplicates += 1
            if self.duplicates % BREATH == 0:
                await asyncio.sleep(0)
        return None

    async def _entry(self) -> Any:
        if self._receive is not None:
            self._set_alarm()
            return await self._receive.receive()
        if self._later is not None:
            return await anext(self._later)  # not opened: only one task asks
        entry = next(self._now, _END)
        if entry is _END:
            raise StopAsyncIteration
        return entry

    def _new(self, entry: Any) -> str | Failed | None:
        """The handle of an entry, or what is wrong with it; None when it has been seen."""
        failed: Failed | None = None
        try:
            handle = resolve(entry)
        except InvalidHandleError as error:
            text = entry.text if isinstance(entry, Entry) else entry
            failed = Failed(text if isinstance(text, str) else repr(text), error)
            # A broken line may hold the text of a good one: what tells it apart must not be a handle.
            broken = isinstance(entry, Entry) and entry.problem is not None
            handle = f"{entry.source}, line {entry.line}" if broken else failed.handle
            if not isinstance(text, str):
                handle = f"{type(text).__name__} {text!r}"  # the number 123 is not the handle "123"
        if handle in self._seen:
            return None
        self._seen.add(handle)
        return failed or handle

    def park(self, failed: Failed, seconds: float) -> None:
        """Put a handle aside for that long."""
        self._parkings += 1
        heapq.heappush(self._parked, (asyncio.get_running_loop().time() + seconds, self._parkings, failed))
        self._set_alarm()

    def _set_alarm(self) -> None:
        """See to it that a list which says nothing keeps nobody waiting who is due."""
        if self._alarm is not None:
            self._alarm.cancel()
        if self._parked and self._send is not None and not self._stopped:
            self._alarm = asyncio.get_running_loop().call_at(self._parked[0][0], self._wake)

    def _wake(self) -> None:
        assert self._send is not None
        now = asyncio.get_running_loop().time()
        # Would it block, then nobody waits for the list, and whoever asks next looks here first.
        with suppress(anyio.WouldBlock, anyio.ClosedResourceError, anyio.BrokenResourceError):
            while self._parked and self._parked[0][0] <= now:
                self._send.send_nowait(_Due(self._parked[0][2].handle))
                heapq.heappop(self._parked)
            self._set_alarm()

    @property
    def parked(self) -> int:
        """How many are put aside now."""
        return len(self._parked)

    def left_over(self) -> list[Failed]:
        """Those put aside that did not come due before the end; they are then put aside no more."""
        left, self._parked = [failed for _, _, failed in self._parked], []
        return left
