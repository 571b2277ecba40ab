"""What the test gateway says: answers as values, and the documented bodies and headers they are made of."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from email.utils import formatdate
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from walee_async.testing.faults import Quota
    from walee_async.testing.quota import Verdict

FAILED = "Failed to fetch creator report"
WENT_WRONG = "Something went wrong. Please try again later."
FETCHED = "Tiktok creator report fetched successfully"
JSON = "application/json; charset=utf-8"


class Answer(Struct, frozen=True, kw_only=True):
    """One answer and how it is delivered."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b""
    billed: bool = False
    wait: float = 0.0
    """Seconds before anything is sent; infinity never answers."""
    cut: int | None = None
    """Where the connection is closed: -1 before the status line, 0 after the headers, N after N body bytes."""
    reset: bool = False
    """Close with RST instead of FIN."""
    pieces: int = 1
    """How many pieces the body is sent in."""
    pause: float = 0.0
    """Seconds between two pieces."""


def error_body(status: int, code: str | None = None, *, valid: bool = False, payload: object = None) -> bytes:
    """Return the documented error body: no comma after the message, unless `valid`; the code, if any, in `error`."""
    message = FAILED if status < 500 else WENT_WRONG
    comma = "," if valid else ""
    error = f'  "error": {json.dumps(code)},\n' if code is not None else ""
    inner = json.dumps(payload if payload is not None else {})
    return f'{{\n  "success": false,\n  "message": "{message}"{comma}\n{error}  "payload": {inner}\n}}'.encode()


def refusal(status: int, code: str | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an error answer with the documented body."""
    return Answer(status=status, headers={"Content-Type": JSON, **(headers or {})}, body=error_body(status, code))


def page(status: int) -> Answer:
    """Return the web page a proxy answers with."""
    text = (
        f"<html>\r\n<head><title>{status} Bad Gateway</title></head>\r\n<body>\r\n<center><h1>{status} Bad Gateway</h1>"
    )
    body = f"{text}</center>\r\n<hr><center>example-proxy</center>\r\n</body>\r\n</html>\r\n"
    return Answer(status=status, headers={"Content-Type": "text/html"}, body=body.encode())


def wait_headers(quota: Quota, wait: float) -> dict[str, str]:
    """Return the header which tells a refused caller how long to wait, in the quota's manner."""
    match quota.retry_after:
        case None:
            return {}
        case "seconds":
            return {"Retry-After": str(max(1, math.ceil(wait)))}
        case "milliseconds":
            return {"retry-after-ms": str(max(1, math.ceil(wait * 1000)))}
        case "date":
            # HTTP dates have whole seconds: the next second that is not too soon.
            return {"Retry-After": formatdate(math.ceil(time.time() + wait), usegmt=True)}
        case fixed:
            return {"Retry-After": f"{fixed:g}"}


def quota_headers(quota: Quota, verdict: Verdict) -> dict[str, str]:
    """Return the rate-limit headers the quota advertises, after the verdict on this request."""
    limit, left, reset = quota.allowed, verdict.remaining, max(0, math.ceil(verdict.reset))
    match quota.advertise:
        case None:
            return {}
        case "ratelimit":
            policy = f'"default";q={limit};w={max(1, math.ceil(quota.window))}'
            return {"RateLimit-Policy": policy, "RateLimit": f'"default";r={left};t={reset}'}
        case "ratelimit-fields":
            prefix = "RateLimit"
        case "x-ratelimit":
            prefix = "X-RateLimit"
    return {f"{prefix}-Limit": str(limit), f"{prefix}-Remaining": str(left), f"{prefix}-Reset": str(reset)}
