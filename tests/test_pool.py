from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from walee_async import Failed, Fetched, Headline, Hook, Options, WaleeClient
from walee_async.errors import DeadlineError, ExhaustedKeyError, RefusedKeyError, RunEndedError
from walee_async.events import Event, KeyBenched
from walee_async.retry import RetryPolicy
from walee_async.testing import Code, Gateway, Quota, Revoke, Status
from walee_async.testing.maker import Maker

if TYPE_CHECKING:
    from collections.abc import Iterable

    from walee_async.outcomes import Outcome

pytestmark = pytest.mark.anyio

KEYS = ("a-made-up-key-number-one", "a-made-up-key-number-two", "a-made-up-key-number-six")


def client(gateway: Gateway, *, rate: float = 500.0, hook: Hook | None = None, deadline: float = 300.0) -> WaleeClient:
    options = Options(retry=RetryPolicy(base=0.01, cap=0.02, deadline=deadline), hook=hook)
    return WaleeClient(gateway.keys, base_url=gateway.base_url, rate=rate, options=options)


def by_key(outcomes: Iterable[Outcome[Any]]) -> dict[str, int]:
    """How many reports came with each key."""
    keys: dict[str, int] = {}
    for outcome in outcomes:
        assert isinstance(outcome, Fetched)
        keys[outcome.payload.key] = keys.get(outcome.payload.key, 0) + 1
    return keys


async def test_two_keys_at_five_a_second_fetch_ten_a_second() -> None:
    """Keys share the list by what each one's limit allows, and neither limit is passed."""
    maker = Maker(creators=41, small=True)
    async with Gateway(maker, keys=dict.fromkeys(KEYS[:2], Quota(5))) as gateway, client(gateway, rate=5.0) as walee:
        since = asyncio.get_running_loop().time()
        outcomes = await walee.creator_reports(gateway.handles).collect()
        took = asyncio.get_running_loop().time() - since
    assert gateway.breaches == 0
    assert 3.8 < took < 4.4
    assert sorted(by_key(outcomes).values()) == [20, 21]


@pytest.mark.parametrize("fault", [Revoke(KEYS[0]), Code("no_tokens_remaining"), Code("subscription_expired")])
async def test_a_key_that_is_lost_fails_no_handle(fault: Any) -> None:
    """A refused or used-up key is benched, and its handles go on with the others."""
    events: list[Event] = []
    async with Gateway(creators=30, keys=KEYS) as gateway:
        gateway.plan(gateway.handles[3], fault)
        async with client(gateway, hook=events.append) as walee:
            outcomes = await walee.creator_reports(gateway.handles).collect()
            benched = [key for key in walee.statistics() if key.benched]
    assert sum(by_key(outcomes).values()) == 30
    assert len(benched) == len([event for event in events if isinstance(event, KeyBenched)]) == 1


async def test_a_paused_key_lends_its_turns_to_the_other() -> None:
    """While one key is told to wait, whoever waited for it goes to the other; nobody sits the pause out."""
    async with Gateway(creators=40, keys=KEYS[:2]) as gateway:
        gateway.plan(gateway.handles[0], Status(429, retry_after=30))
        async with client(gateway, rate=100.0) as walee:
            outcomes = await asyncio.wait_for(walee.creator_reports(gateway.handles).collect(), 5)
            paused = [key for key in walee.statistics() if key.gate.paused > 20]
    assert len(outcomes) == 40
    assert len(paused) == 1


@pytest.mark.parametrize("in_a_run", [False, True])
async def test_a_busy_gateway_is_given_the_time_it_asks_for(in_a_run: bool) -> None:
    """Before each of two more attempts, whether the first failure begins the deadline or the call did."""
    async with Gateway(creators=1, keys=KEYS[:1]) as gateway:
        gateway.plan(gateway.handles[0], *[Status(503, retry_after=0.2)] * 2)
        async with client(gateway) as walee:
            if in_a_run:
                (outcome,) = await walee.creator_reports(gateway.handles).collect()
                assert isinstance(outcome, Fetched)
                payload = outcome.payload
            else:
                payload = await walee.fetch(gateway.handles[0])
    assert [attempt.status for attempt in payload.attempts] == [503, 503, 200]
    for before, after in pairwise(payload.attempts):
        assert after.sent_at - before.sent_at >= 0.2


@pytest.mark.parametrize("concurrency", [64, 120])
async def test_a_retry_has_the_time_that_the_queue_takes(concurrency: int) -> None:
    """At a pace so slow that the queue takes longer than the deadline, handles of a run are tried again as well."""
    async with Gateway(Maker(creators=150, small=True), keys=KEYS[:1]) as gateway:
        for handle in gateway.handles[:5]:
            gateway.plan(handle, *[Status(503)] * 2)
        async with client(gateway, rate=100.0, deadline=0.4) as walee:
            run = walee.creator_reports(gateway.handles, view=Headline, concurrency=concurrency)
            outcomes = await run.collect()
    assert [outcome.error for outcome in outcomes if isinstance(outcome, Failed)] == []


async def test_who_is_told_too_fast_again_and_again_gets_no_time_for_the_queue() -> None:
    """It costs no attempt, so nothing but the deadline ends it; a sick gateway would be asked for hours."""
    async with Gateway(creators=6, keys=KEYS[:1]) as gateway:
        for handle in gateway.handles:
            gateway.plan(handle, *[Status(429, retry_after=0.01)] * 100)
        async with client(gateway, rate=4.0, deadline=1.0) as walee:
            outcomes = await asyncio.wait_for(walee.creator_reports(gateway.handles).collect(), 60)
    assert {type(outcome.error) for outcome in outcomes if isinstance(outcome, Failed)} == {DeadlineError}
    assert len(outcomes) == 6
    assert gateway.requests_seen <= 2 * 6


async def test_a_slow_key_has_time_for_a_retry() -> None:
    """Where nobody else waits, but a turn is further away than the deadline."""
    async with Gateway(creators=1, keys=KEYS[:1]) as gateway:
        gateway.plan(gateway.handles[0], Status(503))
        async with client(gateway, rate=2.0, deadline=0.3) as walee:
            (outcome,) = await walee.creator_reports(gateway.handles, concurrency=1).collect()
    assert isinstance(outcome, Fetched)


async def test_two_keys_that_are_both_probing_do_not_spin() -> None:
    """While the probes of both keys are out, a caller who comes waits for one of them, and the loop stays free."""
    async with Gateway(creators=3, keys=KEYS[:2], latency=0.4) as gateway:
        for handle in gateway.handles[:2]:
            gateway.plan(handle, Status(429))
        async with client(gateway, rate=50.0) as walee, asyncio.TaskGroup() as group:
            calls = [group.create_task(walee.fetch(handle)) for handle in gateway.handles[:2]]
            await asyncio.sleep(1.1)
            assert [key.gate.probing for key in walee.statistics()] == [True, True]
            calls.append(group.create_task(asyncio.wait_for(walee.fetch(gateway.handles[2]), 5)))
    assert all(call.result().body for call in calls)


async def test_the_last_key_to_be_lost_is_told_of() -> None:
    """When every key is benched the run ends, and the reason says that none is left."""
    async with Gateway(creators=30, keys=KEYS) as gateway:
        for key, handle in zip(KEYS, gateway.handles[5:], strict=False):
            gateway.plan(handle, Revoke(key))
        async with client(gateway, rate=50.0) as walee:
            with pytest.raises(RunEndedError, match="none of the 3 keys") as caught:
                await walee.creator_reports(gateway.handles).collect()
    assert isinstance(caught.value.__cause__, RefusedKeyError)
    assert len(caught.value.outcomes) == 30


async def test_credits_are_spent_to_the_last_and_then_the_run_ends() -> None:
    """Keys with ten reports left each buy exactly those, and the rest is accounted for."""
    async with Gateway(creators=50, keys=KEYS, credits=10) as gateway, client(gateway) as walee:
        with pytest.raises(RunEndedError) as caught:
            await walee.creator_reports(gateway.handles).collect()
    assert isinstance(caught.value.__cause__, ExhaustedKeyError)
    assert sum(isinstance(outcome, Fetched) for outcome in caught.value.outcomes) == gateway.billed.total() == 30
    assert len(caught.value.outcomes) == 50


async def test_a_single_call_with_a_lost_key_says_so() -> None:
    """Every call after the loss fails at once with the same reason and its own handle, and sends nothing."""
    async with Gateway(creators=3) as gateway:
        gateway.plan(gateway.handles[0], Revoke())
        async with client(gateway) as walee:
            for handle in gateway.handles:
                with pytest.raises(RefusedKeyError) as caught:
                    await walee.creator_report(handle)
                assert caught.value.handle == handle
    assert gateway.requests_seen == 1
