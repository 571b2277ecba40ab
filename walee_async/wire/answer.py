"""What an answer means: a payload, or the error it is."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Raw, Struct

from walee_async.errors import InflateError, UnexpectedAnswerError, WaleeError
from walee_async.inflate import decompress, inflate
from walee_async.outcomes import Payload
from walee_async.wire.request import LONGEST, printable, redact
from walee_async.wire.verdict import CODES, judge

if TYPE_CHECKING:
    from collections.abc import Iterable

BEGINNING: Final = 65_536
"""Bytes of an error answer that are decompressed."""

_READ: Final = 16_384
_EXCERPT: Final = 2048
_GZIP: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"
_ENVELOPE: Final = re.compile(
    rb'\s*\{\s*"success"\s*:\s*true\s*,\s*"message"\s*:\s*"[^"\\]*+(?:\\.[^"\\]*+)*+"\s*,'
    rb'\s*"payload"\s*:\s*\{\s*"success"\s*:\s*true\s*,',
    re.DOTALL,
)
_REFUSAL: Final = re.compile(rb'\s*\{\s*"success"\s*:\s*false\b')
_NOTHING: Final = (b"", b"null", b"{}", b"[]", b'""')


class Answer(Struct, kw_only=True):
    """A whole answer as it came.

    `headers` by lower-case name, `body` still compressed, `received_at` in Unix seconds.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    received_at: float


def read_answer(handle: str, answer: Answer, *, cap: int, keys: Iterable[str] = ()) -> Payload:
    """Return the payload of an answer, its body as received, its envelope checked.

    Both `success` flags are checked, and a report is never thrown away: a body that begins like JSON but does not
    parse was bought, unless it begins with a flag that is false, and is handed on for the decoder to complain about
    with the bytes kept. `cap` limits the decompressed bytes; `keys` are kept out of whatever is raised, except that an
    InflateError keeps the bytes as they are.

    Raises:
        GatewayError: the answer is no report; which one, by status and code. A status 200 with a false flag is judged
            by its code alone, and an unknown code is a NoReportError. A page, an empty body, or an envelope whose
            `payload` is missing, null or empty although the flags are true, is an UnexpectedAnswerError: it is not
            known whether that was bought.
        InflateError: the report does not decompress, or to more than `cap`; the error keeps the payload.
    """
    if not 200 <= answer.status < 300:
        raise _judged(handle, answer, _beginning(answer), keys)
    keys = tuple(keys)
    encoding = _encoding(answer, keys)
    payload = Payload(handle=handle, body=answer.body, encoding=encoding, received_at=answer.received_at)
    data = _inflated(payload, answer.status, cap)
    if not _ENVELOPE.match(data):
        _check_envelope(handle, answer, bytes(data), keys)
    payload._inflated = data
    return payload


def excerpt(answer: Answer, keys: Iterable[str]) -> str:
    """The beginning of an answer's body for a person to read: at most 2,048 printable characters, without the keys."""
    return printable(_text(_beginning(answer), keys), _EXCERPT)


def _inflated(payload: Payload, status: int, cap: int) -> bytes | bytearray:
    try:
        return decompress(payload.body, payload.encoding, cap)
    except InflateError as error:
        error.handle, error.status, error.payload = payload.handle, status, payload
        raise


def _check_envelope(handle: str, answer: Answer, data: bytes, keys: Iterable[str]) -> None:
    """The slow way, for envelopes in another order or with a flag that is not true, and for what is none."""
    data = data.removeprefix(_BOM)
    if not data.lstrip()[:1] == b"{":
        raise _no_json(handle, answer, data, keys)
    outer = _members(data)
    if outer is None:
        if _REFUSAL.match(data):
            raise _judged(handle, answer, data, keys)
        return
    raw = outer.get("payload", b"")
    inner = _members(raw) or {}
    refused = inner.get("success") == b"false" or ("success" not in inner and inner.get("error", b"null") != b"null")
    if outer.get("success") == b"false" or refused:
        raise _judged(handle, answer, data, keys)
    if raw in _NOTHING or inner.keys() == {"success"}:
        error = _judged(handle, answer, data, keys)
        raise error if error.code in CODES else _unexpected(answer, error, "says success and holds no report")


def _members(data: bytes) -> dict[str, bytes] | None:
    """The members of a JSON object, their values unread; None when it is no object or does not parse."""
    try:
        members = msgspec.json.decode(data, type=dict[str, Raw])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return {name: bytes(raw) for name, raw in members.items()}


def _judged(handle: str, answer: Answer, data: bytes, keys: Iterable[str]) -> WaleeError:
    known = tuple(keys)
    headers = {name: redact(value, known) for name, value in answer.headers.items()}
    return judge(handle, answer.status, headers, _text(data, known), answer.received_at)


def _no_json(handle: str, answer: Answer, data: bytes, keys: Iterable[str]) -> WaleeError:
    kind = "is empty" if not data.strip() else "is a web page" if data.lstrip()[:1] == b"<" else "is not JSON"
    return _unexpected(answer, _judged(handle, answer, data, keys), kind)


def _unexpected(answer: Answer, judged: WaleeError, what: str) -> UnexpectedAnswerError:
    detail = f"the answer {what} (HTTP {answer.status})"
    return UnexpectedAnswerError(detail, handle=judged.handle, status=answer.status, message=judged.message)


def _text(data: bytes, keys: Iterable[str]) -> str:
    known = tuple(keys)
    text = redact(data[:BEGINNING].decode(errors="replace").removeprefix("\ufeff"), known)
    if len(data) >= BEGINNING:
        # Cut, perhaps inside a key; what is left of one is not found, and where many were masked it is not far down.
        text = text[: -LONGEST * max(map(len, known), default=0) or None]
    return text[:_READ]


def _encoding(answer: Answer, keys: Iterable[str] = ()) -> str:
    """The body's encoding by its header without the keys, except where its first bytes show that the header is wrong.

    Proxies that decompress an answer and leave the header, or the other way round, would cost a bought report.
    """
    if answer.headers.get("content-encoding") == "gzip" and answer.body.startswith(_GZIP):
        return "gzip"  # as in nearly all answers
    header = redact(answer.headers.get("content-encoding", ""), keys).lower()
    # A byte past ASCII comes as half a surrogate, which can be neither stored nor printed.
    named = [part.strip() for part in header.encode(errors="backslashreplace").decode().split(",")]
    encoding = ",".join(part.removeprefix("x-") for part in named if part not in ("", "identity")) or "identity"
    if encoding == "identity" and answer.body.startswith(_GZIP):
        return "gzip"
    if encoding == "gzip" and answer.body.lstrip()[:1] in (b"", b"{", b"<"):
        return "identity"
    return encoding


def _beginning(answer: Answer) -> bytes:
    """The first bytes of a body, decompressed as far as that goes: an error answer is evidence, whatever its state."""
    encoding = _encoding(answer)
    if encoding in ("gzip", "deflate"):
        for bits in (zlib.MAX_WBITS + 32, -zlib.MAX_WBITS):
            try:
                return zlib.decompressobj(bits).decompress(answer.body, BEGINNING)
            except zlib.error:
                continue
    if encoding not in ("gzip", "deflate", "identity"):
        try:
            return inflate(answer.body, encoding, BEGINNING)
        except WaleeError:
            return b""
    return answer.body[:BEGINNING]
