"""What a service's calls take beyond the gateway's own latency, and how long its event loop is held up meanwhile.

A server in a process of its own answers every request after the same time. 200 callers on one loop call it again and
again: `creator_report` of one client, and beside it, in processes of their own and in turn, what others write with
aiohttp. Added is what a call took beyond that time, in milliseconds. A coroutine that wakes every millisecond says how
late it was: the longest of it is the longest that anything else in the service had to wait, while calls come one by
one, and when all callers call at the same moment. Then, without a server, how long one report holds up the loop while
it is decompressed and decoded, for reports up to a hundred times the size.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from _contenders import typed_decoder
from _runner import Measured, ask, dump, keep, median
from _server import KEY, answers, packed
from msgspec import Struct

from walee_async import CreatorReport, Options, Transport, WaleeClient
from walee_async.decode import decode
from walee_async.outcomes import Payload
from walee_async.scoring import ScoreView

LATENCY = 0.2
"""Seconds that the server takes."""
MOST = 20.0
"""Milliseconds that the loop may be held up."""
Call = Callable[[str], Awaitable[object]]


class Answering(asyncio.Protocol):
    """Answers each request with a report, after a while: requests are single packets, and one at a time."""

    bodies: tuple[bytes, ...] = ()
    asked = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer later."""
        Answering.asked += 1
        answer = self.bodies[Answering.asked % len(self.bodies)]
        assert isinstance(self._transport, asyncio.Transport)
        asyncio.get_running_loop().call_later(LATENCY, self._transport.write, answer)


async def serve() -> None:
    """Say where it is, and answer until the input ends."""
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n"
    bodies = [packed(body) for body in answers(50)]
    Answering.bodies = tuple(head.format(len(body)).encode() + body for body in bodies)
    listening = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/api", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    listening.close()


@asynccontextmanager
async def ticking() -> AsyncIterator[list[float]]:
    """How late a coroutine was that wakes every millisecond, each time."""
    late: list[float] = []
    loop = asyncio.get_running_loop()

    async def tick() -> None:
        while True:
            due = loop.time() + 0.001
            await asyncio.sleep(0.001)
            late.append(loop.time() - due)

    task = asyncio.create_task(tick())
    yield late
    task.cancel()


async def callers(call: Call, count: int, calls: int) -> Measured:
    """Let so many callers call all at once, and then each on its own; what that took, and how late the ticker was."""
    handles = [f"creator.{number}" for number in range(count)]
    took: list[float] = []

    async def one(number: int, handle: str) -> None:
        await asyncio.sleep(LATENCY * number / count)
        for _ in range(calls):
            began = time.perf_counter()
            await call(handle)
            took.append(time.perf_counter() - began - LATENCY)

    await asyncio.gather(*map(call, handles))  # connections are there then
    async with ticking() as at_once:
        await asyncio.gather(*map(call, handles))
    async with ticking() as late:
        await asyncio.gather(*(one(number, handle) for number, handle in enumerate(handles)))
    took.sort()
    return {
        "p50": took[len(took) // 2],
        "p99": took[len(took) * 99 // 100],
        "late": max(late),
        "at once": max(at_once),
    }


async def ours(base_url: str, count: int, calls: int) -> Measured:
    """One client, with a connection for each caller, as has the other."""
    options = Options(transport=Transport(connections=count))
    async with WaleeClient(KEY, rate=1e6, base_url=base_url, options=options) as walee:
        return await callers(walee.creator_report, count, calls)


async def aiohttp_msgspec(base_url: str, count: int, calls: int) -> Measured:
    """One aiohttp session and a typed decoder."""
    decode_answer = typed_decoder().decode
    async with aiohttp.ClientSession(
        headers={"x-api-key": KEY}, connector=aiohttp.TCPConnector(limit=count)
    ) as session:

        async def call(handle: str) -> object:
            async with session.get(f"{base_url}/ask/tt/creator/report", params={"handle": handle}) as response:
                return decode_answer(await response.read())

        return await callers(call, count, calls)


CONTENDERS = {"walee": ours, "aiohttp_msgspec": aiohttp_msgspec}


def large(times: int) -> Payload:
    """A report whose lists are so many times as long."""
    answer = json.loads(answers(1)[0])

    def stretch(value: object) -> object:
        if isinstance(value, list):
            return value * times
        return {key: stretch(one) for key, one in value.items()} if isinstance(value, dict) else value

    body = json.dumps(answer | {"payload": stretch(answer["payload"])}).encode()
    return Payload(handle="creator", body=gzip.compress(body), encoding="gzip", key="key 1", received_at=0.0)


def blocked(payload: Payload, view: type[Struct]) -> float:
    """Milliseconds that one report holds up the loop at the least: decompressing and decoding, in one go."""
    times = []
    for _ in range(7):
        began = time.perf_counter()
        decode(payload, view)
        times.append(time.perf_counter() - began)
    return min(times) * 1e3


def sizes(most: int) -> None:
    """Print how long large reports hold up the loop."""
    print(f"{'one report of':>18}{'whole':>10}{'to score':>10}   milliseconds in one go")
    times = 1
    while times <= most:
        payload = large(times)
        inflated = len(gzip.decompress(payload.body)) / 1e3
        print(f"{inflated:15,.0f} KB{blocked(payload, CreatorReport):10.2f}{blocked(payload, ScoreView):10.2f}")
        times *= 10


def measure(given: argparse.Namespace) -> None:
    """Print both tables."""
    command = [sys.executable, __file__, "--serve"]
    found: dict[str, list[Measured]] = {name: [] for name in CONTENDERS}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        options = ["--base-url", server.stdout.readline().strip()]
        options += ["--callers", str(given.callers), "--calls", str(given.calls)]
        for _ in range(given.repeats):
            for name, runs in found.items():
                runs.append(ask(__file__, name, options))
        server.communicate()
    print(f"{given.callers} callers, {given.calls} calls each, {given.repeats} times; milliseconds")
    print(f"{'':18}{'added p50':>10}{'p99':>8}{'held up':>10}{'all at once':>13}   at most {MOST:g}")
    for name, runs in found.items():
        p50, p99, late, at_once = (median(runs, what) * 1e3 for what in ("p50", "p99", "late", "at once"))
        print(f"{name:18}{p50:10.1f}{p99:8.1f}{late:10.1f}{at_once:13.1f}")
    sizes(given.largest)
    keep(given.json, found)


def main() -> None:
    """Measure, or be one of the processes that it takes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--callers", type=int, default=200)
    parser.add_argument("--calls", type=int, default=20, help="of each caller")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--largest", type=int, default=100, help="how many times as long the lists of a report are")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single result there")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--measure", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--base-url", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve())
    elif given.measure:
        dump(asyncio.run(CONTENDERS[given.measure](given.base_url, given.callers, given.calls)))
    else:
        measure(given)


if __name__ == "__main__":
    main()
