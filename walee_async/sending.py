"""The notes of one attempt while it is under way, and what is told of it afterwards."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from walee_async.http import HEADERS
from walee_async.outcomes import Attempt, Charge, Exchange
from walee_async.wire import Answer, excerpt, report_url, shown

if TYPE_CHECKING:
    from walee_async.gate import Gate, Permit
    from walee_async.keys import Key
    from walee_async.store import Intent


class Sending:
    """One attempt: `started` is when it was begun by `time.perf_counter`, `sent` whether it can have been sent."""

    __slots__ = (
        "answer",
        "given_up",
        "handle",
        "intent",
        "number",
        "permit",
        "queued_at",
        "seconds",
        "sent",
        "sent_at",
        "started",
    )

    def __init__(self, handle: str, number: int, queued_at: float, permit: Permit) -> None:
        self.handle = handle
        self.number = number
        self.permit = permit
        self.queued_at = queued_at
        self.sent_at = self.started = self.seconds = 0.0
        self.sent = False
        self.given_up = False  # by all who asked, when the answer had come
        self.answer: Answer | None = None
        self.intent: Intent | None = None

    def start(self) -> None:
        """Take note that it begins, with looking for a connection."""
        self.sent_at, self.started = time.time(), time.perf_counter()

    async def wait(self, gate: Gate) -> None:
        """Take another turn; raises as `Gate.permit`, and then nothing was sent."""
        self.started = 0.0
        again = await gate.permit()
        assert again is not None  # without a deadline or patience
        self.permit.become(again)
        self.start()

    def end(self, key: Key, charge: Charge) -> Attempt:
        """What it came to."""
        self.seconds = time.perf_counter() - self.started if self.started else 0.0
        return Attempt(
            handle=self.handle,
            number=self.number,
            key=key.label,
            charge=charge,
            status=self.answer.status if self.answer else None,
            sent_at=self.sent_at,
            queue_seconds=self.permit.granted_at - self.queued_at,
            service_seconds=self.seconds,
        )

    def exchange(self, key: Key, base_url: str) -> Exchange:
        """The evidence of it, in which the key is not."""
        answer, keys = self.answer, [key.secret]
        return Exchange(
            method="GET",
            url=report_url(base_url, self.handle),
            key=key.label,
            sent_at=self.sent_at,
            seconds=self.seconds,
            status=answer.status if answer else None,
            request_headers=shown(HEADERS, keys),
            response_headers=shown(answer.headers, keys) if answer else {},
            body=excerpt(answer, keys) if answer else "",
        )
