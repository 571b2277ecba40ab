"""What an answer that is no report means: from its status and the gateway's code to the error it is.

The codes are those of the report family behind the gateway; most arrive as HTTP 400, some inside an HTTP 200. The text
is evidence and never has to parse: the documented error bodies are invalid JSON, and a proxy answers in HTML.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from walee_async.errors import (
    AccountError,
    AmbiguousError,
    DeadlineError,
    ExhaustedKeyError,
    GatewayError,
    NoReportError,
    NotReadyError,
    NotSentError,
    PayloadError,
    RateLimitError,
    RefusedKeyError,
    ServerError,
    TransportError,
    UnexpectedAnswerError,
    WaleeError,
)
from walee_async.outcomes import Charge
from walee_async.wire.headers import limits, retry_after
from walee_async.wire.request import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

CODES: Final[Mapping[str, tuple[type[GatewayError], str]]] = {
    "account_not_found": (NoReportError, "the gateway knows no such account"),
    "account_removed": (NoReportError, "the account has been removed"),
    "account_data_removed": (NoReportError, "the account's data have been removed"),
    "account_is_private": (NoReportError, "the account is private"),
    "empty_audience_data": (NoReportError, "the account has no audience data to report on"),
    "bad_request": (NoReportError, "the gateway cannot make a report for this handle"),
    "retry_later": (NotReadyError, "the report is being prepared"),
    "no_tokens_remaining": (ExhaustedKeyError, "the account has no credit left"),
    "no_quota_remaining": (ExhaustedKeyError, "the account has no quota left"),
    "daily_tokens_limit_exceeded": (ExhaustedKeyError, "the account has reached its limit for this UTC day"),
    "tokens_expired": (ExhaustedKeyError, "the account's credit has expired"),
    "invalid_api_key": (RefusedKeyError, "the gateway does not know the key"),
    "token_is_disabled": (RefusedKeyError, "the key is disabled"),
    "permission_denied": (RefusedKeyError, "the key may not fetch creator reports"),
    "not_authenticated": (RefusedKeyError, "the gateway does not accept the key"),
    "rate_limit_exceeded": (RateLimitError, "too many requests"),
    "conn_limit_exceeded": (RateLimitError, "too many open connections"),
    "internal_server_error": (ServerError, "the gateway failed"),
}
"""The known codes: the error each one is, and what was wrong in words."""

_STATUSES: Final[Mapping[int, tuple[type[GatewayError], str]]] = {
    400: (NoReportError, "the gateway has no report for this handle"),
    401: (RefusedKeyError, "the gateway does not accept the key"),
    402: (ExhaustedKeyError, "the account has to be paid for"),
    403: (RefusedKeyError, "the gateway does not accept the key"),
    404: (UnexpectedAnswerError, "there is no creator report at this address"),
    408: (ServerError, "the gateway gave up waiting"),
}

SUBSCRIPTION: Final = (ExhaustedKeyError, "the account's subscription does not allow it")
"""What every code that begins with `subscription_` means."""

CHARGES: Final[tuple[tuple[type[WaleeError], Charge], ...]] = (
    (NotSentError, Charge.NOT_SENT),
    (AmbiguousError, Charge.AMBIGUOUS),
    (TransportError, Charge.AMBIGUOUS),
    (DeadlineError, Charge.AMBIGUOUS),
    (RateLimitError, Charge.REJECTED),
    (AccountError, Charge.REJECTED),
    (GatewayError, Charge.FAILED),
    (PayloadError, Charge.BILLED),
)

_TOO_FAST: Final = (420, 429)
_VAGUE: Final = ("bad_request", "internal_server_error")
_CLEAR: Final = (401, 402, 403, 408)
_PRIORITY: Final = ("error", "code", "error_code", "message", "error_message", "msg", "detail", "reason")
_SAID: Final = ("message", "error_message", "msg", "detail", "reason", "error")
_FIELD: Final = re.compile(rf'"({"|".join(_PRIORITY)})"\s*:\s*("(?:[^"\\]|\\.)*(?:"|\\?\Z))', re.DOTALL)
_KNOWN: Final = re.compile(rf"(?<![a-z0-9_])(?:{'|'.join(CODES)}|subscription_[a-z_]+)(?![a-z0-9_])")
_CODE: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")
_ETA: Final = re.compile(r'"eta"\s*:\s*"?([0-9]{1,6}(?:\.[0-9]{1,6})?)\b')
_TITLE: Final = re.compile(r"<(title|h1)[^>]{0,200}>([^<]{1,300})", re.IGNORECASE)
_SEARCHED: Final = 4096
_MESSAGE: Final = 300


def judge(handle: str, status: int, headers: Mapping[str, str], text: str, now: float) -> GatewayError:
    """The error an answer is, when it is no report.

    `headers` have lower-case names, `text` is the beginning of the body without the key, `now` is in Unix seconds.
    Status 420 and 429 close the door for everybody unless the code says that the account cannot buy: that wait may be
    a day and another key may do. Otherwise a known code says more than the status does.
    """
    fields = _fields(text)
    code = find_code(fields, text)
    kind, detail = _meaning(status, code, headers, text)
    error = kind(detail, handle=handle, status=status, code=code, message=_message(fields, text))
    if isinstance(error, RateLimitError | ServerError):
        error.retry_after = _wait(headers, now, limited=isinstance(error, RateLimitError))
    elif isinstance(error, NotReadyError):
        eta = _ETA.search(text)
        error.eta = float(eta[1]) * 60 if eta else None
    return error


def charge_of(error: WaleeError) -> Charge:
    """What the attempt that ended with this error may have cost.

    An answer outside the contract with a status 2xx is ambiguous: a proxy's page may hide a purchase. So is a deadline
    that passed during an exchange. What is raised before anything is sent is `not_sent`.
    """
    if isinstance(error, UnexpectedAnswerError) and error.status is not None and 200 <= error.status < 300:
        return Charge.AMBIGUOUS
    return next((charge for kind, charge in CHARGES if isinstance(error, kind)), Charge.NOT_SENT)


def find_code(fields: Mapping[str, list[str]], text: str) -> str | None:
    """The gateway's code: a known one wherever it stands, else whatever looks like a code in `error` or `code`."""
    said = [value for name in _PRIORITY for value in fields.get(name, ())]
    for value in said:
        snake = "_".join(value.lower().rstrip(" .!").split())
        if found := _KNOWN.fullmatch(snake) or _KNOWN.search(value):
            return found[0]
    if not text.lstrip().startswith("<") and (found := _KNOWN.search(text[:_SEARCHED])):
        return found[0]
    return next((value for name in _PRIORITY[:3] for value in fields.get(name, ()) if _CODE.fullmatch(value)), None)


def _fields(text: str) -> dict[str, list[str]]:
    """The texts under the names that carry codes and messages, at any depth, in their order, though cut or invalid."""
    found: dict[str, list[str]] = {}
    for name, quoted in _FIELD.findall(text):
        try:
            value = msgspec.json.decode(quoted, type=str)
        except (msgspec.MsgspecError, UnicodeError):
            value = quoted.strip('"\\')
        found.setdefault(name, []).append(value)
    return found


def _message(fields: Mapping[str, list[str]], text: str) -> str | None:
    said = [value for name in _SAID for value in fields.get(name, ())]
    start = text.lstrip()[:1]
    if not said and start == "<":
        said = [found[2] for found in _TITLE.finditer(text)]
    elif not said and start not in ("{", "["):
        said = [text]
    return next((line for line in (printable(value, _MESSAGE) for value in said) if line), None)


def _meaning(status: int, code: str | None, headers: Mapping[str, str], text: str) -> tuple[type[GatewayError], str]:
    """The kind of error, and what was wrong, in words that name the status where the code does not tell all."""
    known = SUBSCRIPTION if (code or "").startswith("subscription_") else CODES.get(code or "")
    if code in _VAGUE and (status in _CLEAR or status >= 500):
        known = None
    page = text.lstrip().startswith("<")
    kind: type[GatewayError]
    if status in _TOO_FAST and (known is None or known[0] is not ExhaustedKeyError):
        kind, detail = RateLimitError, "too many open connections" if status == 420 else "too many requests"
    elif 300 <= status < 400:
        kind, detail = (
            UnexpectedAnswerError,
            f"it redirects {_target(headers)}, and a redirect could carry the key away",
        )
    else:
        kind, detail = known or _by_status(status)
        if page and known is None and issubclass(kind, AccountError):
            # The gateway itself refuses an account in JSON; the page of something in between must not cost the key.
            kind, detail = UnexpectedAnswerError, "the request was refused on its way"
    return kind, f"{detail} (HTTP {status}{', with a web page as a proxy or firewall gives' if page else ''})"


def _by_status(status: int) -> tuple[type[GatewayError], str]:
    if status in _STATUSES:
        return _STATUSES[status]
    if 500 <= status < 600:
        return ServerError, "the gateway failed"
    if 200 <= status < 300:
        return NoReportError, "the gateway has no report for this handle"
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "an unknown status"
    return UnexpectedAnswerError, f"the answer is outside the contract: {phrase}"


def _target(headers: Mapping[str, str]) -> str:
    """Where a redirect leads: only the origin, because the rest may repeat what was sent."""
    try:
        parts = urlsplit(headers.get("location", ""))
        host, port = parts.hostname, parts.port
    except ValueError:
        return "elsewhere"
    if not host:
        return "within its own host"
    scheme = parts.scheme or "https"
    return printable(f"to {scheme}://{host}{'' if port is None else f':{port}'}", 120)


def _wait(headers: Mapping[str, str], now: float, *, limited: bool) -> float | None:
    wait = retry_after(headers, now)
    if wait is None and limited and (limit := limits(headers, now)) and not limit.remaining:
        return limit.reset
    return wait
