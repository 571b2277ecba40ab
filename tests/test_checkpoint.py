"""Many reports at once: the loop turns between them, in their order, and what has come is not lost by waiting."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from walee_async import Options, Transport, WaleeClient
from walee_async.checkpoint import MOST, Checkpoint
from walee_async.events import AttemptEnded, Event
from walee_async.outcomes import Charge
from walee_async.testing import Maker

pytestmark = pytest.mark.anyio

MANY = 5 * MOST


async def passes(seen: list[int]) -> None:
    """Count the passes of the loop."""
    while True:
        seen[0] += 1
        await asyncio.sleep(0)


async def test_so_many_go_in_one_pass_and_the_rest_in_those_after_it() -> None:
    """First come, first served, none left out and no pass left empty."""
    checkpoint, went, now = Checkpoint(), list[tuple[int, int]](), [0]
    counting = asyncio.create_task(passes(now))

    async def work(number: int) -> None:
        await checkpoint()
        went.append((now[0], number))

    await asyncio.gather(*(work(number) for number in range(MANY)))
    counting.cancel()
    assert [number for _, number in went] == list(range(MANY))
    sizes = [sum(at == turn for at, _ in went) for turn in sorted({at for at, _ in went})]
    assert sizes == [MOST] * 5
    assert went[-1][0] - went[0][0] <= 6


async def test_nobody_waits_for_one_who_gave_up() -> None:
    """Those who are cancelled while they wait take no place, and those behind them move up."""
    checkpoint, went = Checkpoint(), list[int]()

    async def work(number: int) -> None:
        await checkpoint()
        went.append(number)

    tasks = [asyncio.create_task(work(number)) for number in range(MANY)]
    await asyncio.sleep(0)
    for task in tasks[MOST : 3 * MOST]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await checkpoint()
    assert went == [*range(MOST), *range(3 * MOST, MANY)]


async def test_an_answer_that_has_come_is_booked_though_nobody_waits_any_more() -> None:
    """Whoever gives up while many answers are looked at has bought the report; nothing is in doubt."""
    maker, asked, all_asked = Maker(3, creators=MANY, small=True), list[asyncio.StreamWriter](), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.append(writer)
        if len(asked) == MANY:
            all_asked.set()
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    calls: list[asyncio.Task[object]] = []

    def give_up(event: Event) -> None:
        if isinstance(event, AttemptEnded):
            for call in calls:
                call.cancel()

    options = Options(hook=give_up, transport=Transport(connections=MANY))
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api"
        async with WaleeClient("a-made-up-key-0001", base_url=base_url, rate=1e5, options=options) as walee:
            calls += [asyncio.create_task(walee.fetch(handle)) for handle in maker.handles()]
            await all_asked.wait()
            for writer in asked:  # all at once, so that they are there before anybody has looked at the first
                body = maker.body(0)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            await asyncio.gather(*calls, return_exceptions=True)
    assert walee.ledger.charges == {Charge.BILLED: MANY}
    assert any(call.cancelled() for call in calls)
