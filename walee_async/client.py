"""The front door: one client for a service or a script. It wires the rooms below together and holds no rule."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeVar, overload

from walee_async.bulk import Run, RunOptions
from walee_async.decode import check_view, decode
from walee_async.errors import ConfigError
from walee_async.events import Emitter
from walee_async.flights import SharedFlights
from walee_async.gate import Gate, check_rate
from walee_async.handles import parse_handle
from walee_async.ledger import Ledger
from walee_async.models import CreatorReport
from walee_async.pool import KeyStatistics, SessionPool
from walee_async.retry import RetryPolicy
from walee_async.session import Session
from walee_async.transport import Key, Transport
from walee_async.wire import check_base_url, check_key, key_label

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable, Sequence
    from types import TracebackType

    from walee_async.handles import Entry
    from walee_async.interfaces import Hook
    from walee_async.outcomes import Payload

T = TypeVar("T")

BASE_URL: Final = "https://api.gateway.walee.ai/api"


class WaleeClient:
    """Buys creator reports with one API key or several; enter it with `async with`.

    Args:
        api_key: A key, or several that share the work. Left out, WALEE_API_KEYS (separated by commas or spaces) or
            WALEE_API_KEY is read.
        rate: Requests per second and key; the service behind the gateway allows 10, careful clients run at 8. "auto"
            finds the limit by itself.
        burst: Requests that may go at once after a rest.
        base_url: Where the gateway is; the key is sent there and nowhere else.
        retry: When to try again, and the deadline.
        transport: A session, connector, proxy or TLS context of your own, timeouts, connections.
        hook: Is told of every event.

    Raises:
        ConfigError: an argument cannot be right, or there is no key.
    """

    def __init__(
        self,
        api_key: str | Sequence[str] | None = None,
        *,
        rate: float | Literal["auto"] = 8.0,
        burst: int = 1,
        base_url: str = BASE_URL,
        retry: RetryPolicy | None = None,
        transport: Transport | None = None,
        hook: Hook | None = None,
    ) -> None:
        check_rate(rate)
        self._rate: float | Literal["auto"] = rate
        self._burst = burst
        self._keys = api_keys(api_key)
        self._retry = retry or RetryPolicy()
        self._transport = transport or Transport()
        self._base_url = check_base_url(base_url, allow_plain_http=self._transport.allow_plain_http)
        self._emitter = Emitter(hook)
        self._pool: SessionPool | None = None
        self._source: SharedFlights | None = None
        self.ledger = Ledger()
        """Every attempt of this client, whichever run or call it was for."""

    def __repr__(self) -> str:
        return f"<WaleeClient {self._base_url} with {', '.join(key.label for key in self._keys)}>"

    async def __aenter__(self) -> Self:
        if self._pool is not None:
            raise ConfigError("This client is open already; open it once and share it")
        self._pool = SessionPool([self._session(key) for key in self._keys], self._retry)
        self._source = SharedFlights(self._pool)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections. Closing twice is fine."""
        pool, self._pool, self._source = self._pool, None, None
        if pool is not None:
            await pool.aclose()

    def _session(self, key: Key) -> Session:
        gate = Gate(
            self._rate,
            burst=self._burst,
            longest_pause=self._retry.deadline,
            label=key.label,
            emitter=self._emitter,
        )
        return Session(key, gate, self._base_url, self._transport, self.ledger, self._emitter)

    def _opened(self) -> SharedFlights:
        if self._source is None:
            raise ConfigError("The client is not open: use it inside `async with WaleeClient(...) as walee:`")
        return self._source

    async def fetch(self, handle: str) -> Payload:
        """Buy the report of one handle and return its bytes, not decoded.

        Raises:
            InvalidHandleError: the text cannot be a handle; nothing was sent.
            WaleeError: there is no report, for the reason it gives.
        """
        return await self._opened().fetch(parse_handle(handle))

    @overload
    async def creator_report(self, handle: str) -> CreatorReport: ...
    @overload
    async def creator_report(self, handle: str, *, view: type[T]) -> T: ...
    async def creator_report(self, handle: str, *, view: type[Any] = CreatorReport) -> Any:
        """Buy the report of one handle and decode it into a view: any msgspec Struct, or `dict`.

        Raises:
            ConfigError: the view is none that a report can be decoded into; nothing was sent.
            InvalidHandleError: the text cannot be a handle; nothing was sent.
            DecodeError: the report does not fit the view; its bytes are in the error's `payload`.
            WaleeError: there is no report, for the reason it gives.
        """
        check_view(view)  # A bad view must be found out before anything is bought.
        return decode(await self.fetch(handle), view, cap=self._transport.max_inflated)

    @overload
    def creator_reports(
        self,
        handles: Iterable[str | Entry] | AsyncIterable[str | Entry],
        *,
        ordered: bool = ...,
        concurrency: int = ...,
        total: int | None = ...,
    ) -> Run[CreatorReport]: ...
    @overload
    def creator_reports(
        self,
        handles: Iterable[str | Entry] | AsyncIterable[str | Entry],
        *,
        view: type[T],
        ordered: bool = ...,
        concurrency: int = ...,
        total: int | None = ...,
    ) -> Run[T]: ...
    def creator_reports(
        self,
        handles: Iterable[str | Entry] | AsyncIterable[str | Entry],
        *,
        view: type[Any] = CreatorReport,
        ordered: bool = False,
        concurrency: int = 64,
        total: int | None = None,
    ) -> Run[Any]:
        """Buy the reports of many handles: a run to enter and iterate over, or to `collect()`.

        Args:
            handles: Any iterable or async iterable; it is read as there is room, and may be endless.
            view: What to decode each report into: any msgspec Struct, or `dict`.
            ordered: Outcomes in the order of the list, instead of as they come.
            concurrency: Handles under way at once, those waiting for a turn included.
            total: Entries in the list, if you know; the progress can then tell how long it will take.

        Raises:
            ConfigError: an argument cannot be right, or the client is not open.
        """
        options = RunOptions(
            view=view,
            ordered=ordered,
            concurrency=concurrency,
            total=total,
            max_inflated=self._transport.max_inflated,
        )
        return Run(self._opened(), handles, options, self._emitter)

    def statistics(self) -> tuple[KeyStatistics, ...]:
        """Every key at this moment: its pace, its pause, who waits, why it is benched.

        Raises:
            ConfigError: the client is not open.
        """
        self._opened()
        assert self._pool is not None
        return self._pool.statistics()

    def pause(self, seconds: float, reason: str = "paused by the caller") -> None:
        """Send nothing for so long. Requests under way go on, so that they can end before the client is left.

        Raises:
            ConfigError: the client is not open.
        """
        self._opened()
        assert self._pool is not None
        self._pool.pause(seconds, reason)


def api_keys(given: str | Sequence[str] | None = None) -> tuple[Key, ...]:
    """The keys given, else those of WALEE_API_KEYS, else of WALEE_API_KEY; each once, in order.

    Raises:
        ConfigError: there is none, or one cannot be a key. It does not show the key.
    """
    if given is None:
        given = os.environ.get("WALEE_API_KEYS", "").replace(",", " ").split() or os.environ.get("WALEE_API_KEY", "")
        if not given:
            raise ConfigError("There is no API key: set WALEE_API_KEY, or WALEE_API_KEYS for several")
    texts = [given] if isinstance(given, str) else list(given)
    if not texts:
        raise ConfigError("The list of API keys is empty")
    secrets = dict.fromkeys(check_key(text) for text in texts)
    return tuple(Key(secret, key_label(number, secret)) for number, secret in enumerate(secrets))
