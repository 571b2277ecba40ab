"""Whether a list on two workers of a Dask cluster keeps what one process promises, and what it gains.

The list is fetched three times at the same rate from a gateway with one key: by one process, by two workers, and by two
workers of which one is killed with SIGKILL half-way. Of each is printed how long it took, how many requests reached the
gateway and were billed, what is kept and what is known as perhaps bought, and the most by which any window of a second
or more held more than `rate * window + 1` of what arrived. Then stored reports are scored by one worker and by two,
before there are views and again, with the scores sent to the client or written by the workers.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
from _dask import cluster
from msgspec import Struct
from rescore import fill
from shared_rate import excess

from walee_async import Brief, WaleeClient
from walee_async.integrations.dask import (
    Terms,
    fetch_on_dask,
    merge_shards,
    rescore_on_dask,
    write_scores_on_dask,
)
from walee_async.outcomes import Charge, Failed, Fetched
from walee_async.store import StoreReader
from walee_async.testing import Gateway, Maker

BRIEF = Brief.make(countries=["US"], genders=["FEMALE"], ages=["18-34"])
SEED = 7
LATENCY = 0.3
"""Seconds until the gateway answers: so that a killed worker has requests under way."""


class Went(Struct, kw_only=True):
    """How fetching went."""

    seconds: float
    outcomes: int
    """Distinct handles with an outcome; each came once, or nothing is printed."""
    fetched: int
    billed: int
    kept: int
    ambiguous: int
    excess: float


async def alone(gateway: Gateway, folder: Path, rate: float) -> Went:
    """Fetch the list with one process: this one, which also runs the gateway."""
    began = time.monotonic()
    walee = WaleeClient(gateway.key, rate=rate, base_url=gateway.base_url, store=folder / "reports.db")
    async with walee, walee.creator_reports(gateway.handles, view=msgspec.Raw) as run:
        outcomes = [(outcome.handle, isinstance(outcome, Fetched)) async for outcome in run]
    return look(gateway, folder, outcomes, time.monotonic() - began, rate)


async def together(gateway: Gateway, folder: Path, rate: float, *, kill: bool) -> Went:
    """Fetch the list with two workers; one of them may be killed when half of it is bought."""
    os.environ["WALEE_API_KEY"] = gateway.key
    terms = Terms(rate=rate, base_url=gateway.base_url)
    async with cluster(workers=2) as client:
        began = time.monotonic()
        async with fetch_on_dask(client, gateway.handles, folder, terms) as run:
            killing = asyncio.create_task(_kill(client, gateway)) if kill else None
            outcomes = [(outcome.handle, not isinstance(outcome, Failed)) async for outcome in run]
            if killing is not None:
                await killing
        seconds = time.monotonic() - began
    await merge_shards(folder)
    return look(gateway, folder, outcomes, seconds, rate)


async def _kill(client: Any, gateway: Gateway) -> None:
    half = len(gateway.handles) // 2
    while gateway.billed.total() < half:  # noqa: ASYNC110  (the gateway is in another thread)
        await asyncio.sleep(0.02)
    pids = await client.run(os.getpid)
    os.kill(next(iter(pids.values())), signal.SIGKILL)


def look(gateway: Gateway, folder: Path, outcomes: list[tuple[str, bool]], seconds: float, rate: float) -> Went:
    """Hold what came against what the gateway and the books say."""
    handles = {handle for handle, _ in outcomes}
    if len(handles) != len(outcomes):
        raise SystemExit(f"{len(outcomes)} outcomes for {len(handles)} handles")
    with StoreReader.open(folder / "reports.db") as reader:
        totals = reader.totals()
    (arrivals,) = gateway.arrivals.values()
    return Went(
        seconds=seconds,
        outcomes=len(handles),
        fetched=sum(fetched for _, fetched in outcomes),
        billed=gateway.billed.total(),
        kept=totals.reports,
        ambiguous=totals.charges[Charge.AMBIGUOUS],
        excess=excess(sorted(arrivals), rate),
    )


async def fetching(handles: int, rate: float) -> None:
    """Print how fetching goes."""
    print(f"{handles:,} handles at {rate:g}/s")
    print(f"{'':24}{'seconds':>9}{'outcomes':>10}{'fetched':>9}{'billed':>8}{'kept':>7}{'ambiguous':>11}{'excess':>8}")
    for name in ("one process", "two workers", "two workers, one killed"):
        maker = Maker(SEED, creators=handles, small=True)
        with tempfile.TemporaryDirectory() as folder, Gateway(maker, latency=LATENCY).in_thread() as gateway:
            if name == "one process":
                went = await alone(gateway, Path(folder), rate)
            else:
                went = await together(gateway, Path(folder), rate, kill="killed" in name)
        print(
            f"{name:24}{went.seconds:9.1f}{went.outcomes:10,}{went.fetched:9,}{went.billed:8,}{went.kept:7,}"
            f"{went.ambiguous:11}{went.excess:8.2f}"
        )


async def score(client: Any, store: Path, folder: Path, *, write: bool) -> float:
    """Score a store and return the seconds."""
    began = time.monotonic()
    if write:
        await write_scores_on_dask(client, store, folder / "scores", BRIEF)
    else:
        async for _ in rescore_on_dask(client, store, BRIEF):
            pass
    return time.monotonic() - began


async def scoring(reports: int, repeats: int) -> None:
    """Print what a second worker gains."""
    names = ["first", "again", "first, written", "again, written"]
    found: dict[tuple[str, int], list[float]] = {(name, workers): [] for name in names for workers in (1, 2)}
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "reports.db"
        await fill(store, reports, 500)
        for workers in (1, 2) * repeats:
            async with cluster(workers=workers, threads=1) as client:
                for name in names:
                    if name.startswith("first"):
                        store.with_name("reports.db.views").unlink(missing_ok=True)
                    seconds = await score(client, store, Path(folder), write=name.endswith("written"))
                    found[name, workers].append(seconds)
    print(f"{reports:,} stored reports, the best of {repeats}")
    print(f"{'':24}{'one worker':>12}{'two':>8}{'ratio':>7}")
    for name in names:
        one, two = min(found[name, 1]), min(found[name, 2])
        print(f"{name:24}{one:10.2f} s{two:6.2f} s{one / two:7.2f}")


def main() -> None:
    """Print two tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--handles", type=int, default=5000)
    parser.add_argument("--rate", type=float, default=100.0, help="requests per second")
    parser.add_argument("--reports", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    asyncio.run(fetching(given.handles, given.rate))
    asyncio.run(scoring(given.reports, given.repeats))


if __name__ == "__main__":
    main()
