"""Taking a run to its end, whatever end that is, without losing an outcome that has come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

import anyio
from msgspec import Struct

from walee_async.cli.exits import OutputError
from walee_async.errors import NotAttemptedError, RunEndedError, WaleeError
from walee_async.outcomes import Failed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from walee_async.cli.bar import Bar
    from walee_async.cli.interrupts import Interrupts
    from walee_async.ledger import Ledger
    from walee_async.progress import Progress

GRACE: Final = 1.5
"""Seconds that requests under way have to end by themselves after a Ctrl-C: most answers come within one, and each
that does is one less that may have been bought for nothing."""

SETTLING: Final = 0.05
"""Seconds from an answer to its outcome; decoding the largest report takes a thousandth."""

Receive = Callable[[Any], Awaitable[None]]
"""Takes one outcome.

Raises:
    OutputError: it cannot be kept; the run is left.
"""


class Running(Protocol):
    """A run, here or on a cluster: what is asked of it to show it and to take it to its end."""

    ledger: Ledger

    async def __aenter__(self) -> Any: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
    def __aiter__(self) -> AsyncIterator[Any]: ...
    def stop(self) -> None:
        """Take no more handles."""

    def progress(self) -> Progress:
        """How far it has come."""
        ...


class Ending(Struct):
    """How a run ended, if not with its list. `seconds` is how long it took."""

    refused: RunEndedError | None = None
    broken: WaleeError | None = None
    unwritable: OutputError | None = None
    interrupted: bool = False
    total: int = 0
    """Distinct handles of the list, as far as they are known."""
    seconds: float = 0.0


async def finish(run: Running, receive: Receive, interrupts: Interrupts, bar: Bar, *, endless: bool = False) -> Ending:
    """Hand every outcome of a run to `receive` until the list ends, the account is refused, or somebody stops it.

    `endless` lists are not read to their end when the account is refused: there may be none.
    """
    ending = Ending()
    async with run:
        with anyio.CancelScope() as hurry:
            async with anyio.create_task_group() as company:
                company.start_soon(bar.watch)
                company.start_soon(_stop_when_asked, run, interrupts, bar, hurry)
                await _receive_all(run, receive, ending, endless)
                if ending.unwritable is not None:
                    # What is under way has been paid for, and the store can still take it.
                    await _let_come(run, bar)
                company.cancel_scope.cancel()
    if ending.unwritable is None:
        # What came while we were leaving was bought like the rest.
        await _receive_all(run, receive, ending, endless)
    ending.interrupted = interrupts.exit is not None
    last = run.progress()
    ending.seconds = last.elapsed
    ending.total = max(last.done, (last.total or 0) - last.duplicates)
    return ending


async def _receive_all(run: Running, receive: Receive, ending: Ending, endless: bool) -> None:
    try:
        async for outcome in run:
            if endless and isinstance(outcome, Failed) and isinstance(outcome.error, NotAttemptedError):
                run.stop()
            await receive(outcome)
    except RunEndedError as error:
        ending.refused = error
    except WaleeError as error:
        ending.broken = error
    except OutputError as error:
        ending.unwritable = error


async def _stop_when_asked(run: Running, interrupts: Interrupts, bar: Bar, hurry: anyio.CancelScope) -> None:
    """Wait for the signal; then send nothing more, wait a little for what is under way, and leave."""
    await interrupts.asked.wait()
    bar.notice = "stopping; Ctrl-C again leaves at once"
    await _let_come(run, bar)
    hurry.cancel()


async def _let_come(run: Running, bar: Bar) -> None:
    """Send nothing more, and give what is under way the time to come."""
    run.stop()
    with anyio.move_on_after(GRACE):
        # For longer than we wait: a gate that opens while we leave would send what is then cut off.
        await bar.pulse.hold(2 * GRACE)
        # The last answer is on its way from the connection to its outcome.
        await asyncio.sleep(SETTLING)
