from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections import Counter
from contextlib import asynccontextmanager, closing, suppress
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import pytest

from walee_async import Budget, Failed, Fetched, Options, RetryPolicy, Store, WaleeClient
from walee_async.errors import (
    AmbiguousError,
    BudgetError,
    ConfigError,
    DecodeError,
    NoReportError,
    NotAttemptedError,
    NotReadyError,
    RunEndedError,
    StoreLockedError,
)
from walee_async.outcomes import Charge
from walee_async.reuse import is_young, remembered
from walee_async.store import Failure, Held, Standing, StoreReader
from walee_async.testing import Code, Drop, Gateway, Hang, Quota, RetryLater, Revoke, Slow, Status, Truncate, WrongType

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

QUICK = RetryPolicy(base=0.01, cap=0.02)


def client(gateway: Gateway, path: Path | None = None, *, retry: RetryPolicy = QUICK, **given: Any) -> WaleeClient:
    """A client without haste limits, on a store if a path is given. Made-up reports are old, so their age is no bar."""
    options = Options(retry=retry)
    given = {"rate": 2000.0, "max_age": 1e12, **given}
    return WaleeClient(gateway.key, base_url=gateway.base_url, store=path, options=options, **given)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "reports.db"


async def test_the_same_run_again_buys_nothing(gateway: Gateway, path: Path) -> None:
    """What is in the store is read from it, and the ledger tells bought from reused."""
    for bought, reused in ((20, 0), (0, 20)):
        async with client(gateway, path) as walee:
            run = walee.creator_reports(gateway.handles)
            outcomes = await run.collect()
        assert sum(isinstance(outcome, Fetched) for outcome in outcomes) == 20
        assert (run.ledger.bought, run.ledger.reused) == (bought, reused)
    assert gateway.billed == Counter(gateway.handles)


async def test_a_list_that_has_grown_buys_the_new_handles_only(gateway: Gateway, path: Path) -> None:
    """The next run with more handles adds what is missing."""
    for count in (5, 12, 20):
        async with client(gateway, path) as walee:
            await walee.creator_reports(gateway.handles[:count]).collect()
    assert gateway.billed == Counter(gateway.handles)


async def test_a_run_ends_when_another_program_holds_the_store(gateway: Gateway, path: Path) -> None:
    """Nothing more is bought once an intent cannot be written down, and what is under way then is kept in the end."""
    gateway.latency = 0.02

    def work(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA busy_timeout = 100").fetchall()

    async with client(gateway, path) as walee:
        assert walee.store is not None
        walee.store._writes().submit_from_thread(work, alone=True).result()
        outcomes: list[Any] = []
        with closing(sqlite3.connect(path, isolation_level=None)) as holder:
            async with walee.creator_reports(gateway.handles, concurrency=4) as run:
                with pytest.raises(RunEndedError, match="another program holds"):
                    async for outcome in run:
                        outcomes.append(outcome)
                        if len(outcomes) == 4:
                            holder.execute("BEGIN IMMEDIATE")
                        if isinstance(outcome, Failed) and holder.in_transaction:
                            holder.execute("ROLLBACK")
        assert len(outcomes) == 20
        fetched = sum(isinstance(outcome, Fetched) for outcome in outcomes)
        assert 4 <= fetched == gateway.billed.total() == (await walee.store.totals()).reports < 20


async def test_the_room_set_aside_is_for_every_connection_of_every_key(path: Path) -> None:
    """Three keys with 64 connections each can have 192 reports on the way."""
    async with WaleeClient(["wk_one", "wk_two", "wk_three"], store=path):
        assert path.with_name("reports.db.reserve").stat().st_size == 192 * 96 * 1024


async def test_a_single_call_reads_through(gateway: Gateway, path: Path) -> None:
    """A service buys a report once and reads it from then on, across restarts; `fresh` buys it anew."""
    handle = gateway.handles[0]
    async with client(gateway, path) as walee:
        first = await walee.creator_report(handle)
    async with client(gateway, path) as walee:
        assert await walee.creator_report(handle) == first
        assert gateway.billed[handle] == 1
        await walee.creator_report(handle, fresh=True)
        assert walee.store is not None
        assert len(await walee.store.history(handle)) == 2
    assert gateway.billed[handle] == 2


async def test_a_thousand_calls_are_one_purchase_and_the_next_is_none(gateway: Gateway, path: Path) -> None:
    """Concurrent callers share the look into the store and the purchase; whoever comes later finds it stored."""
    gateway.latency = 0.05
    async with client(gateway, path) as walee:
        await asyncio.gather(*(walee.fetch(gateway.handles[0]) for _ in range(1000)))
        await asyncio.gather(*(walee.fetch(gateway.handles[0]) for _ in range(1000)))
    assert gateway.requests_seen == 1


async def test_a_report_past_its_age_is_bought_again_but_not_the_same_day(gateway: Gateway, path: Path) -> None:
    """Age counts from the report's own date; one that was old when it was bought is kept for a day all the same."""
    for max_age, bought in ((1e12, 1), (3600.0, 1), (0.0, 2)):
        async with client(gateway, path, max_age=max_age) as walee:
            await walee.creator_report(gateway.handles[0])
        assert gateway.billed[gateway.handles[0]] == bought


@pytest.mark.parametrize(("dated", "received", "young"), [(1, 1, True), (9, 1, False), (9, 0.5, True), (1, 9, True)])
def test_young_is_dated_within_the_age_or_bought_within_the_day(dated: float, received: float, young: bool) -> None:
    """With an age of five days: by the report's own date, or because it came less than a day ago. In days."""
    day, now = 24 * 3600.0, time.time()
    held = Held(created=now - dated * day, received_at=now - received * day - 1)
    assert is_young(held, 5 * day) is young
    assert not is_young(None, 5 * day)


async def test_what_does_not_fit_is_read_again_from_the_store(gateway: Gateway, path: Path) -> None:
    """A report whose decoding failed was bought and kept: with a view that fits it costs no second request."""
    gateway.plan(gateway.handles[0], WrongType("user_profile.followers", "many"))

    class Lenient(msgspec.Struct):
        user_profile: dict[str, Any]

    async with client(gateway, path) as walee:
        (outcome,) = await walee.creator_reports(gateway.handles[:1]).collect()
        assert isinstance(outcome, Failed)
        assert isinstance(outcome.error, DecodeError)
    async with client(gateway, path) as walee:
        report = await walee.creator_report(gateway.handles[0], view=Lenient)
    assert report.user_profile["followers"] == "many"
    assert gateway.requests_seen == 1


@pytest.mark.parametrize("concurrency", [1, 7, 64])
async def test_a_budget_is_spent_to_the_last_report_and_not_passed(concurrency: int) -> None:
    """A cap of 100 under slow answers buys exactly 100; the rest is accounted for as not attempted."""
    budget = Budget(max_reports=100)
    async with Gateway(creators=180, latency=0.02) as gateway, client(gateway, budget=budget) as walee:
        with pytest.raises(RunEndedError, match="budget of 100") as caught:
            await walee.creator_reports(gateway.handles, concurrency=concurrency).collect()
    outcomes = caught.value.outcomes
    assert gateway.billed.total() == 100
    assert len(outcomes) == 180
    assert sum(isinstance(outcome, Fetched) for outcome in outcomes) == 100
    assert {type(o.error) for o in outcomes if isinstance(o, Failed)} == {NotAttemptedError}


async def test_past_the_budget_what_is_stored_is_still_to_be_had(gateway: Gateway, path: Path) -> None:
    """A budget ends buying, not reading: stored reports come out wherever they stand in the list."""
    late = gateway.handles[15:]
    async with client(gateway, path) as walee:
        await walee.creator_reports(late).collect()
    async with client(gateway, path, budget=Budget(max_reports=3)) as walee:
        with pytest.raises(RunEndedError, match="budget of 3") as caught:
            await walee.creator_reports(gateway.handles, concurrency=4).collect()
    outcomes = caught.value.outcomes
    assert len(outcomes) == 20
    assert {o.handle for o in outcomes if isinstance(o, Fetched) and o.payload.reused} == set(late)
    assert sum(isinstance(o, Failed) and isinstance(o.error, NotAttemptedError) for o in outcomes) == 12
    assert gateway.billed.total() == 5 + 3


async def test_failures_leave_room_in_a_budget(gateway: Gateway) -> None:
    """Only what is bought counts: handles without a report and failed attempts do not use the budget up."""
    for handle in gateway.handles[:5]:
        gateway.plan(handle, Code("account_is_private"))
    for handle in gateway.handles[5:10]:
        gateway.plan(handle, Status(500))
    async with client(gateway, budget=Budget(max_spend=7.5, price=0.5)) as walee:
        outcomes = await walee.creator_reports(gateway.handles).collect()
    assert sum(isinstance(outcome, Fetched) for outcome in outcomes) == gateway.billed.total() == 15


async def test_what_may_have_been_bought_counts_against_the_budget(gateway: Gateway) -> None:
    """A cap holds even if every doubt is a purchase."""
    gateway.plan(gateway.handles[0], Drop(100))
    async with client(gateway, budget=Budget(max_reports=1), retry=RetryPolicy(base=0.01)) as walee:
        with pytest.raises(BudgetError):
            await walee.fetch(gateway.handles[0])
        with pytest.raises(BudgetError):
            await walee.fetch(gateway.handles[1])
    assert gateway.billed.total() == 1
    assert gateway.requests_seen == 1


async def test_a_cancelled_caller_loses_no_report(gateway: Gateway, path: Path) -> None:
    """A report that is being written when its caller goes away is in the store all the same."""
    async with client(gateway, path) as walee:
        for step in range(30):
            task = asyncio.create_task(walee.fetch(gateway.handles[step % 20]))
            await asyncio.sleep(step * 0.0004)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    async with Store.open(path) as store:
        totals = await store.totals()
    assert gateway.billed.total() <= totals.reports + totals.ambiguous.total()
    assert totals.reports == totals.charges[Charge.BILLED]
    assert totals.under_way == 0


async def test_a_handle_without_a_report_is_not_asked_for_again(gateway: Gateway, path: Path) -> None:
    """A final failure is remembered with its reason and time; `retry_failed` asks again."""
    gateway.plan(gateway.handles[0], Code("account_is_private"))
    for retry_failed, requests in (((), 1), ((), 1), (("account_is_private",), 2)):
        async with client(gateway, path) as walee:
            (outcome,) = await walee.creator_reports(gateway.handles[:1], retry_failed=retry_failed).collect()
        assert gateway.requests_seen == requests
        if requests == 1:
            assert isinstance(outcome, Failed)
            assert type(outcome.error) is NoReportError
    assert isinstance(outcome, Fetched)


async def test_a_passing_failure_is_tried_again_by_the_next_run(gateway: Gateway, path: Path) -> None:
    """What was the gateway's trouble and not the handle's is no reason to leave it out."""
    gateway.plan(gateway.handles[0], *[Status(500)] * 3)
    for kind in (Failed, Fetched):
        async with client(gateway, path) as walee:
            (outcome,) = await walee.creator_reports(gateway.handles[:1]).collect()
        assert isinstance(outcome, kind)


async def test_a_report_being_prepared_is_parked_and_never_slept_on(gateway: Gateway, path: Path) -> None:
    """It comes due later: while it is not, neither this run nor the next asks for it or waits."""
    gateway.plan(gateway.handles[0], RetryLater(10))
    for _ in range(2):
        async with client(gateway, path) as walee:
            outcomes = await asyncio.wait_for(walee.creator_reports(gateway.handles).collect(), 5)
        failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
        assert [(outcome.handle, type(outcome.error)) for outcome in failed] == [(gateway.handles[0], NotReadyError)]
        assert gateway.requests[gateway.handles[0]] == 1
        assert len(outcomes) == 20


async def test_a_parked_handle_comes_due_in_the_same_run(gateway: Gateway, path: Path) -> None:
    """When its time comes while the list goes on it is asked for again, and has its one outcome then."""
    gateway.plan(gateway.handles[0], RetryLater(0.002))
    async with client(gateway, path, rate=50.0) as walee:
        outcomes = await walee.creator_reports(gateway.handles, concurrency=2).collect()
    assert Counter(outcome.handle for outcome in outcomes) == Counter(gateway.handles)
    assert all(isinstance(outcome, Fetched) for outcome in outcomes)
    assert gateway.requests[gateway.handles[0]] == 2


async def test_a_handle_put_aside_is_in_the_books_before_the_run_ends(gateway: Gateway, path: Path) -> None:
    """A run that is cut short has noted what is being prepared, due from when the answer came."""
    gateway.plan(gateway.handles[0], RetryLater(10))
    began = time.time()
    async with client(gateway, path) as walee, walee.creator_reports(gateway.handles, concurrency=1) as run:
        while not run.progress().parked:
            await anext(run)
        answered = time.time()
    with StoreReader.open(path) as reader:
        (parked,) = reader.parked()
        assert (parked.handle, parked.kind) == (gateway.handles[0], "NotReadyError")
        assert parked.due_at is not None
        assert began + 600 < parked.due_at < answered + 600


async def test_a_handle_put_aside_fails_in_a_run_only_if_its_report_does_not_come(gateway: Gateway, path: Path) -> None:
    """Of two that were being prepared one comes in the end: the run failed for the other, once."""
    came, late = gateway.handles[:2]
    gateway.plan(came, RetryLater(0.002))
    gateway.plan(late, RetryLater(10))
    async with client(gateway, path, rate=50.0) as walee:
        run = walee.creator_reports(gateway.handles, concurrency=2)
        await run.collect()
    assert run.ledger.failed == 1
    with StoreReader.open(path) as reader:
        assert [failure.handle for failure in reader.failures(1)] == [late]
        assert reader.by_run() == {1: (19, 0, 1)}


async def test_a_run_whose_client_is_closed_comes_to_its_end(gateway: Gateway, path: Path) -> None:
    """Each handle has its outcome all the same, also one that was put aside, and then the run says why it ended.

    What was sent by then is in the books.
    """
    gateway.plan(gateway.handles[0], RetryLater(10))
    walee = await client(gateway, path).__aenter__()
    async with walee.creator_reports(gateway.handles, concurrency=2) as run:
        outcomes = [await anext(run)]
        while not run.progress().parked:
            outcomes.append(await anext(run))
        await walee.aclose()
        with pytest.raises(RunEndedError, match="the client was closed meanwhile"):
            async for outcome in run:
                outcomes.append(outcome)
    assert Counter(outcome.handle for outcome in outcomes) == Counter(gateway.handles)
    assert {type(o.error) for o in outcomes if o.handle == gateway.handles[0] and isinstance(o, Failed)} == {
        NotReadyError
    }
    with StoreReader.open(path) as reader:
        totals = reader.totals()
        assert gateway.billed.total() <= totals.reports + totals.ambiguous.total() + totals.under_way
        assert [failure.handle for failure in reader.parked()] == [gateway.handles[0]]


async def test_a_store_is_closed_whoever_is_cancelled(gateway: Gateway, path: Path) -> None:
    """However a client is left or kept from being entered, its store can be opened again at once."""
    gateway.latency = 0.01
    for step in range(8):
        with anyio.move_on_after(0.02 * step):
            async with client(gateway, path, rate=200.0) as walee:
                await walee.creator_reports(gateway.handles, fresh=True).collect()
                await anyio.sleep(10)
        async with client(gateway, path):
            pass
        leaving = asyncio.create_task((await client(gateway, path).__aenter__()).aclose())
        for _ in range(step % 3 + 1):
            await asyncio.sleep(0)
            leaving.cancel()
        with suppress(asyncio.CancelledError):
            await leaving
        async with client(gateway, path):
            pass
        with suppress(TimeoutError):
            async with asyncio.timeout(0.002 * step), client(gateway, path):
                await asyncio.sleep(10)
        async with client(gateway, path):
            pass


async def test_a_look_into_the_store_that_is_cancelled_holds_nobody_up(gateway: Gateway, path: Path) -> None:
    """A program that cancels all its tasks and goes on can ask the store again."""
    async with client(gateway, path) as walee:
        await walee.fetch(gateway.handles[0])
        before = asyncio.all_tasks()
        for spared in (0, 1):  # the call is cancelled too, or waits on
            for turns in range(1, 5):
                call = asyncio.create_task(walee.fetch(gateway.handles[0]))
                for _ in range(turns):
                    await asyncio.sleep(0)
                looks = [task for task in asyncio.all_tasks() - before if "_ask" in repr(task.get_coro())]
                for task in (*looks, *[call][spared:]):
                    task.cancel()
                (came,) = await asyncio.wait_for(asyncio.gather(call, return_exceptions=True), 5)
                assert isinstance(came, asyncio.CancelledError) is not bool(spared)
                assert (await asyncio.wait_for(walee.fetch(gateway.handles[0]), 5)).reused


FEW = 8
"""Of the 24 requests that are held up, those that may be sent all the same: two at once, and on a busy machine, where
they do not go on at the same moment, one more every 31 ms."""


@asynccontextmanager
async def held_up(path: Path) -> AsyncIterator[None]:
    """Another program has the store to itself for 24 turns, at 32 a second, and longer by what is done here."""
    begun, enough = threading.Event(), threading.Event()

    def hold() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            begun.set()
            enough.wait()
            connection.execute("ROLLBACK")

    holding = asyncio.create_task(asyncio.to_thread(hold))
    try:
        assert await asyncio.to_thread(begun.wait, 5)
        await asyncio.sleep(0.75)
        yield
    finally:
        enough.set()
        await holding


async def test_requests_that_the_disk_held_up_are_not_sent_all_at_once(path: Path) -> None:
    """While another program holds the store no turn can be used; afterwards the limit is kept as ever."""
    async with Gateway(creators=60, quota=Quota(40)) as gateway, client(gateway, path, rate=32.0) as walee:
        async with walee.creator_reports(gateway.handles) as run:
            await anext(run)
            async with held_up(path):
                pass
            assert all([isinstance(outcome, Fetched) async for outcome in run])
        assert gateway.breaches == 0
        assert gateway.accounts[gateway.key].busiest(1.0) <= 32 + 2
        (key,) = walee.statistics()
        assert key.gate.granted == gateway.requests_seen == 60


async def test_what_was_held_up_keeps_to_a_pause(path: Path) -> None:
    """Requests that had their turns before it wait like those that had not."""
    async with (
        Gateway(creators=60) as gateway,
        client(gateway, path, rate=32.0) as walee,
        walee.creator_reports(gateway.handles) as run,
    ):
        await anext(run)
        async with held_up(path):
            before = gateway.requests_seen
            walee.pause(0.6)
        await asyncio.sleep(0.5)
        assert gateway.requests_seen <= before + FEW
        assert all([isinstance(outcome, Fetched) async for outcome in run])


@pytest.mark.parametrize("left", [True, False])
async def test_what_was_held_up_and_not_sent_was_not_bought(path: Path, left: bool) -> None:
    """When the run is left, or the key refused, before it has another turn, the books say that it was never sent."""
    async with Gateway(creators=60) as gateway, client(gateway, path, rate=32.0) as walee:
        run = walee.creator_reports(gateway.handles)
        with pytest.raises((LookupError, RunEndedError)):
            async with run:
                await anext(run)
                async with held_up(path):
                    before = gateway.requests_seen
                    if not left:
                        gateway.plan(None, Revoke())
                while gateway.requests_seen == before:
                    await anext(run)
                if left:
                    raise LookupError
                async for _ in run:
                    pass
        assert gateway.requests_seen <= before + FEW
        assert run.ledger.charges[Charge.NOT_SENT] >= 24 - FEW
        assert run.ledger.sent == gateway.requests_seen
        assert walee.store is not None
        assert (await walee.store.totals()).under_way == 0


async def test_what_may_have_been_bought_is_named_and_sent_again_as_often_as_allowed(
    gateway: Gateway, path: Path
) -> None:
    """A handle in doubt is in the store's books; with `resend_ambiguous=0` no later run buys it again unasked."""
    gateway.plan(gateway.handles[0], Drop(100))
    never = RetryPolicy(base=0.01, resend_ambiguous=0)
    for retry_failed, requests in (((), 1), ((), 1), (("AmbiguousError",), 2)):
        async with client(gateway, path, retry=never) as walee:
            (outcome,) = await walee.creator_reports(gateway.handles[:1], retry_failed=retry_failed).collect()
            assert walee.store is not None
            assert await walee.store.ambiguous() == Counter({gateway.handles[0]: 1})
        assert gateway.requests_seen == requests
        assert isinstance(outcome, Fetched) or isinstance(outcome.error, AmbiguousError)
    assert isinstance(outcome, Fetched)


async def test_a_run_that_is_left_in_mid_flight_says_what_it_left(gateway: Gateway, path: Path) -> None:
    """Requests cut off by leaving the block are in the books as ambiguous, and the next run goes on."""
    for handle in gateway.handles[5:]:
        gateway.plan(handle, Hang())
    async with client(gateway, path) as walee, walee.creator_reports(gateway.handles) as run:
        for _ in range(5):
            await anext(run)
        while gateway.requests_seen < 20:  # noqa: ASYNC110 - the gateway has no event for it
            await asyncio.sleep(0.01)
    async with client(gateway, path) as walee:
        assert walee.store is not None
        assert set(await walee.store.ambiguous()) == set(gateway.handles[5:])
        outcomes = await walee.creator_reports(gateway.handles).collect()
        assert [record.reason for record in await walee.store.runs()][:1] == ["left"]
    assert all(isinstance(outcome, Fetched) for outcome in outcomes)


async def test_a_plan_tells_what_a_run_would_do(gateway: Gateway, path: Path) -> None:
    """Fresh, stale, parked, given up, invalid and to buy add up to the distinct handles; nothing is sent."""
    gateway.plan(gateway.handles[3], Code("account_is_private"))
    gateway.plan(gateway.handles[4], RetryLater(10))
    budget = Budget(price=0.5)
    async with client(gateway, path) as walee:
        await walee.creator_reports(gateway.handles[:5]).collect()
    seen = gateway.requests_seen
    async with client(gateway, path, budget=budget, rate=5.0) as walee:
        plan = await walee.plan([*gateway.handles, gateway.handles[0], "no body"])
        assert (plan.distinct, plan.duplicates, plan.invalid) == (21, 1, 1)
        assert (plan.fresh, plan.parked, plan.given_up, plan.to_buy, plan.stale) == (3, 1, 1, 15, 0)
        assert (plan.cost, plan.seconds) == (7.5, 3.0)
        anew = await walee.plan(gateway.handles, fresh=True)
        assert (anew.to_buy, anew.stale) == (20, 3)
    async with client(gateway, path, budget=Budget(max_reports=4, price=0.5), rate=5.0) as walee:
        plan = await walee.plan([*gateway.handles, "no body"])
        assert (plan.to_buy, plan.budget, plan.cost, plan.seconds) == (15, 4, 2.0, 0.8)
        assert (await walee.creator_reports(gateway.handles[5:7]).collect())[0].handle in gateway.handles
        assert (await walee.plan(gateway.handles)).budget == 2
    assert gateway.requests_seen == seen + 2


async def test_two_clients_cannot_write_to_one_store(gateway: Gateway, path: Path) -> None:
    """The second is told who writes, and the first goes on."""
    async with client(gateway, path) as walee:
        with pytest.raises(StoreLockedError, match=r"reports\.db"):
            await client(gateway, path).__aenter__()
        await walee.fetch(gateway.handles[0])


async def test_slow_answers_are_stored_before_they_are_delivered(gateway: Gateway, path: Path) -> None:
    """Every outcome that a consumer sees is on disk by then."""
    gateway.plan(gateway.handles[0], Slow(0.1))
    async with client(gateway, path) as walee, walee.creator_reports(gateway.handles) as run:
        async for outcome in run:
            with Store.open(path, read_only=True) as reader:
                assert await reader.latest(outcome.handle) is not None


async def test_doubts_are_carried_from_run_to_run(gateway: Gateway, path: Path) -> None:
    """Sent again once at most means once in all: a cut-off request of an earlier run counts in the next one."""
    handle = gateway.handles[0]
    gateway.plan(handle, Truncate(), Truncate(), Truncate())
    async with client(gateway, path, retry=RetryPolicy(base=0.01, resend_ambiguous=0)) as walee:
        await walee.creator_reports([handle]).collect()
    async with client(gateway, path) as walee:
        await walee.creator_reports([handle]).collect()
        await walee.creator_reports([handle]).collect()
        with pytest.raises(AmbiguousError, match="bought 2 times already"):
            await walee.fetch(handle)
    assert gateway.billed[handle] == 2


async def test_a_single_call_does_not_buy_again_what_it_may_have_bought(gateway: Gateway, path: Path) -> None:
    """With `resend_ambiguous=0` no second call buys either; `fresh` does, because it says so."""
    handle = gateway.handles[0]
    gateway.plan(handle, Truncate(), Truncate())
    async with client(gateway, path, retry=RetryPolicy(base=0.01, resend_ambiguous=0)) as walee:
        for _ in range(3):
            with pytest.raises(AmbiguousError):
                await walee.fetch(handle)
        assert gateway.billed[handle] == 1
        with pytest.raises(AmbiguousError):
            await walee.fetch(handle, fresh=True)
    assert gateway.billed[handle] == 2


async def test_a_doubt_is_settled_by_a_report_that_is_pruned_later(gateway: Gateway, path: Path) -> None:
    """The books remember the purchase when the report itself is gone."""
    handle = gateway.handles[0]
    gateway.plan(handle, Truncate())
    async with client(gateway, path) as walee:
        await walee.fetch(handle)
        assert walee.store is not None
        assert await walee.store.doubts() == {}
        await walee.store.prune(0.0, keep_latest=False)
        assert await walee.store.doubts() == {}
        await walee.fetch(handle)
    assert gateway.billed[handle] == 3


async def test_a_budget_that_ends_between_two_sends_leaves_a_doubt(gateway: Gateway, path: Path) -> None:
    """A handle that was sent and not again is not told as never attempted."""
    gateway.plan(gateway.handles[0], Truncate())
    async with client(gateway, path, budget=Budget(max_reports=1)) as walee:
        with pytest.raises(RunEndedError) as caught:
            await walee.creator_reports(gateway.handles[:3], concurrency=1).collect()
    kinds = {outcome.handle: type(outcome.error) for outcome in caught.value.outcomes if isinstance(outcome, Failed)}
    assert kinds == dict(zip(gateway.handles, (AmbiguousError, NotAttemptedError, NotAttemptedError), strict=False))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"max_reports": 2.5}, "must be a whole number"),
        ({"max_reports": -1}, "must be a number of at least 0"),
        ({"max_spend": float("inf"), "price": 0.5}, "must be a number of at least 0"),
        ({"max_spend": float("nan"), "price": 0.5}, "must be a number of at least 0"),
        ({"max_spend": 5}, "needs the price"),
        ({"max_reports": True}, "must be a number of at least 0"),
        ({"max_spend": "5", "price": 1}, "must be a number of at least 0"),
    ],
)
async def test_a_budget_that_cannot_be_is_said_so(given: dict[str, float], said: str) -> None:
    """Half a report, a negative one, money without end: one sentence, and nobody waits for ever."""
    with pytest.raises(ConfigError, match=said):
        Budget(**given)  # type: ignore[arg-type]
    assert Budget(max_spend=0.3, price=0.1).cap == 3
    assert Budget(max_spend=1, price=1e-320).cap > 1e300


def test_a_budget_outlives_an_event_loop() -> None:
    """A script may run two loops with one budget, and what was spent in the first counts in the second."""
    budget = Budget(max_reports=3)

    async def buy(handles: slice) -> int:
        async with Gateway(creators=6, latency=0.02) as gateway, client(gateway, budget=budget) as walee:
            outcomes = await walee.creator_reports(gateway.handles[handles], concurrency=2).collect()
        return sum(isinstance(outcome, Fetched) for outcome in outcomes)

    assert asyncio.run(buy(slice(0, 2))) == 2
    with pytest.raises(RunEndedError):
        asyncio.run(buy(slice(2, 6)))
    assert budget.spent == 3


@pytest.mark.parametrize("max_age", [-1, float("nan"), "55d", None])
async def test_an_age_that_is_none_is_said_so(gateway: Gateway, max_age: Any) -> None:
    """It is a number of seconds."""
    with pytest.raises(ConfigError, match="max_age is"):
        client(gateway, max_age=max_age)


async def test_a_reason_that_nothing_is_called_is_said_so(gateway: Gateway, path: Path) -> None:
    """A slip of the pen would try nothing again, in silence."""
    async with client(gateway, path) as walee:
        with pytest.raises(ConfigError, match="did you mean NoReportError"):
            walee.creator_reports(["a"], retry_failed="NoReprtError")
        for given in (5, [5], None):
            with pytest.raises(ConfigError, match=r"retry_failed is of type|No failure is called '5'"):
                walee.creator_reports(["a"], retry_failed=given)  # type: ignore[arg-type]


def test_a_date_of_another_clock_is_as_young_as_can_be() -> None:
    """What a clock said that is up to a day ahead is not older than nothing, and not younger than an age of zero."""
    held = Held(time.time() + 80_000, time.time() + 80_000)
    assert is_young(held, 1.0)
    assert not is_young(held, 0.0)


def test_what_a_wrong_clock_said_is_not_believed() -> None:
    """A report that came next year is as old as it says itself; what is due next year is asked for now."""
    now, ahead = time.time(), time.time() + 90_000
    assert is_young(Held(now - 50, ahead), 60.0)
    assert not is_young(Held(now - 70, ahead), 60.0)
    assert not is_young(Held(ahead, ahead), 60.0)
    for due, asked in ((ahead, True), (now + 80_000, False), (now - 1, True)):
        failure = Failure(
            handle="a", kind="NotReadyError", detail="", status=400, code=None, at=now, due_at=due, run=None
        )
        assert (remembered("a", Standing(None, failure, 0), 1, frozenset()) is None) is asked
