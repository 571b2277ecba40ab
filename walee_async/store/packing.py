"""A report's body on its way into a store and out again: what it holds, its checksums, its wrapping."""

from __future__ import annotations

import hashlib
import re
import zlib
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from walee_async.decode import decode_bytes
from walee_async.errors import StoreDamagedError, WaleeError
from walee_async.inflate import decompress
from walee_async.models.base import Part
from walee_async.models.report import ReportInfo

if TYPE_CHECKING:
    from walee_async.outcomes import Payload

LEVEL: Final = 3
"""Of zlib, for bodies that came uncompressed: half the time of the usual 6, and 8 % larger."""


class Row(Struct, frozen=True, kw_only=True):
    """One row of `reports` but its id and its seal, columns in the table's order."""

    handle: str
    received_at: float
    created: float | None
    report_id: str | None
    user_id: str | None
    encoding: str
    packing: str
    size: int
    sha256: bytes
    request: str
    status: int | None
    key: str
    attempt: int | None
    source: str


COLUMNS: Final = ", ".join(Row.__struct_fields__)
_values = msgspec.structs.astuple


def seal(row: Row) -> bytes:
    """A checksum over all that is said of a report: 8 bytes of BLAKE2b."""
    return seal_of(_values(row))


def seal_of(values: tuple[object, ...]) -> bytes:
    """As `seal`, for the columns of `COLUMNS`."""
    return hashlib.blake2b(msgspec.msgpack.encode(values), digest_size=8).digest()


def values_of(row: Row) -> tuple[object, ...]:
    """What to insert: the columns of `COLUMNS`, then the seal."""
    values = _values(row)
    return (*values, seal_of(values))


class _Identity(Part, frozen=True):
    user_id: str | None = None


class _Label(Part, frozen=True):
    report_info: ReportInfo | None = None
    user_profile: _Identity | None = None


_ANY, _KEPT = r'"[^"\\]*"', r'"([^"\\]*)"'
_BEGINNING: Final = re.compile(
    rf'{{"success":true,"message":{_ANY},"payload":{{"success":true,"version":{_ANY},"report_info":{{'
    rf'"report_id":{_KEPT},"created":{_KEPT},"profile_updated":{_ANY}}},"user_profile":{{"type":{_ANY},'
    rf'"user_id":{_KEPT}'.encode()
)
"""How a report begins as the gateway writes it: its id, its time, and the creator's id."""


class Stamp(Struct, frozen=True):
    """What a report says of itself; None where it does not, or cannot be read."""

    report_id: str | None = None
    created: float | None = None
    user_id: str | None = None


def stamp(payload: Payload) -> Stamp:
    """Read a report's id, time and creator; None for what cannot be read, which was bought all the same."""
    try:
        data = payload._inflated or decompress(payload.body, payload.encoding)
        # They stand at the beginning, and a look there is a tenth of the work of going through the whole.
        found = _BEGINNING.match(data)
        if found is not None:
            report_id, made, user_id = (text.decode() for text in found.groups())
            return _stamp(ReportInfo(report_id=report_id, created=made), user_id)
        label = decode_bytes(data, _Label)
    except (WaleeError, UnicodeDecodeError):
        return Stamp()
    return _stamp(label.report_info or ReportInfo(), label.user_profile.user_id if label.user_profile else None)


def _stamp(info: ReportInfo, user_id: str | None) -> Stamp:
    created = info.created_at
    return Stamp(info.report_id, created.timestamp() if created is not None else None, user_id)


def pack(body: bytes, encoding: str) -> tuple[bytes, str]:
    """Wrap a body for storage: the bytes to store and how they are packed, empty for as received."""
    if encoding == "identity":
        packed = zlib.compress(body, LEVEL)
        if len(packed) < len(body):
            return packed, "zlib"
    return body, ""


def check_seal(row: Row, sealed: object) -> None:
    """Make sure that a row is as it was written.

    Raises:
        StoreDamagedError: it is not.
    """
    if sealed != seal(row):
        raise _damaged(row, "what is noted of it does not match its checksum")


def unpack(row: Row, sealed: object, stored: object) -> bytes:
    """Return the body as received, all checksums checked.

    Raises:
        StoreDamagedError: it is not what was stored, or the row is not.
    """
    check_seal(row, sealed)
    if not isinstance(stored, bytes):
        raise _damaged(row, "its body is missing")
    body = stored
    if row.packing == "zlib":
        try:
            body = zlib.decompressobj().decompress(stored, row.size + 1)
        except zlib.error as error:
            raise _damaged(row, f"its body does not unpack ({error})") from None
    if len(body) != row.size or hashlib.sha256(body).digest() != row.sha256:
        raise _damaged(row, "its body does not match its checksum")
    return body


def _damaged(row: Row, problem: str) -> StoreDamagedError:
    handle = row.handle if isinstance(row.handle, str) else None  # damage can make anything of a column
    return StoreDamagedError(f"the stored report is damaged: {problem}", handle=handle)
