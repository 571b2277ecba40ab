"""The test gateway itself: each fault behaves as its name, the quota is exact, and the counters tell what happened."""

from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from walee_async.errors import ConfigError
from walee_async.testing import (
    TRANSIENT,
    Bomb,
    Code,
    Drop,
    Echo,
    Fault,
    Garble,
    Gateway,
    Hang,
    Html,
    Maker,
    Mix,
    Quota,
    Redirect,
    RetryLater,
    Revoke,
    Slow,
    Status,
    Truncate,
    Unsuccessful,
    WrongType,
)
from walee_async.testing.encoding import accepted
from walee_async.testing.quota import SlidingWindow
from walee_async.testing.serve import parse_quota, parse_share, serve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.anyio

Reply = tuple[int, Any, bytes]
"""Status, headers, and the body as it came."""


async def ask(gateway: Gateway, handle: str | None = None, *, key: str | None = None, **headers: str) -> Reply:
    """Ask for a report on a connection of its own."""
    params = {"handle": gateway.handles[0] if handle is None else handle}
    sent = {"x-api-key": gateway.key if key is None else key, "Accept-Encoding": "gzip", **headers}
    connector = aiohttp.TCPConnector(force_close=True)
    url = f"{gateway.base_url}/ask/tt/creator/report"
    async with (
        aiohttp.ClientSession(connector=connector, auto_decompress=False) as session,
        session.get(url, params=params, headers=sent, allow_redirects=False) as response,
    ):
        return response.status, response.headers, await response.read()


async def until(condition: Callable[[], object]) -> None:
    """Wait for what the other side of a socket will bring about."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a test has no event of the other side's
            await asyncio.sleep(0.001)


async def ask_raw(gateway: Gateway) -> bytes:
    """Ask over a bare socket and return every byte until the gateway closes."""
    place = urlsplit(gateway.base_url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    target = f"{place.path}/ask/tt/creator/report?handle={gateway.handles[0]}"
    writer.write(f"GET {target} HTTP/1.1\r\nHost: here\r\nx-api-key: {gateway.key}\r\n\r\n".encode())
    try:
        return await reader.read()
    finally:
        writer.close()


def read(reply: Reply) -> Any:
    """The JSON of a whole gzipped answer."""
    return json.loads(gzip.decompress(reply[2]))


async def test_a_report_is_served_as_made(gateway: Gateway) -> None:
    """A known handle gets its creator's report, gzipped, and is billed once."""
    handle = gateway.handles[3]
    status, headers, body = await ask(gateway, f" {handle.upper()}")
    assert (status, headers["Content-Encoding"]) == (200, "gzip")
    assert gzip.decompress(body) == gateway.maker.body(3)
    assert gateway.billed == gateway.requests == Counter({handle: 1})
    assert gateway.requests_seen == 1


@pytest.mark.parametrize(("asked", "encoding"), [("gzip, deflate", "gzip"), ("deflate", "deflate"), ("identity", None)])
async def test_the_encoding_is_the_client_s_choice(gateway: Gateway, asked: str, encoding: str | None) -> None:
    """The body is compressed only as the client allows, and is the same report however it travels."""
    _, headers, body = await ask(gateway, **{"Accept-Encoding": asked})
    assert headers.get("Content-Encoding") == encoding
    raw = gzip.decompress(body) if encoding == "gzip" else zlib.decompress(body) if encoding == "deflate" else body
    assert raw == gateway.maker.body(0)


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        (None, "identity"),
        ("", "identity"),
        ("br", "identity"),
        ("*", "gzip"),
        ("gzip;q=0, deflate", "deflate"),
        ("gzip;q=oops", "identity"),
        ("GZIP;q=0.5, br", "gzip"),
    ],
)
def test_accept_encoding_is_read_with_its_weights(header: str | None, encoding: str) -> None:
    """Weights of zero forbid, a star allows, and what is not understood is not used."""
    assert accepted(header) == encoding


async def test_what_is_no_report_request_is_refused(gateway: Gateway) -> None:
    """A wrong path, method, key or handle has its own status, and none is billed."""
    url = f"{gateway.base_url}/ask/tt/creator/report"
    headers = {"x-api-key": gateway.key}
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{gateway.base_url}/elsewhere", headers=headers) as response:
            assert response.status == 404
        async with session.post(url, headers=headers) as response:
            assert (response.status, response.headers["Allow"]) == (405, "GET")
        async with session.get(url, params={"handle": gateway.handles[0]}) as response:
            assert response.status == 401
            assert "not_authenticated" in await response.text()
    status, _, body = await ask(gateway, key="made-up")
    assert (status, b"invalid_api_key" in body) == (401, True)
    status, _, body = await ask(gateway, "")
    assert (status, b"bad_request" in body) == (400, True)
    assert gateway.requests_seen == 5
    assert not gateway.billed


async def test_an_unknown_handle_gets_the_documented_error(gateway: Gateway) -> None:
    """Its body is the documented one, which is not valid JSON, with the upstream's code in it."""
    status, _, body = await ask(gateway, "nobody.here")
    assert status == 400
    assert b'"message": "Failed to fetch creator report"\n' in body
    assert b"account_not_found" in body
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


async def test_the_documented_server_error_is_not_json(gateway: Gateway) -> None:
    """The body of a 500 is the documented one, to the letter."""
    gateway.plan(gateway.handles[0], Status(500))
    _, _, body = await ask(gateway)
    message = "Something went wrong. Please try again later."
    assert body.decode() == f'{{\n  "success": false,\n  "message": "{message}"\n  "payload": {{}}\n}}'


REFUSALS: list[tuple[Fault, int, dict[str, str], str]] = [
    (Status(503, retry_after=2), 503, {"Retry-After": "2"}, "Something went wrong"),
    (
        Status(429, retry_after="Wed, 21 Oct 2026 07:28:00 GMT"),
        429,
        {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"},
        "",
    ),
    (Status(429, headers={"retry-after-ms": "150"}), 429, {"retry-after-ms": "150"}, "Failed"),
    (Status(520, body=""), 520, {}, ""),
    (Code("no_tokens_remaining"), 400, {}, "no_tokens_remaining"),
    (Code("invalid_api_key", status=401, valid=True), 401, {}, "invalid_api_key"),
    (RetryLater(minutes=6), 400, {}, '"eta": 6'),
    (RetryLater(minutes=None), 400, {}, "retry_later"),
    (Html(502), 502, {"Content-Type": "text/html"}, "<h1>502"),
    (Redirect("https://example.com/"), 302, {"Location": "https://example.com/"}, ""),
    (Echo(), 500, {}, "x-api-key"),
]


@pytest.mark.parametrize(("fault", "status", "headers", "text"), REFUSALS, ids=lambda value: type(value).__name__)
async def test_a_planned_refusal_is_met_once(
    gateway: Gateway, fault: Fault, status: int, headers: dict[str, str], text: str
) -> None:
    """The next request meets the fault as planned, unbilled; the one after it gets the report."""
    gateway.plan(gateway.handles[0], fault)
    got, answered, body = await ask(gateway)
    assert (got, {name: answered[name] for name in headers}) == (status, headers)
    assert text in body.decode()
    assert not gateway.billed
    assert (await ask(gateway))[0] == 200
    assert gateway.faults == Counter({type(fault).__name__: 1})


async def test_an_echo_gives_the_key_away(gateway: Gateway) -> None:
    """The echoing answer really holds the key, so a client that shows it is found out."""
    gateway.plan(None, Echo(status=400))
    assert gateway.key.encode() in (await ask(gateway))[2]


async def test_faults_are_met_in_the_order_planned(gateway: Gateway) -> None:
    """A queue of faults is worked off request by request, each handle with its own, then that for any handle."""
    gateway.plan(gateway.handles[0], Status(500), Status(503))
    gateway.plan(None, Status(502))
    assert [(await ask(gateway))[0] for _ in range(4)] == [500, 503, 502, 200]
    assert gateway.answers == Counter({500: 1, 503: 1, 502: 1, 200: 1})


async def test_a_fault_for_nobody_is_a_mistake(gateway: Gateway) -> None:
    """A fault that no request could ever meet is refused when planned."""
    with pytest.raises(KeyError, match="nobody"):
        gateway.plan("nobody", Status(500))


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        (500, TypeError, "500 is no fault; write one such as Status"),
        (Status, TypeError, "'walee_async.testing.faults.Status'> is no fault"),
        (Revoke("unknown"), KeyError, "The gateway has no key 'unknown'"),
        (
            WrongType("user_profile.stat_history[99].month", 1),
            ValueError,
            r"no place for a WrongType at 'user_profile\.",
        ),
        (WrongType("user_profile.stat_history[99]", 1), ValueError, "no place"),
        (WrongType("user_profile.followers.count", 1), ValueError, "no place"),
        (WrongType("user_profile.stat_history.month", 1), ValueError, "no place"),
        (WrongType("user_profile[0]", 1), ValueError, "no place"),
        (WrongType("", 1), ValueError, "no place for a WrongType at ''"),
    ],
)
async def test_what_could_not_be_met_is_no_fault_to_plan(
    gateway: Gateway, fault: Any, kind: type[Exception], said: str
) -> None:
    """What is no fault, names a key that is not there, or has no place in the report, is refused with all beside it."""
    with pytest.raises(kind, match=said):
        gateway.plan(gateway.handles[0].upper(), Status(503), fault)
    assert (await ask(gateway))[0] == 200


@pytest.mark.parametrize("fault", [Revoke("unknown"), 500])
def test_what_is_strewn_must_be_faults(fault: Any) -> None:
    """A mix of what cannot be met is refused where the gateway is made."""
    with pytest.raises((KeyError, TypeError), match=r"has no key 'unknown'|500 is no fault"):
        Gateway(creators=5, faults=Mix(1.0, (fault,)))


async def test_what_turns_out_to_have_no_place_is_told_in_the_end() -> None:
    """A value planned for whichever report comes next, and strewn ones: where it has no place, the block raises it."""
    nowhere = WrongType("user_profile.stat_history[99]", 1)
    with pytest.raises(ValueError, match="has no place for a WrongType"):
        async with Gateway(creators=5) as gateway:
            gateway.plan(None, nowhere)
            assert [(await ask(gateway))[0] for _ in range(2)] == [500, 200]
    threaded = Gateway(creators=5, faults=Mix(1.0, (nowhere,)))
    with pytest.raises(ValueError, match="has no place for a WrongType"), threaded.in_thread():
        assert await asyncio.to_thread(fetch, threaded, 0) == 500


async def test_an_error_of_the_test_says_what_the_gateway_could_not_do() -> None:
    """A test that fails because of such a value ends with its own error, which has a note of it."""
    with pytest.raises(ZeroDivisionError) as caught:
        async with Gateway(creators=5) as gateway:
            gateway.plan(None, WrongType("user_profile.followers.count", 1))
            await ask(gateway)
            raise ZeroDivisionError
    (note,) = caught.value.__notes__
    assert note.endswith("The report has no place for a WrongType at 'user_profile.followers.count'")


@pytest.mark.parametrize("reset", [False, True])
async def test_a_dropped_request_gets_no_byte(gateway: Gateway, reset: bool) -> None:
    """The connection ends before a status line, and nothing is billed."""
    gateway.plan(gateway.handles[0], Drop("request", reset=reset))
    if reset:
        with pytest.raises(ConnectionResetError):
            await ask_raw(gateway)
    else:
        assert await ask_raw(gateway) == b""
    assert not gateway.billed
    assert gateway.answers == Counter({-1: 1})


@pytest.mark.parametrize(("fault", "size"), [(Drop("headers"), 0), (Drop(1_000), 1_000), (Truncate(0.5), None)])
async def test_a_cut_answer_declares_more_than_it_sends(gateway: Gateway, fault: Fault, size: int | None) -> None:
    """Headers promise the whole body, a part of it comes, the connection ends, and the report is billed."""
    gateway.plan(gateway.handles[0], fault)
    head, _, body = (await ask_raw(gateway)).partition(b"\r\n\r\n")
    whole = gateway.maker.body(0)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert f"Content-Length: {len(whole)}".encode() in head
    assert body == whole[: len(whole) // 2 if size is None else size]
    assert gateway.billed.total() == 1


async def test_a_cut_answer_is_an_error_to_a_client(gateway: Gateway) -> None:
    """An HTTP client cannot take a cut answer for a whole one."""
    gateway.plan(gateway.handles[0], Drop("headers"), Truncate(0.9))
    for _ in range(2):
        with pytest.raises(aiohttp.ClientPayloadError):
            await ask(gateway)


async def test_a_slow_body_takes_its_time_and_is_whole(gateway: Gateway) -> None:
    """The body is trickled over the seconds given."""
    gateway.plan(gateway.handles[0], Slow(0.2, pieces=5))
    before = time.monotonic()
    reply = await ask(gateway)
    assert time.monotonic() - before >= 0.2
    assert gzip.decompress(reply[2]) == gateway.maker.body(0)


async def test_a_hanging_answer_comes_late_or_never(gateway: Gateway) -> None:
    """A hang of some seconds ends with the report; one without end is ended by the client, unbilled."""
    gateway.plan(gateway.handles[0], Hang(0.1), Hang())
    before = time.monotonic()
    assert (await ask(gateway))[0] == 200
    assert time.monotonic() - before >= 0.1
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ask(gateway), 0.2)
    assert gateway.billed.total() == 1


async def test_garbled_json_is_whole_gzip(gateway: Gateway) -> None:
    """The body inflates and its JSON breaks off."""
    gateway.plan(gateway.handles[0], Garble())
    status, _, body = await ask(gateway)
    assert status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(gzip.decompress(body))
    assert gateway.billed.total() == 1


async def test_a_garbled_encoding_does_not_inflate(gateway: Gateway) -> None:
    """The body has its declared length and is no gzip inside."""
    gateway.plan(gateway.handles[0], Garble("encoding"))
    _, headers, body = await ask(gateway)
    assert int(headers["Content-Length"]) == len(body)
    with pytest.raises((zlib.error, gzip.BadGzipFile, EOFError)):
        gzip.decompress(body)


@pytest.mark.parametrize("path", ["user_profile.followers", "user_profile.stat_history[0].month", "made.up.place"])
async def test_a_wrong_type_stands_at_its_path_alone(gateway: Gateway, path: str) -> None:
    """One value is replaced and all others are as made; the report is billed."""
    gateway.plan(gateway.handles[0], WrongType(path, ["oops"]))
    wrong, right = read(await ask(gateway))["payload"], gateway.maker.report(0)["payload"]
    assert wrong != right
    place: Any = wrong
    for step in path.replace("[0]", ".0").split("."):
        place = place[int(step) if step.isdigit() else step]
    assert place == ["oops"]
    assert gateway.billed.total() == 1


@pytest.mark.parametrize("inner", [False, True])
async def test_an_unsuccessful_200_is_not_billed(gateway: Gateway, inner: bool) -> None:
    """A 200 can say `success: false`, in the envelope or in the payload, and is no purchase."""
    gateway.plan(gateway.handles[0], Unsuccessful("account_is_private", inner=inner))
    envelope = read(await ask(gateway))
    assert (envelope["payload"] if inner else envelope)["success"] is False
    assert "account_is_private" in json.dumps(envelope)
    assert not gateway.billed


async def test_a_bomb_is_small_on_the_wire_and_valid(gateway: Gateway) -> None:
    """Few bytes travel; inflated they are a JSON answer of the size given."""
    gateway.plan(gateway.handles[0], Bomb(8 * 1024 * 1024))
    reply = await ask(gateway)
    assert len(reply[2]) < 100_000
    assert len(read(reply)["payload"]["version"]) == 8 * 1024 * 1024


async def test_a_revoked_key_stays_refused() -> None:
    """From the revoking request on the key gets 401, and others do not."""
    async with Gateway(creators=5, keys=2) as gateway:
        first, second = gateway.keys
        gateway.plan(gateway.handles[0], Revoke(second))
        gateway.plan(gateway.handles[1], Revoke())
        assert (await ask(gateway, key=first))[0] == 200
        assert (await ask(gateway, key=second))[0] == 401
        assert (await ask(gateway, gateway.handles[1], key=first))[0] == 401
        assert (await ask(gateway, key=first))[0] == 401


async def test_credits_run_out() -> None:
    """A key buys as many reports as it has credits; errors cost none."""
    async with Gateway(creators=5, credits=2) as gateway:
        gateway.plan(gateway.handles[0], Status(500))
        assert [(await ask(gateway))[0] for _ in range(4)] == [500, 200, 200, 400]
        assert b"no_tokens_remaining" in (await ask(gateway))[2]
        assert gateway.billed.total() == 2


@given(
    st.integers(1, 20),
    st.sampled_from([0.5, 1.0, 10.0]),
    st.integers(0, 3),
    st.lists(st.floats(0, 0.4), min_size=1, max_size=80),
    st.floats(0, 1e5),
)
@example(1, 60.0, 0, [0.0], 977.4)  # 977.4 + 60 − 977.4 is more than 60
def test_the_quota_is_exact(allowed: int, window: float, burst: int, gaps: list[float], now: float) -> None:
    """No window ever admits more than allowed, nothing is refused that would fit, and waiting as told is enough."""
    limiter = SlidingWindow(Quota(allowed / window, window, burst=burst))
    admitted: list[float] = []
    for gap in gaps:
        now += gap
        recent = [at for at in admitted if at > now - window]
        verdict = limiter.judge(now)
        assert (verdict.wait is None) == (len(recent) < allowed + burst)
        assert verdict.reset <= window
        if verdict.wait is None:
            admitted.append(now)
        else:
            assert 0 < verdict.wait <= window
            assert len([at for at in recent if at > now + verdict.wait + 1e-9 - window]) < allowed + burst


async def test_requests_over_the_quota_are_refused_and_counted() -> None:
    """Of ten requests at once against three a minute, three are served and seven told the wait in whole seconds."""
    async with Gateway(creators=5, quota=Quota(3 / 60, 60, burst=0)) as gateway:
        replies = await asyncio.gather(*(ask(gateway) for _ in range(10)))
        assert Counter(status for status, _, _ in replies) == Counter({200: 3, 429: 7})
        waits = {int(headers["Retry-After"]) for status, headers, _ in replies if status == 429}
        assert waits <= {59, 60}
        assert (gateway.breaches, gateway.billed.total(), gateway.requests_seen) == (7, 3, 10)
        assert len(gateway.arrivals[gateway.key]) == 10
        assert gateway.statistics().keys[0].busiest_second <= 10


async def test_waiting_as_told_is_enough() -> None:
    """A client that waits for the milliseconds it was told is admitted."""
    async with Gateway(creators=5, quota=Quota(10, 0.2, burst=0, retry_after="milliseconds")) as gateway:
        replies = [await ask(gateway) for _ in range(3)]
        assert [status for status, _, _ in replies] == [200, 200, 429]
        await asyncio.sleep(int(replies[2][1]["retry-after-ms"]) / 1000)
        assert (await ask(gateway))[0] == 200


@pytest.mark.parametrize(
    ("manner", "header", "pattern"),
    [(None, None, ""), (2.5, "Retry-After", "2.5"), ("date", "Retry-After", " GMT"), ("seconds", "Retry-After", "60")],
)
async def test_a_refusal_tells_the_wait_in_its_manner(manner: Any, header: str | None, pattern: str) -> None:
    """Seconds, a date, a fixed number, or nothing at all."""
    async with Gateway(creators=5, quota=Quota(1 / 60, 60, burst=0, retry_after=manner)) as gateway:
        await ask(gateway)
        status, headers, _ = await ask(gateway)
        assert status == 429
        assert {name for name in headers if "retry" in name.lower()} == ({header} if header else set())
        assert header is None or pattern in headers[header]


@pytest.mark.parametrize(
    ("manner", "expected"),
    [
        ("ratelimit", {"RateLimit-Policy": '"default";q=3;w=60', "RateLimit": '"default";r=2;t=60'}),
        ("ratelimit-fields", {"RateLimit-Limit": "3", "RateLimit-Remaining": "2", "RateLimit-Reset": "60"}),
        ("x-ratelimit", {"X-RateLimit-Limit": "3", "X-RateLimit-Remaining": "2", "X-RateLimit-Reset": "60"}),
    ],
)
async def test_the_quota_is_advertised_when_asked_to(manner: Any, expected: dict[str, str]) -> None:
    """Every answer says what is left, in one of the three spellings in use."""
    async with Gateway(creators=5, quota=Quota(2 / 60, 60, advertise=manner)) as gateway:
        status, headers, _ = await ask(gateway)
        assert status == 200
        assert {name: headers[name] for name in expected} == expected


async def test_each_key_has_its_own_quota() -> None:
    """One key's requests do not count against another's."""
    async with Gateway(creators=5, keys={"one": Quota(1 / 60, 60), "two": None}, quota=Quota(50)) as gateway:
        assert [(await ask(gateway, key="one"))[0] for _ in range(3)] == [200, 200, 429]
        assert [(await ask(gateway, key="two"))[0] for _ in range(3)] == [200, 200, 200]
        assert {key.label: (key.requests, key.breaches) for key in gateway.statistics().keys} == {
            "…one": (3, 1),
            "…two": (3, 0),
        }


async def test_a_quota_can_change_midway(gateway: Gateway) -> None:
    """Planned as a fault, a quota holds from its request on, which it counts."""
    gateway.plan(gateway.handles[0], Quota(2 / 60, 60, burst=0))
    assert [(await ask(gateway))[0] for _ in range(3)] == [200, 200, 429]


async def test_too_many_connections_are_refused() -> None:
    """With more connections open than allowed the answer is 420."""
    async with Gateway(creators=5, quota=Quota(1_000, connections=1)) as gateway, aiohttp.ClientSession() as session:
        gateway.plan(None, Hang())
        hanging = asyncio.create_task(ask(gateway))
        await until(lambda: gateway.requests_seen)
        url, headers = f"{gateway.base_url}/ask/tt/creator/report", {"x-api-key": gateway.key}
        async with session.get(url, params={"handle": gateway.handles[1]}, headers=headers) as response:
            assert (response.status, "conn_limit_exceeded" in await response.text()) == (420, True)
        hanging.cancel()
        await asyncio.wait([hanging])


async def test_latency_delays_every_answer() -> None:
    """An answer takes at least the latency."""
    async with Gateway(creators=5, latency=0.1) as gateway:
        before = time.monotonic()
        await ask(gateway)
        assert time.monotonic() - before >= 0.1


async def test_faults_may_be_given_by_handle() -> None:
    """A gateway can be made with its plan."""
    handle = Maker(3).handle(2)
    async with Gateway(creators=5, seed=3, faults={handle: [Status(500)]}) as gateway:
        assert [(await ask(gateway, handle))[0], (await ask(gateway, handle))[0]] == [500, 200]


@given(st.integers(0, 1_000), st.sampled_from([0.0, 0.03, 0.5, 1.0]))
def test_a_mix_strews_the_same_faults_in_every_run(seed: int, rate: float) -> None:
    """Which request meets which fault is determined by seed, handle and count, and about the rate of them do."""
    mix = Mix(rate, seed=seed)
    first = [mix.pick(f"handle{number}", 1) for number in range(1_000)]
    assert first == [mix.pick(f"handle{number}", 1) for number in range(1_000)]
    assert sum(fault is not None for fault in first) / 1_000 == pytest.approx(rate, abs=0.09)
    assert all(fault is None or fault in TRANSIENT for fault in first)


async def test_a_mix_is_met_over_real_requests() -> None:
    """With every request faulty, the answers are those the mix picks, in order."""
    mix = Mix(1.0, (Status(500), Status(503), Html(502)), seed=4)
    async with Gateway(creators=5, faults=mix) as gateway:
        statuses = [(await ask(gateway))[0] for _ in range(8)]
        picked = [mix.pick(gateway.handles[0], number) for number in range(1, 9)]
        names = [{500: Status(500), 503: Status(503), 502: Html(502)}[status] for status in statuses]
        assert names == picked


async def test_a_planted_creator_is_served_under_its_handle() -> None:
    """A creator of the test's own traits takes the place of the made-up one, or a place of its own."""
    async with Gateway(creators=5) as gateway:
        before = read(await ask(gateway))
        gateway.plant(gateway.maker.creator(0, followers=123_456))
        gateway.plant(gateway.maker.creator(1, handle="planted.one", followers=777))
        after, planted = read(await ask(gateway)), read(await ask(gateway, "planted.one"))
        assert before["payload"]["user_profile"]["followers"] != 123_456
        assert after["payload"]["user_profile"]["followers"] == 123_456
        assert planted["payload"]["user_profile"]["username"] == "planted.one"


async def test_a_planted_creator_is_found_however_its_handle_is_spelt() -> None:
    """A handle with capitals is served for any spelling, can be planned for, and a second one takes its place."""
    async with Gateway(creators=5) as gateway:
        for followers in (777, 888):
            gateway.plant(gateway.maker.creator(0, handle="My.Creator", followers=followers))
            for spelt in ("my.creator", "My.Creator"):
                profile = read(await ask(gateway, spelt))["payload"]["user_profile"]
                assert (profile["username"], profile["followers"]) == ("My.Creator", followers)
        gateway.plan("My.creator", Status(503))
        assert (await ask(gateway, "MY.CREATOR"))[0] == 503


async def test_small_reports_are_for_many_handles() -> None:
    """A gateway of a million small creators starts at once, and answers each under its own name."""
    async with Gateway(Maker(2, creators=1_000_000, small=True)) as gateway:
        handle = gateway.maker.handle(987_654)
        reply = await ask(gateway, handle)
        assert len(reply[2]) < 2_000
        assert read(reply)["payload"]["user_profile"]["username"] == handle


async def test_statistics_are_read_by_other_processes(gateway: Gateway) -> None:
    """The counters are there as JSON on the same port, and reading them counts as nothing."""
    await ask(gateway)
    await ask(gateway, "nobody.here")
    url = gateway.base_url.removesuffix("/api") + "/_gateway/statistics"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        told = await response.json()
    assert told == msgspec.to_builtins(gateway.statistics(), str_keys=True) | {"connections": told["connections"]}
    assert (told["requests"], told["billed"], told["answers"]) == (2, 1, {"200": 1, "400": 1})


async def test_closing_ends_hanging_answers_at_once() -> None:
    """A gateway with requests in hand closes within a fraction of a second and leaves no task behind."""
    before = asyncio.all_tasks()
    gateway = Gateway(creators=5)
    await gateway.start()
    gateway.plan(None, *[Hang()] * 5, *[Slow(60.0)] * 5)
    asking = [asyncio.create_task(ask(gateway)) for _ in range(10)]
    await until(lambda: gateway.requests_seen == 10)
    started = time.monotonic()
    await gateway.aclose()
    assert time.monotonic() - started < 1
    results = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(result, aiohttp.ClientError) for result in results)
    assert asyncio.all_tasks() == before
    assert gateway.connections == 0
    await gateway.aclose()


async def test_a_client_that_goes_away_leaves_nothing_behind(gateway: Gateway) -> None:
    """The gateway lets go of the connection of a client which gave up."""
    gateway.plan(None, Hang())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ask(gateway), 0.1)
    await until(lambda: not gateway.connections)


def test_a_gateway_that_does_not_listen_has_no_address() -> None:
    """Its address is asked for too early when it is not started."""
    with pytest.raises(RuntimeError, match="not started"):
        _ = Gateway(creators=5).base_url


def fetch(gateway: Gateway, number: int) -> int:
    """Ask with the standard library alone."""
    url = f"{gateway.base_url}/ask/tt/creator/report?handle={gateway.handles[number]}"
    request = urllib.request.Request(url, headers={"x-api-key": gateway.key})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_a_thread_serves_plain_code() -> None:
    """Run in a thread, the gateway serves code without a loop, takes plans from it, and ends with its block."""
    with Gateway(creators=5).in_thread() as gateway:
        gateway.plan(gateway.handles[1], Status(503))
        assert [fetch(gateway, 0), fetch(gateway, 1), fetch(gateway, 1)] == [200, 503, 200]
        assert gateway.billed.total() == 2
    with pytest.raises(RuntimeError, match="not started"):
        _ = gateway.port


async def test_a_thread_that_cannot_listen_says_so(gateway: Gateway) -> None:
    """Starting twice on one port raises where it is asked for, not in the thread."""

    class Crowded(Gateway):
        async def start(self, port: int = 0) -> None:
            await super().start(gateway.port)

    with pytest.raises(OSError, match="in use"):
        Crowded(creators=5).in_thread().start()


def test_the_fixture_serves_any_kind_of_test(tmp_path: Path) -> None:
    """By installing the package users have the fixture, made as the marker says; nothing is imported before it."""
    (tmp_path / "test_theirs.py").write_text(
        """
import sys
import urllib.request

import pytest

assert "aiohttp" not in sys.modules

def fetch(gateway):
    url = f"{gateway.base_url}/ask/tt/creator/report?handle={gateway.handles[-1]}"
    request = urllib.request.Request(url, headers={"x-api-key": gateway.key})
    return urllib.request.urlopen(request, timeout=10).status

def test_plain(walee_gateway):
    assert len(walee_gateway.handles) == 20
    assert fetch(walee_gateway) == 200

@pytest.mark.walee_gateway(4, seed=7)
def test_of_a_number(walee_gateway):
    assert len(walee_gateway.handles) == 4

@pytest.mark.walee_gateway(creators=3, seed=7)
@pytest.mark.anyio
async def test_of_anyio(walee_gateway):
    assert len(walee_gateway.handles) == 3
    assert fetch(walee_gateway) == 200
    assert walee_gateway.billed.total() == 1
""",
        "utf-8",
    )
    options = ["-q", "-W", "error", "--strict-markers", "-p", "no:cacheprovider"]
    if "walee_async" not in _plugins():
        options += ["-p", "walee_async.testing.pytest_plugin"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(tmp_path)], check=False, capture_output=True, text=True
    )
    assert "passed" in run.stdout, run.stdout + run.stderr
    assert run.returncode == 0


def _plugins() -> set[str]:
    from importlib.metadata import entry_points

    return {entry.name for entry in entry_points(group="pytest11")}


async def test_serving_lasts_until_it_is_cancelled() -> None:
    """The gateway is announced once it listens, and closed when the serving is cancelled."""
    told: asyncio.Queue[Gateway] = asyncio.Queue()
    task = asyncio.create_task(serve(Gateway(creators=5), announce=told.put_nowait))
    gateway = await told.get()
    assert (await ask(gateway))[0] == 200
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gateway.connections == 0


@pytest.mark.parametrize("port", [None, 70_000])
async def test_a_port_that_cannot_be_had_is_a_clear_error(gateway: Gateway, port: int | None) -> None:
    """A taken or impossible port is the caller's mistake, told as such."""
    with pytest.raises(ConfigError, match="cannot listen on port"):
        await serve(Gateway(creators=5), port=port or gateway.port)


@pytest.mark.parametrize(
    ("text", "rate", "window"),
    [("20/s", 20, 1), ("600/min", 10, 60), (" 50 / 10s", 5, 10), ("0.5/sec", 0.5, 1), ("7200/h", 2, 3600)],
)
def test_a_quota_is_read_from_text(text: str, rate: float, window: float) -> None:
    """Requests per time, in the spellings people use."""
    assert parse_quota(text) == Quota(rate, window)


@pytest.mark.parametrize("text", ["", "20", "20/", "/s", "-1/s", "0/s", "5/0s", "twenty/s", "20/day"])
def test_what_is_no_quota_is_refused(text: str) -> None:
    """The sentence says how to write one."""
    with pytest.raises(ConfigError, match="is no quota"):
        parse_quota(text)


@pytest.mark.parametrize(("text", "share"), [("2%", 0.02), ("0.02", 0.02), ("100 %", 1), ("0", 0), (" 1.5% ", 0.015)])
def test_a_share_is_read_from_text(text: str, share: float) -> None:
    """A percentage or a fraction."""
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "%", "2", "101%", "-1%", "two", "nan"])
def test_what_is_no_share_is_refused(text: str) -> None:
    """The sentence says how to write one."""
    with pytest.raises(ConfigError, match="is no share"):
        parse_share(text)
