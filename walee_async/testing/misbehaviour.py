"""From a fault and the report it spoils to the answer it comes to: values in, a value out."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from walee_async.testing.answers import JSON, WENT_WRONG, Answer, error_body, page, refusal
from walee_async.testing.encoding import Encoding, bomb, encode
from walee_async.testing.faults import (
    Bomb,
    Code,
    Drop,
    Echo,
    Fault,
    Garble,
    Hang,
    Html,
    Redirect,
    RetryLater,
    Slow,
    Status,
    Truncate,
    Unsuccessful,
    WrongType,
)

Report = Callable[[Encoding], bytes]
"""Gives the report's body in an encoding."""


def report_answer(body: bytes, encoding: Encoding) -> Answer:
    """Return the answer that serves a report."""
    headers = {"Content-Type": JSON, "Vary": "Accept-Encoding"}
    if encoding != "identity":
        headers["Content-Encoding"] = encoding
    return Answer(headers=headers, body=body, billed=True)


def misbehave(fault: Fault, report: Report, encoding: Encoding, request_headers: Mapping[str, str]) -> Answer:
    """Return what a fault makes of the answer to a request."""
    match fault:
        case Drop() | Hang() | Slow() | Truncate():
            return _deliver_badly(fault, report_answer(report(encoding), encoding))
        case Garble() | WrongType() | Bomb() | Unsuccessful():
            return _spoil(fault, report, encoding)
        case Echo(status=status):
            text = json.dumps({"success": False, "message": WENT_WRONG, "headers": dict(request_headers)})
            return Answer(status=status, headers={"Content-Type": JSON}, body=text.encode())
        case _:
            return _refuse(fault)


def _deliver_badly(fault: Drop | Hang | Slow | Truncate, answer: Answer) -> Answer:
    change: dict[str, Any]
    match fault:
        case Drop(after="request", reset=reset):
            return Answer(cut=-1, reset=reset)
        case Drop(after=after, reset=reset):
            change = {"cut": 0 if after == "headers" else after, "reset": reset}
        case Truncate(fraction=fraction):
            change = {"cut": int(len(answer.body) * fraction)}
        case Slow(seconds=seconds, pieces=pieces):
            change = {"pieces": max(2, pieces), "pause": seconds / max(1, pieces - 1)}
        case Hang(seconds=None):
            change = {"wait": math.inf, "billed": False}
        case Hang(seconds=seconds):
            change = {"wait": seconds}
    return msgspec.structs.replace(answer, **change)


def _spoil(fault: Fault, report: Report, encoding: Encoding) -> Answer:
    match fault:
        case Bomb(size=size):
            return report_answer(bomb(size), "gzip")
        case Garble(layer="encoding"):
            body = bytearray(encode(report("identity"), "gzip"))
            middle = len(body) // 2
            body[middle : middle + 64] = bytes(byte ^ 0xFF for byte in body[middle : middle + 64])
            return report_answer(bytes(body), "gzip")
        case Garble():
            raw = report("identity")
            return report_answer(encode(raw[: len(raw) // 2], encoding), encoding)
        case WrongType(path=path, value=value):
            return report_answer(encode(replace_at(report("identity"), path, value), encoding), encoding)
        case Unsuccessful(code=code, inner=inner):
            answer = report_answer(encode(_unsuccessful(code, inner), encoding), encoding)
            return msgspec.structs.replace(answer, billed=False)
    raise AssertionError(fault)


def _unsuccessful(code: str, inner: bool) -> bytes:
    if inner:
        payload = {"success": False, "error": code}
        return json.dumps({"success": True, "message": "Tiktok creator report fetched", "payload": payload}).encode()
    return error_body(400, code, valid=True)


def _refuse(fault: Fault) -> Answer:
    match fault:
        case Status(code=status, retry_after=retry_after, body=body, headers=headers):
            extra = dict(headers)
            if retry_after is not None:
                extra["Retry-After"] = retry_after if isinstance(retry_after, str) else f"{retry_after:g}"
            if body is None:
                return refusal(status, headers=extra)
            return Answer(status=status, headers={"Content-Type": JSON, **extra}, body=body.encode())
        case Code(code=code, status=status, valid=valid):
            return Answer(status=status, headers={"Content-Type": JSON}, body=error_body(status, code, valid=valid))
        case RetryLater(minutes=minutes, valid=valid):
            payload = {"success": False, "report_info": {"eta": minutes}} if minutes is not None else {}
            body_bytes = error_body(400, "retry_later", valid=valid, payload=payload)
            return Answer(status=400, headers={"Content-Type": JSON}, body=body_bytes)
        case Html(status=status):
            return page(status)
        case Redirect(location=location, status=status):
            return Answer(status=status, headers={"Location": location, "Content-Type": "text/html"})
    raise TypeError(f"{type(fault).__name__} is no fault of an answer")


def replace_at(body: bytes, path: str, value: Any) -> bytes:
    """Return a report's bytes with the value at a path below `payload` replaced; missing objects are made.

    Raises:
        ValueError: the path leads past the end of a list, or through what has no parts.
    """
    envelope = msgspec.json.decode(body)
    steps = [int(index) if index else name for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path)]
    place: Any = envelope["payload"]
    try:
        for step in steps[:-1]:
            place = place[step] if isinstance(step, int) else place.setdefault(step, {})
        if isinstance(steps[-1], int) != isinstance(place, list):
            raise TypeError
        place[steps[-1]] = value
    except (AttributeError, LookupError, TypeError):
        raise ValueError(f"The report has no place for a WrongType at {path!r}") from None
    return msgspec.json.encode(envelope)
