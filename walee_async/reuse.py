"""Reports that were bought before are not bought again: a source around a source and a store."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from walee_async import errors
from walee_async.errors import AmbiguousError, NotReadyError, WaleeError
from walee_async.ledger import ACCOUNT

if TYPE_CHECKING:
    from walee_async.interfaces import Source
    from walee_async.outcomes import Payload
    from walee_async.store import Failure, Held, Standing, Store

MAX_AGE: Final = 55 * 24 * 3600.0
"""Seconds. The gateway's own source keeps a report for about 60 days, so a younger one would hardly be another."""
JUST_BOUGHT: Final = 24 * 3600.0
"""Seconds. What came so lately is used whatever its date: the gateway sells reports that are weeks old already, and
buying one again at once would bring the same."""
FINAL: Final = frozenset({"NoReportError"})
"""Failures that asking again would not change: a run does not repeat them unless told to."""


class Inquiry:
    """Asks a store about handles, many at a time: while one question is being answered, the next ones gather."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[str, asyncio.Future[Standing]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def standing(self, handle: str) -> Standing:
        """All that bears on whether to buy the report of a handle; raises StoreError when it cannot be read."""
        future = self._waiting.get(handle)
        if future is None:
            future = self._waiting[handle] = asyncio.get_running_loop().create_future()
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(future)

    async def _ask(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting, {}
            try:
                found = await self._store.standing(list(asked))
            except Exception as error:  # noqa: BLE001  (it is raised where the answer is waited for)
                for future in asked.values():
                    future.set_exception(error)
                    future.exception()  # whoever asked may be gone, and that is no reason for a message
            else:
                for handle, future in asked.items():
                    future.set_result(found[handle])
        self._asking = None


class ReadThrough:
    """Gives the stored report of a handle while it is young enough, and buys it otherwise.

    Inside a run it also spares what is known to be in vain: a handle that has no report, one whose report was being
    prepared and is not due yet, and one that may have been bought already as often as `resend_ambiguous` allows. The
    run's `retry` names the failures, by class or code, to try again all the same.
    """

    def __init__(self, source: Source, store: Store, *, max_age: float, resend_ambiguous: int) -> None:
        self._source = source
        self._store = store
        self._inquiry = Inquiry(store)
        self._max_age = max_age
        self._resend_ambiguous = resend_ambiguous

    async def fetch(self, handle: str) -> Payload:
        """Return the payload of a normalised handle, from the store or from the source.

        Raises:
            StoreError: the store cannot be read, or its report is damaged; nothing is bought in its place.
            WaleeError: what the source raises, or what it raised before and would again.
        """
        standing = await self._inquiry.standing(handle)
        if is_young(standing.held, self._max_age):
            payload = await self._store.latest(handle)
            if payload is not None:
                payload.reused = True
                return payload
        account = ACCOUNT.get(None)
        if account is not None:
            known = remembered(handle, standing, self._resend_ambiguous, account.retry)
            if known is not None:
                raise known
        return await self._source.fetch(handle)


def is_young(held: Held | None, max_age: float) -> bool:
    """Whether a stored report is used instead of a new one: dated within `max_age`, or bought within the day."""
    if held is None:
        return False
    now = time.time()
    return now - held.dated < max_age or now - held.received_at < min(max_age, JUST_BOUGHT)


def remembered(handle: str, standing: Standing, resend_ambiguous: int, retry: frozenset[str]) -> WaleeError | None:
    """What the store knows against asking for a handle, or None. A pure rule but for the clock of parked handles."""
    failure = standing.failure
    if standing.ambiguous > resend_ambiguous and not retry & {"AmbiguousError", "all"}:
        often = "once" if standing.ambiguous == 1 else f"{standing.ambiguous} times"
        return AmbiguousError(f"it may have been bought {often} already and is not sent again", handle=handle)
    if failure is None or retry & {failure.kind, failure.code or failure.kind, "all"}:
        return None
    parked = failure.due_at is not None and failure.due_at > time.time()
    if not parked and failure.kind not in FINAL:
        return None
    return _again(failure)


def _again(failure: Failure) -> WaleeError:
    kind = getattr(errors, failure.kind, WaleeError)
    error: WaleeError = kind(
        f"{failure.detail} (known since {time.strftime('%Y-%m-%d %H:%M', time.gmtime(failure.at))} UTC)",
        handle=failure.handle,
        status=failure.status,
        code=failure.code,
    )
    if isinstance(error, NotReadyError) and failure.due_at is not None:
        error.eta = max(0.0, failure.due_at - time.time())
    return error
