"""What is asked of a way to a server: a question with its answer, or no answer in good time."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

T = TypeVar("T")

TIMEOUT: Final = 0.25
"""Seconds until a call is given up. With the defaults of redis-py a frozen server held a caller for over 40 s."""


class NoAnswerError(Exception):
    """The server did not answer: it is slow, frozen, gone, or refuses."""


class Link(Protocol):
    """One process's way to a server, for one kind of question: what redis/gate.lua or redis/budget.lua says."""

    async def ask(self, keys: Sequence[str], args: Sequence[str | float]) -> Any:
        """Have it done, once, and return what it returns.

        Raises:
            NoAnswerError: no answer came within `TIMEOUT`; whether it was done is not known.
        """

    async def aclose(self) -> None:
        """Close the connections."""


async def in_time(answer: Awaitable[T]) -> T:
    """Wait for an answer, `TIMEOUT` seconds at most, and lose no cancellation meanwhile.

    Servers' clients wait with `asyncio.wait_for` inside, and in Python 3.11 that drops a cancellation which comes
    together with what it waits for (https://github.com/python/cpython/issues/86296). Who is told to end would go on.

    Raises:
        TimeoutError: none came.
    """
    me = asyncio.current_task()
    assert me is not None
    async with asyncio.timeout(TIMEOUT):
        before = me.cancelling()
        try:
            return await answer
        finally:
            if me.cancelling() > before:
                raise asyncio.CancelledError


def name_of(secret: str) -> str:
    """The name that the gate of an API key goes by: a keyed hash, from which the key cannot be found."""
    return hmac.digest(secret.encode(), b"walee_async shared gate", hashlib.sha256).hex()[:32]
