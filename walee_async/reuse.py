"""Reports that were bought before are not bought again: a source around a source and a store."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Iterable
from contextlib import suppress
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Final

from walee_async import errors
from walee_async.checks import check_kind, check_seconds
from walee_async.errors import AmbiguousError, ConfigError, NotReadyError, WaleeError
from walee_async.ledger import ACCOUNT, DOUBTS
from walee_async.retry import DOUBTFUL, FINAL
from walee_async.store import Standing, Store
from walee_async.store.arrivals import SLACK
from walee_async.waiting import finish
from walee_async.wire.verdict import CODES

if TYPE_CHECKING:
    from os import PathLike

    from walee_async.interfaces import Source
    from walee_async.outcomes import Payload
    from walee_async.store import Failure, Held

logger = logging.getLogger("walee_async")

MAX_AGE: Final = 55 * 24 * 3600.0
"""Seconds. The gateway's own source keeps a report for about 60 days, so a younger one would hardly be another."""
JUST_BOUGHT: Final = 24 * 3600.0
"""Seconds. What came so lately is used whatever its date: the gateway sells reports that are weeks old already, and
buying one again at once would bring the same."""
_NEW: Final = Standing(None, None, 0)


_NAMES: Final = (
    *(name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, WaleeError)),
    *CODES,
    "all",
)


def reasons(given: Iterable[str]) -> frozenset[str]:
    """The failures that a run is to try again: names of classes, codes of the gateway, or `all`; one text will do.

    Raises:
        ConfigError: there is no such class or code, so nothing would be tried again.
    """
    check_kind("retry_failed", given, Iterable, "names of errors or codes")
    names = frozenset([given] if isinstance(given, str) else map(str, given))
    for name in sorted(names.difference(_NAMES)):
        near = get_close_matches(name, _NAMES, 1)
        hint = f"did you mean {near[0]}?" if near else "it takes classes such as NoReportError, codes, or all"
        raise ConfigError(f"No failure is called {name!r}, so none can be tried again; {hint}")
    return names


def check_age(max_age: float) -> float:
    """The age up to which a stored report is used.

    Raises:
        ConfigError: it is no number of seconds from 0 on.
    """
    check_seconds("The max_age", max_age, 0, endless=True)
    return max_age


async def open_store(path: str | PathLike[str], under_way: int) -> Store:
    """Open a store in a thread. Who is cancelled meanwhile leaves none open: its lock would be held until the end."""
    opening = asyncio.get_running_loop().run_in_executor(None, partial(Store.open, path, under_way=under_way))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        with suppress(asyncio.CancelledError):
            await finish([opening])
        if opening.exception() is None:
            await finish([asyncio.create_task(opening.result().aclose())])
        raise


def log_findings(store: Store) -> None:
    """Log what opening a store has found that a person should know."""
    for sentence in store.remarks:
        logger.warning("%s", sentence)
    if store.orphans:
        reports = f"{len(store.orphans)} {'report' if len(store.orphans) == 1 else 'reports'}"
        handles = ", ".join(dict.fromkeys(store.orphans))
        logger.warning("%s may have been bought when the last run was killed: %s.", reports, handles)


class Inquiry:
    """Asks a store about handles, many at a time: while one question is being answered, the next ones gather."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[str, asyncio.Future[Standing]]] = []
        self._asked: list[tuple[str, asyncio.Future[Standing]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def standing(self, handle: str) -> Standing:
        """All that bears on whether to buy the report of a handle; raises StoreError when it cannot be read."""
        future: asyncio.Future[Standing] = asyncio.get_running_loop().create_future()
        self._waiting.append((handle, future))
        if self._asking is None:
            self._start()
        return await future

    def _start(self) -> None:
        self._asking = asyncio.create_task(self._ask())
        self._asking.add_done_callback(self._go_on)

    def _go_on(self, asking: asyncio.Task[None]) -> None:
        """Ask anew for those who still wait where somebody has cancelled all tasks, this one among them."""
        if asking.cancelled():
            self._asking = None
            self._waiting = [one for one in (*self._asked, *self._waiting) if not one[1].done()]
            if self._waiting:
                self._start()

    async def _ask(self) -> None:
        while self._waiting:
            self._asked, self._waiting = self._waiting, []
            found: dict[str, Standing] = {}
            problem: Exception | None = None
            try:
                found = await self._store.standing(list(dict.fromkeys(handle for handle, _ in self._asked)))
            except Exception as error:  # noqa: BLE001  (it is raised where the answer is waited for)
                problem = error
            for handle, future in self._asked:
                if not future.done():  # else whoever asked is gone
                    future.set_result(found[handle]) if problem is None else future.set_exception(problem)
        self._asking = None


class ReadThrough:
    """Gives the stored report of a handle while it is young enough, and buys it otherwise.

    What may have been bought already as often as `resend_ambiguous` allows is not sent again. Inside a run it also
    spares what is known to be in vain: a handle that has no report, and one whose report was being prepared and is not
    due yet. The run's `retry` names the failures, by class or code, to try again all the same.
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
        standing = _NEW if self._store.is_new(handle) else await self._inquiry.standing(handle)
        if is_young(standing.held, self._max_age):
            payload = await self._store.latest(handle)
            if payload is not None:
                payload.reused = True
                return payload
        account = ACCOUNT.get(None)
        retry = account.retry if account is not None else frozenset[str]()
        known = remembered(handle, standing, self._resend_ambiguous, retry)
        if known is not None and (account is not None or isinstance(known, AmbiguousError)):
            raise known
        DOUBTS.set(0 if retry & DOUBTFUL else standing.ambiguous)
        return await self._source.fetch(handle)


def read_through(source: Source, store: Store | None, *, max_age: float, resend_ambiguous: int) -> Source:
    """The source with the store before it, if there is one; what opening the store has found is logged."""
    if store is None:
        return source
    log_findings(store)
    return ReadThrough(source, store, max_age=max_age, resend_ambiguous=resend_ambiguous)


def is_young(held: Held | None, max_age: float) -> bool:
    """Whether a stored report is used instead of a new one: dated within `max_age`, or bought within the day."""
    if held is None:
        return False
    dated, received = map(_age, (held.dated, held.received_at))
    return dated < max_age or received < min(max_age, JUST_BOUGHT)


def _age(at: float) -> float:
    """Seconds since a moment; without end for one so far ahead that the clock that told it was wrong."""
    age = time.time() - at
    return max(0.0, age) if age > -SLACK else math.inf


def remembered(handle: str, standing: Standing, resend_ambiguous: int, retry: frozenset[str]) -> WaleeError | None:
    """What the store knows against asking for a handle, or None. A pure rule but for the clock of parked handles."""
    failure = standing.failure
    if standing.ambiguous > resend_ambiguous and not retry & DOUBTFUL:
        often = "once" if standing.ambiguous == 1 else f"{standing.ambiguous} times"
        limit = f"while resend_ambiguous is {resend_ambiguous}"
        return AmbiguousError(f"it may have been bought {often} already and is not sent again {limit}", handle=handle)
    if failure is None or retry & {failure.kind, failure.code or failure.kind, "all"}:
        return None
    # What is due in more than a day was said by a wrong clock; no report takes so long to be prepared.
    parked = failure.due_at is not None and 0 < failure.due_at - time.time() < SLACK
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
