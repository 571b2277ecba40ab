"""Budgets that several processes spend from through a real Redis: never passed, and nothing is lost of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import pytest
from _redis import RedisServer

from walee_async import Charge, ConfigError, Failed, RunEndedError, WaleeClient
from walee_async.errors import BudgetError, BudgetUnknownError
from walee_async.integrations.redis import SharedBudget
from walee_async.integrations.redis.link import RedisLink
from walee_async.integrations.shared.budget import CommonBudget
from walee_async.outcomes import Attempt
from walee_async.testing import Code, Gateway
from walee_async.testing.clock import run_virtually
from walee_async.testing.contracts import now, until

pytestmark = pytest.mark.anyio
ASIDE = "ZRANGE walee:budget:{march}:aside 0 -1"


@contextlib.asynccontextmanager
async def pair(redis: RedisServer, cap: int) -> AsyncIterator[tuple[SharedBudget, SharedBudget]]:
    """One budget as two processes have it."""
    async with (
        SharedBudget(redis.url, "march", max_reports=cap) as one,
        SharedBudget(redis.url, "march", max_reports=cap) as other,
    ):
        yield one, other


@contextlib.asynccontextmanager
async def set_aside(budget: CommonBudget, attempts: Sequence[Attempt] = ()) -> AsyncIterator[None]:
    """One report set aside for an attempt under way."""
    with budget.place(attempts) as ready:
        await ready()
        yield


async def buy(budget: CommonBudget, charge: Charge = Charge.BILLED) -> None:
    """Make one attempt that ends so."""
    attempts: list[Attempt] = []
    async with set_aside(budget, attempts):
        attempts.append(Attempt(handle="a", number=1, key="key 1", charge=charge))


async def test_two_clients_spend_one_budget_and_no_more(redis: RedisServer) -> None:
    """Two clients that fetch at once buy as many reports as the budget has, to the last one, and both runs end."""
    async with Gateway(creators=40) as gateway, pair(redis, 11) as budgets:

        async def run(budget: SharedBudget, handles: list[str]) -> None:
            async with WaleeClient(gateway.key, base_url=gateway.base_url, rate=400, budget=budget) as walee:
                with pytest.raises(RunEndedError, match="the budget of 11 reports is spent"):
                    await walee.creator_reports(handles, concurrency=4).collect()

        await asyncio.gather(run(budgets[0], gateway.handles[:20]), run(budgets[1], gateway.handles[20:]))
        assert gateway.billed.total() == 11


async def test_what_was_not_billed_is_given_back(redis: RedisServer) -> None:
    """Handles without a report leave the budget as it was, for everybody."""
    async with Gateway(creators=6) as gateway, pair(redis, 3) as (one, other):
        for handle in gateway.handles[:3]:
            gateway.plan(handle, Code("account_not_found"))
        async with WaleeClient(gateway.key, base_url=gateway.base_url, rate=400, budget=one) as walee:
            outcomes = await walee.creator_reports(gateway.handles).collect()
        assert sum(isinstance(outcome, Failed) for outcome in outcomes) == 3
        with pytest.raises(BudgetError, match="the budget of 3 reports is spent"):
            await buy(other)
        assert (other.spent, other.reserved_now) == (3, 0)


async def test_the_last_report_waits_for_what_is_under_way_elsewhere(redis: RedisServer) -> None:
    """While all that is left hangs on an attempt of another process, its end is waited for."""
    async with pair(redis, 1) as (one, other):
        attempts: list[Attempt] = []
        async with set_aside(one, attempts):
            waiting = asyncio.create_task(buy(other))
            await until(lambda: other.reserved_now == 1)
            attempts.append(Attempt(handle="a", number=1, key="key 1", charge=Charge.FAILED))
        await waiting
        with pytest.raises(BudgetError):
            await buy(one)


async def test_what_a_dead_process_set_aside_counts_as_bought(redis: RedisServer) -> None:
    """A report that was set aside by a process that died is waited for no more, and stays spent."""
    async with pair(redis, 1) as (one, other), set_aside(one):
        redis.command("ZADD walee:budget:{march}:aside 1 " + redis.command(ASIDE).split("\r\n")[2])
        with pytest.raises(BudgetError, match="the budget of 1 reports is spent"):
            await buy(other)


async def test_who_waits_for_a_budget_that_is_closed_is_told(redis: RedisServer) -> None:
    """What waits for another process when its own budget is left ends with the sentence for one that is not open."""
    async with pair(redis, 1) as (one, _), set_aside(one):
        async with SharedBudget(redis.url, "march", max_reports=1) as left:
            waiting = asyncio.create_task(buy(left))
            await until(lambda: left.reserved_now == 1)
        with pytest.raises(ConfigError, match="The shared budget is not open"):
            await waiting


async def test_a_caller_who_gives_up_leaves_nothing_set_aside(redis: RedisServer) -> None:
    """Whoever is cancelled while waiting, or with the report set aside, gives it back."""
    async with pair(redis, 1) as (one, other):
        async with set_aside(one):
            waiting = asyncio.create_task(buy(other))
            await until(lambda: other.reserved_now == 1)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        await buy(other)
        await until(lambda: redis.command(ASIDE) == "*0\r\n")


async def test_a_budget_that_redis_forgot_is_not_spent_again(redis: RedisServer) -> None:
    """After FLUSHALL the processes tell Redis what they know to be spent, and the one that knows most is heard."""
    async with pair(redis, 4) as (one, other):
        await buy(other)
        await buy(one)
        await buy(one)
        redis.command("FLUSHALL")
        await buy(other)
        with pytest.raises(BudgetError):
            await buy(one)
        assert one.spent == 4


class _SlowlyTold(RedisLink):
    """A way to Redis on which the answer to a question that asks for no report takes its time."""

    async def ask(self, keys: Sequence[str], args: Sequence[str | float]) -> Any:
        said = await super().ask(keys, args)
        if args[7] == "":
            await asyncio.sleep(0.1)
        return said


async def test_an_answer_that_comes_late_takes_nothing_back(redis: RedisServer) -> None:
    """What a process knows to be spent is what the newest answer said, whichever was the last to come."""
    async with CommonBudget(partial(_SlowlyTold, redis.url, "budget.lua"), "march", max_reports=2) as budget:
        await buy(budget)
        await asyncio.sleep(0)  # what became of it is being told
        await buy(budget)
        redis.command("FLUSHALL")
        await asyncio.sleep(0.2)
        with pytest.raises(BudgetError):
            await buy(budget)
        assert budget.spent == 2


async def test_what_ends_while_a_budget_is_closed_is_told(redis: RedisServer) -> None:
    """A report that is given back while the last questions are asked is not left set aside."""
    aside, ending = asyncio.Event(), asyncio.Event()

    async def give_back(budget: CommonBudget) -> None:
        async with set_aside(budget):
            aside.set()
            await ending.wait()

    async with CommonBudget(partial(_SlowlyTold, redis.url, "budget.lua"), "march", max_reports=2) as budget:
        given_back = asyncio.create_task(give_back(budget))
        await aside.wait()
        await buy(budget)
        asyncio.get_running_loop().call_later(0.05, ending.set)
    await given_back
    assert redis.command(ASIDE) == "*0\r\n"


async def test_a_budget_whose_closing_is_cancelled_keeps_no_connection(own_redis: RedisServer) -> None:
    """Who gives up while the last questions are asked leaves nothing open."""
    leaving = asyncio.Event()
    budget = CommonBudget(partial(_SlowlyTold, own_redis.url, "budget.lua"), "march", max_reports=2)

    async def spend() -> None:
        async with budget:
            await buy(budget)
            leaving.set()

    spending = asyncio.create_task(spend())
    await leaving.wait()
    await asyncio.sleep(0.05)
    spending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await spending
    await until(lambda: own_redis.command("CLIENT LIST").count("id=") == 1)


async def test_a_budget_that_redis_took_from_an_older_copy_is_not_spent_again(own_redis: RedisServer) -> None:
    """When Redis comes back with what it once saved, the processes tell it what was bought since then."""
    async with pair(own_redis, 10) as (one, other):
        await buy(one)
        async with set_aside(other):  # what is under way when it is saved is among what is bought until it is killed
            await until(lambda: own_redis.command(ASIDE).startswith("*1"))
            assert own_redis.command("SAVE") == "+OK\r\n"
        await until(lambda: own_redis.command(ASIDE) == "*0\r\n")
        for _ in range(6):
            await buy(one)
        own_redis.kill()
        await asyncio.to_thread(own_redis.revive)
        await buy(one)
        await buy(other)
        await buy(one)
        with pytest.raises(BudgetError):
            await buy(other)
        assert other.spent == 10


async def test_a_budget_that_redis_kept_is_as_it_was(own_redis: RedisServer) -> None:
    """When Redis comes back with all that it was told, what is under way may still be given back."""
    async with pair(own_redis, 2) as (one, other):
        await buy(one)
        attempts: list[Attempt] = []
        async with set_aside(other, attempts):
            await until(lambda: own_redis.command(ASIDE).startswith("*1"))
            own_redis.command("SAVE")
            own_redis.kill()
            await asyncio.to_thread(own_redis.revive)
            attempts.append(Attempt(handle="a", number=1, key="key 1", charge=Charge.FAILED))
        await buy(one)
        with pytest.raises(BudgetError):
            await buy(other)


async def test_redis_may_be_restarted_meanwhile(redis: RedisServer) -> None:
    """Who asks while Redis is away waits for it; what was spent by then is spent, also if Redis forgot it."""
    async with pair(redis, 3) as (one, _):
        await buy(one)
        redis.kill()
        waiting = asyncio.create_task(buy(one))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(redis.revive)
        await waiting
        await buy(one)
        with pytest.raises(BudgetError):
            await buy(one)


def test_without_redis_nothing_is_bought(redis: RedisServer) -> None:
    """When Redis stays away a report is refused after half a minute, because what is left cannot be known."""
    redis.kill()

    async def main() -> None:
        async with SharedBudget(redis.url, "march", max_reports=3) as budget:
            with pytest.raises(BudgetUnknownError, match=r"cannot be known: Redis at 127\.0\.0\.1:\d+ does not answer"):
                await buy(budget)
            assert now() == pytest.approx(30.0, abs=1.0)

    run_virtually(main())


async def test_every_key_of_a_budget_has_an_end(redis: RedisServer) -> None:
    """An account is kept for thirty days after its last use."""
    async with pair(redis, 3) as (one, _), set_aside(one):
        ends = [int(redis.command(f"PTTL {key}")[1:]) for key in ("walee:budget:{march}", "walee:budget:{march}:aside")]
    assert all(29 * 86_400_000 < end <= 30 * 86_400_000 for end in ends)


async def test_a_budget_that_was_not_entered_says_so(redis: RedisServer) -> None:
    """Outside its block a shared budget buys nothing."""
    with pytest.raises(ConfigError, match="async with SharedBudget"):
        await buy(SharedBudget(redis.url, "march", max_reports=3))


def test_a_name_must_be_one() -> None:
    """A name that Redis would read otherwise is refused."""
    with pytest.raises(ConfigError, match="budget's name"):
        SharedBudget("redis://127.0.0.1:1/0", "{march}")
