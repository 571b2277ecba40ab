"""Records on their way to the disk, and whoever waits until they are there."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from walee_async.outcomes import Payload

T = TypeVar("T")


class Ticket(Generic[T]):
    """One record, and who is to be told. It may be written twice, if the first time is rolled back.

    `begins` says that it begins something new, which a full disk has no room for; `settles` that it ends what was
    begun, and is worth waiting for while another program holds the file; `alone` that it can be part of no transaction.
    """

    __slots__ = ("alone", "begins", "error", "future", "handle", "late", "loop", "payload", "result", "settles")

    def __init__(self, handle: str | None, payload: Payload | None, *, begins: bool, settles: bool) -> None:
        self.handle = handle
        self.payload = payload
        self.begins = begins
        self.settles = settles
        self.alone = self.late = False
        self.loop: asyncio.AbstractEventLoop | None = None
        self.future: asyncio.Future[T] | Future[T]
        self.result: T | None = None
        self.error: Exception | None = None

    def settle(self) -> None:
        """Tell who waits. To be called in the loop of a future that belongs to one."""
        if self.future.done():
            return  # its caller was cancelled; the record is written all the same
        if self.error is None:
            self.future.set_result(self.result)  # type: ignore[arg-type]  # None is a T where work returns it
            return
        self.future.set_exception(self.error)
        if isinstance(self.future, asyncio.Future):
            self.future.exception()  # a caller who went away is no reason for a message about an error nobody took


class WorkTicket(Ticket[T]):
    """A record that some work makes."""

    __slots__ = ("work",)

    def __init__(
        self,
        work: Callable[[sqlite3.Connection], T],
        handle: str | None = None,
        *,
        begins: bool = False,
        settles: bool = False,
    ) -> None:
        super().__init__(handle, None, begins=begins, settles=settles)
        self.work = work


class RowTicket(Ticket[None]):
    """A record that is a row; `note` writes all rows of its kind at once."""

    __slots__ = ("note", "row")

    def __init__(
        self,
        note: Callable[[sqlite3.Connection, list[Any]], None],
        row: object,
        handle: str,
        payload: Payload | None = None,
        *,
        begins: bool = False,
    ) -> None:
        super().__init__(handle, payload, begins=begins, settles=not begins)
        self.note = note
        self.row = row


def write(connection: sqlite3.Connection, tickets: Sequence[Ticket[Any]]) -> None:
    """Do what some tickets are about, in their order; but rows that no work stands between are written kind by kind.

    What begins goes first: an attempt may end in the transaction in which it began.
    """
    rows: list[RowTicket] = []
    for ticket in tickets:
        if isinstance(ticket, RowTicket):
            rows.append(ticket)
        else:
            assert isinstance(ticket, WorkTicket)
            _note(connection, rows)
            rows.clear()
            ticket.result = ticket.work(connection)
    _note(connection, rows)


def _note(connection: sqlite3.Connection, tickets: Sequence[RowTicket]) -> None:
    kinds: dict[Any, list[object]] = {}
    for ticket in sorted(tickets, key=lambda ticket: not ticket.begins):
        kinds.setdefault(ticket.note, []).append(ticket.row)
    for note, rows in kinds.items():
        note(connection, rows)


def tell(tickets: Sequence[Ticket[Any]]) -> None:
    """Tell who waits for some tickets, each in its own loop; those that are late are not done yet."""
    done = [ticket for ticket in tickets if not ticket.late]
    for loop in {ticket.loop for ticket in done}:
        mine = [ticket for ticket in done if ticket.loop is loop]
        if loop is None:
            _settle(mine)
        else:
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(_settle, mine)


def _settle(tickets: Sequence[Ticket[Any]]) -> None:
    for ticket in tickets:
        ticket.settle()
