"""The front door: one client for a service or a script. It wires the rooms below together and holds no rule."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeVar, overload

from walee_async.budget import Budget
from walee_async.bulk import Run
from walee_async.checkpoint import Checkpoint
from walee_async.decode import check_view, decode
from walee_async.errors import ConfigError
from walee_async.events import Emitter
from walee_async.feed import Feed
from walee_async.flights import SharedFlights
from walee_async.gate import Gate
from walee_async.handles import parse_handle
from walee_async.keys import Key, api_keys
from walee_async.ledger import Ledger
from walee_async.models import CreatorReport
from walee_async.options import DEFAULTS, Options, RunOptions, check_given
from walee_async.plan import Plan, Rules, make_plan
from walee_async.pool import KeyStatistics, SessionPool
from walee_async.reuse import MAX_AGE, check_age, open_store, read_through, reasons
from walee_async.scores import ScoreRun
from walee_async.scoring import Brief, ScoreView
from walee_async.session import Session
from walee_async.store import Store
from walee_async.waiting import finish
from walee_async.watched import watched
from walee_async.wire import check_base_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from os import PathLike

    from walee_async.feed import Handles
    from walee_async.interfaces import Source
    from walee_async.outcomes import Payload

T = TypeVar("T")

BASE_URL: Final = "https://api.gateway.walee.ai/api"


class WaleeClient:
    """Buys creator reports with one API key or several, and keeps them; enter it with `async with`.

    Args:
        api_key: A key, or several that share the work. Left out, WALEE_API_KEYS (separated by commas or spaces) or
            WALEE_API_KEY is read.
        rate: Requests per second and key; the service behind the gateway allows 10. "auto" finds the limit by itself.
        base_url: Where the gateway is; the key is sent there and nowhere else.
        store: The file that every report is kept in and read from, or an open store, which is not closed. None: none.
        max_age: Seconds, counted from the report's own date, for which a stored report is used instead of a new one.
        budget: The most that may be bought.
        options: What few callers change.

    Raises:
        ConfigError: an argument cannot be right, or there is no key.
    """

    def __init__(
        self,
        api_key: str | Sequence[str] | None = None,
        *,
        rate: float | Literal["auto"] = 8.0,
        base_url: str = BASE_URL,
        store: Store | str | PathLike[str] | None = None,
        max_age: float = MAX_AGE,
        budget: Budget | None = None,
        options: Options = DEFAULTS,
    ) -> None:
        try:
            self._keys = api_keys(api_key)
        finally:
            del api_key  # or tools that print the locals of a traceback would show it
        self._rate: float | Literal["auto"] = check_given(rate, store, budget, options)
        self._options, self._given_store = options, store
        self._base_url = check_base_url(base_url, allow_plain_http=options.transport.allow_plain_http)
        self._emitter, self._max_age = Emitter(options.hook), check_age(max_age)
        self._pool: SessionPool | None = None
        self._flights: SharedFlights | None = None
        self._closing = AsyncExitStack()
        self.budget = budget or Budget()
        """What may be bought, and what of it was."""
        self.store: Store | None = store if isinstance(store, Store) else None
        """The store while the client is open, if there is one."""
        self.ledger = Ledger()
        """Every attempt of this client, whichever run or call it was for."""

    def __repr__(self) -> str:
        known = vars(self)  # not all of it, in the traceback of an argument that cannot be right
        return f"<WaleeClient {known.get('_base_url')} with {', '.join(key.label for key in known.get('_keys', ()))}>"

    async def __aenter__(self) -> Self:
        """Open the store and the sessions.

        Raises:
            StoreError: the store cannot be opened; its class says why.
            ConfigError: the client is open already.
        """
        if self._pool is not None:
            raise ConfigError("This client is open already; open it once and share it")
        self._loop = asyncio.get_running_loop()
        self._checkpoint = Checkpoint()
        if self._given_store is not None and not isinstance(self._given_store, Store):
            under_way = len(self._keys) * self._options.transport.connections
            self.store = await open_store(self._given_store, under_way)
            self._closing.push_async_callback(self.store.aclose)
        try:
            self._pool = SessionPool([self._session(key) for key in self._keys], self._options.retry, self.budget)
        except BaseException:
            await self.aclose()
            raise
        self._closing.push_async_callback(self._pool.aclose)
        # Shared around the store: a call that looked before a report came must not buy it after it did.
        retry = self._options.retry
        source = read_through(self._pool, self.store, max_age=self._max_age, resend_ambiguous=retry.resend_ambiguous)
        self._flights = SharedFlights(source, self._pool, deadline=retry.deadline)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections, and the store if it is ours. Closing twice is fine."""
        self._pool = self._flights = None
        closing = asyncio.create_task(self._closing.pop_all().aclose())
        await finish([closing])
        closing.result()
        if self.store is not self._given_store:
            self.store = None

    def _session(self, key: Key) -> Session:
        gate = Gate(
            self._rate,
            burst=self._options.burst,
            longest_pause=self._options.retry.deadline,
            label=key.label,
            emitter=self._emitter,
            turns=self._options.sharing.turns(key.secret) if self._options.sharing else None,
        )
        return Session(key, gate, self._base_url, self._options.transport, self.ledger, self._emitter, self.store)

    def _source(self, *, fresh: bool) -> Source:
        flights = _opened(self._flights)
        if asyncio.get_running_loop() is not self._loop:
            raise ConfigError("The client was opened in another event loop; open one for each")
        return watched(flights.fresh if fresh else flights, self._emitter)

    async def fetch(self, handle: str, *, fresh: bool = False) -> Payload:
        """Return the bytes of one report, not decoded: the stored ones while they are young enough, else bought.

        Callers for one handle at the same time share one purchase. `fresh` buys, whatever is stored.

        Raises:
            InvalidHandleError: the text cannot be a handle; nothing was sent.
            WaleeError: there is no report, for the reason it gives.
        """
        return await self._source(fresh=fresh).fetch(parse_handle(handle))

    @overload
    async def creator_report(self, handle: str, *, fresh: bool = ...) -> CreatorReport: ...
    @overload
    async def creator_report(self, handle: str, *, view: type[T], fresh: bool = ...) -> T: ...
    async def creator_report(self, handle: str, *, view: type[Any] = CreatorReport, fresh: bool = False) -> Any:
        """Fetch the report of one handle and decode it into a view: any msgspec Struct, or `dict`. See `fetch`.

        Raises:
            ConfigError: the view is none that a report can be decoded into; nothing was sent.
            InvalidHandleError: the text cannot be a handle; nothing was sent.
            DecodeError: the report does not fit the view; its bytes are in the error's `payload`.
            WaleeError: there is no report, for the reason it gives.
        """
        check_view(view)  # A bad view must be found out before anything is bought.
        payload = await self.fetch(handle, fresh=fresh)
        await self._checkpoint()
        return decode(payload, view, cap=self._options.transport.max_inflated)

    @overload
    def creator_reports(
        self,
        handles: Handles,
        *,
        ordered: bool = ...,
        concurrency: int = ...,
        total: int | None = ...,
        fresh: bool = ...,
        retry_failed: Iterable[str] = ...,
    ) -> Run[CreatorReport]: ...
    @overload
    def creator_reports(
        self,
        handles: Handles,
        *,
        view: type[T],
        ordered: bool = ...,
        concurrency: int = ...,
        total: int | None = ...,
        fresh: bool = ...,
        retry_failed: Iterable[str] = ...,
    ) -> Run[T]: ...
    def creator_reports(
        self,
        handles: Handles,
        *,
        view: type[Any] = CreatorReport,
        ordered: bool = False,
        concurrency: int = 64,
        total: int | None = None,
        fresh: bool = False,
        retry_failed: Iterable[str] = (),
    ) -> Run[Any]:
        """Fetch the reports of many handles: a run to enter and iterate over, or to `collect()`.

        With a store the same call again goes on where the last one ended: what is stored is not bought again, and what
        is known to be in vain is not repeated.

        Args:
            handles: Any iterable or async iterable; it is read as there is room, and may be endless.
            view: What to decode each report into: any msgspec Struct, or `dict`.
            ordered: Outcomes in the order of the list, instead of as they come.
            concurrency: Handles under way at once, those waiting for a turn included.
            total: Entries in the list, if you know; the progress can then tell how long it will take.
            fresh: Buy every report, whatever is stored.
            retry_failed: Failures of earlier runs to try again although nothing may have changed, by the name of their
                class or by the gateway's code; "all" for all.

        Raises:
            ConfigError: an argument cannot be right, or the client is not open.
        """
        options = self._run_options(
            view, ordered=ordered, concurrency=concurrency, total=total, retry_failed=retry_failed
        )
        return Run(self._source(fresh=fresh), handles, options, self._emitter)

    def _run_options(self, view: type[Any], *, retry_failed: Iterable[str], **given: Any) -> RunOptions:
        given |= {"max_inflated": self._options.transport.max_inflated, "retry_failed": reasons(retry_failed)}
        return RunOptions(view=view, store=self.store, **given)

    def scores(
        self,
        handles: Handles,
        *,
        brief: Brief | None = None,
        top: int = 50,
        concurrency: int = 64,
        total: int | None = None,
        fresh: bool = False,
        retry_failed: Iterable[str] = (),
    ) -> ScoreRun:
        """Fetch many reports and score each as it comes: as `creator_reports`, with a `Score` in place of the report.

        `brief` says what is wanted (None: all that is well made), `top` how many of the best are kept in `run.top`.

        Raises:
            ConfigError: an argument cannot be right, or the client is not open.
        """
        options = self._run_options(ScoreView, concurrency=concurrency, total=total, retry_failed=retry_failed)
        return ScoreRun(self._source(fresh=fresh), handles, options, self._emitter, brief=brief or Brief(), top=top)

    async def plan(self, handles: Handles, *, fresh: bool = False, retry_failed: Iterable[str] = ()) -> Plan:
        """Say what `creator_reports` would do with a list, what it would cost and how long it would take.

        Sends nothing. Price and limit are the budget's; of a shared one, only what was spent here is taken off.

        Raises:
            ConfigError: the client is not open, or the list cannot be read.
            StoreError: the store cannot be read.
        """
        self._source(fresh=fresh)
        resend, retry = self._options.retry.resend_ambiguous, reasons(retry_failed)
        rules = Rules(max_age=self._max_age, resend_ambiguous=resend, fresh=fresh, retry_failed=retry)
        rate = None if self._rate == "auto" else self._rate * len(self._keys)
        return await make_plan(Feed(handles), self.store, rules, budget=self.budget, rate=rate)

    def statistics(self) -> tuple[KeyStatistics, ...]:
        """Every key at this moment: its pace, its pause, who waits, why it is benched.

        Raises:
            ConfigError: the client is not open.
        """
        return _opened(self._pool).statistics()

    def pause(self, seconds: float, reason: str = "paused by the caller") -> None:
        """Send nothing for so long. Requests under way go on, so that they can end before the client is left.

        Raises:
            ConfigError: the client is not open.
        """
        _opened(self._pool).pause(seconds, reason)


def _opened(part: T | None) -> T:
    if part is None:
        raise ConfigError("The client is not open: use it inside `async with WaleeClient(...) as walee:`")
    return part
