"""A gateway on loopback: a real server with made-up creators, keys, quotas, credits and planned faults."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Self

import msgspec
from aiohttp import web
from msgspec import Struct

from walee_async.testing.accounts import Account, Keys, open_accounts
from walee_async.testing.answers import JSON, Answer, refusal
from walee_async.testing.delivery import deliver
from walee_async.testing.encoding import accepted
from walee_async.testing.faults import Fault, Mix, Quota, Revoke
from walee_async.testing.maker import Maker
from walee_async.testing.misbehaviour import misbehave, report_answer
from walee_async.testing.plans import Plans, check_faults
from walee_async.testing.shelf import Shelf

if TYPE_CHECKING:
    from walee_async.testing.maker import Creator
    from walee_async.testing.thread import GatewayThread

Faults = Mix | Mapping[str, Sequence[Fault]] | None
"""Faults strewn over all requests, or queued by handle."""

LOOPBACK = "127.0.0.1"
PREFIX = "/api"
REPORT = "/api/ask/tt/creator/report"
STATISTICS = "/_gateway/statistics"
OPENAPI = "/_gateway/openapi.json"


class KeyCounts(Struct, frozen=True, kw_only=True):
    """What one key did: `label` is the end of it, `busiest_second` the most requests within any one second."""

    label: str
    requests: int
    breaches: int
    busiest_second: int


class GatewayStatistics(Struct, frozen=True, kw_only=True):
    """What the gateway saw. `billed` counts reports it set out to serve, `billed_handles` their handles."""

    requests: int
    billed: int
    billed_handles: int
    breaches: int
    connections: int
    """Open now."""
    answers: dict[int, int]
    """By status; -1 counts those dropped before a status line."""
    faults: dict[str, int]
    """Faults met, by name."""
    keys: list[KeyCounts]


class Gateway:
    """A Walee gateway on 127.0.0.1, for tests: `async with Gateway(creators=500) as gateway`.

    `creators` is how many made-up creators it knows, or the Maker that makes them (then `seed` is the maker's).
    `keys` are described by `Keys`; every key without its own quota has `quota`; `credits` is how many reports each key
    can buy. `latency` is the seconds before every answer.

    A request is judged in this order: path and method (404, 405), key (401), quota (429, 420), handle (400
    `bad_request`, `account_not_found`), credits (400 `no_tokens_remaining`), fault, report. So a request over the quota
    consumes no planned fault.

    Counters may be read from any thread; `requests` and `billed` are keyed by the handle in lower case. A report is
    billed as soon as the gateway sets out to serve it, whether or not it then arrives whole.
    """

    def __init__(
        self,
        creators: int | Maker = 500,
        *,
        seed: int = 0,
        keys: Keys = None,
        faults: Faults = None,
        quota: Quota | None = None,
        credits: int | None = None,
        latency: float = 0.0,
    ) -> None:
        self.maker = creators if isinstance(creators, Maker) else Maker(seed, creators=creators)
        self.accounts = open_accounts(keys, self.maker.seed, quota, credits)
        self.latency = latency
        self.requests_seen = 0
        self.requests, self.billed, self.faults = Counter[str](), Counter[str](), Counter[str]()
        self.answers = Counter[int]()
        self._plans = Plans(faults if isinstance(faults, Mix) else None)
        self._shelf = Shelf(self.maker)
        self._web: web.Server | None = None
        self._listener: asyncio.Server | None = None
        if isinstance(faults, Mapping):
            for handle, queue in faults.items():
                self.plan(handle, *queue)
        elif faults is not None:
            check_faults(faults.faults, self.accounts)

    async def start(self, port: int = 0) -> None:
        """Listen on loopback; port 0 takes a free one.

        Raises:
            OSError: the port is taken.
        """
        loop = asyncio.get_running_loop()
        self._web = web.Server(self._handle, handler_cancellation=True, access_log=None, keepalive_timeout=75.0)
        self._listener = await loop.create_server(self._web, LOOPBACK, port, backlog=1024)

    async def aclose(self) -> None:
        """Stop at once: hanging answers are dropped and connections closed. The counters stay readable."""
        listener, server = self._listener, self._web
        if listener is None or server is None:
            return
        self._listener = None
        listener.close()
        # A connection accepted just now is made known to the server in the loop's next turn.
        await asyncio.sleep(0)
        await server.shutdown(0.02)
        await listener.wait_closed()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        await self.aclose()
        self.leave(error)

    def leave(self, error: BaseException | None) -> None:
        """Raise what kept it from answering as planned, or note that on the error with which its block is left."""
        self._plans.tell_trouble(error)

    def in_thread(self) -> GatewayThread:
        """Return a plain context manager that runs this gateway in a thread with a loop of its own, and gives it."""
        from walee_async.testing.thread import GatewayThread

        return GatewayThread(self)

    @property
    def port(self) -> int:
        """The port it listens on.

        Raises:
            RuntimeError: it is not started.
        """
        if self._listener is None:
            raise RuntimeError("The gateway is not started; use `async with Gateway(...) as gateway`.")
        return int(self._listener.sockets[0].getsockname()[1])

    @property
    def base_url(self) -> str:
        """What a client takes as its base URL."""
        return f"http://{LOOPBACK}:{self.port}{PREFIX}"

    @property
    def keys(self) -> list[str]:
        """The accepted keys."""
        return list(self.accounts)

    @property
    def key(self) -> str:
        """The first accepted key."""
        return next(iter(self.accounts))

    @cached_property
    def handles(self) -> list[str]:
        """The handles of the creators it makes up."""
        return self.maker.handles()

    @property
    def arrivals(self) -> dict[str, list[float]]:
        """The times of all requests with a known key, by key, in seconds of the monotonic clock."""
        return {key: account.arrivals for key, account in self.accounts.items()}

    @property
    def breaches(self) -> int:
        """Requests over a quota, all answered 429."""
        return sum(account.breaches for account in self.accounts.values())

    @property
    def connections(self) -> int:
        """Connections open now."""
        return len(self._web.connections) if self._web is not None else 0

    def plan(self, handle: str | None, *faults: Fault) -> None:
        """Let the next requests for a handle (None: for any) meet these faults in turn, and then normal answers.

        Raises:
            KeyError: the gateway has no such creator, so no request for it would ever meet a fault; or no such key.
            TypeError: something is no fault.
            ValueError: the report has no place for a WrongType. For None it is raised by leaving the gateway's block.
        """
        name = None if handle is None else handle.lower()
        if name is not None and not self._shelf.has(name):
            raise KeyError(handle)
        check_faults(faults, self.accounts, None if name is None else partial(self._shelf.body, name))
        self._plans.add(name, faults)

    def plant(self, creator: Creator) -> None:
        """Serve a creator of your own traits under its handle; see `Maker.creator`."""
        self._shelf.plant(creator)

    def statistics(self) -> GatewayStatistics:
        """Return the counts so far."""
        keys = [
            KeyCounts(
                label=f"…{account.key[-4:]}",
                requests=len(account.arrivals),
                breaches=account.breaches,
                busiest_second=account.busiest(1.0),
            )
            for account in self.accounts.values()
        ]
        return GatewayStatistics(
            requests=self.requests_seen,
            billed=self.billed.total(),
            billed_handles=len(self.billed),
            breaches=self.breaches,
            connections=self.connections,
            answers=dict(self.answers),
            faults=dict(self.faults),
            keys=keys,
        )

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if path == STATISTICS:
            return web.Response(body=msgspec.json.encode(self.statistics()), headers={"Content-Type": JSON})
        if path == OPENAPI:
            from walee_async.testing.openapi import describe

            return web.Response(body=msgspec.json.encode(describe(PREFIX)), headers={"Content-Type": JSON})
        self.requests_seen += 1
        try:
            answer = self._judge(request, path)
        except Exception as error:
            self._plans.trouble = self._plans.trouble or error
            raise
        if self.latency:
            await asyncio.sleep(self.latency)
        self.answers[answer.status if answer.cut != -1 else -1] += 1
        return await deliver(request, answer)

    def _judge(self, request: web.BaseRequest, path: str) -> Answer:
        if path != REPORT:
            return refusal(404, "not_found")
        if request.method != "GET":
            return refusal(405, "method_not_allowed", {"Allow": "GET"})
        handle = request.query.get("handle", "").strip().lower()
        self.requests[handle] += 1
        key = request.headers.get("x-api-key")
        account = self.accounts.get(key) if key else None
        if account is None or account.revoked:
            return refusal(401, "invalid_api_key" if key else "not_authenticated")
        refused, advertised = account.admit(time.monotonic(), self.connections)
        if refused is not None:
            return refused
        answer = self._answer(request, handle, account)
        return msgspec.structs.replace(answer, headers={**answer.headers, **advertised}) if advertised else answer

    def _answer(self, request: web.BaseRequest, handle: str, account: Account) -> Answer:
        if not handle:
            return refusal(400, "bad_request")
        if not self._shelf.has(handle):
            return refusal(400, "account_not_found")
        if account.credits == 0:
            return refusal(400, "no_tokens_remaining")
        encoding = accepted(request.headers.get("Accept-Encoding"))
        fault = self._plans.next(handle)
        if fault is None or self._apply(fault, account):
            answer = report_answer(self._shelf.body(handle, encoding), encoding)
        elif account.revoked:
            return refusal(401, "invalid_api_key")
        else:
            answer = misbehave(fault, partial(self._shelf.body, handle), encoding, request.headers)
        if answer.billed:
            self.billed[handle] += 1
            if account.credits is not None:
                account.credits -= 1
        return answer

    def _apply(self, fault: Fault, account: Account) -> bool:
        """Carry out a fault of the account's; return whether the report is then served as if nothing were."""
        self.faults[type(fault).__name__] += 1
        match fault:
            case Quota():
                account.set_quota(fault, time.monotonic())
                return True
            case Revoke(key=key):
                self.accounts[key or account.key].revoked = True
                return not account.revoked
        return False
