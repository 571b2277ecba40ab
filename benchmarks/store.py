"""What the store costs: reports kept a second, their CPU, and how long one intent, one settlement and one read take.

Full-sized made-up reports, gzipped, each journalled as a purchase: an intent that is waited for, then a settlement with
the report. First one after the other, then by many callers at once. The store's file is put where --folder says, since
the disk's fsync decides the first. Times are milliseconds but for the CPU, which is microseconds for a report.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from _server import answers, packed

from walee_async.outcomes import Attempt, Charge, Payload
from walee_async.store import Store

BODIES = 50
"""Distinct reports; they are kept again and again under other handles."""


def payloads(count: int) -> Iterator[Payload]:
    """Reports as a session hands them over: received compressed, and decompressed already to check the envelope."""
    made = [(packed(body), body) for body in answers(BODIES)]
    for number in range(count):
        body, data = made[number % BODIES]
        handle = f"creator{number * 2654435761 % 2**32:x}"  # handles come in no order, so pages are touched all over
        yield Payload(handle=handle, body=body, encoding="gzip", key="key 1", received_at=time.time(), _inflated=data)


async def buy(store: Store, payload: Payload, times: list[float]) -> None:
    """Journal one purchase, and note how long the intent and the settlement took."""
    began = time.perf_counter()
    intent = store.intend(payload.handle, 1, payload.key)
    await intent
    times.append(time.perf_counter() - began)
    billed = Attempt(handle=payload.handle, number=1, key=payload.key, charge=Charge.BILLED, status=200)
    began = time.perf_counter()
    await store.settle(intent, billed, payload)
    times.append(time.perf_counter() - began)


async def keep(store: Store, count: int, callers: int) -> None:
    """Keep so many reports, and print what that took."""
    ready, times = list(payloads(min(count, 2000))), list[float]()
    began, cpu = time.perf_counter(), time.process_time()
    for start in range(0, count, len(ready)):
        queue = iter(ready[: count - start])

        async def work(queue: Iterator[Payload]) -> None:
            for payload in queue:
                payload.received_at = time.time()
                await buy(store, payload, times)

        await asyncio.gather(*(work(queue) for _ in range(callers)))
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    name = f"{count:,} reports, {callers} at once"
    print(f"{name:32} {count / wall:7,.0f}/s   CPU {cpu / count * 1e6:4.0f}   a write {spread(times)}")


async def read(name: str, work: Callable[[], Awaitable[object]], count: int) -> None:
    """Time one kind of read."""
    times = []
    for _ in range(count):
        began = time.perf_counter()
        await work()
        times.append(time.perf_counter() - began)
    print(f"{name:32} {spread(times)}")


def spread(times: list[float]) -> str:
    """The middle of some times and the worst hundredth."""
    ranked = sorted(times)
    return f"median {ranked[len(ranked) // 2] * 1e3:.2f}, 99th {ranked[len(ranked) * 99 // 100] * 1e3:.2f}"


async def main(count: int, callers: int, folder: Path) -> None:
    """Print a table."""
    path = folder / "reports.db"
    async with Store.open(path) as store:
        await keep(store, 200, 1)
        await keep(store, count, callers)
        handles = [payload.handle for payload in payloads(min(count, 2000))]
        asked = iter(handles * 2)
        await read("latest", lambda: store.latest(next(asked)), 500)
        await read(f"lookup of {len(handles):,} handles", lambda: store.lookup(handles), 5)
        await read("totals", store.totals, 5)
    began = time.perf_counter()
    Store.open(path).close()
    print(f"{'opening and closing':32} {(time.perf_counter() - began) * 1e3:.0f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--reports", type=int, default=2000)
    parser.add_argument("--callers", type=int, default=64)
    parser.add_argument("--folder", help="where the store is put; a new temporary folder in it is used and removed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        asyncio.run(main(options.reports, options.callers, Path(name)))
