"""The output of `walee fetch`: one JSON object on each line, a report or the reason that there is none.

    {"handle": "river.kites", "view": "full", "report": {…}}
    {"handle": "no.such.creator", "error": {"kind": "NoReportError", "detail": "…", "status": 400, …}}

A report that was bought and cannot be read is an error line with its bytes beside it: what was paid for is kept.

    {"handle": "river.kites", "error": {"kind": "DecodeError", …}, "payload": {"encoding": "gzip", "body": "<base64>"}}
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from msgspec import Raw, Struct

from walee_async.errors import AmbiguousError, PayloadError, WaleeError
from walee_async.models import Headline
from walee_async.outcomes import Charge, Fetched, Outcome, Payload

ViewName = Literal["headline", "full"]
"""How much of a report is written: its headline, or all of it as it came."""

VIEWS: Final[dict[ViewName, type[Any]]] = {"headline": Headline, "full": Raw}


class ReportLine(Struct, frozen=True):
    """A fetched creator."""

    handle: str
    view: ViewName
    report: Raw


class Trouble(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error in JSON: `kind` is the name of its class, the rest are its attributes."""

    kind: str
    fault: str
    detail: str
    status: int | None = None
    code: str | None = None
    message: str | None = None
    attempts: int = 0
    """Requests sent for the handle."""
    maybe_bought: bool = False
    """Whether one of them may have bought the report without delivering it."""


class KeptPayload(Struct, frozen=True):
    """A report's bytes as they came off the wire, still compressed by `encoding`; base64 in JSON."""

    encoding: str
    body: bytes


class ErrorLine(Struct, frozen=True, omit_defaults=True):
    """A handle without a report, or with one that cannot be read."""

    handle: str
    error: Trouble
    payload: KeptPayload | None = None


_encoder = msgspec.json.Encoder()


def line_of(outcome: Outcome[Any], view: ViewName) -> bytes:
    """The line of an outcome, with its line end."""
    if isinstance(outcome, Fetched):
        line: Struct = ReportLine(outcome.handle, view, _raw(outcome.report))
    else:
        error = outcome.error
        payload = error.payload if isinstance(error, PayloadError) else None
        line = ErrorLine(_utf8(outcome.handle), trouble(error), _kept(payload))
    return _encoder.encode(line) + b"\n"


def _raw(report: Any) -> Raw:
    """The report's JSON on one line; a whole report is passed on as the gateway wrote it."""
    if not isinstance(report, Raw):
        return Raw(_encoder.encode(report))
    text = bytes(report)
    if b"\n" in text or b"\r" in text:
        text = msgspec.json.format(text, indent=-1)
    try:
        text.decode()
    except UnicodeDecodeError:
        # One stray byte would make the whole file unreadable as text.
        text = text.decode(errors="replace").encode()
    return Raw(text)


def trouble(error: WaleeError) -> Trouble:
    """An error as it is written in JSON."""
    return Trouble(
        kind=type(error).__name__,
        fault=error.fault,
        detail=_utf8(error.detail),
        status=error.status,
        code=error.code,
        message=error.message,
        attempts=len(error.attempts),
        maybe_bought=isinstance(error, AmbiguousError)
        or any(attempt.charge is Charge.AMBIGUOUS for attempt in error.attempts),
    )


def _kept(payload: Payload | None) -> KeptPayload | None:
    return None if payload is None else KeptPayload(payload.encoding, payload.body)


def _utf8(text: str) -> str:
    """Texts of the user's may hold lone surrogates, which have no UTF-8 form."""
    return text.encode(errors="replace").decode()
