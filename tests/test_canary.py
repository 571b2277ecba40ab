"""The API key appears nowhere: not in an error, a traceback, a pickle, a log, an event, a warning or a repr.

A canary key goes through a real client to a real gateway that misbehaves in every way it can, sends the key back where
it can, and breaks off where it can. Then everything that a user could print, log or ship elsewhere is searched for it.
"""

from __future__ import annotations

import asyncio
import base64
import html
import json
import logging
import pickle
import re
import socket
import ssl
import traceback
import warnings
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
import pytest

from walee_async import Failed, Options, RetryPolicy, Transport, WaleeClient
from walee_async.decode import decode
from walee_async.errors import (
    AmbiguousError,
    ConfigError,
    DeadlineError,
    DecodeError,
    ExhaustedKeyError,
    InflateError,
    LongPauseError,
    NoReportError,
    NotReadyError,
    NotSentError,
    RefusedKeyError,
    RunEndedError,
    ServerError,
    UnexpectedAnswerError,
    WaleeError,
)
from walee_async.testing import (
    Bomb,
    Code,
    Drop,
    Echo,
    Fault,
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
    Unsuccessful,
    WrongType,
)
from walee_async.testing.contracts import until

pytestmark = pytest.mark.anyio

# Its characters are changed by percent-, JSON-, HTML- and base64-encoding, so that each form is another text.
CANARY = 'Vq7/kZ+uX9=wJ&4mRb<Tz2>hG8\\pYc5"dNs'
SPARE = 'Lw3/nB+eF6=gS&1tQj<Hy8>vK5\\mPa9"cRx'
SHOWN = 8
"""Characters of a key in a row that are searched for, from every fourth one on; its label shows only the last four."""

RETRY = RetryPolicy(attempts=2, base=0.01, cap=0.02, deadline=2.0)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """In debug mode asyncio logs more, and shows more in what it logs."""
    return "asyncio", {"debug": True}


# -- the search -------------------------------------------------------------------------------------------------------


def forms(key: str) -> Iterator[str]:
    """The key as it is and as the encodings it may go through leave it."""
    yield key
    yield quote(key, safe="")
    yield "".join(f"%{ord(character):02X}" for character in key)
    yield json.dumps(key)[1:-1]
    yield "".join(f"\\u{ord(character):04x}" for character in key)
    yield html.escape(key)
    yield "".join(f"&#{ord(character)};" for character in key)
    for offset in range(3):
        data = b"\0" * offset + key.encode()
        inside = slice((0, 2, 3)[offset], len(data) * 8 // 6)
        yield base64.b64encode(data).decode()[inside]
        yield base64.urlsafe_b64encode(data).decode()[inside]


def sightings(key: str) -> Iterator[str]:
    """The forms in which a key is searched for: those, and what `repr` and JSON make of a text that holds them."""
    for form in forms(key):
        yield from (form, repr(form)[1:-1], json.dumps(form)[1:-1])
    yield key.encode().hex()


def pieces(form: str, key: str) -> Iterator[str]:
    """Overlapping pieces of a form that stand for SHOWN characters of the key each; lower case."""
    size = max(SHOWN, len(form) * SHOWN // len(key))
    for start in range(0, len(form) - size + 1, size // 2):
        yield form[start : start + size].lower()


NEEDLES = {piece for key in (CANARY, SPARE) for form in sightings(key) for piece in pieces(form, key)}


def leaks(text: str | bytes) -> list[str]:
    """The pieces of a key that a text holds."""
    searched = (text.decode("latin-1") if isinstance(text, bytes) else text).lower()
    return sorted(piece for piece in NEEDLES if piece in searched)


@pytest.mark.parametrize("key", [CANARY, SPARE], ids=["canary", "spare"])
def test_the_search_finds_a_key_in_every_form(key: str) -> None:
    """Each form of the key is found amid a text, whole and cut; the four characters of its label are not."""
    for form in sightings(key):
        assert leaks(f"x-api-key: {form}!")
        assert leaks(f"<{form[: len(form) // 2]}".encode())
    assert not leaks(f"key 1 (…{key[-4:]}) and …{key[-4:]}…")


def reachable(root: object) -> Iterator[object]:
    """All that can be reached from an object by attributes and items. Frames are searched by their locals instead."""
    seen: set[int] = set()
    waiting = [root]
    kept = []  # so that no id is used twice
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, type):
            continue
        seen.add(id(thing))
        kept.append(thing)
        yield thing
        waiting += _parts(thing)


def _parts(thing: object) -> Iterator[object]:
    if isinstance(thing, str | bytes | int | float):
        return
    if isinstance(thing, Mapping):
        yield from thing.keys()
        yield from thing.values()
    elif isinstance(thing, list | tuple | set | frozenset):
        yield from thing
    if isinstance(thing, BaseException):
        yield from (thing.args, thing.__cause__, thing.__context__, getattr(thing, "__notes__", ()))
    yield from getattr(thing, "__dict__", {}).values()
    for kind in type(thing).__mro__:
        for name in getattr(kind, "__slots__", ()):
            yield getattr(thing, name, None)
    for name in getattr(type(thing), "__struct_fields__", ()):
        yield getattr(thing, name, None)


def chained(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all it came from, by cause, by context (suppressed ones too) and in groups."""
    for thing in reachable(error):
        if isinstance(thing, BaseException):
            yield thing


class Evidence:
    """Everything a user could print, log or ship, each under the name of where it was found."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        self.events: list[Any] = []
        self.texts: dict[str | bytes, str] = {}

    def add(self, name: str, text: str | bytes) -> None:
        self.texts.setdefault(text, name)

    def add_error(self, error: BaseException) -> None:
        self.errors.append(error)

    def kinds(self) -> set[type[BaseException]]:
        """The errors met, with what they came from."""
        return {type(one) for error in self.errors for one in chained(error)}

    def found(self) -> list[str]:
        """Where a key was found since the last time, and what of it."""
        while self.errors:
            self._search_error(self.errors.pop())
        while self.events:
            event = self.events.pop()
            self.add("event", repr(event))
            self.add("event as JSON", msgspec.json.encode(event))
        texts, self.texts = self.texts, {}
        return [f"{name}: {leak} in {text[:2000]!r}" for text, name in texts.items() for leak in leaks(text)[:1]]

    def _search_error(self, error: BaseException) -> None:
        self.add("traceback", "".join(traceback.format_exception(error)))
        self.add("pickle", pickle.dumps(error))
        for thing in reachable(error):
            self.add(f"repr of a {type(thing).__name__} in {type(error).__name__}", repr(thing))
            if isinstance(thing, bytes):
                self.add(f"bytes in {type(error).__name__}", thing)
            elif isinstance(thing, msgspec.Struct) and type(thing).__name__ in {"Exchange", "Attempt"}:
                self.add(f"{type(thing).__name__} as JSON", msgspec.json.encode(thing))
        for one in chained(error):
            self.add(f"str of {type(one).__name__}", str(one))
            for frame, value in locals_of(one):
                self.add(f"local of {frame} in the traceback of {type(one).__name__}", value)


def locals_of(error: BaseException) -> Iterator[tuple[str, str]]:
    """The locals of every frame an error came through, but for those of this file, which makes the keys."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    for frame in shown.stack:
        if frame.filename != __file__:
            for name, value in (frame.locals or {}).items():
                yield f"{Path(frame.filename).name}:{frame.lineno} {name}", value


class Records(logging.Handler):
    """Keeps every log record as text, with all its parts."""

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(logging.DEBUG)
        self.evidence = evidence
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.evidence.add("log", self.format(record))
        self.evidence.add("log record", repr(record.__dict__))


@pytest.fixture
def evidence() -> Iterator[Evidence]:
    """Collects from the root logger at DEBUG and from the warnings, whatever else the test puts in."""
    evidence = Evidence()
    handler, root = Records(evidence), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield evidence
            for warning in caught:
                evidence.add("warning", f"{warning.message!r} {warning.source!r}")
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
    assert evidence.found() == []


# -- the misbehaviour -------------------------------------------------------------------------------------------------


class Case(NamedTuple):
    """Faults of a gateway, and the errors that a client makes of them when they are met by a call or a run."""

    name: str
    faults: Sequence[Fault]
    errors: set[type[WaleeError]]
    transport: Transport = Transport(read_timeout=0.1, max_inflated=1024 * 1024)
    retry: RetryPolicy = RETRY


CASES = [
    *(Case(f"status {code}", [Status(code)] * 2, {ServerError}) for code in (408, 500, 502, 503, 504, 520, 524)),
    *(Case(f"status {code}", [Status(code)], {UnexpectedAnswerError}) for code in (404, 405, 418)),
    *(Case(f"status {code}", [Status(code)], {RunEndedError, RefusedKeyError}) for code in (401, 403)),
    Case("status 400", [Status(400)], {NoReportError}),
    Case("status 402", [Status(402)], {RunEndedError, ExhaustedKeyError}),
    Case("status 429 for an hour", [Status(429, retry_after=3600)], {RunEndedError, LongPauseError}),
    Case("status 420 without a wait", [Status(420)], set()),
    Case("status 503 with a wait", [Status(503, retry_after=0.1)] * 2, {ServerError}),
    Case("unknown code", [Code("something_new")], {NoReportError}),
    *(
        Case(f"code {code}", [Code(code, valid=valid)], {error})
        for code, valid, error in [
            ("account_not_found", True, NoReportError),
            ("account_is_private", False, NoReportError),
            ("no_tokens_remaining", False, ExhaustedKeyError),
            ("daily_tokens_limit_exceeded", True, ExhaustedKeyError),
            ("subscription_ended", True, ExhaustedKeyError),
            ("invalid_api_key", True, RefusedKeyError),
        ]
    ),
    Case("retry later", [RetryLater()], {NotReadyError}),
    Case("html 502", [Html()] * 2, {ServerError}),
    *(Case(f"html {code}", [Html(code)], {UnexpectedAnswerError}) for code in (200, 401, 403)),
    Case("redirect", [Redirect("https://elsewhere.example/")], {UnexpectedAnswerError}),
    *(
        Case(f"drop after {after}{' by reset' * reset}", [Drop(after, reset)] * 2, {AmbiguousError})
        for after in ("request", "headers", 0, 400)
        for reset in (False, True)
    ),
    Case("truncate", [Truncate()] * 2, {AmbiguousError}),
    Case("hang", [Hang()] * 2, {AmbiguousError}),
    Case("slow", [Slow(0.05)], set()),
    Case("slower than we wait", [Slow(1.0, pieces=3)] * 2, {AmbiguousError}),
    Case("garbled JSON", [Garble()], {DecodeError}),
    Case("garbled encoding", [Garble("encoding")], {InflateError}),
    Case("wrong type", [WrongType("user_profile.followers", "many")], {DecodeError}),
    Case("bomb", [Bomb(2 * 1024 * 1024)], {InflateError}),
    Case("revoked", [Revoke()], {RunEndedError, RefusedKeyError}),
    Case("quota", [Quota(1, window=0.2, retry_after="milliseconds")], set()),
    Case("unsuccessful", [Unsuccessful()], {NoReportError}),
    Case("unsuccessful inside", [Unsuccessful(inner=True)], {NoReportError}),
    Case("deadline", [Hang()], {DeadlineError}, Transport(read_timeout=0.1), RetryPolicy(base=0, deadline=0.05)),
    *(
        Case(f"echo {status}", [Echo(status)] * (1 + kind.retryable), {kind})
        for status, kind in [
            (200, NoReportError),
            (400, NoReportError),
            (401, RefusedKeyError),
            (404, UnexpectedAnswerError),
            (500, ServerError),
        ]
    ),
]


def reflections() -> Iterator[Case]:
    """Answers that send the key back in a place and a form of their own."""
    for number, form in enumerate(forms(CANARY)):
        yield Case(
            f"body, form {number}",
            [Status(400, body=f'{{"error": "{form}", "message": "for {form}"}}')],
            {NoReportError},
        )
    page = f"<html><head><title>no {html.escape(CANARY)}</title></head><h1>{CANARY}</h1></html>"
    yield Case("web page", [Status(502, body=page)] * 2, {ServerError})
    for name in (
        "Server",
        "Via",
        "X-Request-Id",
        "Content-Type",
        "Set-Cookie",
        "WWW-Authenticate",
        "RateLimit",
        "Date",
    ):
        yield Case(f"header {name}", [Status(500, headers={name: CANARY})] * 2, {ServerError})
    yield Case("header Retry-After", [Status(429, retry_after=CANARY)], set())
    yield Case("header Content-Encoding, refused", [Status(400, headers={"Content-Encoding": CANARY})], {NoReportError})
    yield Case("header Content-Encoding, bought", [Status(200, headers={"Content-Encoding": CANARY})], {InflateError})
    for place in (
        f"https://elsewhere.example/{quote(CANARY, safe='')}",
        f"https://{CANARY}@elsewhere.example/",
        CANARY,
    ):
        yield Case(f"redirect {place[:10]}", [Redirect(place)], {UnexpectedAnswerError})
    long = "x" * 2040
    yield Case("body, cut in the key", [Status(400, body=f'{{"message": "{long}{CANARY}"}}')], {NoReportError})
    for room in (8, 16, 24):  # characters of it before the cut at 300
        server = {"Server": "x" * (300 - room) + CANARY}
        yield Case(f"header, cut in the key at {room}", [Status(400, headers=server)], {NoReportError})
    # What is masked gets shorter, so that the end of what is read at all comes up to what is shown.
    entities = "".join(f"&#x{ord(character):07x};" for character in CANARY)
    many = entities * (65_000 // len(entities))
    spaces = " " * (65_536 - len(many) - len('{"message": "') - 20)
    cut = f'{{"message": "{many}{spaces}{CANARY}"}}'
    yield Case("body, cut where reading ends", [Status(400, body=cut)], {NoReportError})


async def call(walee: WaleeClient, handle: str, evidence: Evidence) -> None:
    """Ask for one report, and keep what comes of it."""
    try:
        payload = await walee.fetch(handle)
        evidence.add("payload", repr(payload))
        decode(payload)
    except WaleeError as error:
        evidence.add_error(error)
    look(walee, evidence)


async def run(walee: WaleeClient, handles: Sequence[str], evidence: Evidence) -> None:
    """Ask for many reports, and keep what comes of them."""
    run = walee.creator_reports(handles)
    try:
        for outcome in await run.collect():
            if isinstance(outcome, Failed):
                evidence.add("outcome", repr(outcome))
                evidence.add_error(outcome.error)
    except RunEndedError as error:
        evidence.add_error(error)
    evidence.add("run", f"{run!r} {run.ledger!r} {run.progress()!r} {vars(run)!r}")
    look(walee, evidence)


def look(walee: WaleeClient, evidence: Evidence) -> None:
    """Print what a client says of itself and of its rooms."""
    evidence.add("client", f"{walee!r} {walee.ledger!r} {vars(walee)!r}")
    evidence.add("statistics", repr(walee.statistics()))
    evidence.add("statistics as JSON", msgspec.json.encode(walee.statistics()))


def client_of(base_url: str, evidence: Evidence, *, key: Any = CANARY, **options: Any) -> WaleeClient:
    """A client in a hurry, with the canary for its key and every event kept."""
    options = {"retry": RETRY, "hook": evidence.events.append} | options
    return WaleeClient(key, base_url=base_url, rate=500, options=Options(**options))


@pytest.mark.parametrize("case", [*CASES, *reflections()], ids=lambda case: case.name)
async def test_no_fault_brings_the_key_to_light(case: Case, evidence: Evidence) -> None:
    """Whatever the gateway does, and wherever it sends the key back, nothing that a user sees holds the key."""
    for use in (call, run):
        async with Gateway(creators=4, keys=[CANARY]) as gateway:
            gateway.plan(gateway.handles[0], *case.faults)
            handles = gateway.handles[0] if use is call else [*gateway.handles, "no handle!"]
            async with client_of(gateway.base_url, evidence, transport=case.transport, retry=case.retry) as walee:
                await use(walee, handles, evidence)
            assert gateway.faults.total() == len(case.faults)
    assert case.errors <= evidence.kinds()
    assert evidence.found() == []


async def test_every_key_of_several_is_kept(evidence: Evidence) -> None:
    """When one key is refused and the next one used up, the tale of it names neither."""
    async with Gateway(creators=4, keys=[CANARY, SPARE], credits=1) as gateway:
        gateway.plan(None, Echo(401), Echo(500))
        async with client_of(gateway.base_url, evidence, key=[CANARY, SPARE]) as walee:
            await run(walee, gateway.handles, evidence)
    assert {RunEndedError, ExhaustedKeyError} <= evidence.kinds()
    assert {"KeyBenched", "AttemptStarted", "AttemptEnded", "OutcomeReached"} <= {
        type(one).__name__ for one in evidence.events
    }
    assert evidence.found() == []


@asynccontextmanager
async def rude_server(answer: bytes | None) -> AsyncIterator[tuple[int, bytearray]]:
    """A server that answers with these bytes (None: with what it was sent) and hangs up; its port, and what came."""
    came = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = await reader.read(65_536)
        came.extend(said)
        writer.write(said if answer is None else answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], came


HEADERS = b"HTTP/1.1 500 Oh\r\nContent-Length: 5\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"",
        b"HTTP/1.1 " + CANARY.encode() + b"\r\n\r\n",
        b"HTTP/1.1 999999 " + CANARY.encode() + b"\r\n\r\n",
        HEADERS.replace(b"Oh", CANARY.encode()) + b"\r\nhello",
        HEADERS + CANARY.encode() + b"\r\n\r\nhello",
        HEADERS + b"Content-Length: " + CANARY.encode() + b"\r\n\r\nhello",
        b"HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n" + CANARY.encode() + b"\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n" + CANARY.encode() + b"\r\n",
    ],
    ids=["echo", "nothing", "status line", "status", "reason", "header line", "length", "chunk", "late chunk"],
)
async def test_what_is_no_http_does_not_bring_the_key_to_light(answer: bytes | None, evidence: Evidence) -> None:
    """An answer that breaks HTTP itself and repeats the key is told of without it."""
    async with rude_server(answer) as (port, came):
        async with client_of(f"http://127.0.0.1:{port}", evidence) as walee:
            await call(walee, "river.kites", evidence)
            await run(walee, ["river.kites", "sunny.owl"], evidence)
        assert CANARY.encode() in came
    assert evidence.kinds() & {AmbiguousError, ServerError}
    assert evidence.found() == []


async def test_a_connection_that_fails_does_not_bring_the_key_to_light(evidence: Evidence) -> None:
    """No server, no such host, no TLS, a proxy that refuses: nothing sent, nothing shown."""
    async with rude_server(b"HTTP/1.1 407 No\r\n\r\n") as (port, came), Gateway(creators=1) as gateway:
        proxy = Transport(proxy=f"http://127.0.0.1:{port}")
        for base_url, transport in [
            (f"http://127.0.0.1:{unused_port()}/api", Transport()),
            ("https://no-such-host.invalid/api", Transport(connect_timeout=1)),
            (gateway.base_url.replace("http:", "https:"), Transport()),
            (gateway.base_url.replace("http:", "https:"), Transport(ssl=ssl.create_default_context())),
            ("https://walee.example/api", proxy),
        ]:
            async with client_of(base_url, evidence, transport=transport) as walee:
                evidence.add("transport", repr(transport))
                await call(walee, "river.kites", evidence)
                await run(walee, ["river.kites", "sunny.owl"], evidence)
                assert walee.ledger.sent == 0
        assert not leaks(bytes(came))
    assert NotSentError in evidence.kinds()
    assert evidence.found() == []


def unused_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


async def test_cancelling_does_not_bring_the_key_to_light(evidence: Evidence) -> None:
    """A call cancelled in mid-exchange and a run that is left early leave nothing behind that holds the key."""
    async with Gateway(creators=4, keys=[CANARY]) as gateway:
        answered, *others = gateway.handles
        for handle in others:
            gateway.plan(handle, Hang())
        async with client_of(gateway.base_url, evidence) as walee:
            call = asyncio.create_task(walee.fetch(others[0]))
            await until(lambda: gateway.requests_seen == 1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError) as raised:
                await call
            evidence.add_error(raised.value)
            with pytest.raises(ZeroDivisionError) as broken:
                async with walee.creator_reports([answered, *others[1:]]) as left:
                    async for outcome in left:
                        evidence.add("outcome", repr(outcome.handle))
                        await until(lambda: gateway.requests_seen == 4)
                        raise ZeroDivisionError
            evidence.add_error(broken.value)
            look(walee, evidence)
            assert walee.ledger.ambiguous.total() == 3
    assert evidence.found() == []


async def test_a_broken_hook_does_not_bring_the_key_to_light(evidence: Evidence) -> None:
    """The log of a hook that raises tells of the event and of the hook's own error."""

    def hook(event: object) -> None:
        raise ValueError(repr(event))

    async with Gateway(creators=1, keys=[CANARY]) as gateway, client_of(gateway.base_url, evidence, hook=hook) as walee:
        await call(walee, gateway.handles[0], evidence)
    assert any("hook raised" in str(text) for text, name in evidence.texts.items() if name == "log")
    assert evidence.found() == []


async def test_the_rooms_do_not_show_the_key(evidence: Evidence) -> None:
    """A client, its keys, sessions and gates print without it, open or closed."""
    async with Gateway(creators=1, keys=[CANARY]) as gateway:
        walee = client_of(gateway.base_url, evidence)
        evidence.add("client", f"{walee!r} {vars(walee)!r}")
        async with walee:
            pool = walee._pool
            assert pool is not None
            (session,) = pool._sessions
            for room in (pool, session, session.gate, session._key, walee._source, walee._emitter):
                evidence.add(type(room).__name__, f"{room!r} {room!s}")
            for room in (pool, session, session.gate, walee._source):
                evidence.add(f"vars of {type(room).__name__}", repr(vars(room)))
        evidence.add("client", f"{walee!r} {vars(walee)!r}")
    assert evidence.found() == []


@pytest.mark.parametrize(
    "wrong", [f"{CANARY} {SPARE}", f"{CANARY}\n{SPARE}", f"{CANARY}\N{BULLET}", [CANARY, f"{SPARE}\t1"]]
)
def test_a_key_that_cannot_be_one_is_not_repeated(wrong: str | list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The error about a key with a space, a line break or other characters in it does not quote the key."""
    monkeypatch.setenv("WALEE_API_KEY", wrong if isinstance(wrong, str) else "")
    for given in (wrong, None) if isinstance(wrong, str) else (wrong,):
        with pytest.raises(ConfigError) as raised:
            WaleeClient(given)
        assert not leaks(repr(raised.value) + str(raised.value))
        assert not leaks(pickle.dumps(raised.value))
        assert not leaks("".join(traceback.format_exception_only(raised.value)))


@pytest.mark.parametrize(
    ("name", "wrong", "said"),
    [
        ("rate", -1, "The rate is -1; it must be a number"),
        ("base_url", "http://walee.example", "plain http to walee.example would show the key"),
        ("base_url", None, "the base URL is of type NoneType; it must be text such as https://host/api"),
        ("store", 5, "The store is of type int; it must be a path, an open Store or None"),
        ("max_age", -1, "The max_age is -1; it must be a number of seconds"),
        ("budget", 5, "The budget is of type int; it must be a Budget or None"),
        ("options", None, "The options argument is of type NoneType; it must be Options"),
        ("options", Options(hook=5), "The hook is 5; it must be something to call"),  # type: ignore[arg-type]
    ],
    ids=lambda value: str(value)[:20],
)
def test_an_argument_that_cannot_be_right_brings_no_key_to_light(
    name: str, wrong: Any, said: str, monkeypatch: pytest.MonkeyPatch, evidence: Evidence
) -> None:
    """No frame that the error came through holds a key, given or from the environment, and each frame can be shown."""
    monkeypatch.setenv("WALEE_API_KEYS", f"{CANARY}, {SPARE}")
    for given in (CANARY, [CANARY, SPARE], None):
        with pytest.raises(ConfigError, match=f"^{re.escape(said)}") as raised:
            WaleeClient(given, **{name: wrong})
        evidence.add_error(raised.value)
    assert evidence.found() == []


@pytest.mark.parametrize("other", ["", "a b", f"{SPARE}\N{BULLET}", None, 5, SPARE.encode()], ids=repr)
def test_a_good_key_beside_a_wrong_one_is_not_brought_to_light(
    other: Any, monkeypatch: pytest.MonkeyPatch, evidence: Evidence
) -> None:
    """Neither is in the frames that the error came through, wherever they are from."""
    monkeypatch.setenv("WALEE_API_KEYS", f"{CANARY}, {SPARE}\N{BULLET}")
    for given in ([CANARY, other], other, None):
        with pytest.raises(ConfigError) as raised:
            WaleeClient(given)
        evidence.add_error(raised.value)
    assert evidence.found() == []
