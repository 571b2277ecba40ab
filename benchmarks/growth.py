"""Whether a report costs the same at the end of a long list as in a short one: run, store and gate.

CPU is user and system time in microseconds, for a report or for a turn of the gate; what each ratio may be stands
behind it. Short and long runs have processes of their own, in turn; so have gates. The reports that fill a store up to
its size are not counted, those that come then are: some in a small store and some in the large one, in turn.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from _contenders import CONTENDERS
from _runner import Measured, ask, clocked, dump, keep, median
from _server import SEED, server
from store import buy, payloads

from walee_async.gate import Gate
from walee_async.store import Store
from walee_async.testing.clock import VirtualClockLoop
from walee_async.testing.maker import Maker

CALLERS = 64
STREAM = payloads(2**31)


def run(base_url: str, reports: int) -> Measured:
    """Fetch a list, decode every report and keep none."""
    handles = Maker(SEED, creators=reports).handles()
    return clocked(lambda: asyncio.run(CONTENDERS["walee"](base_url, handles)))


async def _insert(store: Store, reports: int) -> None:
    queue = islice(STREAM, reports)

    async def work() -> None:
        for payload in queue:
            await buy(store, payload, [])

    await asyncio.gather(*(work() for _ in range(CALLERS)))


def _counted(loop: asyncio.Runner, store: Store, reports: int) -> Measured:
    def work() -> int:
        loop.run(_insert(store, reports))
        return reports

    return clocked(work)


def stores(rows: Sequence[int], counted: int, rounds: int, folder: Path) -> dict[str, list[Measured]]:
    """Fill a large store, and measure what more reports cost in it and in small ones, in turn.

    In turn, because what the system takes for writing changes with all that was written before: 4,000 reports in a new
    store of 2,000 took from 143 to 196 us each, in one run of this.
    """
    few, many = rows
    found: dict[str, list[Measured]] = {f"store {size}": [] for size in rows}
    with asyncio.Runner() as loop:
        large = Store.open(folder / "large.db")
        loop.run(_insert(large, many))
        for number in range(rounds):
            small = Store.open(folder / f"small{number}.db")
            loop.run(_insert(small, few))
            for size, store in ((few, small), (many, large)):
                found[f"store {size}"].append(_counted(loop, store, counted))
            loop.run(small.aclose())
        loop.run(large.aclose())
    return found


async def _line_of(waiters: int) -> Callable[[int], Coroutine[Any, Any, int]]:
    """Have so many wait at a gate, each again as soon as it had its turn; what lets some of them through."""
    gate, left, over = Gate(1e4), 0, asyncio.Event()

    async def want() -> None:
        nonlocal left
        while True:
            permit = await gate.permit()
            assert permit is not None
            with permit:
                permit.answered()
            left -= 1
            if not left:
                over.set()

    line = [asyncio.create_task(want()) for _ in range(waiters)]

    async def let_through(turns: int) -> int:
        nonlocal left
        assert not any(task.done() for task in line)
        left = turns
        over.clear()
        await over.wait()
        return turns

    await let_through(waiters)
    return let_through


def gate(waiters: int, turns: int) -> Measured:
    """Take turns of a gate for which so many wait all the time, on a clock that does not have to be waited for."""
    with asyncio.Runner(loop_factory=VirtualClockLoop) as loop:
        let_through = loop.run(_line_of(waiters))
        return clocked(lambda: loop.run(let_through(turns)))


def line(what: str, few: float, many: float, most: float) -> str:
    """One row of the table."""
    return f"{what:44}{few * 1e6:9.1f}{many * 1e6:9.1f}{many / few:8.2f}{most:9.2f}"


def measure(given: argparse.Namespace) -> None:
    """Print the table."""
    few, many = given.reports
    found: dict[str, list[Measured]] = {f"run {size}": [] for size in (few, many)}
    with server(many) as (base_url, kind):
        for _ in range(given.repeats):
            for size in (few, many):
                options = ["--base-url", base_url, "--size", str(size)]
                found[f"run {size}"] += [ask(__file__, "run", options) for _ in range(5 if size == few else 1)]
    for waiters in given.waiters:
        options = ["--size", str(waiters), "--turns", str(given.turns)]
        found[f"gate {waiters}"] = [ask(__file__, "gate", options) for _ in range(2 * given.repeats - 1)]
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        found |= stores(given.rows, given.counted, 2 * given.repeats + 1, Path(folder))
    print(f"{kind}, {given.repeats} times{'':20}{'CPU µs: few':>18}{'many':>9}{'ratio':>8}{'at most':>9}")
    cost = {name: median(runs) for name, runs in found.items()}
    print(line(f"a report in a run of {few:,} and of {many:,}", cost[f"run {few}"], cost[f"run {many}"], 1.1))
    first, last = given.rows
    print(line(f"a report kept beside {first:,} and {last:,}", cost[f"store {first}"], cost[f"store {last}"], 1.2))
    least, *others = given.waiters
    for waiters in others:
        few_waiting, many_waiting = cost[f"gate {least}"], cost[f"gate {waiters}"]
        print(line(f"a turn with {least:,} and {waiters:,} waiting", few_waiting, many_waiting, 1.2))
    peaks = (max(one["peak"] for one in found[f"run {size}"]) / 2**20 for size in (few, many))
    print("memory of the runs: {:.0f} and {:.0f} MiB; memory.py takes it apart".format(*peaks))
    keep(given.json, found)


def main() -> None:
    """Measure, or be one of the processes that are measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--reports", type=int, nargs=2, default=[1000, 100_000], metavar=("FEW", "MANY"))
    parser.add_argument("--rows", type=int, nargs=2, default=[2000, 200_000], metavar=("FEW", "MANY"))
    parser.add_argument("--counted", type=int, default=4000, help="reports kept with the clock running, each time")
    parser.add_argument("--waiters", type=int, nargs="+", default=[10, 100, 1000, 10_000])
    parser.add_argument("--turns", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", help="where the store is put; 200,000 reports take 5 GB")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single result there")
    parser.add_argument("--measure", choices=["run", "gate"], help=argparse.SUPPRESS)
    parser.add_argument("--base-url", help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure == "run":
        dump(run(given.base_url, given.size))
    elif given.measure == "gate":
        dump(gate(given.size, given.turns))
    else:
        measure(given)


if __name__ == "__main__":
    main()
