"""From a line of an export, of `walee fetch` or of somebody else's to a report that can be kept."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from walee_async.decode import mend_surrogates
from walee_async.errors import ConfigError
from walee_async.handles import parse_handle
from walee_async.models.base import Part
from walee_async.models.report import ReportInfo
from walee_async.outcomes import Payload
from walee_async.store.packing import stamp

SLACK: Final = 24 * 3600.0
"""Seconds that another machine's clock may be ahead."""


class Line(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of an export."""

    handle: str
    body: str
    """In base64."""
    sha256: str
    """Of the body, in hexadecimal."""
    encoding: str = "identity"
    received_at: float
    key: str = ""
    status: Annotated[int, Meta(ge=100, le=999)] | None = None


_ABSENT: Final = msgspec.Raw()


class _Loose(Struct, frozen=True):
    """A line of somebody else's: a handle with a report, an answer with a payload, or a report with a profile."""

    handle: str | None = None
    success: bool | None = None
    error: msgspec.Raw = _ABSENT
    report: msgspec.Raw = _ABSENT
    payload: msgspec.Raw = _ABSENT
    user_profile: msgspec.Raw = _ABSENT
    view: str = "full"
    received_at: float | None = None


class _Named(Part, frozen=True):
    username: str | None = None


class _Owner(Part, frozen=True):
    success: bool | None = None
    user_profile: _Named | None = None
    report_info: ReportInfo | None = None


class _Kept(Struct, frozen=True):
    """A line of `walee fetch` about a report that was bought and could not be read."""

    handle: str
    payload: _KeptBody


class _KeptBody(Struct, frozen=True):
    encoding: str
    body: bytes
    """In base64."""


class Arrival(Struct, frozen=True):
    """A report to bring in. `dated`: the line said when it was received."""

    payload: Payload
    status: int | None
    dated: bool


_lines = msgspec.json.Decoder(Line)
_kept = msgspec.json.Decoder(_Kept)
_loose = msgspec.json.Decoder(_Loose)
_owners = msgspec.json.Decoder(_Owner)


def read_line(line: bytes) -> Arrival:
    """Read a line.

    Raises:
        ConfigError: it holds no report, or says of it what cannot be.
        ValueError: it is not JSON, or none of the shapes.
        RecursionError: it is nested too deeply.
    """
    try:
        return _read(line)
    except msgspec.DecodeError:
        mended = bytes(mend_surrogates(line))
        if mended == line:
            raise
    return _read(mended)


def _read(line: bytes) -> Arrival:
    found = _loose.decode(line)
    if _ABSENT == found.report == found.payload == found.user_profile:
        if found.error != _ABSENT:
            raise ConfigError("the line says why there is no report, and holds none")
        return _exported(_lines.decode(line))
    if found.error != _ABSENT and found.handle is not None and found.payload != _ABSENT:
        said = _kept.decode(line)
        payload = Payload(handle=parse_handle(said.handle), body=said.payload.body, encoding=said.payload.encoding)
        return _dated(payload, found.received_at, None)
    if found.view != "full":
        raise ConfigError(f"the line has the {found.view} of a report only; kept, it would pass for the whole")
    body = _body(line, found)
    answer = _loose.decode(body)
    report = _owners.decode(answer.payload)
    empty = report.user_profile is None and report.report_info is None
    if answer.success is False or report.success is False or empty:
        raise ConfigError("the line is an answer without a report")
    owner = report.user_profile
    name = found.handle or (owner.username if owner else None)
    if not name:
        raise ConfigError("the line names no handle, nor does its report")
    return _dated(Payload(handle=parse_handle(name), body=body), found.received_at, None)


def _dated(payload: Payload, received_at: float | None, status: int | None) -> Arrival:
    """The report with the time it came: as said, else its own where that is no later than now, else now.

    Raises:
        ConfigError: that is still to come, and it would be the newest report for ever; or it is no time.
    """
    now = time.time()
    at = min(stamp(payload).created or now, now) if received_at is None else received_at
    if not 0 <= at < now + SLACK:
        raise ConfigError(f"its time, {at:g}, is not in Unix seconds, or still to come")
    payload.received_at = at
    return Arrival(payload, status, received_at is not None)


def _body(line: bytes, found: _Loose) -> bytes:
    """The answer of the gateway that a line is, holds, or would have come in."""
    if found.report != _ABSENT:
        report = bytes(found.report)
        return report if _loose.decode(report).payload != _ABSENT else _wrapped(report)
    return line if found.payload != _ABSENT else _wrapped(line)


def _wrapped(report: bytes) -> bytes:
    return b'{"success":true,"message":"imported","payload":' + report.strip() + b"}"


def _exported(line: Line) -> Arrival:
    body = base64.b64decode(line.body, validate=True)
    if hashlib.sha256(body).hexdigest() != line.sha256:
        raise ConfigError("its body does not match its checksum")
    payload = Payload(
        handle=parse_handle(line.handle),
        body=body,
        encoding=line.encoding,
        key=line.key,
    )
    return _dated(payload, line.received_at, line.status)
