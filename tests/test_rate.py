"""The pace in real time over real sockets: reached, never passed, found where it is not told, and counted exactly."""

from __future__ import annotations

import asyncio
from typing import Final, Self

import pytest

from walee_async import Fetched, Options, RetryPolicy, WaleeClient
from walee_async.bucket import LATENESS
from walee_async.events import AttemptStarted, Event
from walee_async.testing import Drop, Fault, Gateway, Html, Maker, Mix, Quota, Status, Truncate

pytestmark = [pytest.mark.anyio, pytest.mark.long]

BEAT: Final = 0.002
"""Seconds between two looks at the clock."""
TARDY: Final = 0.002
"""Seconds by which a machine may be late at any time without standing still."""


class Stopwatch:
    """A hook that times each send, on a machine that may stall at any moment: a process is put aside for milliseconds.

    It looks at the clock all the time. So a send is known to lie between the last look and the moment that the hook is
    told; and when looks are far apart, the machine stood still.
    """

    def __init__(self) -> None:
        self.sends: list[tuple[float, float]] = []
        """For each send a time before which it cannot have been let go, and one after which it cannot."""
        self.stalled = 0.0
        """Seconds in which nothing could be sent, because nothing was done."""

    def __call__(self, event: Event) -> None:
        if isinstance(event, AttemptStarted):
            self.sends.append((self._looked, asyncio.get_running_loop().time()))

    async def __aenter__(self) -> Self:
        self._looked = asyncio.get_running_loop().time()
        self._task = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            now = asyncio.get_running_loop().time()
            self.stalled += max(0.0, now - self._looked - BEAT - TARDY)
            self._looked = now

    def seconds(self) -> float:
        """From the first send to the last one, at most, less what the machine stood still."""
        return self.sends[-1][1] - self.sends[0][0] - self.stalled

    def between(self, begin: float, end: float) -> int:
        """How many were sent from `begin` to `end` seconds after the first."""
        return sum(begin <= at - self.sends[0][1] < end for _, at in self.sends)

    def excess(self, rate: float) -> float:
        """The most by which any window is sure to have held more than `rate * (window + LATENESS) + 1` sends."""
        return max(
            number - rate * (end - begin + LATENESS) - 1
            for first, (begin, _) in enumerate(self.sends)
            for number, (_, end) in enumerate(self.sends[first:], start=1)
        )


async def test_a_stated_rate_is_reached_and_never_passed() -> None:
    """At 50/s at least 97 % of the limit is used, no window holds more, and the gateway has nothing to object.

    The gateway allows for one request that the network brings too near to the one before.
    """
    rate = 50.0
    async with (
        Gateway(Maker(creators=251, small=True), quota=Quota(rate, burst=2)) as gateway,
        Stopwatch() as watch,
        WaleeClient(gateway.key, base_url=gateway.base_url, rate=rate, options=Options(hook=watch)) as walee,
    ):
        outcomes = await walee.creator_reports(gateway.handles).collect()
    assert len(outcomes) == len(watch.sends) == gateway.requests_seen == 251
    assert 250 / watch.seconds() >= 0.97 * rate
    assert watch.excess(rate) <= 0
    assert gateway.breaches == 0


async def test_a_limit_that_is_not_told_is_found() -> None:
    """With rate="auto" the pace comes within 10 % of 20/s in 12 s, for a handful of 429s and no lost handle.

    That the pace is not too high is the gateway's to say, by its 429s.
    """
    loop, paces = asyncio.get_running_loop(), []
    async with (
        Gateway(Maker(creators=10_000, small=True), quota=Quota(20)) as gateway,
        Stopwatch() as watch,
        WaleeClient(gateway.key, base_url=gateway.base_url, rate="auto", options=Options(hook=watch)) as walee,
        walee.creator_reports(gateway.handles, concurrency=8) as run,
    ):
        loop.call_later(12.0, run.stop)
        async for outcome in run:
            assert isinstance(outcome, Fetched)
            paces.append(walee.statistics()[0].gate.pace)
    assert max(paces[-60:]) >= 18
    assert watch.between(9, 12) >= 45
    assert 1 <= gateway.breaches <= 5


async def test_two_keys_send_twice_as_fast_as_one() -> None:
    """Two keys at 5/s each fetch 10/s between them, half of it with each key, and neither passes its limit."""
    async with (
        Gateway(Maker(creators=30, small=True), keys=2, quota=Quota(5)) as gateway,
        Stopwatch() as watch,
        WaleeClient(gateway.keys, base_url=gateway.base_url, rate=5, options=Options(hook=watch)) as walee,
    ):
        outcomes = await walee.creator_reports(gateway.handles).collect()
    assert all(isinstance(outcome, Fetched) for outcome in outcomes)
    first, last = watch.sends[0], watch.sends[-1]
    assert last[1] - first[0] >= 28 / 10 - LATENESS
    assert watch.seconds() <= 28 / 9.7
    assert all(14 <= len(times) <= 16 for times in gateway.arrivals.values())
    assert gateway.breaches == 0


UNRELIABLE: tuple[Fault, ...] = (
    Drop("request"),
    Drop("request", reset=True),
    Drop("headers"),
    Drop(300, reset=True),
    Truncate(),
    Status(500),
    Status(503, retry_after=0.05),
    Html(),
    Quota(400, retry_after="milliseconds"),
)


@pytest.mark.parametrize("seed", range(3))
async def test_every_grant_is_one_request(seed: int) -> None:
    """Whatever goes wrong, the gateway sees as many requests as the gate let go: none is sent again behind its back."""
    mix = Mix(0.3, UNRELIABLE, seed)
    async with Gateway(Maker(seed, creators=200, small=True), faults=mix) as gateway:
        retry = RetryPolicy(base=0.01, cap=0.02)
        async with (
            WaleeClient(gateway.key, base_url=gateway.base_url, rate=500, options=Options(retry=retry)) as walee,
            walee.creator_reports(gateway.handles, concurrency=8) as run,
        ):
            outcomes = [outcome async for outcome in run]
            (key,) = walee.statistics()
    assert set(gateway.faults) == {type(fault).__name__ for fault in UNRELIABLE}
    assert len(outcomes) == 200
    assert key.gate.granted == gateway.requests_seen == run.ledger.sent == run.ledger.charges.total()
    assert gateway.billed.total() <= run.ledger.bought + run.ledger.ambiguous.total()
    assert max(gateway.requests.values()) > 1, "nothing was tried again, so nothing was put to the test"
