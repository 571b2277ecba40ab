"""Whether the pace is the limit's: no slower than it must be, and never faster.

At stated rates, what is sent is held against the limit: the share of it that is reached, the most requests within one
second as sent and as the gateway saw them come, and how many more than `rate * window + burst` any window held: a
request, or a fraction of one. What is sent is timed when the gate lets it go. An event loop serves timers up to a few
milliseconds late and a bucket makes up for 2 ms of it, so fractions of `rate * 0.002` are in order; what comes over
the network comes in lumps, so there only windows of a second and more are counted.

With `rate="auto"` against a limit that is not told, the share of it in the second half of the time is printed, and how
many requests drew a 429 in all of it. The gateway runs in a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

from walee_async import RetryPolicy, WaleeClient
from walee_async.events import AttemptStarted, Event
from walee_async.testing import Gateway, Maker, Quota

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAKER = Maker(7, creators=1_000_000, small=True)
HIDDEN = 20.0
"""Requests per second that the gateway allows a client who does not know it."""


def busiest(times: Sequence[float], window: float = 1.0) -> int:
    """The most of these times within any half-open window."""
    return max(sum(begin <= at < begin + window for at in times) for begin in times)


def excess(times: Sequence[float], rate: float, least: float = 0.0) -> float:
    """The most by which any window of at least `least` seconds holds more than `rate * window + 1` of these times."""
    most = -1.0
    for first, begin in enumerate(times):
        for number, end in enumerate(times[first:], start=1):
            most = max(most, number - rate * max(least, end - begin) - 1)
    return most


@contextlib.contextmanager
def gateway_process(quota: float | None) -> Iterator[tuple[str, str, list[float], list[int]]]:
    """A gateway in a process of its own: address, key, and, filled after the block, when requests came and its 429s."""
    command = [sys.executable, __file__, "--serve", str(quota or 0)]
    arrivals: list[float] = []
    breaches: list[int] = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        base_url, key = json.loads(process.stdout.readline())
        yield base_url, key, arrivals, breaches
        said = json.loads(process.communicate()[0])
        arrivals += said[0]
        breaches.append(said[1])


async def serve(quota: float) -> None:
    """Be that gateway until the input ends."""
    async with Gateway(MAKER, quota=Quota(quota) if quota else None) as gateway:
        print(json.dumps([gateway.base_url, gateway.key]), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        print(json.dumps([gateway.arrivals[gateway.key], gateway.breaches]))


async def send(base_url: str, key: str, rate: float | Literal["auto"], seconds: float) -> dict[str, Any]:
    """Fetch for some seconds; when each request was sent, and what came of them."""
    loop = asyncio.get_running_loop()
    sent: list[float] = []

    def hook(event: Event) -> None:
        if isinstance(event, AttemptStarted):
            sent.append(loop.time())

    async with WaleeClient(key, base_url=base_url, rate=rate, retry=RetryPolicy(), hook=hook) as walee:
        handles = (MAKER.handle(index) for index in count())
        async with walee.creator_reports(handles, view=dict, concurrency=16) as run:
            loop.call_later(seconds, run.stop)
            async for _ in run:
                pass
        return {"sent": sent, "lost": run.ledger.failed, "pace": walee.statistics()[0].gate.pace}


def at_stated_rates(rates: Sequence[float], seconds: float) -> None:
    """Print a line for each rate."""
    print(f"{seconds:g} s at each rate    most in any second    most above rate * window + 1")
    print(f"{'rate':>6}{'sent':>8}{'share':>8}{'sent':>11}{'came':>11}{'sent':>13}{'came, from 1 s':>19}")
    for rate in rates:
        with gateway_process(None) as (base_url, key, arrivals, _):
            sent = asyncio.run(send(base_url, key, rate, seconds))["sent"]
        assert len(sent) == len(arrivals), "every request that was let go was seen by the gateway, once"
        share = (len(sent) - 1) / (sent[-1] - sent[0]) / rate
        print(
            f"{rate:6g}{len(sent):8}{share:8.1%}{busiest(sent):11}{busiest(arrivals):11}"
            f"{excess(sent, rate):13.2f}{excess(arrivals, rate, 1.0):19.2f}"
        )


def at_an_unknown_limit(seconds: float) -> None:
    """Print what a client makes of a limit that it has to find."""
    with gateway_process(HIDDEN) as (base_url, key, arrivals, breaches):
        found = asyncio.run(send(base_url, key, "auto", seconds))
    half = [at for at in arrivals if arrivals[0] + seconds / 2 <= at < arrivals[0] + seconds]
    share = len(half) / (seconds / 2) / HIDDEN
    print(f'\nrate="auto" for {seconds:g} s against a limit of {HIDDEN:g}/s: {len(arrivals)} requests')
    print(f"{share:.1%} of the limit in the second half, pace at the end {found['pace']:.1f}/s")
    print(f"{breaches[0]} answers of 429, {breaches[0] / len(arrivals):.2%}; handles lost: {found['lost']}")


def main() -> None:
    """Measure, or be the gateway."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=float, nargs="*", default=[8, 50, 200], help="requests per second")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each stated rate (%(default)s)")
    parser.add_argument("--auto-seconds", type=float, default=60.0, help='for rate="auto" (%(default)s)')
    parser.add_argument("--serve", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        asyncio.run(serve(options.serve))
        return
    at_stated_rates(options.rates, options.seconds)
    at_an_unknown_limit(options.auto_seconds)


if __name__ == "__main__":
    main()
