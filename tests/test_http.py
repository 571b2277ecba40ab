"""Requests on the wire: what is sent, which answers are read, and when a connection is used again."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
import time
import weakref
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp.base_protocol import BaseProtocol

from walee_async import Failed, Headline, Options, RetryPolicy, Transport, WaleeClient
from walee_async.errors import AmbiguousError, DeadlineError, NotSentError
from walee_async.http import KNOWN, Overdue, open_http
from walee_async.outcomes import Charge
from walee_async.store import StoreReader
from walee_async.testing import Gateway, Maker
from walee_async.testing.contracts import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

MAKER = Maker(11, creators=9, small=True)
HANDLES = MAKER.handles()
KEY = "a-made-up-key-0001"
Script = Callable[[str, asyncio.StreamWriter], Awaitable[None]]
"""Answers the request with that head."""


class Server:
    """Answers by a script, and keeps the heads that came, connection by connection."""

    def __init__(self, script: Script) -> None:
        self.connections: list[list[str]] = []
        self._script = script

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request after the other until somebody hangs up."""
        heads: list[str] = []
        self.connections.append(heads)
        try:
            while not writer.is_closing():
                heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
                await self._script(heads[-1], writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[tuple[Server, str]]:
    """The server and its base URL."""
    server = Server(script)
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        yield server, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/api"


def client(base_url: str, transport: Transport | None = None) -> WaleeClient:
    options = Options(retry=RetryPolicy(attempts=1, resend_ambiguous=0), transport=transport or Transport())
    return WaleeClient(KEY, base_url=base_url, rate=2000.0, options=options)


def asked(head: str) -> str:
    """The handle that a request is for."""
    return head.split(" ", 2)[1].partition("handle=")[2]


def report(head: str, *headers: str) -> bytes:
    """An answer with the report that is asked for, and with its length unless other headers are given."""
    body = MAKER.body(HANDLES.index(asked(head)))
    lines = ["HTTP/1.1 200 OK", *(headers or [f"Content-Length: {len(body)}"]), "", ""]
    return "\r\n".join(lines).encode() + body


async def whole(head: str, writer: asyncio.StreamWriter) -> None:
    """Answer at once with the report."""
    writer.write(report(head))


async def test_a_request_has_what_aiohttp_would_send() -> None:
    """A session of ours asks with the same line and the same headers as one of the caller's, each once."""
    async with serving(whole) as (server, base_url):
        async with client(base_url) as walee:
            await walee.fetch(HANDLES[0])
        async with aiohttp.ClientSession() as http, client(base_url, Transport(session=http)) as walee:
            await walee.fetch(HANDLES[0])
    (ours,), (theirs,) = server.connections
    line, *headers = ours.split("\r\n")
    assert line == f"GET /api/ask/tt/creator/report?handle={HANDLES[0]} HTTP/1.1"
    assert sorted(headers) == sorted(theirs.split("\r\n")[1:])
    assert f"x-api-key: {KEY}" in headers
    assert aiohttp.__version__.startswith(KNOWN), "look whether connections still work so, and then name this version"


async def test_a_handle_is_sent_as_the_value_of_its_query() -> None:
    """Nothing in it ends the line or adds a header or a parameter."""

    async def nothing(head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with serving(nothing) as (server, base_url):
        http = open_http(Transport(), base_url)
        reply = await http.get("a b&x=1#\r\nX-Evil: 1", KEY, lambda: True)
        assert reply is not None
        reply.release()
        await http.aclose()
    assert asked(server.connections[0][0]) == "a%20b%26x%3D1%23%0D%0AX-Evil%3A%201"


async def test_requests_that_waited_for_a_name_are_not_sent_all_at_once() -> None:
    """Turns go by while nobody knows where the gateway is; the limit is kept when it is known."""

    class Slow(aiohttp.ThreadedResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[aiohttp.abc.ResolveResult]:
            await asyncio.sleep(1.0)
            return await super().resolve(host, port, family)

    connector = aiohttp.TCPConnector(resolver=Slow(), family=socket.AF_INET)
    async with Gateway(Maker(creators=40, small=True)) as gateway, connector:
        options = Options(transport=Transport(connector=connector))
        named = gateway.base_url.replace("127.0.0.1", "localhost")
        async with WaleeClient(gateway.key, base_url=named, rate=20.0, options=options) as walee:
            await walee.creator_reports(gateway.handles, view=Headline).collect()
        assert gateway.billed.total() == 40
        assert gateway.accounts[gateway.key].busiest(1.0) <= 20 + 2


@pytest.mark.parametrize("deadline", [300.0, 0.5])
async def test_who_leaves_before_there_is_a_connection_has_bought_nothing(tmp_path: Path, deadline: float) -> None:
    """Cancelled, or at its deadline, while hands are shaken: not even the store has a doubt about it."""
    shaking = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        shaking.set()
        await reader.read()
        writer.close()

    options = Options(retry=RetryPolicy(deadline=deadline))
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as listening:
        base_url = f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}/api"
        async with WaleeClient(KEY, base_url=base_url, store=tmp_path / "reports.db", options=options) as walee:
            call = asyncio.create_task(walee.creator_report("ann"))
            if deadline == 300.0:
                await asyncio.wait_for(shaking.wait(), 10)
                call.cancel()
            with pytest.raises((asyncio.CancelledError, DeadlineError)) as caught:
                await call
            assert "may have been bought" not in str(caught.value)
    assert walee.ledger.charges == {Charge.NOT_SENT: 1}
    with StoreReader.open(tmp_path / "reports.db") as reader:
        assert reader.standing(["ann"])["ann"].ambiguous == 0
        assert [attempt.charge for attempt in reader.attempts()] == [Charge.NOT_SENT]


async def test_connections_are_used_again() -> None:
    """One after the other, requests go over one connection, whether an answer tells its length or comes in chunks."""

    async def answer(head: str, writer: asyncio.StreamWriter) -> None:
        if asked(head) == HANDLES[1]:
            body = MAKER.body(1)
            chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:100], body[100:]))
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
        else:
            writer.write(report(head))

    async with serving(answer) as (server, base_url), client(base_url) as walee:
        names = [(await walee.creator_report(handle, view=Headline)).user_profile for handle in HANDLES]
    assert [name.username for name in names if name is not None] == HANDLES
    assert [len(heads) for heads in server.connections] == [len(HANDLES)]


@pytest.mark.parametrize(
    "answer",
    [
        lambda head: report(head, "Connection: close"),
        lambda head: report(head).replace(b"HTTP/1.1", b"HTTP/1.0", 1),
    ],
)
async def test_a_connection_that_the_gateway_ends_is_not_used_again(answer: Callable[[str], bytes]) -> None:
    """The answer ends with it, and the next request has one of its own."""

    async def once(head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(head))
        writer.close()

    async with serving(once) as (server, base_url), client(base_url) as walee:
        for handle in HANDLES[:3]:
            await walee.creator_report(handle, view=Headline)
    assert [len(heads) for heads in server.connections] == [1, 1, 1]


async def test_a_connection_that_was_closed_while_it_rested_costs_no_request() -> None:
    """Its end is noticed before anything is sent over it."""

    async def once(head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(report(head))
        await writer.drain()
        writer.close()

    async with serving(once) as (server, base_url), client(base_url) as walee:
        for handle in HANDLES[:3]:
            await walee.fetch(handle)
            await asyncio.sleep(0.02)
    assert len(server.connections) == 3
    assert walee.ledger.sent == 3


async def test_what_comes_before_the_answer_is_passed_over() -> None:
    """A server may hint at the answer, or say that it is at work, as often as it likes."""

    async def hints(head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)
        await whole(head, writer)

    async with serving(hints) as (server, base_url), client(base_url) as walee:
        for handle in HANDLES[:2]:
            assert (await walee.fetch(handle)).attempts[0].status == 200
    assert [len(heads) for heads in server.connections] == [2]


async def test_a_hint_that_nothing_follows_ends_after_the_read_timeout() -> None:
    """A server that says that it is at work, and then nothing, is given up like any other."""

    async def hint(head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")

    async with serving(hint) as (_, base_url), client(base_url, Transport(read_timeout=0.1)) as walee:
        async with asyncio.timeout(10):
            with pytest.raises(AmbiguousError, match=r"no answer within 0\.1 s"):
                await walee.fetch(HANDLES[0])


HEAD = "HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n"


def dripping(start: str) -> Script:
    """To two handles answers that begin so and go on byte by byte, to the others whole ones."""

    async def drip(head: str, writer: asyncio.StreamWriter) -> None:
        drips = asked(head) in HANDLES[:2]
        writer.write(start.encode() if drips else report(head))
        while drips and not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    return drip


SOON: Any = {"read_timeout": 0.4, "total_timeout": 0.4}


@pytest.mark.parametrize(
    ("ours", "start"), [(True, "HTTP/1.1 200 OK\r\n"), (True, HEAD), (False, HEAD)], ids=["head", "body", "session"]
)
async def test_an_answer_that_drips_is_not_waited_for_without_end(start: str, ours: bool) -> None:
    """Head or body may come as slowly as they like, up to `total_timeout`, whenever they were asked for."""
    async with serving(dripping(start)) as (_, base_url), aiohttp.ClientSession() as http, asyncio.timeout(10):
        transport = Transport(session=None if ours else http, **SOON)
        async with client(base_url, transport) as walee:
            calls = [asyncio.create_task(walee.fetch(HANDLES[0]))]
            await asyncio.sleep(0.2)
            calls.append(asyncio.create_task(walee.fetch(HANDLES[1])))
            for call in calls:
                with pytest.raises(AmbiguousError, match=r"no whole answer within 0\.4 s"):
                    await call
            await walee.fetch(HANDLES[2])
    assert walee.ledger.charges == {Charge.AMBIGUOUS: 2, Charge.BILLED: 1}


async def test_what_has_come_whole_is_read_however_late_that_is() -> None:
    """A program that stands still for longer than `total_timeout` has bought the report, and gets it."""

    async def in_two(head: str, writer: asyncio.StreamWriter) -> None:
        answer = report(head)
        writer.write(answer[:-100])
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.write(answer[-100:])
        await writer.drain()
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            pass

    async with serving(in_two) as (_, base_url), client(base_url, Transport(**SOON)) as walee:
        await walee.fetch(HANDLES[0])
    assert walee.ledger.charges == {Charge.BILLED: 1}


async def test_a_connection_that_rests_is_not_overdue() -> None:
    """What was answered in time is let go: nothing becomes of it when its time is over."""
    async with serving(whole) as (server, base_url), client(base_url, Transport(**SOON)) as walee:
        await walee.fetch(HANDLES[0])
        await asyncio.sleep(0.5)
        await walee.fetch(HANDLES[1])
    assert [len(heads) for heads in server.connections] == [2]


async def test_a_client_that_is_closed_ends_what_drips_over_a_session_of_yours() -> None:
    """Its session goes on, and so does the call, but not without end."""
    async with serving(dripping(HEAD)) as (server, base_url), aiohttp.ClientSession() as http, asyncio.timeout(10):
        async with client(base_url, Transport(session=http, **SOON)) as walee:
            call = asyncio.create_task(walee.fetch(HANDLES[0]))
            await asyncio.sleep(0.2)
            assert [len(heads) for heads in server.connections] == [1]
        with pytest.raises(AmbiguousError, match="no whole answer"):
            await call


async def test_nothing_is_left_of_a_client_that_was_closed() -> None:
    """The timer that would end what drips does not keep it for as long as that may take."""
    async with serving(whole) as (_, base_url):
        http = open_http(Transport(), base_url)
        reply = await http.get(HANDLES[0], KEY, lambda: True)
        assert reply is not None
        reply.release()
        left = weakref.ref(http.overdue)
        await http.aclose()
        del http
        gc.collect()
    assert left() is None


async def test_what_was_asked_for_earlier_is_due_earlier() -> None:
    """Whatever the timer was set for when it came to be watched."""
    loop = asyncio.get_running_loop()
    overdue = Overdue(10.0)
    later, earlier = (aiohttp.StreamReader(BaseProtocol(loop), 2**16, loop=loop) for _ in range(2))
    overdue.watch(later)
    overdue.watch(earlier, loop.time() - 9.9)
    await until(lambda: isinstance(earlier.exception(), TimeoutError))
    assert later.exception() is None
    overdue.disarm()


async def test_an_answer_is_due_from_when_it_was_asked_for() -> None:
    """The time that its head took is none for its body."""

    async def late(head: str, writer: asyncio.StreamWriter) -> None:
        answer = report(head)
        await asyncio.sleep(0.5)
        writer.write(answer[:-100])
        await writer.drain()
        await asyncio.sleep(0.6)
        writer.write(answer[-100:])

    transport = Transport(read_timeout=0.9, total_timeout=0.9)
    async with serving(late) as (_, base_url), client(base_url, transport) as walee:
        with pytest.raises(AmbiguousError, match="no whole answer"):
            await walee.fetch(HANDLES[0])


async def test_what_waits_for_a_connection_of_yours_was_not_sent() -> None:
    """A session of the caller's is asked for no more than its connector lets through, in all or to one host."""

    async def silent(head: str, writer: asyncio.StreamWriter) -> None:
        sent.release()
        await asyncio.sleep(60)

    sent = asyncio.Semaphore(0)
    connector = aiohttp.TCPConnector(limit=100, limit_per_host=2)
    async with (
        serving(silent) as (_, base_url),
        aiohttp.ClientSession(connector=connector) as http,
        asyncio.timeout(10),
        client(base_url, Transport(session=http)) as walee,
    ):
        calls = [asyncio.create_task(walee.fetch(handle)) for handle in HANDLES[:5]]
        for _ in range(2):
            await sent.acquire()
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    assert walee.ledger.charges == {Charge.AMBIGUOUS: 2}


async def test_a_session_of_yours_is_waited_for_without_end() -> None:
    """It may have too few connections for all that you do with it, which is no reason to think that it bought."""

    async def slow(head: str, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.15)
        writer.write(report(head))

    connector = aiohttp.TCPConnector(limit=100, limit_per_host=1)
    async with serving(slow) as (server, base_url), aiohttp.ClientSession(connector=connector) as http:
        transport = Transport(session=http, **SOON)
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(client(base_url, transport)) for _ in range(5)]
            await asyncio.gather(*(one.creator_reports(HANDLES[:4], view=Headline).collect() for one in clients))
    assert sum(len(heads) for heads in server.connections) == 20
    assert [one.ledger.charges for one in clients] == [{Charge.BILLED: 4}] * 5


async def test_a_run_ends_though_an_answer_drips() -> None:
    """Its handle is given up like one that is met with silence, and the others come."""
    async with serving(dripping(HEAD)) as (_, base_url), client(base_url, Transport(**SOON)) as walee:
        async with asyncio.timeout(10):
            found = await walee.creator_reports(HANDLES, view=Headline).collect()
    failed = [outcome for outcome in found if isinstance(outcome, Failed)]
    assert {outcome.handle: type(outcome.error) for outcome in failed} == dict.fromkeys(HANDLES[:2], AmbiguousError)
    assert len(found) == len(HANDLES)


async def test_a_body_that_goes_on_with_what_is_none_is_not_waited_for() -> None:
    """The connection is closed then, and the request may have been a purchase."""

    async def answer(head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"suc\r\n')
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(b"no number\r\n")

    async with serving(answer) as (_, base_url), client(base_url) as walee:
        async with asyncio.timeout(10):
            with pytest.raises(AmbiguousError, match="broke before a whole answer came"):
                await walee.fetch(HANDLES[0])


async def test_what_nobody_asked_for_is_no_answer() -> None:
    """A connection over which something came while it rested is closed, and costs no request."""

    async def more(head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(report(head))
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.write(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")

    async with serving(more) as (server, base_url), client(base_url) as walee:
        for handle in HANDLES[:3]:
            found = await walee.creator_report(handle, view=Headline)
            assert found.user_profile is not None
            assert found.user_profile.username == handle
            await asyncio.sleep(0.05)
    assert [len(heads) for heads in server.connections] == [1, 1, 1]
    assert walee.ledger.sent == 3


async def test_a_connector_that_keeps_no_connections_says_so() -> None:
    """The request tells the gateway that the connection ends with the answer, as aiohttp's own do."""
    for ours in (True, False):
        async with (
            serving(whole) as (server, base_url),
            aiohttp.TCPConnector(force_close=True) as connector,
            aiohttp.ClientSession(connector=connector, connector_owner=False) as http,
        ):
            transport = Transport(connector=connector) if ours else Transport(session=http)
            async with client(base_url, transport) as walee:
                await walee.fetch(HANDLES[0])
        assert "\r\nConnection: close\r\n" in server.connections[0][0]


async def test_a_connector_is_asked_as_aiohttp_asks_it() -> None:
    """One of the caller's own may take everything but the request by name."""

    class Counting(aiohttp.TCPConnector):
        asked = 0

        async def connect(self, req: aiohttp.ClientRequest, **named: Any) -> Any:
            self.asked += 1
            return await super().connect(req, **named)

    async with (
        serving(whole) as (_, base_url),
        Counting() as connector,
        client(base_url, Transport(connector=connector)) as walee,
    ):
        await walee.fetch(HANDLES[0])
    assert connector.asked == 1


@pytest.mark.parametrize("said", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}"])
async def test_what_is_no_http_may_have_been_a_purchase(said: bytes) -> None:
    """It was sent, and what came back says nothing; the connection is not used again."""

    async def answer(head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(said if asked(head) == HANDLES[0] else report(head))

    async with serving(answer) as (server, base_url), client(base_url) as walee:
        with pytest.raises(AmbiguousError, match="broke before a whole answer came"):
            await walee.fetch(HANDLES[0])
        await walee.fetch(HANDLES[1])
    assert [len(heads) for heads in server.connections] == [1, 1]


@pytest.mark.parametrize("head_first", [False, True])
async def test_an_answer_nobody_waits_for_is_not_taken_for_the_next(head_first: bool) -> None:
    """Whoever gives up, before or after the answer has begun, takes the connection along."""
    begun = asyncio.Event()

    async def slow(head: str, writer: asyncio.StreamWriter) -> None:
        answer = report(head)
        if asked(head) == HANDLES[0]:
            if head_first:
                writer.write(answer[:200])
                await writer.drain()
            begun.set()
            await asyncio.sleep(0.1)
            answer = answer[200:] if head_first else answer
        writer.write(answer)

    async with serving(slow) as (server, base_url), client(base_url) as walee:
        given_up = asyncio.create_task(walee.fetch(HANDLES[0]))
        await begun.wait()
        await asyncio.sleep(0.02)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        for handle in HANDLES[1:4]:
            found = await walee.creator_report(handle, view=Headline)
            assert found.user_profile is not None
            assert found.user_profile.username == handle
    assert [len(heads) for heads in server.connections] == [1, 3]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a backlog of 0 takes more connections")
async def test_a_gateway_that_does_not_take_a_connection_was_sent_nothing() -> None:
    """Connecting has a limit of its own, after which it is certain that nothing was bought."""
    with ExitStack() as sockets:
        listening = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(8):  # nobody takes them, and then there is no room for more
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        base_url = f"http://127.0.0.1:{listening.getsockname()[1]}/api"
        async with client(base_url, Transport(connect_timeout=0.1)) as walee:
            with pytest.raises(NotSentError, match=r"no connection within 0\.1 s") as caught:
                await walee.fetch(HANDLES[0])
    assert caught.value.__context__ is None  # its frames would hold the key
