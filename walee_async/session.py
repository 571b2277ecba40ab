"""One key, one aiohttp session: wait at the gate, send once, read the answer, say what it cost."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from functools import partial
from typing import TYPE_CHECKING, Final

import aiohttp

from walee_async.bucket import Spacing
from walee_async.checkpoint import Checkpoint
from walee_async.errors import (
    AccountError,
    AmbiguousError,
    NotSentError,
    PayloadError,
    RateLimitError,
    ServerError,
    StoreError,
    TransportError,
    UnexpectedAnswerError,
    WaleeError,
)
from walee_async.events import AttemptEnded, AttemptStarted, Emitter, KeyBenched
from walee_async.http import Reply, open_http, read_body
from walee_async.ledger import ACCOUNT, REPORT, Ledger
from walee_async.outcomes import Attempt, Charge, Payload
from walee_async.sending import Sending
from walee_async.transport import what_broke
from walee_async.wire import Answer, charge_of, limits, read_answer

if TYPE_CHECKING:
    from walee_async.gate import Gate, Permit
    from walee_async.interfaces import Ready
    from walee_async.keys import Key
    from walee_async.store import Store
    from walee_async.transport import Transport

logger = logging.getLogger("walee_async")

STRANGE: Final = 10
"""Answers in a row, from the first on, none of which was one of the gateway's: the address is another's, or there is a
sign-in page in between."""
SHORT_WINDOW: Final = 60.0
"""Seconds. A quota over a longer window is a budget, not a pace: it is obeyed by pausing when it is used up."""


class Session:
    """Sends for one key. Not a source by itself: a pool of one or many decides about another attempt."""

    def __init__(
        self,
        key: Key,
        gate: Gate,
        base_url: str,
        transport: Transport,
        ledger: Ledger,
        emitter: Emitter,
        store: Store | None = None,
    ) -> None:
        self.gate = gate
        self.benched: AccountError | None = None
        self.checkpoint = Checkpoint()
        """To be passed before a report is decompressed; a pool has one for all its sessions."""
        self._strange: int | None = 0  # answers that were none, until the first that was one
        self._key = key
        self._base_url = base_url
        self._transport = transport
        self._ledger = ledger
        self._emitter = emitter
        self._store = store
        self._http = open_http(transport, base_url)
        self._lines = asyncio.Semaphore(self._http.limit)
        self._asking = 0
        self._spacing = Spacing(gate.burst)

    @property
    def full(self) -> bool:
        """Whether every connection is in use."""
        return self._lines.locked()

    @property
    def queue_seconds(self) -> float:
        """Seconds until one more who asked would have had a turn, at the present pace and if nothing holds it up."""
        return (self._asking + 1) / self.gate.statistics().pace

    @property
    def label(self) -> str:
        """The key's label, such as `key 1 (…a3f9)`."""
        return self._key.label

    def __repr__(self) -> str:
        return f"<Session {self.label}>"

    async def aclose(self) -> None:
        """Close the aiohttp session, if it is ours, and let go of the gate."""
        await self.gate.aclose()
        await self._http.aclose()

    async def attempt(
        self, handle: str, so_far: list[Attempt], until: tuple[float, float], ready: Ready
    ) -> Payload | None:
        """Send once when the gate allows, and add the attempt to `so_far`. None: another key can send sooner.

        `until` are the deadline and the patience of `Gate.permit`, which also says when `ready` is awaited.

        Raises:
            WaleeError: no report came; its class says why, its exchange shows how.
        """
        queued_at = asyncio.get_running_loop().time()
        self._asking += 1
        try:
            # A free connection first: requests let through to wait for one would be sent all at once when it comes.
            async with self._lines:
                account = ACCOUNT.get(None)
                permit = await self.gate.permit(*until, ready, math.inf if account is None else account.began)
                return None if permit is None else await self._attempt(handle, so_far, queued_at, permit)
        finally:
            self._asking -= 1

    async def _attempt(self, handle: str, so_far: list[Attempt], queued_at: float, permit: Permit) -> Payload | None:
        with permit:
            send = Sending(handle, len(so_far) + 1, queued_at, permit)
            payload, error = await self._send(send, so_far)
            self._heed(permit, error)
        charge = Charge.BILLED if error is None else charge_of(error)
        kept = error.payload if isinstance(error, PayloadError) else payload
        if kept is not None:
            kept.key = self.label
        so_far.append(self._enter(send, charge, error))
        await self._settle(send, so_far[-1], kept)
        if error is None:
            return payload
        if send.given_up:
            raise asyncio.CancelledError  # or it would be sent again for nobody
        error.handle = handle
        error.exchange = send.exchange(self._key, self._base_url)
        # Without the frames it came through: their locals hold the key, and some tools print locals.
        raise error.with_traceback(None) from None

    async def _send(self, send: Sending, so_far: list[Attempt]) -> tuple[Payload | None, WaleeError | None]:
        """Write the intent down, send, and return the report or what came instead."""
        if self._store is not None:
            send.intent = self._store.intend(send.handle, send.number, self.label, _run())
        try:
            if send.intent is not None:
                await send.intent
            if self._emitter.listening:
                self._emitter.emit(AttemptStarted(send.handle, send.number, self.label))
            return await self._exchange(send), None
        except StoreError:
            raise  # It is not written down, so it was not sent.
        except BaseException as broken:
            if send.started and isinstance(broken, WaleeError):
                return None, broken
            # Cancelled, or no other turn: once it was on its way it may have been bought, and the books must say so.
            so_far.append(self._enter(send, Charge.AMBIGUOUS if send.sent else Charge.NOT_SENT, broken))
            if self._store is not None and send.intent is not None:
                self._store.settle(send.intent, so_far[-1])
            raise

    async def _settle(self, send: Sending, attempt: Attempt, payload: Payload | None) -> None:
        """Keep the report and the charge, both in one; return when they are on disk."""
        if self._store is None or send.intent is None:
            return
        try:
            await self._store.settle(send.intent, attempt, payload)
        except StoreError as error:
            # What was paid for is delivered all the same; the store refuses the next intent, and that ends the run.
            logger.error("%s", error)

    async def _exchange(self, send: Sending) -> Payload:
        send.start()
        if self._http.closed:
            raise NotSentError("the aiohttp session was closed")
        problem: TransportError | None = None
        reply: Reply | None = None
        try:
            in_turn = partial(self._in_turn, send)
            while (reply := await self._http.get(send.handle, self._key.secret, in_turn)) is None:
                await send.wait(self.gate)
            headers = {name.lower(): value for name, value in reply.headers.items()}
            send.answer = Answer(status=reply.status, headers=headers, body=b"", received_at=time.time())
            if 200 <= reply.status < 300:
                await self._wait_to_read(send, reply)
            send.answer.body = await read_body(reply, self._transport.max_inflated, self._http.overdue)
        except (aiohttp.ClientError, OSError) as error:
            problem = what_broke(error, self._transport, self._key)
        finally:
            if reply is not None:
                reply.release()
        if send.answer is None or (problem is not None and 200 <= send.answer.status < 300):
            raise problem or AmbiguousError("the exchange ended without an answer")
        self._obey(send.answer)
        return read_answer(send.handle, send.answer, cap=self._transport.max_inflated, keys=[self._key.secret])

    def _in_turn(self, send: Sending) -> bool:
        """Whether it may be sent now; not where it and others were held up, and would be sent all at once."""
        send.sent = send.permit.probe or self._spacing.admits(asyncio.get_running_loop().time(), send.permit.pace)
        return send.sent

    async def _wait_to_read(self, send: Sending, reply: Reply) -> None:
        """Wait where this pass of the loop has been long: to decompress a report makes it longer.

        For whoever gives up meanwhile it is read all the same if it is all there, booked and kept: it was bought.
        """
        try:
            await self.checkpoint()
        except asyncio.CancelledError:
            if not reply.content.is_eof():
                raise
            send.given_up = True

    def _obey(self, answer: Answer) -> None:
        """Take the gateway at its word where it states a limit."""
        told = limits(answer.headers, answer.received_at)
        if told is None:
            return
        if told.quota and told.window and told.window <= SHORT_WINDOW:
            # The pace keeps such a limit by itself; pausing whenever it is just reached would waste it.
            self.gate.learn(told.quota, told.window)
        elif told.remaining == 0 and told.reset:
            self.gate.pause(asyncio.get_running_loop().time() + told.reset, "the gateway's quota is used up")

    def _heed(self, permit: Permit, error: WaleeError | None) -> None:
        match error:
            case RateLimitError():
                permit.too_fast(error.retry_after)
                self._strange = None
            case ServerError() | TransportError():
                permit.failed(error.detail)
            case AccountError():
                permit.answered()
                self.bench(error)
            case UnexpectedAnswerError() if self._strange is not None:
                permit.answered()
                self._strange += 1
                if self._strange == STRANGE:
                    said = f"the first {STRANGE} answers were none of the gateway's: {error.detail}; check the base URL"
                    self.bench(AccountError(said, status=error.status))
            case _:
                permit.answered()
                self._strange = None

    def bench(self, error: AccountError) -> None:
        """Use this key no more, for that reason; whoever waits at its gate is told."""
        if self.benched is not None:
            return
        self.benched = error
        self.gate.close(error)
        self._emitter.emit(KeyBenched(self.label, type(error).__name__, error.message))

    def _enter(self, send: Sending, charge: Charge, error: BaseException | None) -> Attempt:
        """Enter the attempt in the books of the client and of the run that asked."""
        attempt = send.end(self._key, charge)
        self._ledger.add_attempt(attempt)
        account = ACCOUNT.get(None)
        if account is not None:
            account.ledger.add_attempt(attempt)
        if self._emitter.listening:
            kind = None if error is None else type(error).__name__
            self._emitter.emit(AttemptEnded(attempt, kind, REPORT.get()))
        return attempt


def _run() -> int | None:
    account = ACCOUNT.get(None)
    return None if account is None else account.run
