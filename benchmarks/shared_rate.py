"""Whether processes that share a limit through Redis keep to it between them, also while Redis is away.

Several processes, each with a client of its own, fetch from one gateway with one key. Of what they sent is printed the
share of the limit, the most by which any window held more than `rate * window + 1` (as they came, windows of a second
and more, since the network moves single requests), what each process had of its share, how long handles waited for
their turn, and the calls to Redis per request.

`--trouble` does something to Redis in the middle, and then the gateway's own count is printed: the busiest window of
one second against the limit, how long nothing was sent at most, and when the pace was whole again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from contextlib import ExitStack
from itertools import pairwise
from statistics import quantiles
from typing import TYPE_CHECKING, Any

from _redis import RedisServer, find
from msgspec import Struct

from walee_async import Options, WaleeClient
from walee_async.events import AttemptEnded, AttemptStarted, Event, GateAlone, GateRejoined
from walee_async.integrations.redis import SharedGate
from walee_async.testing import Gateway, Maker

if TYPE_CHECKING:
    from collections.abc import Sequence

MAKER = Maker(7, creators=1_000_000, small=True)
TROUBLES = ("none", "restart", "freeze", "flush", "gone")
BEAT = 0.005
"""Seconds between two looks at the clock."""
WARM_UP = 1.0
"""Seconds after the first request that are not looked at: processes start one after another."""


class Plan(Struct, frozen=True, kw_only=True):
    """What is measured. Times in seconds."""

    processes: int = 4
    rate: float = 50.0
    seconds: float = 20.0
    concurrency: int = 16
    """Handles under way at once in each process."""
    trouble: str = "none"
    away: float = 4.0
    """How long Redis is away, from the middle on."""


class Sent(Struct, kw_only=True):
    """What one process did. Times are those of the machine's monotonic clock, which all processes share."""

    times: list[float] = []
    waits: list[float] = []
    events: list[tuple[str, float]] = []
    failed: int = 0
    handles: int = 0
    stalled: float = 0.0
    """Seconds in which the process was put aside by a busy machine."""


class Measured(Struct, kw_only=True):
    """What came of a plan."""

    plan: Plan
    sent: list[Sent]
    arrivals: list[float]
    """When the gateway saw requests."""
    calls: float
    """To Redis for each request, in the third quarter; 0 when Redis was in trouble."""
    away: tuple[float, float]
    """From when to when Redis was away."""

    @property
    def window(self) -> tuple[float, float]:
        """In which all processes were sending."""
        begin = max(sent.times[0] for sent in self.sent) + WARM_UP
        return begin, min(sent.times[-1] for sent in self.sent)

    def within(self, times: Sequence[float]) -> list[float]:
        """Those in which all processes were sending, in order."""
        begin, end = self.window
        return sorted(at for at in times if begin <= at <= end)

    @property
    def grants(self) -> list[float]:
        """All that was sent while all were sending."""
        return self.within([at for sent in self.sent for at in sent.times])

    @property
    def arrived(self) -> list[float]:
        """All that the gateway saw while all were sending."""
        return self.within(self.arrivals)

    @property
    def shares(self) -> list[float]:
        """What each process had of its equal share."""
        return [len(self.within(sent.times)) * len(self.sent) / len(self.grants) for sent in self.sent]


def busiest(times: Sequence[float], window: float = 1.0) -> int:
    """The most of these ordered times within any half-open window."""
    most = first = 0
    for last, end in enumerate(times):
        while times[first] <= end - window:
            first += 1
        most = max(most, last - first + 1)
    return most


def excess(times: Sequence[float], rate: float, least: float = 1.0) -> float:
    """The most by which any window of at least `least` seconds holds more than `rate * window + 1` of these times."""
    return max(
        number - rate * max(least, end - begin) - 1
        for first, begin in enumerate(times)
        for number, end in enumerate(times[first:], start=1)
    )


async def watch(sent: Sent) -> None:
    """Look at the clock all the time; when two looks are far apart, nothing was done in between."""
    looked = time.monotonic()
    while True:
        await asyncio.sleep(BEAT)
        now = time.monotonic()
        if now - looked > 2 * BEAT:
            sent.stalled += now - looked - BEAT
        looked = now


async def send(base_url: str, key: str, url: str, number: int, plan: Plan) -> Sent:
    """Be one of the processes: fetch until the time is up."""
    loop, sent = asyncio.get_running_loop(), Sent()

    def hook(event: Event) -> None:
        match event:
            case AttemptStarted():
                sent.times.append(time.monotonic())
            case AttemptEnded(attempt=attempt):
                sent.waits.append(attempt.queue_seconds)
            case GateAlone() | GateRejoined():
                sent.events.append((type(event).__name__, time.monotonic()))

    handles = (MAKER.handle(index) for index in range(number, MAKER.creators, plan.processes))
    options = Options(hook=hook, sharing=SharedGate(url))
    async with (
        WaleeClient(key, base_url=base_url, rate=plan.rate, options=options) as walee,
        walee.creator_reports(handles, view=dict, concurrency=plan.concurrency) as run,
    ):
        loop.call_later(plan.seconds, run.stop)
        watching = loop.create_task(watch(sent))
        async for _ in run:
            pass
        watching.cancel()
    sent.failed, sent.handles = run.ledger.failed, run.ledger.outcomes
    return sent


def worker() -> None:
    """Say that this process is ready, wait for the word, send, and print what was done."""
    print("ready", flush=True)
    base_url, key, url, number, plan = json.loads(sys.stdin.readline())
    sent = asyncio.run(send(base_url, key, url, number, Plan(**plan)))
    print(json.dumps({name: getattr(sent, name) for name in sent.__struct_fields__}))


def wait_for_all(server: RedisServer, processes: int) -> None:
    """Return when all processes share the gate; a busy machine starts them late."""
    for _ in range(1000):
        for name in server.command("KEYS walee:gate:*:members").splitlines():
            if name.startswith("walee:") and server.command(f"ZCARD {name}") == f":{processes}\r\n":
                return
        time.sleep(0.02)


def disturb(server: RedisServer, plan: Plan) -> tuple[float, float]:
    """Do to Redis what the plan says; return from when to when it was away."""
    begin = time.monotonic()
    match plan.trouble:
        case "restart" | "gone":
            server.kill()
            if plan.trouble == "restart":
                time.sleep(plan.away)
                server.start()
        case "freeze":
            server.freeze()
            time.sleep(plan.away)
            server.thaw()
        case "flush":
            server.command("FLUSHALL")
    return begin, time.monotonic()


def measure(server: RedisServer, plan: Plan) -> Measured:
    """Let the processes send."""
    command = [sys.executable, __file__, "--worker"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with ExitStack() as stack:
        workers: list[Any] = [stack.enter_context(subprocess.Popen(command, **pipes)) for _ in range(plan.processes)]
        for process in workers:
            stack.callback(process.kill)
        gateway = stack.enter_context(Gateway(MAKER).in_thread())
        for process in workers:
            process.stdout.readline()
        words = {name: getattr(plan, name) for name in plan.__struct_fields__}
        for number, process in enumerate(workers):
            process.stdin.write(json.dumps([gateway.base_url, gateway.key, server.url, number, words]) + "\n")
            process.stdin.flush()
        told = time.monotonic()
        wait_for_all(server, plan.processes)
        time.sleep(max(1.0, plan.seconds / 2 - (time.monotonic() - told)))
        asked, seen = server.calls(), gateway.requests_seen
        away = disturb(server, plan)
        calls = 0.0
        if plan.trouble == "none":
            time.sleep(plan.seconds / 4)
            calls = (server.calls() - asked) / (gateway.requests_seen - seen)
        said = [Sent(**json.loads(process.communicate()[0])) for process in workers]
        arrivals = gateway.arrivals[gateway.key]
    return Measured(plan=plan, sent=said, arrivals=arrivals, calls=calls, away=away)


def show_sharing(found: Measured) -> None:
    """Print how well the processes keep to the limit between them."""
    plan, grants, begin, end = found.plan, found.grants, *found.window
    share = (len(grants) - 1) / (grants[-1] - grants[0]) / plan.rate
    waits = [wait for sent in found.sent for wait in sent.waits[len(sent.waits) // 10 :]]
    cuts = quantiles(waits, n=100)
    print(f"{plan.processes} processes at {plan.rate:g}/s between them, {end - begin:.1f} s in which all were sending")
    print(f"{len(grants)} requests, {share:.1%} of the limit; most in any second {busiest(grants)}")
    sent, came = excess(grants, plan.rate, 0.0), excess(found.arrived, plan.rate)
    print(f"most above rate * window + 1: {sent:.2f} as sent, {came:.2f} as they came, from 1 s")
    print(f"of its share each process had {', '.join(f'{part:.2f}' for part in found.shares)}")
    print(f"waits: median {cuts[49]:.2f} s, p99 {cuts[98]:.2f} s; calls to Redis a request: {found.calls:.2f}")


def show_trouble(found: Measured) -> None:
    """Print what the gateway saw when Redis was in trouble."""
    plan, arrivals, (gone, back) = found.plan, found.arrived, found.away
    gap, since = max((after - before, before) for before, after in pairwise(arrivals))
    back = found.window[1] if plan.trouble == "gone" else back
    alone = [at - gone for sent in found.sent for name, at in sent.events if name == "GateAlone"]
    rejoined = [at - back for sent in found.sent for name, at in sent.events if name == "GateRejoined"]
    print(
        f"{plan.processes} processes at {plan.rate:g}/s between them; {plan.trouble}: {back - gone:.2f} s without Redis"
    )
    print(f"most in any second, as the gateway saw: {busiest(arrivals)}, {busiest(arrivals) / plan.rate - 1:+.0%}")
    print(f"most above rate * window + 1, from 1 s: {excess(arrivals, plan.rate):.2f}")
    print(f"longest time without a request: {gap:.2f} s, {since - gone:+.2f} s from the trouble")
    if alone:
        meanwhile = len([at for at in arrivals if gone + gap <= at < back]) / (back - gone - gap)
        print(f"alone after {max(alone):.2f} s, {len(alone)} events; then {meanwhile / plan.rate:.0%} of the limit")
    if rejoined and plan.trouble != "gone":  # else they are those that were closed
        print(f"shared again {max(rejoined):.2f} s after Redis was back, {len(rejoined)} events")
    print(f"handles: {sum(sent.handles for sent in found.sent)}, lost: {sum(sent.failed for sent in found.sent)}")


def main() -> None:
    """Measure, or be one of the processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--rate", type=float, default=50.0, help="requests per second between them (%(default)s)")
    parser.add_argument("--seconds", type=float, default=20.0, help="(%(default)s)")
    parser.add_argument("--concurrency", type=int, default=16, help="handles under way in each (%(default)s)")
    parser.add_argument("--trouble", choices=TROUBLES, default="none", help="what happens to Redis (%(default)s)")
    parser.add_argument("--away", type=float, default=4.0, help="seconds that it is away (%(default)s)")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = vars(parser.parse_args())
    if options.pop("worker"):
        worker()
        return
    program = find()
    if program is None:
        parser.error("there is no redis-server here; `apt-get install redis-server` brings it")
    with RedisServer(program) as server:
        plan = Plan(**options)
        found = measure(server, plan)
    if plan.trouble == "none":
        show_sharing(found)
    else:
        show_trouble(found)


if __name__ == "__main__":
    main()
