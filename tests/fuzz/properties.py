"""What holds of any input at all, for the tests, which draw it, and for the harness, which grows it.

Each function takes what comes from outside, and fails with an AssertionError where the package does not do as it
documents; any other exception but a WaleeError is a failure as well.
"""

from __future__ import annotations

import gzip
import pickle
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from walee_async import CreatorReport, Headline
from walee_async.decode import decode
from walee_async.errors import (
    AccountError,
    ConfigError,
    DecodeError,
    GatewayError,
    InflateError,
    InvalidHandleError,
    NoReportError,
    NotReadyError,
    PayloadError,
    RateLimitError,
    ServerError,
    UnexpectedAnswerError,
    WaleeError,
)
from walee_async.handles import Entry, parse_handle, read_entries, resolve
from walee_async.inflate import BACKENDS, inflate
from walee_async.outcomes import Charge, Payload
from walee_async.scoring import ScoreView
from walee_async.wire import Answer, charge_of, excerpt, read_answer

KEY = "wk_live_Zq8-T0rX4vB7nM2c+9d/a3f9"
CAP = 200_000
NOW = 1_760_000_000.0
MONTH = 32 * 86_400.0
"""The longest wait that a gateway is believed."""
LEAF = (NoReportError, NotReadyError, AccountError, RateLimitError, ServerError, UnexpectedAnswerError)
"""What an answer that is no report can be, by the tree at the top of errors.py."""


class Followers(Struct):
    """A part of a view that a user might write."""

    followers: int | None = None
    engagement_rate: float | None = None


class Own(Struct):
    """A view that a user might write."""

    user_profile: Followers | None = None
    cqs: dict[str, Any] | None = None


VIEWS: tuple[type[Any], ...] = (CreatorReport, Headline, ScoreView, dict, Own, msgspec.Raw)


def answer_holds(status: int, headers: Mapping[str, str], body: bytes) -> None:
    """An answer is a payload with the bytes that came, or an error of a documented class, which shows no key."""
    given = Answer(status=status, headers=dict(headers), body=body, received_at=NOW)
    shown = excerpt(given, [KEY])
    assert len(shown) <= 2048
    assert KEY not in shown
    try:
        payload = read_answer("river.kites", given, cap=CAP, keys=[KEY])
    except InflateError as error:
        assert 200 <= status < 300
        assert error.payload is not None
        assert error.payload.body == body
        assert charge_of(error) is Charge.BILLED
        carries(error)
    except GatewayError as error:
        assert isinstance(error, LEAF)
        assert (error.handle, error.status) == ("river.kites", status)
        assert charge_of(error) in _charges(error, status)
        _waits_hold(error)
        carries(error)
        _shows_no_key(error)
    else:
        assert 200 <= status < 300
        assert (payload.handle, payload.body, payload.received_at) == ("river.kites", body, NOW)
        payload_holds(payload)


def _charges(error: GatewayError, status: int) -> set[Charge]:
    if isinstance(error, AccountError | RateLimitError):
        return {Charge.REJECTED}
    ambiguous = isinstance(error, UnexpectedAnswerError) and 200 <= status < 300
    return {Charge.AMBIGUOUS if ambiguous else Charge.FAILED}


def _waits_hold(error: GatewayError) -> None:
    if isinstance(error, RateLimitError | ServerError):
        assert error.retry_after is None or 0 <= error.retry_after <= MONTH
    if isinstance(error, NotReadyError):
        assert error.eta is None or error.eta >= 0


def carries(error: WaleeError) -> None:
    """An error is a printable sentence, and survives pickling with all it carries."""
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), vars(copy).keys()) == (str(error), vars(error).keys())
    assert error.message is None or (error.message.isprintable() and 0 < len(error.message) <= 300)
    assert error.code is None or len(error.code) <= 16_384


def _shows_no_key(error: WaleeError) -> None:
    for text in (str(error), repr(error), repr(vars(error)), repr(pickle.dumps(error))):
        assert KEY not in text


def payload_holds(payload: Payload) -> None:
    """Every view of a payload is an object of it or a PayloadError that keeps the bytes, and the views agree."""
    found = {view: _decoded(payload, view) for view in VIEWS}
    whole, small = found[CreatorReport], found[Headline]
    if whole is not None:
        assert small is not None
        assert small.cqs_value == whole.cqs_value
        assert (small.user_profile is None) == (whole.user_profile is None)
        if whole.user_profile is not None:
            assert small.user_profile.followers == whole.user_profile.followers
            assert small.user_profile.username == whole.user_profile.username


def _decoded(payload: Payload, view: type[Any]) -> Any:
    try:
        report = decode(payload, view, cap=CAP)
    except PayloadError as error:
        assert isinstance(error, InflateError | DecodeError)
        assert error.payload is payload
        assert error.handle == payload.handle
        if isinstance(error, DecodeError):
            assert error.path is None or error.path.startswith("$")
        carries(error)
        return None
    assert isinstance(report, view)
    return report


def inflate_holds(body: bytes, encoding: str, cap: int) -> None:
    """Every back end gives the same content, never above the cap and as zlib has it, or the same sentence."""
    endings = {_ending(body, encoding, cap, backend) for backend in BACKENDS}
    assert len(endings) == 1
    (content,) = endings
    if isinstance(content, str):
        return
    assert len(content) <= cap
    match encoding.strip().lower():
        case "gzip" | "x-gzip":
            assert content == gzip.decompress(body)
        case "deflate":
            assert content in _inflated(body)
        case "" | "identity":
            assert content == body


def _inflated(body: bytes) -> list[bytes]:
    found = []
    for bits in (zlib.MAX_WBITS, -zlib.MAX_WBITS):
        with suppress(zlib.error):
            found.append(zlib.decompress(body, bits))
    return found


def _ending(body: bytes, encoding: str, cap: int, backend: str) -> bytes | str:
    try:
        return inflate(body, encoding, cap, backend=backend)
    except InflateError as error:
        carries(error)
        return str(error)


def handle_holds(text: str) -> None:
    """A text is refused in one printable sentence, or is a handle that stays what it is however it is written."""
    try:
        handle = parse_handle(text)
    except InvalidHandleError as error:
        assert str(error).isprintable()
        assert len(str(error)) < 400
        carries(error)
        return
    assert 1 <= len(handle) <= 64
    assert handle.isascii()
    assert handle == handle.lower()
    for written in (handle, f"@{handle}", handle.upper(), f" https://www.tiktok.com/@{handle}/video/1?lang=en "):
        assert parse_handle(written) == handle


def list_holds(path: Path, data: bytes, format: Any, column: str | None) -> None:  # noqa: A002
    """Any bytes of a file are entries in the order of its lines, each a handle or one sentence, or a ConfigError."""
    path.write_bytes(data)
    entries: list[Entry] = []
    try:
        entries += read_entries(path, column=column, format=format)
    except ConfigError as error:
        carries(error)
        assert not str(error).startswith("river")
    lines = [entry.line for entry in entries]
    assert lines == sorted(set(lines))
    assert all(1 <= line <= data.count(b"\n") + data.count(b"\r") + 1 for line in lines)
    for entry in entries:
        assert entry.source == str(path)
        _entry_holds(entry)


def _entry_holds(entry: Entry) -> None:
    try:
        handle = resolve(entry)
    except InvalidHandleError as error:
        assert error.detail.startswith(f"{entry.source}, line {entry.line}: ")
        carries(error)
    else:
        assert entry.problem is None
        handle_holds(handle)
