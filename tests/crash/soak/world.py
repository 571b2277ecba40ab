"""The gateway of a soak: a process of its own, told over a pipe which faults to make and when to go away."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from collections import Counter
from collections.abc import Sequence
from multiprocessing.connection import Connection
from random import Random
from typing import Any, Self

import msgspec
from msgspec import Struct
from process import descriptors, wait_for

from walee_async.testing import (
    Code,
    Drop,
    Echo,
    Fault,
    Garble,
    Gateway,
    Hang,
    Html,
    Maker,
    Mix,
    Quota,
    Redirect,
    RetryLater,
    Slow,
    Status,
    Truncate,
    Unsuccessful,
    WrongType,
)
from walee_async.testing.accounts import Account

TRANSIENT: tuple[Fault, ...] = (
    Status(500),
    Status(502),
    Status(503, retry_after=1),
    Status(520),
    Status(429, retry_after=1),
    Status(420),
    Html(502),
    Echo(500),
    Drop("request"),
    Drop("request", reset=True),
    Hang(0.5),
    Slow(0.3),
)
"""What passes by itself."""
COSTLY: tuple[Fault, ...] = (Drop("headers"), Drop(200, reset=True), Truncate(0.3), Html(200))
"""What may have been bought and does not come."""
SPOILT: tuple[Fault, ...] = (Garble(), Garble("encoding"), WrongType("user_profile.followers", "many"))
"""What is bought, comes, and cannot be read."""
FINAL: tuple[Fault, ...] = (
    Code("account_not_found"),
    Code("account_is_private", valid=True),
    Unsuccessful(),
    Unsuccessful(inner=True),
    Status(400),
    Redirect("https://elsewhere.example/"),
    RetryLater(0.02),
    RetryLater(None, valid=False),
    Echo(400),
)
"""What another attempt does not change."""
ACCOUNT: tuple[Fault, ...] = (Code("no_tokens_remaining"), Status(401))
"""What ends a run."""


def draw_faults(dice: Random) -> tuple[Fault, ...]:
    """The faults of one round: of most kinds some, and those that end a run in every fourth."""
    chosen = [fault for fault in (*TRANSIENT, *COSTLY, *SPOILT, *FINAL) if dice.random() < 0.5]
    return (*chosen, dice.choice(ACCOUNT)) if dice.random() < 0.25 else tuple(chosen or TRANSIENT)


class Skies(Mix, frozen=True):
    """Faults of its own for each handle, and a note of what each has met."""

    mixes: dict[str, Mix] = msgspec.field(default_factory=dict)
    met: dict[str, list[Fault]] = msgspec.field(default_factory=dict)

    def pick(self, handle: str, nth: int) -> Fault | None:
        """The fault that the nth request for a handle meets, or None."""
        mix = self.mixes.get(handle)
        fault = None if mix is None else mix.pick(handle, nth)
        if fault is not None:
            self.met.setdefault(handle, []).append(fault)
        return fault


class Seen(Struct, frozen=True):
    """What the gateway knows of some handles, and of itself."""

    requests: Counter[str]
    billed: Counter[str]
    met: dict[str, list[Fault]]
    connections: int


class _World:
    """What runs in the process: every method is a command."""

    def __init__(self, maker: Maker) -> None:
        self._skies = Skies(1.0)
        self._gateway = Gateway(maker, faults=self._skies)
        self._away = asyncio.Lock()

    async def start(self) -> str:
        await self._gateway.start()
        self._port = self._gateway.port
        return self._gateway.base_url

    async def key(self, key: str, quota: Quota) -> None:
        """Accept a key from now on."""
        self._gateway.accounts[key] = Account(key, quota, None)

    async def forget(self, key: str) -> int:
        """Accept a key no more; how often it broke its quota."""
        return self._gateway.accounts.pop(key).breaches

    async def revoke(self, key: str, revoked: bool) -> None:
        """Refuse a key, or take it back."""
        self._gateway.accounts[key].revoked = revoked

    async def sky(self, handles: Sequence[str], mix: Mix) -> None:
        """Let the requests for these handles meet these faults."""
        self._skies.mixes.update(dict.fromkeys(handles, mix))

    async def restart(self, seconds: float) -> None:
        """Break off all that is under way, refuse connections for a while, and come back at the same port."""
        await self._gateway.aclose()
        await asyncio.sleep(seconds)
        await self._gateway.start(self._port)

    async def seen(self, handles: Sequence[str]) -> Seen:
        """What came for these handles and what of it was billed."""
        gateway, met = self._gateway, self._skies.met
        requests = Counter({handle: gateway.requests[handle] for handle in handles})
        billed = Counter({handle: gateway.billed[handle] for handle in handles})
        told = {handle: met[handle] for handle in handles if handle in met}
        return Seen(requests, billed, told, gateway.connections)


async def _obey(pipe: Connection, maker: Maker) -> None:
    world, asked = _World(maker), asyncio.Event()
    asyncio.get_running_loop().add_reader(pipe.fileno(), asked.set)
    while True:
        await asked.wait()
        asked.clear()
        while pipe.poll():
            try:
                name, given = pipe.recv()
            except EOFError:
                return
            pipe.send(await getattr(world, name)(*given))


def _run(pipe: Connection, maker: Maker) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the soak, which then ends this process
    asyncio.run(_obey(pipe, maker))


class World:
    """The gateway's process, as the soak sees it; to be closed."""

    def __init__(self, maker: Maker) -> None:
        self.maker = maker
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(theirs, maker), daemon=True)
        self._process.start()
        theirs.close()
        self.base_url: str = self.ask("start")
        self._open = descriptors(self.pid)

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process.pid is not None
        return self._process.pid

    def ask(self, name: str, *given: Any) -> Any:
        """Give it a command and wait for what it answers.

        Raises:
            RuntimeError: it is dead, or does not answer.
        """
        self._pipe.send((name, given))
        if not self._pipe.poll(60):
            raise RuntimeError(f"the gateway's process does not answer to {name}")
        return self._pipe.recv()

    def grown(self) -> bool:
        """Whether it has more open than when it began, connections that were just closed aside."""
        return not wait_for(lambda: descriptors(self.pid) <= self._open, 5.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join(10)
        self._process.kill()
