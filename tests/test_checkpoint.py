"""Many reports at once: the loop turns between them, in their order."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import aiohttp
import pytest
from msgspec import Struct

from walee_async import Charge, Fetched, Headline, Options, Transport, WaleeClient
from walee_async.bulk import Run
from walee_async.checkpoint import LONGEST, MOST, Checkpoint
from walee_async.events import AttemptEnded, Event
from walee_async.options import RunOptions
from walee_async.outcomes import Payload
from walee_async.testing import Maker
from walee_async.testing.clock import run_virtually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

MANY = 5 * MOST
MAKER = Maker(5, creators=MANY, small=True)


async def passes(seen: list[int]) -> None:
    """Count the passes of the loop."""
    while True:
        seen[0] += 1
        await asyncio.sleep(0)


def compute(seconds: float = LONGEST) -> None:
    """Hold up the loop."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


class Slow(Struct):
    """A view that takes as long as a pass may."""

    def __post_init__(self) -> None:
        compute()


async def test_a_long_pass_is_cut_and_the_rest_goes_on_in_those_after_it() -> None:
    """In their order, none left out, a few in each pass and none in vain."""
    checkpoint, went, now = Checkpoint(), list[tuple[int, int]](), [0]
    counting = asyncio.create_task(passes(now))

    async def work(number: int) -> None:
        await checkpoint()
        went.append((now[0], number))
        compute(LONGEST / 3)

    async with asyncio.timeout(20):
        await asyncio.gather(*(work(number) for number in range(MANY)))
    counting.cancel()
    assert [number for _, number in went] == list(range(MANY))
    first, *others, last = [sum(at == turn for at, _ in went) for turn in sorted({at for at, _ in went})]
    assert first <= 4
    assert set(others) == {MOST}
    assert last <= MOST
    assert went[-1][0] - went[0][0] <= 6


def test_a_short_pass_is_not_cut() -> None:
    """What takes no time does not wait, however much it is."""
    checkpoint, went, now = Checkpoint(), list[int](), [0]

    async def work() -> None:
        await checkpoint()
        went.append(now[0])

    async def main() -> None:
        counting = asyncio.create_task(passes(now))
        await asyncio.gather(*(work() for _ in range(MANY)))
        counting.cancel()

    run_virtually(main())
    assert went == [1] * MANY


async def test_nobody_waits_for_one_who_gave_up() -> None:
    """Those who are cancelled while they wait take no place, and those behind them move up."""
    checkpoint, went, now = Checkpoint(), list[tuple[int, int]](), [0]
    counting = asyncio.create_task(passes(now))

    async def work(number: int) -> None:
        await checkpoint()
        went.append((now[0], number))
        compute(0 if number else 2 * LONGEST)

    tasks = [asyncio.create_task(work(number)) for number in range(MANY)]
    await asyncio.sleep(0)
    for task in tasks[1 : 3 * MOST]:
        task.cancel()
    async with asyncio.timeout(20):
        await asyncio.gather(*tasks, return_exceptions=True)
        await checkpoint()
    counting.cancel()
    assert [number for _, number in went] == [0, *range(3 * MOST, MANY)]
    assert [sum(at == turn for at, _ in went) for turn in sorted({at for at, _ in went})] == [1, MOST, MOST]


async def test_who_comes_while_others_wait_waits_behind_them() -> None:
    """However short the pass is by then."""
    checkpoint, went = Checkpoint(), list[int]()

    async def work(number: int) -> None:
        await checkpoint()
        went.append(number)
        compute(0 if number else 2 * LONGEST)

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        for number in range(MANY):
            group.create_task(work(number))
        await asyncio.sleep(0)  # they ask, and all but the first wait
        await asyncio.sleep(0)  # some are woken
        group.create_task(work(MANY))
    assert went == list(range(MANY + 1))


@asynccontextmanager
async def answering_at_once(
    many: int, body: bytes = MAKER.body(0), *, whole: int = MANY
) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that answers when so many have asked, all in one go; its base URL, and handles to ask for.

    So many get the whole body, the others half of it; whoever asks after them gets no answer.
    """
    asked = list[asyncio.StreamWriter]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.append(writer)
        if len(asked) == many:
            for place, one in enumerate(asked):
                part = body if place < whole else body[: len(body) // 2]
                one.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), part))
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api", Maker(3, creators=many).handles()


@pytest.mark.parametrize("keys", [1, 4])
async def test_answers_that_come_at_once_are_read_a_few_in_a_pass(keys: int) -> None:
    """A service's loop turns between them, before each is decompressed, whatever key they are bought with."""
    now, read = [0], list[int]()

    def hook(event: Event) -> None:
        if isinstance(event, AttemptEnded):
            read.append(now[0])
            compute()

    several = [f"a-made-up-key-{number:04}" for number in range(keys)]
    options = Options(transport=Transport(connections=MANY // keys), hook=hook)
    async with (
        asyncio.timeout(20),
        answering_at_once(MANY) as (base_url, handles),
        WaleeClient(several, base_url=base_url, rate=1e5, options=options) as walee,
    ):
        counting = asyncio.create_task(passes(now))
        await asyncio.gather(*map(walee.creator_report, handles))
        counting.cancel()
    assert len(read) == MANY
    assert max(Counter(read).values()) <= MOST


async def test_callers_who_share_an_answer_are_served_a_few_in_a_pass() -> None:
    """Each has it decoded, and the loop turns between them."""
    now, came = [0], list[int]()
    async with (
        asyncio.timeout(20),
        answering_at_once(1) as (base_url, handles),
        WaleeClient("a-made-up-key-0001", base_url=base_url, rate=1e5) as walee,
    ):
        counting = asyncio.create_task(passes(now))

        async def call() -> None:
            await walee.creator_report(handles[0], view=Slow)
            came.append(now[0])

        await asyncio.gather(*(call() for _ in range(MANY)))
        counting.cancel()
    assert len(came) == MANY
    assert max(Counter(came).values()) <= MOST


REFUSAL = b'{"success":false,"message":"no","error":{"code":"internal_server_error"}}'


@pytest.mark.parametrize("session", ["ours", "theirs"])
@pytest.mark.parametrize(
    ("body", "whole", "charges"),
    [
        (MAKER.body(0), MANY, {Charge.BILLED: MANY}),
        (MAKER.body(0), 1, {Charge.BILLED: 1, Charge.AMBIGUOUS: MANY - 1}),
        (REFUSAL, MANY, {Charge.FAILED: MANY}),
    ],
    ids=["reports", "halves", "refusals"],
)
async def test_who_gives_up_while_an_answer_waits_is_gone_and_the_books_have_it(
    body: bytes, whole: int, charges: dict[Charge, int], session: str
) -> None:
    """What has come is no doubt: a report was bought, and a refusal asks for no other attempt. Half of one may be."""
    calls = list[asyncio.Task[Headline]]()

    def hook(event: Event) -> None:
        if isinstance(event, AttemptEnded) and not any(call.cancelling() for call in calls):
            for call in calls:  # the first of the answers has been read, and the others come to wait
                call.cancel()
            compute(2 * LONGEST)

    async with (
        asyncio.timeout(20),
        aiohttp.ClientSession() as theirs,
        answering_at_once(MANY, body, whole=whole) as (base_url, handles),
    ):
        transport = Transport(connections=MANY, session=theirs if session == "theirs" else None)
        options = Options(transport=transport, hook=hook)
        async with WaleeClient("a-made-up-key-0001", base_url=base_url, rate=1e5, options=options) as walee:
            calls += [asyncio.create_task(walee.creator_report(handle, view=Headline)) for handle in handles]
            came = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(one) for one in came} == {asyncio.CancelledError}
    assert walee.ledger.charges == charges


async def test_a_run_that_is_left_has_what_came_at_once() -> None:
    """Answers that waited to be decompressed are bought, and can still be had."""

    def hook(event: Event) -> None:
        if isinstance(event, AttemptEnded):
            compute()

    options = Options(transport=Transport(connections=MANY), hook=hook)
    async with (
        asyncio.timeout(20),
        answering_at_once(MANY) as (base_url, handles),
        WaleeClient("a-made-up-key-0001", base_url=base_url, rate=1e5, options=options) as walee,
    ):
        async with walee.creator_reports(handles, view=Headline, concurrency=MANY) as run:
            first = await anext(run)
        rest = [outcome async for outcome in run]
    assert {outcome.handle for outcome in [first, *rest] if isinstance(outcome, Fetched)} == set(handles)
    assert run.ledger.charges == {Charge.BILLED: MANY}


async def test_a_run_whose_reports_are_there_lets_the_loop_turn() -> None:
    """However fast it is iterated over, a few are decoded in a pass and no more."""

    class AtHand:
        async def fetch(self, handle: str) -> Payload:
            return Payload(handle=handle, body=MAKER.body(0))

    now, came = [0], list[int]()
    options = RunOptions(view=Slow, concurrency=MANY)
    async with asyncio.timeout(20), Run(AtHand(), MAKER.handles(), options) as run:
        await asyncio.sleep(0.05)  # all are there
        counting = asyncio.create_task(passes(now))
        async for _ in run:
            came.append(now[0])
        counting.cancel()
    assert len(came) == MANY
    assert max(Counter(came).values()) <= MOST
