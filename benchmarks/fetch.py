"""What fetching a report costs the client: CPU and wall time each, against what others would write.

Every contender runs in a process of its own, again and again in turn with the others, against one server in another
process. CPU is user and system time of the whole process but for its start (`resource.getrusage`), in microseconds a
report; the ratio is that of the medians to the contender named by --against. Memory is the peak, in MiB.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from _contenders import CONTENDERS, NEEDS
from _runner import Measured, clocked, dump, in_turn, keep, table, there
from _server import SEED, server

from walee_async.testing.maker import Maker

WARM = 64
"""Reports fetched before the clock starts: connections, decoders and caches are there then."""


def measure(name: str, base_url: str, reports: int) -> Measured:
    """Run one contender in this process."""
    handles = Maker(SEED, creators=reports + WARM).handles()
    asyncio.run(CONTENDERS[name](base_url, handles[:WARM]))

    def work() -> int:
        done = asyncio.run(CONTENDERS[name](base_url, handles[WARM:]))
        if done != reports:
            raise SystemExit(f"{name} fetched {done} of {reports} reports")
        return done

    return clocked(work)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--reports", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument(
        "--only", nargs="+", choices=CONTENDERS, metavar="NAME", help="left out: all that are installed"
    )
    parser.add_argument("--against", choices=CONTENDERS, metavar="NAME", help="the contender that counts as 1")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single result there")
    parser.add_argument("--measure", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--base-url", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        dump(measure(given.measure, given.base_url, given.reports))
        return
    names = given.only or there(NEEDS)
    with server(given.reports + WARM) as (base_url, kind):
        options = ["--base-url", base_url, "--reports", str(given.reports)]
        found = in_turn(__file__, names, given.repeats, options)
    against = given.against or ("aiohttp_msgspec" if "aiohttp_msgspec" in names else names[0])
    print(f"{given.reports:,} reports, {given.repeats} times, from {kind}", *table(found, against), sep="\n")
    keep(given.json, found)


if __name__ == "__main__":
    main()
