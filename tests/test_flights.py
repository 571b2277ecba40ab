from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from walee_async import Failed, Headline, Options, RetryPolicy, WaleeClient
from walee_async.errors import DeadlineError, NoReportError
from walee_async.outcomes import Charge
from walee_async.testing import Gateway, Hang, Slow, Status

pytestmark = pytest.mark.anyio


def client(gateway: Gateway, **options: Any) -> WaleeClient:
    return WaleeClient(gateway.key, **{"base_url": gateway.base_url, "rate": 500.0, **options})


async def test_a_thousand_calls_for_one_handle_are_one_request(gateway: Gateway) -> None:
    """Concurrent callers share one purchase, and each gets the whole report."""
    gateway.latency = 0.05
    async with client(gateway) as walee:
        calls = [walee.creator_report(gateway.handles[0], view=Headline) for _ in range(1000)]
        reports = await asyncio.gather(*calls)
    assert gateway.requests_seen == 1
    assert all(report == reports[0] for report in reports)
    assert walee.ledger.bought == 1


async def test_the_next_call_is_a_request_of_its_own(gateway: Gateway) -> None:
    """Sharing is for calls at the same time; nothing is remembered after the answer."""
    async with client(gateway) as walee:
        await walee.fetch(gateway.handles[0])
        await walee.fetch(gateway.handles[0])
    assert gateway.requests_seen == 2


async def test_two_runs_of_one_client_buy_each_handle_once(gateway: Gateway) -> None:
    """Runs at the same time share what is under way; each purchase is in the books of the run that made it."""
    gateway.latency = 0.1
    async with client(gateway) as walee:
        runs = [walee.creator_reports(gateway.handles) for _ in range(2)]
        outcomes = await asyncio.gather(*(run.collect() for run in runs))
    assert [len(found) for found in outcomes] == [20, 20]
    assert gateway.requests_seen == 20
    assert sum(run.ledger.bought for run in runs) == walee.ledger.bought == 20


async def test_a_caller_who_leaves_does_not_take_the_report_along(gateway: Gateway) -> None:
    """Whoever is cancelled, the others get their answer from the same request, the first caller included."""
    gateway.plan(gateway.handles[0], Slow(0.2))
    async with client(gateway) as walee:
        first = asyncio.create_task(walee.fetch(gateway.handles[0]))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(walee.fetch(gateway.handles[0]))
        await asyncio.sleep(0.05)
        first.cancel()
        payload = await second
        assert first.cancelled()
    assert payload.body
    assert gateway.requests_seen == 1


async def test_when_all_have_left_nothing_is_under_way(gateway: Gateway) -> None:
    """The last caller to be cancelled ends the request; the next call begins a new one."""
    gateway.plan(gateway.handles[0], Slow(5.0))
    async with client(gateway) as walee:
        calls = [asyncio.create_task(walee.fetch(gateway.handles[0])) for _ in range(3)]
        await asyncio.sleep(0.1)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("walee fetch")]
        await asyncio.wait_for(walee.fetch(gateway.handles[0]), 2)
    assert gateway.requests_seen == 2


async def test_a_call_that_joins_a_run_keeps_its_own_deadline(gateway: Gateway) -> None:
    """The run waits for its turn as long as it takes, and a single call no longer than it is allowed to."""
    retry = RetryPolicy(deadline=0.5)
    async with (
        client(gateway, rate=2.0, options=Options(retry=retry)) as walee,
        walee.creator_reports(gateway.handles) as run,
    ):
        await anext(run)
        since = asyncio.get_running_loop().time()
        with pytest.raises(DeadlineError, match="a run has it in its line"):
            await walee.fetch(gateway.handles[-1])
        assert asyncio.get_running_loop().time() - since < 2.0
        assert run.progress().in_flight > 1


async def test_a_deadline_of_the_source_is_told_as_it_is(gateway: Gateway) -> None:
    """With its attempts, and what failed last; only a caller's own deadline is about the line of a run."""
    gateway.plan(gateway.handles[0], Status(500), Hang())
    retry = RetryPolicy(deadline=0.5, base=0.01)
    async with client(gateway, options=Options(retry=retry)) as walee:
        (outcome,) = await walee.creator_reports(gateway.handles[:1]).collect()
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, DeadlineError)
    assert [attempt.charge for attempt in outcome.error.attempts] == [Charge.FAILED, Charge.AMBIGUOUS]
    assert "may have been bought" in outcome.error.detail


async def test_a_shared_failure_is_told_to_everybody(gateway: Gateway) -> None:
    """All who share a request share its error."""
    gateway.latency = 0.05
    async with client(gateway) as walee:
        errors = await asyncio.gather(*(walee.fetch("nobody.here") for _ in range(5)), return_exceptions=True)
    assert [type(error) for error in errors] == [NoReportError] * 5
    assert gateway.requests_seen == 1


async def test_a_fresh_purchase_does_not_settle_for_what_is_stored(gateway: Gateway, tmp_path: Path) -> None:
    """Beside a call that reads from the store, a fresh one buys; beside one that buys, it shares the purchase."""
    handle = gateway.handles[0]
    async with client(gateway, store=tmp_path / "reports.db", max_age=1e12) as walee:
        first = await asyncio.gather(walee.fetch(handle), walee.fetch(handle, fresh=True), walee.fetch(handle))
        assert gateway.billed[handle] == 1
        assert [payload.reused for payload in first] == [False] * 3
        again = await asyncio.gather(walee.fetch(handle), walee.fetch(handle, fresh=True), walee.fetch(handle))
    assert gateway.billed[handle] == 2
    assert [payload.reused for payload in again] == [True, False, True]
