# ruff: noqa: E402  (nothing of it is imported before Dask is known to be there)
"""Lists fetched by the workers of a real Dask cluster: two processes, one of which is killed."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from _dask import cluster, needs_dask
from _redis import RedisServer

needs_dask()

import dask

from walee_async.errors import AmbiguousError, BudgetError, ConfigError, NotAttemptedError, RunEndedError
from walee_async.integrations.dask import ClusterRun, Kept, Terms, fetch_on_dask, merge_shards
from walee_async.outcomes import Charge, Failed
from walee_async.store import Store, StoreReader
from walee_async.testing import Gateway, Maker
from walee_async.testing.contracts import excess, now, until

pytestmark = pytest.mark.anyio

RATE = 300.0
CANARY = "wk-canary-0123456789abcdef"


@pytest.fixture
async def gateway(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    """A gateway with small reports, whose key the workers find in their environment."""
    async with Gateway(Maker(creators=400, small=True), keys=[CANARY], latency=0.05) as gateway:
        monkeypatch.setenv("WALEE_API_KEY", CANARY)
        yield gateway


def terms(gateway: Gateway, **more: Any) -> Terms:
    return Terms(**{"base_url": gateway.base_url, "rate": RATE, **more})


async def outcomes(run: ClusterRun) -> dict[str, str]:
    """What became of each handle, after making sure that each came once."""
    came: Counter[str] = Counter()
    kinds = {}
    async for outcome in run:
        came[outcome.handle] += 1
        kinds[outcome.handle] = type(outcome.error).__name__ if isinstance(outcome, Failed) else "Kept"
    assert set(came.values()) <= {1}
    return kinds


async def kill_one(client: Any, when: Callable[[], bool]) -> None:
    """Kill a worker as `kill -9` does, when it is time."""
    await until(when)
    pids = await client.run(os.getpid)
    os.kill(next(iter(pids.values())), signal.SIGKILL)


async def kill_busy(client: Any, when: Callable[[], bool]) -> None:
    """Kill the worker that has a chunk, when it is time."""
    await until(when)
    (busy,) = [address for address, tasks in (await client.processing()).items() if tasks]
    pids = await client.run(os.getpid)
    os.kill(pids[busy], signal.SIGKILL)


async def lose_one(client: Any) -> None:
    """Let a worker go, as who scales a cluster down does, when the scheduler has all that the client sent so far."""
    await client.submit(int, pure=False)
    await client.retire_workers([next(iter(await client.run(os.getpid)))])


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def leaks(texts: list[Any]) -> list[Any]:
    return [text for text in texts if CANARY in (text if isinstance(text, str) else repr(text))]


@pytest.mark.long
async def test_a_worker_that_is_killed_costs_what_it_had_under_way(gateway: Gateway, tmp_path: Path) -> None:
    """Every handle has one outcome, what is billed is kept or known as ambiguous, and the limit holds.

    The same call again sends nothing. The key is not to be found on the scheduler, nor in what is kept.
    """
    entries = [*gateway.handles, "@" + gateway.handles[0], "no.such.creator", "not a handle!"]
    async with cluster() as client:
        run = fetch_on_dask(client, entries, tmp_path, terms(gateway), total=len(entries))
        killing = asyncio.create_task(kill_one(client, lambda: gateway.billed.total() > 150))
        async with run:
            kinds = await outcomes(run)
        await killing
        scheduler = client.cluster.scheduler
        tasks = [pickle.dumps(task.run_spec).decode("latin-1") for task in scheduler.tasks.values()]
        known = [
            repr(scheduler.get_events()),
            repr(scheduler.worker_plugins),
            *tasks,
            repr(await client.cluster.get_logs()),
        ]
        assert leaks(known) == []
        async with fetch_on_dask(client, entries, tmp_path, terms(gateway)) as again:
            seen = gateway.requests_seen
            assert await outcomes(again) == kinds
        assert gateway.requests_seen == seen
        assert again.ledger.reused == 400
    assert kinds == {
        **dict.fromkeys(gateway.handles, "Kept"),
        "no.such.creator": "NoReportError",
        "not a handle!": "InvalidHandleError",
    }
    merged = await merge_shards(tmp_path)
    assert sum(one.reports for one in merged) == 400
    with StoreReader.open(tmp_path / "reports.db") as reader:
        charges = reader.charges()
        assert gateway.billed.total() <= charges[Charge.BILLED] + charges[Charge.AMBIGUOUS]
        assert charges[Charge.BILLED] == 400 <= gateway.billed.total()
        assert reader.totals().under_way == 0
    (arrivals,) = gateway.arrivals.values()
    assert excess(arrivals, RATE) <= 0.1 * RATE
    assert leaks([path.read_bytes().decode("latin-1") for path in files_in(tmp_path)]) == []


async def test_a_run_may_be_left_while_it_comes_to_its_end(gateway: Gateway, tmp_path: Path, client: Any) -> None:
    """Whoever leaves at the moment at which there is nothing more to wait for is not told of it by an error."""
    async with fetch_on_dask(client, [], tmp_path, terms(gateway)) as run:
        pass
    assert run.progress().done == 0


async def test_every_run_counts_the_workers_that_go(gateway: Gateway, tmp_path: Path) -> None:
    """Of two runs of one Dask client both count a worker that goes, and one goes on to do so when the other is over."""
    async with cluster(workers=3, threads=1) as client:  # the last one of all would not be let go
        first, second = (fetch_on_dask(client, [], tmp_path / name, terms(gateway)) for name in ("one", "two"))
        async with first:
            async with second:
                await lose_one(client)
                await until(lambda: first.lost == second.lost == 1)
            await lose_one(client)
            await until(lambda: first.lost == 2)
        assert second.lost == 1


@pytest.mark.long
@pytest.mark.parametrize("anew", [{"fresh": True}, {"max_age": 0.0}], ids=str)
async def test_who_buys_anew_buys_once_although_a_worker_dies(
    gateway: Gateway, tmp_path: Path, anew: dict[str, Any]
) -> None:
    """What is stored from before does not count; what the run itself has bought does, when a chunk is done again."""
    few = gateway.handles[:200]
    async with cluster() as client:
        async with fetch_on_dask(client, few, tmp_path, terms(gateway)) as run:
            await outcomes(run)
        assert gateway.billed.total() == 200
        run = fetch_on_dask(client, few, tmp_path, terms(gateway, **anew))
        killing = asyncio.create_task(kill_busy(client, lambda: gateway.billed.total() > 300))
        async with run:
            assert set((await outcomes(run)).values()) == {"Kept"}
        await killing
    assert run.lost == 1
    under_way = Terms().concurrency
    assert 400 <= gateway.billed.total() <= 400 + under_way
    assert set(gateway.billed.values()) <= {2, 3}


@pytest.mark.long
async def test_a_chunk_that_kills_its_workers_ends_no_run(gateway: Gateway, tmp_path: Path) -> None:
    """Its handles may have been bought and say so; all others are fetched, and the next run asks for the rest."""
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        async with cluster() as client:
            run = fetch_on_dask(client, gateway.handles, tmp_path, terms(gateway))
            killing = asyncio.create_task(kill_one(client, lambda: gateway.billed.total() > 100))
            async with run:
                kinds = Counter((await outcomes(run)).values())
            await killing
            assert kinds.keys() == {"Kept", "AmbiguousError"}
            assert kinds["AmbiguousError"] % 200 == 0
            async with fetch_on_dask(client, gateway.handles, tmp_path, terms(gateway)) as again:
                assert set((await outcomes(again)).values()) == {"Kept"}


async def test_a_run_that_is_stopped_goes_on(gateway: Gateway, tmp_path: Path, client: Any) -> None:
    """What was under way comes, the shards are closed in order, and the same call buys the rest and nothing twice."""
    async with fetch_on_dask(client, gateway.handles, tmp_path, terms(gateway), total=400) as run:
        await until(lambda: run.progress().done > 50)
        assert run.progress().rate > 0
        run.stop()
        first = await outcomes(run)
    assert 50 < len(first) < 400
    assert gateway.billed.total() == len(first)
    async with fetch_on_dask(client, gateway.handles, tmp_path, terms(gateway)) as again:
        assert len(await outcomes(again)) == 400
    assert gateway.billed == Counter(gateway.handles)
    for shard in (tmp_path / "shards").glob("*.db"):
        with StoreReader.open(shard) as reader:
            assert [run.reason for run in reader.runs()] == ["left", "complete"]


async def test_a_budget_is_spent_by_all_workers_and_never_passed(gateway: Gateway, tmp_path: Path, client: Any) -> None:
    """So many reports are bought in all; the handles after that say why they were not attempted."""
    run = fetch_on_dask(client, gateway.handles, tmp_path, terms(gateway, max_reports=120))
    kinds: Counter[str] = Counter()
    with pytest.raises(RunEndedError) as raised:
        async with run:
            async for outcome in run:
                kinds[type(outcome).__name__] += 1
                if isinstance(outcome, Failed):
                    assert isinstance(outcome.error, NotAttemptedError)
    assert isinstance(raised.value.__cause__, BudgetError)
    assert kinds == {"Kept": 120, "Failed": 280}
    assert gateway.billed.total() == 120


@pytest.mark.long
async def test_a_worker_that_dies_holds_no_part_of_the_budget_but_what_it_had_sent(
    gateway: Gateway, tmp_path: Path
) -> None:
    """Nothing is set aside for handles that wait for their turn, and nobody waits for what a dead worker set aside."""
    async with cluster() as client:
        run = fetch_on_dask(client, gateway.handles, tmp_path, terms(gateway, rate=100.0, max_reports=150))
        killing = asyncio.create_task(kill_one(client, lambda: gateway.billed.total() > 50))
        began = now()
        with pytest.raises(RunEndedError):
            async with run:
                await outcomes(run)
        await killing
    assert now() - began < 60.0
    # What it can have sent: its requests of one latency, and one for each chunk that was next in line.
    assert 130 <= gateway.billed.total() <= 150


async def test_workers_share_through_redis_where_there_is_one(
    gateway: Gateway, tmp_path: Path, client: Any, redis: RedisServer
) -> None:
    """With the address of a Redis, gate and budget are there; the limit holds all the same."""
    run = fetch_on_dask(client, gateway.handles, tmp_path, terms(gateway, redis=redis.url, max_reports=150))
    assert redis.url not in repr(run.terms)
    with pytest.raises(RunEndedError):
        async with run:
            await outcomes(run)
    assert gateway.billed.total() == 150
    assert redis.calls() > 150
    (arrivals,) = gateway.arrivals.values()
    assert excess(arrivals, RATE) <= 0.1 * RATE


async def test_a_worker_without_a_key_says_so(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends with a sentence that names the worker; nothing was sent."""
    monkeypatch.delenv("WALEE_API_KEY")
    async with cluster(workers=1) as client, fetch_on_dask(client, gateway.handles, tmp_path, terms(gateway)) as run:
        with pytest.raises(RunEndedError, match=r"On the worker tcp://127\.0\.0\.1:\d+: There is no API key") as raised:
            await outcomes(run)
    assert isinstance(raised.value.__cause__, ConfigError)
    assert gateway.requests_seen == 0


@pytest.mark.long
async def test_when_the_scheduler_dies_what_was_handed_out_may_have_been_bought(
    gateway: Gateway, tmp_path: Path
) -> None:
    """Nobody knows any more what became of those handles: they are ambiguous, and no others are sent."""
    kinds: Counter[str] = Counter()
    looks_again = dask.config.set({"distributed.comm.timeouts.connect": "2s"})  # a client, for so long
    with looks_again, pytest.raises(RunEndedError, match="the cluster has given up the run"):
        async with (
            cluster(workers=1) as client,
            fetch_on_dask(client, gateway.handles, tmp_path, terms(gateway, rate=50.0)) as run,
        ):
            await until(lambda: gateway.billed.total() > 20)
            await client.cluster.scheduler.close()
            async for outcome in run:
                kinds[type(outcome.error).__name__ if isinstance(outcome, Failed) else "Kept"] += 1
    assert kinds == {"AmbiguousError": 400}


async def test_what_shards_know_counts_once(gateway: Gateway, tmp_path: Path, client: Any) -> None:
    """A doubt that is in a shard and in the store it was merged into is one; whether it is sent again is the rule's."""
    handle = gateway.handles[0]
    (tmp_path / "shards").mkdir()
    other = Store.open(tmp_path / "shards" / "elsewhere-1.db")
    await other.intend(handle, 1, "key 1")
    await other.aclose()
    await merge_shards(tmp_path)
    for resend, kind in ((0, AmbiguousError), (1, Kept)):
        policy = terms(gateway).retry.__class__(resend_ambiguous=resend)
        async with fetch_on_dask(client, [handle], tmp_path, terms(gateway, retry=policy)) as run:
            (outcome,) = [outcome async for outcome in run]
        assert isinstance(outcome.error if isinstance(outcome, Failed) else outcome, kind)
    assert gateway.billed == {handle: 1}
