"""Whether a run's memory stays the same however long its list is.

A gateway that answers with small reports, and for some handles with an error, runs in a process of its own, and so does
each client: one buys a few thousand handles from a generator, another forty times as many. Their peaks (`ru_maxrss`)
are compared after taking off what the distinct handles themselves cost, which is measured apart by building nothing but
the set of them. Sizes are MiB.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 1.3
"""How much more a long run may need than a short one, as a ratio."""
SEED = 7
NO_REPORT = 0.05
"""The share of handles that fail."""
MIB = 1024 * 1024


def peak() -> int:
    """The most bytes this process has had in memory."""
    # Linux counts in KiB, macOS in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def handles(count: int) -> Iterator[str]:
    """Made-up handles, one at a time."""
    from walee_async.testing.maker import Maker

    maker = Maker(SEED, creators=count, small=True)
    return (maker.handle(index) for index in range(count))


def remember(count: int) -> int:
    """The bytes that a set of so many handles adds to the peak of a process with everything imported."""
    import walee_async.client  # noqa: F401 - the same libraries as a client has, so the same memory to spare

    before = peak()
    seen: set[str] = set()
    for handle in handles(count):
        seen.add(handle)
    return peak() - before


async def fetch(count: int, concurrency: int, base_url: str, key: str) -> dict[str, Any]:
    """Buy every report and keep none."""
    from walee_async import CreatorReport, Transport, WaleeClient

    began = time.perf_counter()
    async with (
        WaleeClient(key, base_url=base_url, rate=1e5, transport=Transport(connections=concurrency)) as walee,
        walee.creator_reports(handles(count), view=CreatorReport, concurrency=concurrency) as run,
    ):
        async for _ in run:
            pass
    return {
        "peak": peak(),
        "fetched": run.ledger.fetched,
        "failed": run.ledger.failed,
        "seconds": time.perf_counter() - began,
    }


async def serve(creators: int) -> None:
    """A gateway that says where it is, and stops when its input ends."""
    from walee_async.testing import Code, Gateway, Maker, Mix

    faults = Mix(NO_REPORT, (Code("account_is_private"),))
    async with Gateway(Maker(SEED, creators=creators, small=True), faults=faults) as gateway:
        print(json.dumps([gateway.base_url, gateway.key]), flush=True)
        await asyncio.to_thread(sys.stdin.read)


def in_process(*arguments: object) -> Any:
    """Run this script in a process of its own and return what it found."""
    # The process that asks must stay small: what it has in memory would be part of the other's peak.
    command = [sys.executable, __file__, *map(str, arguments)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def measure(few: int, many: int, concurrency: int) -> float:
    """Print the table; return the ratio of the peaks, what remembering costs taken off the long one's."""
    command = [sys.executable, __file__, "serve", str(many)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as gateway:
        assert gateway.stdout is not None
        where = json.loads(gateway.stdout.readline())
        runs = [in_process("fetch", count, concurrency, *where) for count in (few, many)]
        gateway.communicate()
    sets = [in_process("remember", count) for count in (few, many)]
    print(f"{'handles':>10}{'fetched':>10}{'failed':>8}{'handles/s':>11}{'peak':>8}{'of it handles':>15}")
    for count, run, size in zip((few, many), runs, sets, strict=True):
        speed = (run["fetched"] + run["failed"]) / run["seconds"]
        peak_at, of_it = run["peak"] / MIB, size / MIB
        print(f"{count:10,}{run['fetched']:10,}{run['failed']:8,}{speed:11,.0f}{peak_at:8.1f}{of_it:15.1f}")
    beyond = (runs[1]["peak"] - (sets[1] - sets[0])) / runs[0]["peak"]
    each = (sets[1] - sets[0]) / (many - few)
    growth = (runs[1]["peak"] - runs[0]["peak"]) / (many - few)
    print(f"a distinct handle remembered costs {each:.0f} bytes; a handle of the run cost {growth:.0f} in all")
    print(f"peak of the long run, remembering apart: {beyond:.2f} times that of the short one (at most {MOST})")
    return beyond


def main() -> None:
    """Measure, or play one of the parts that need a process of their own."""
    match sys.argv[1:]:
        case ["serve", creators]:
            asyncio.run(serve(int(creators)))
        case ["fetch", count, concurrency, base_url, key]:
            print(json.dumps(asyncio.run(fetch(int(count), int(concurrency), base_url, key))))
        case ["remember", count]:
            print(remember(int(count)))
        case _:
            parser = argparse.ArgumentParser(description=__doc__)
            parser.add_argument("--few", type=int, default=5_000, help="handles of the short run (%(default)s)")
            parser.add_argument("--many", type=int, default=200_000, help="handles of the long run (%(default)s)")
            parser.add_argument("--concurrency", type=int, default=64, help="handles under way at once (%(default)s)")
            options = parser.parse_args()
            if measure(options.few, options.many, options.concurrency) > MOST:
                raise SystemExit(1)


if __name__ == "__main__":
    main()
