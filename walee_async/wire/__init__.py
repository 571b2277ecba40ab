"""The gateway's wire, as values: what to send, and what an answer means. No I/O, no clock, no dice."""

from __future__ import annotations

from walee_async.wire.answer import Answer, excerpt, read_answer
from walee_async.wire.headers import Limits, limits, retry_after
from walee_async.wire.request import (
    REQUEST_HEADERS_SHOWN,
    RESPONSE_HEADERS_SHOWN,
    check_base_url,
    check_key,
    key_label,
    quoted,
    redact,
    report_url,
    shown,
)
from walee_async.wire.verdict import charge_of

__all__ = [
    "REQUEST_HEADERS_SHOWN",
    "RESPONSE_HEADERS_SHOWN",
    "Answer",
    "Limits",
    "charge_of",
    "check_base_url",
    "check_key",
    "excerpt",
    "key_label",
    "limits",
    "quoted",
    "read_answer",
    "redact",
    "report_url",
    "retry_after",
    "shown",
]
