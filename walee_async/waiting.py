"""Waiting for what must come to its end, whoever is cancelled meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    from collections.abc import Iterable


async def finish(futures: Iterable[asyncio.Future[Any]], *, urge: bool = False) -> None:
    """Return when all are done, and raise then what cancelled this meanwhile, if anything; their results stay in them.

    With `urge` each cancellation, but not of an anyio scope, is passed on to those that are not done.
    """
    these, cancelled = set(futures), None
    left = these
    with anyio.CancelScope(shield=True):
        while left:
            try:
                _, left = await asyncio.wait(left)
            except asyncio.CancelledError as error:
                cancelled = error
                for future in left if urge else ():
                    future.cancel()
    for future in these:
        if not future.cancelled():
            future.exception()  # or asyncio would complain where nobody looks at it
    if cancelled is not None:
        raise cancelled
