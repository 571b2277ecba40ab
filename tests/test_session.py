from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from walee_async import Headline, Options, RetryPolicy, Transport, WaleeClient
from walee_async.errors import (
    AmbiguousError,
    ConfigError,
    DeadlineError,
    InflateError,
    InvalidHandleError,
    NoReportError,
    NotReadyError,
    NotSentError,
    RefusedKeyError,
    ServerError,
    UnexpectedAnswerError,
    WaleeError,
)
from walee_async.events import AttemptEnded, AttemptStarted, Event, KeyBenched
from walee_async.outcomes import Charge
from walee_async.testing import (
    Bomb,
    Code,
    Drop,
    Echo,
    Garble,
    Gateway,
    Hang,
    Html,
    Quota,
    Redirect,
    RetryLater,
    Revoke,
    Slow,
    Status,
    Truncate,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from walee_async.testing import Fault

pytestmark = pytest.mark.anyio

SELF_SIGNED = Path(__file__).parent / "data" / "self-signed.pem"
"""A certificate for 127.0.0.1 and its key, made for these tests."""
ONCE = RetryPolicy(attempts=1, resend_ambiguous=0)


def client(gateway: Gateway, *, rate: float = 2000.0, **options: Any) -> WaleeClient:
    return WaleeClient(gateway.key, base_url=gateway.base_url, rate=rate, options=Options(**{"retry": ONCE, **options}))


@pytest.mark.parametrize(
    ("fault", "kind", "charge"),
    [
        (Status(500), ServerError, Charge.FAILED),
        (Status(503), ServerError, Charge.FAILED),
        (Status(522), ServerError, Charge.FAILED),
        (Html(502), ServerError, Charge.FAILED),
        (Status(400), NoReportError, Charge.FAILED),
        (Code("account_is_private"), NoReportError, Charge.FAILED),
        (RetryLater(7), NotReadyError, Charge.FAILED),
        (Html(200), UnexpectedAnswerError, Charge.AMBIGUOUS),
        (Redirect("https://elsewhere.example/"), UnexpectedAnswerError, Charge.FAILED),
        (Drop("request"), AmbiguousError, Charge.AMBIGUOUS),
        (Drop("headers"), AmbiguousError, Charge.AMBIGUOUS),
        (Drop(1000), AmbiguousError, Charge.AMBIGUOUS),
        (Truncate(), AmbiguousError, Charge.AMBIGUOUS),
        (Bomb(), InflateError, Charge.BILLED),
        (Revoke(), RefusedKeyError, Charge.REJECTED),
    ],
)
@pytest.mark.parametrize("ours", [True, False])
async def test_every_way_to_fail_has_its_error_and_its_charge(
    gateway: Gateway, fault: Fault, kind: type[WaleeError], charge: Charge, ours: bool
) -> None:
    """What comes back decides what is raised and what it may have cost, whosever the aiohttp session is."""
    gateway.plan(gateway.handles[0], fault)
    async with (
        aiohttp.ClientSession() as http,
        client(gateway, transport=Transport(session=None if ours else http)) as walee,
    ):
        with pytest.raises(kind) as caught:
            await walee.fetch(gateway.handles[0])
    error = caught.value
    assert type(error) is kind
    assert error.handle == gateway.handles[0]
    assert [attempt.charge for attempt in error.attempts] == [charge]
    assert walee.ledger.charges == {charge: 1}
    assert error.exchange is not None
    assert error.exchange.url.endswith(f"?handle={gateway.handles[0]}")
    assert error.exchange.status == error.attempts[0].status
    assert gateway.requests_seen == 1


async def test_the_time_to_wait_for_a_report_being_prepared_is_told(gateway: Gateway) -> None:
    """The gateway's estimate in minutes comes as seconds."""
    gateway.plan(gateway.handles[0], RetryLater(7))
    async with client(gateway) as walee:
        with pytest.raises(NotReadyError) as caught:
            await walee.fetch(gateway.handles[0])
    assert caught.value.eta == 7 * 60.0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("connections", value) for value in (0, -1, 2.5, True)),
        *(("max_inflated", value) for value in (0, None)),
        *(
            (field, value)
            for field in ("connect_timeout", "read_timeout", "total_timeout")
            for value in (0, -1, math.inf, math.nan, "5")
        ),
    ],
)
def test_a_transport_that_cannot_be_is_refused(field: str, value: Any) -> None:
    """What would hang, refuse every report or fail while sending is said before there is a client."""
    bound = r"it must be a (whole number of at least 1|number of seconds, above 0, and finite)\.$"
    with pytest.raises(ConfigError, match=rf"Transport\.{field} is {re.escape(repr(value))}; {bound}"):
        Transport(**{field: value})


def test_an_answer_may_take_as_long_as_a_silence_in_it() -> None:
    """What would cut a silence short that was asked for is said before there is a client."""
    with pytest.raises(
        ConfigError, match=r"total_timeout is 300 s; it must be at least as long as read_timeout, .* 600"
    ):
        Transport(read_timeout=600)


async def test_a_report_is_dated_by_when_it_came(gateway: Gateway) -> None:
    """`received_at` is when the answer was there, `sent_at` when the request went."""
    gateway.plan(gateway.handles[0], Hang(0.2))
    async with client(gateway) as walee:
        payload = await walee.fetch(gateway.handles[0])
    (attempt,) = payload.attempts
    assert payload.received_at - attempt.sent_at >= 0.2


async def test_a_connection_that_breaks_is_not_used_to_send_again_in_secret(gateway: Gateway) -> None:
    """aiohttp sends a GET again by itself when a kept-alive connection breaks; here the gateway sees one request."""
    gateway.plan(gateway.handles[1], Drop("request"))
    async with client(gateway, transport=Transport(connections=1)) as walee:
        await walee.fetch(gateway.handles[0])
        with pytest.raises(AmbiguousError):
            await walee.fetch(gateway.handles[1])
    assert gateway.requests_seen == 2


async def test_without_the_guard_the_same_break_is_sent_twice(gateway: Gateway) -> None:
    """The guard is needed: a plain aiohttp session makes two requests of one `get()` on such a connection."""
    gateway.plan(gateway.handles[1], Drop("request"))
    url = f"{gateway.base_url}/ask/tt/creator/report"
    async with aiohttp.ClientSession(headers={"x-api-key": gateway.key}) as http:
        for handle in gateway.handles[:2]:
            async with http.get(url, params={"handle": handle}) as response:
                await response.read()
    assert gateway.requests_seen == 3


async def test_a_gateway_that_cannot_be_reached_was_sent_nothing(gateway: Gateway) -> None:
    """A refused connection is not an ambiguous request: nothing was bought."""
    async with client(gateway) as walee:
        await gateway.aclose()
        with pytest.raises(NotSentError, match=r"Connect call failed|Cannot connect"):
            await walee.fetch(gateway.handles[0])
    assert walee.ledger.charges == {Charge.NOT_SENT: 1}


async def test_silence_ends_after_the_read_timeout(gateway: Gateway) -> None:
    """A gateway that takes a request and says nothing leaves it open whether the report was bought."""
    gateway.plan(gateway.handles[0], Hang())
    async with client(gateway, transport=Transport(read_timeout=0.2)) as walee:
        with pytest.raises(AmbiguousError, match=r"no answer within 0\.2 s"):
            await walee.fetch(gateway.handles[0])


async def test_a_connection_may_rest_longer_than_the_read_timeout(gateway: Gateway) -> None:
    """Silence counts while an answer is awaited; a connection that was idle meanwhile serves the next request."""
    async with client(gateway, transport=Transport(read_timeout=0.1)) as walee:
        await walee.fetch(gateway.handles[0])
        await asyncio.sleep(0.2)
        await walee.fetch(gateway.handles[1])
        assert walee.ledger.charges == {Charge.BILLED: 2}


async def test_the_deadline_covers_attempts_and_waits(gateway: Gateway) -> None:
    """A single call ends when its deadline passes, and says that what was cut off may have been bought."""
    gateway.plan(gateway.handles[0], Status(500), Hang())
    policy = RetryPolicy(deadline=0.4, base=0.01)
    async with client(gateway, retry=policy) as walee:
        with pytest.raises(DeadlineError, match="may have been bought") as caught:
            await asyncio.wait_for(walee.fetch(gateway.handles[0]), 2)
    assert [attempt.charge for attempt in caught.value.attempts] == [Charge.FAILED, Charge.AMBIGUOUS]


async def test_a_queue_longer_than_the_deadline_is_refused_at_once(gateway: Gateway) -> None:
    """A service learns immediately that its turn would come too late, and nothing is sent."""
    policy = RetryPolicy(deadline=2.0)
    async with client(gateway, rate=1.0, retry=policy) as walee:
        calls = [asyncio.create_task(walee.fetch(handle)) for handle in gateway.handles[:10]]
        done, late = await asyncio.wait(calls, timeout=0.3)
        assert len(done) >= 7
        assert sum(isinstance(task.exception(), DeadlineError) for task in done) == len(done) - 1
        for task in late:
            task.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


async def test_redirects_are_refused_and_the_key_stays_home(gateway: Gateway) -> None:
    """The key goes to the configured origin and nowhere else, whatever the gateway says."""
    async with Gateway(creators=1) as other:
        gateway.plan(gateway.handles[0], Redirect(f"{other.base_url}/ask/tt/creator/report?handle=x"))
        async with client(gateway) as walee:
            with pytest.raises(UnexpectedAnswerError, match="redirect"):
                await walee.fetch(gateway.handles[0])
        assert other.requests_seen == 0


@pytest.mark.parametrize("url", ["http://gateway.example/api", "ftp://127.0.0.1/api", "https://user:pw@x.example/api"])
async def test_an_origin_that_would_show_the_key_is_refused(url: str) -> None:
    """Plain http, except to this machine, and anything odd in the base URL is an error before a request is made."""
    with pytest.raises(ConfigError):
        WaleeClient("a-made-up-key-0001", base_url=url)


@pytest.mark.parametrize("given", ["/etc/ca.pem", 1, 0, None])
def test_what_says_nothing_of_certificates_is_refused(given: Any) -> None:
    """It would be taken for leave not to look at them."""
    said = r"Transport\.ssl is .*; it must be True, False, an aiohttp\.Fingerprint, or an ssl\.SSLContext: "
    with pytest.raises(ConfigError, match=said):
        Transport(ssl=given)


async def test_a_server_that_nobody_vouches_for_is_sent_nothing() -> None:
    """Its certificate is looked at before the request is sent; whoever trusts it says so, and is answered."""
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(SELF_SIGNED)
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):  # a fingerprint is looked at when all is ready to send
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=own) as server:
        base_url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/api"
        trusting = ssl.create_default_context(cafile=SELF_SIGNED)
        (certificate,) = trusting.get_ca_certs(binary_form=True)
        for trusted, kind in (
            (True, NotSentError),
            (aiohttp.Fingerprint(bytes(32)), NotSentError),
            (trusting, ServerError),
            (aiohttp.Fingerprint(hashlib.sha256(certificate).digest()), ServerError),
        ):
            sent = len(heads)
            options = Options(retry=ONCE, transport=Transport(ssl=trusted))
            async with WaleeClient("a-made-up-key-0001", base_url=base_url, options=options) as walee:
                with pytest.raises(kind):
                    await walee.fetch("river.kites")
            assert len(heads) - sent == (kind is ServerError)
    assert b"\r\nx-api-key: a-made-up-key-0001\r\n" in heads[0]


async def test_a_session_of_the_callers_is_used_and_left_open(gateway: Gateway) -> None:
    """A caller's aiohttp session does the work, still sends once, and is not closed with the client."""
    sent = []

    async def count(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        sent.append(request.url)
        return await handler(request)

    gateway.plan(gateway.handles[1], Drop("request"))
    async with aiohttp.ClientSession(headers={"X-Mine": "1"}, middlewares=(count,)) as http:
        async with client(gateway, transport=Transport(session=http)) as walee:
            await walee.creator_report(gateway.handles[0], view=Headline)
            with pytest.raises(AmbiguousError):
                await walee.fetch(gateway.handles[1])
        assert not http.closed
        async with http.get(gateway.base_url) as response:
            assert response.status in {401, 404}
    assert len(sent) == 1
    assert gateway.requests.total() == 2


async def test_a_connector_of_the_callers_is_used_and_left_open(gateway: Gateway) -> None:
    """Two clients may share one connector; closing them leaves it usable."""
    connector = aiohttp.TCPConnector(limit=2)
    for _ in range(2):
        async with client(gateway, transport=Transport(connector=connector)) as walee:
            await walee.fetch(gateway.handles[0])
    assert not connector.closed
    await connector.close()


@pytest.fixture
async def proxy() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A plain forward proxy: its address, and the request lines it was sent."""
    lines: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines.append(head.split(b"\r\n", 1)[0])
        host, port = head.split(b"//", 1)[1].split(b"/", 1)[0].split(b":")
        there, back = await asyncio.open_connection(host.decode(), int(port))
        back.write(
            head.replace(b"Connection: keep-alive\r\n", b"").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        )
        with contextlib.suppress(ConnectionError):
            writer.write(await there.read())
            await writer.drain()
        writer.close()
        back.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", lines


async def test_a_proxy_is_gone_through(gateway: Gateway, proxy: tuple[str, list[bytes]]) -> None:
    """With a proxy every request goes to it, in the form that proxies take."""
    address, lines = proxy
    async with client(gateway, transport=Transport(proxy=address)) as walee:
        with contextlib.suppress(WaleeError):
            await walee.fetch(gateway.handles[0])
    assert len(lines) == 1
    assert lines[0].startswith(b"GET http://127.0.0.1:")


async def test_the_environment_sends_nothing_elsewhere(
    gateway: Gateway, proxy: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Proxies and passwords that the environment names for all programs are none of this one's."""
    address, lines = proxy
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password something", "utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", address)
    monkeypatch.delenv("no_proxy", raising=False)
    gateway.plan(gateway.handles[0], Echo())
    async with client(gateway) as walee:
        with pytest.raises(ServerError) as caught:
            await walee.fetch(gateway.handles[0])
    assert lines == []
    assert caught.value.exchange is not None
    sent = caught.value.exchange.body.lower()
    assert "accept-encoding" in sent
    assert "authorization" not in sent


@pytest.mark.parametrize("size", [1000, 20_000])
async def test_a_body_past_the_cap_is_not_read_to_its_end(gateway: Gateway, size: int) -> None:
    """The cap bounds what one answer may take in memory, compressed or not."""
    async with client(gateway, transport=Transport(max_inflated=size)) as walee:
        with pytest.raises((InflateError, UnexpectedAnswerError), match=str(size)):
            await walee.fetch(gateway.handles[0])


async def test_a_body_that_was_garbled_is_kept(gateway: Gateway) -> None:
    """A report whose JSON is broken was paid for: the error of its decoding holds the bytes."""
    gateway.plan(gateway.handles[0], Garble())
    async with client(gateway) as walee:
        payload = await walee.fetch(gateway.handles[0])
    assert payload.encoding == "gzip"
    assert 5_000 < len(payload.body) < 50_000
    assert [attempt.charge for attempt in payload.attempts] == [Charge.BILLED]


async def test_the_evidence_does_not_hold_the_key(gateway: Gateway) -> None:
    """A gateway that repeats the key in its answer cannot put it into the error."""
    gateway.plan(gateway.handles[0], Echo())
    async with client(gateway) as walee:
        with pytest.raises(ServerError) as caught:
            await walee.fetch(gateway.handles[0])
    assert caught.value.exchange is not None
    assert caught.value.exchange.body
    assert gateway.key not in repr(caught.value.exchange)


async def test_an_attempt_is_told_when_it_starts_and_when_it_ends(gateway: Gateway) -> None:
    """The hook hears of each send twice, with queue and service time apart."""
    events: list[Event] = []
    gateway.plan(gateway.handles[0], Slow(0.1))
    async with client(gateway, hook=events.append) as walee:
        await walee.fetch(gateway.handles[0])
    _, started, ended, _ = events
    assert started == AttemptStarted(
        gateway.handles[0], 1, ended.attempt.key if isinstance(ended, AttemptEnded) else ""
    )
    assert isinstance(ended, AttemptEnded)
    assert ended.error is None
    assert ended.attempt.service_seconds >= 0.1
    assert ended.attempt.queue_seconds < 0.1


async def test_a_refused_key_is_told_of_once(gateway: Gateway) -> None:
    """The hook hears that a key was benched, whatever waits for it."""
    events: list[Event] = []
    gateway.plan(gateway.handles[0], Revoke())
    async with client(gateway, hook=events.append) as walee:
        for handle in gateway.handles[:3]:
            with pytest.raises(RefusedKeyError):
                await walee.fetch(handle)
    assert [event.error for event in events if isinstance(event, KeyBenched)] == ["RefusedKeyError"]
    assert gateway.requests_seen == 1


@pytest.mark.parametrize("advertise", ["ratelimit", "ratelimit-fields", "x-ratelimit"])
async def test_a_stated_limit_is_kept_before_it_is_met(advertise: Any) -> None:
    """A gateway that states its limit in headers is obeyed from its first answer on: no request is turned away.

    One at a time, since what is sent before an answer has come cannot know of it.
    """
    quota = Quota(20, advertise=advertise)
    async with Gateway(creators=50, quota=quota) as gateway, client(gateway, rate=100.0) as walee:
        await walee.creator_reports(gateway.handles, concurrency=1).collect()
        (key,) = walee.statistics()
    assert gateway.breaches == 0
    assert key.gate.limit == (20.0 if advertise == "ratelimit" else 100.0)


async def test_a_handle_is_parsed_before_anything_is_sent(gateway: Gateway) -> None:
    """A text that is no handle costs no request; a profile address is as good as the handle."""
    async with client(gateway) as walee:
        with pytest.raises(InvalidHandleError):
            await walee.creator_report("no body")
        await walee.creator_report(f"https://www.tiktok.com/@{gateway.handles[0]}")
    assert gateway.requests == {gateway.handles[0]: 1}
