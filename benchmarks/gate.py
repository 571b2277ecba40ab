"""One gate for a key against requests that back off each by itself, at a limit that neither is told.

A list of handles goes to a gateway that allows 20 requests in any second, from 64 at a time. Where each request backs
off by itself, it is sent as soon as there is a place, and after a 429 sent again after a random time, three times at
most, as retry libraries do it. The gate is the package's own, with `rate="auto"`. Both are told by a 429 how long to
wait. It runs on a virtual clock, so an hour takes seconds and the same seed gives the same numbers on every machine.

What is drawn are the requests of each five seconds, per second: answered with a report, and refused.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

from _plot import Panel, timelines
from msgspec import Struct, field

from walee_async.gate import Gate
from walee_async.retry import RetryPolicy
from walee_async.testing import Quota
from walee_async.testing.clock import run_virtually
from walee_async.testing.quota import SlidingWindow

LIMIT: Final = 20
AT_ONCE: Final = 64
LATENCY: Final = (0.2, 0.6)
"""Seconds, evenly spread: half of it on the way there, half on the way back."""
POLICY: Final = RetryPolicy()
SPAN: Final = 5.0
"""Seconds that a bar of the drawing stands for."""


class Told(Struct):
    """What came of a list."""

    fetched: int = 0
    lost: int = 0
    refused: int = 0
    seconds: float = 0.0
    bars: Counter[tuple[int, bool]] = field(default_factory=Counter)
    """Requests by their span of time, and by whether they were refused."""


class Gateway:
    """A limit and a latency."""

    def __init__(self, told: Told, seed: int, *, tells: bool) -> None:
        self._window = SlidingWindow(Quota(LIMIT))
        self._told = told
        self._tells = tells
        self.dice = Random(seed)

    async def ask(self) -> float | None:
        """Send one request: None is a report, a number the whole seconds to wait after a 429."""
        latency = self.dice.uniform(*LATENCY)
        await asyncio.sleep(latency / 2)
        now = asyncio.get_running_loop().time()
        wait = self._window.judge(now).wait
        self._told.bars[int(now / SPAN), wait is not None] += 1
        await asyncio.sleep(latency / 2)
        if wait is None:
            self._told.fetched += 1
            return None
        self._told.refused += 1
        return float(int(wait) + 1) if self._tells else 0.0


async def by_itself(gateway: Gateway, told: Told) -> None:
    """One handle: a random time after each 429, and at least what it says."""
    for failures in range(POLICY.attempts):
        wait = await gateway.ask()
        if wait is None:
            return
        jitter = gateway.dice.uniform(0, min(POLICY.cap, POLICY.base * 2**failures))
        await asyncio.sleep(max(wait, jitter))
    told.lost += 1


async def through_the_gate(gate: Gate, gateway: Gateway) -> None:
    """One handle: a turn for each request, and a 429 is everybody's to wait for."""
    while True:
        permit = await gate.permit()
        assert permit is not None
        with permit:
            wait = await gateway.ask()
            if wait is None:
                permit.answered()
                return
            permit.too_fast(wait or None)


async def run(handles: int, seed: int, tells: bool, gated: bool) -> Told:
    """Take a list to its end."""
    told = Told()
    gateway = Gateway(told, seed, tells=tells)
    gate = Gate("auto")
    fetch: Callable[[], Coroutine[Any, Any, None]] = (
        partial(through_the_gate, gate, gateway) if gated else partial(by_itself, gateway, told)
    )
    left = iter(range(handles))

    async def work(left: Iterator[int]) -> None:
        for _ in left:
            await fetch()

    await asyncio.gather(*(work(left) for _ in range(AT_ONCE)))
    told.seconds = asyncio.get_running_loop().time()
    return told


def panel(name: str, told: Told) -> Panel:
    """What is drawn of a list."""
    spans = range(int(told.seconds / SPAN) + 1)
    heights = [(told.bars[span, False] / SPAN, told.bars[span, True] / SPAN) for span in spans]
    refused = f"{told.refused:,} requests refused"
    return Panel(f"{name}: {told.fetched:,} fetched, {told.lost:,} lost, {refused}, {told.seconds:.0f} s", heights)


def main() -> None:
    """Run both and print a table; draw it where a file is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--handles", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--silent", action="store_true", help="429s do not say how long to wait")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw it there")
    given = parser.parse_args()
    print(f"{given.handles:,} handles, {AT_ONCE} at a time, {LIMIT}/s allowed")
    print(f"{'':22}{'fetched':>10}{'lost':>10}{'refused':>10}{'for each':>10}{'seconds':>10}")
    panels = []
    for name, gated in (("Each by itself", False), ("One gate", True)):
        told = run_virtually(run(given.handles, given.seed, not given.silent, gated))
        each = told.refused / max(1, told.fetched)
        print(f"{name:22}{told.fetched:10,}{told.lost:10,}{told.refused:10,}{each:10.2f}{told.seconds:10.0f}")
        panels.append(panel(name, told))
    if given.svg is not None:
        heading = f"Requests a second: {given.handles:,} handles at a limit of {LIMIT}/s"
        drawn = timelines(heading, panels, span=SPAN, limit=LIMIT, names=("fetched", "refused"))
        given.svg.write_text(drawn, "utf-8")


if __name__ == "__main__":
    main()
