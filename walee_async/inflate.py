"""Bounded decompression of one answer's body, by its Content-Encoding."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from typing import Protocol

from walee_async.errors import InflateError

MAX_INFLATED = 32 * 1024 * 1024
"""The default cap in bytes: some 350 times an ordinary report."""

_CHUNK = 1024 * 1024
_PLAIN_GZIP = b"\x1f\x8b\x08\x00"
_MAGIC = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}
_MAX_RATIO = 1032
"""No deflate stream grows more than this, so a larger size in a gzip trailer is not a size."""
_ZSTD_WINDOW_LOG = 23
"""8 MiB, the largest window RFC 9659 allows in HTTP: a decoder allocates it whatever the content."""


class _Decompressor(Protocol):
    """What zlib and zstd have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...


_Step = Callable[[bytes, int], bytes]
_Quick = Callable[[bytes, int, int], bytes | bytearray | None]
"""Body, wbits, cap to the whole content; None when in any doubt, and then zlib has the last word."""


def _by_zlib(body: bytes, wbits: int, cap: int) -> bytes | None:
    return None


_QUICK: dict[str, _Quick] = {}

try:
    import deflate
except ImportError:
    pass
else:

    def _by_libdeflate(body: bytes, wbits: int, cap: int) -> bytearray | None:
        """Inflate one gzip member at once, into a buffer of the size its trailer gives.

        libdeflate stops after the first member and says nothing of the rest. The member ends with its size, so when
        the body's last four bytes are the size that came out and stand nowhere before, the member is all there is.
        """
        size = int.from_bytes(body[-4:], "little")
        if wbits != 31 or not 0 < size <= min(cap, len(body) * _MAX_RATIO) or body.rfind(body[-4:], 0, -1) != -1:
            return None
        try:
            data: bytearray = deflate.gzip_decompress(body, size)
        except (deflate.DeflateError, ValueError):
            return None
        return data if len(data) == size else None

    _QUICK["libdeflate"] = _by_libdeflate

_QUICK["zlib"] = _by_zlib

BACKENDS = tuple(_QUICK)
"""The installed back ends for gzip and deflate, fastest first; all give the same bytes and the same errors."""


def inflate(body: bytes, encoding: str, cap: int = MAX_INFLATED, *, backend: str = BACKENDS[0]) -> bytes:
    """As `decompress`, as bytes: for content that is kept, or compared."""
    return bytes(decompress(body, encoding, cap, backend=backend))


def decompress(body: bytes, encoding: str, cap: int = MAX_INFLATED, *, backend: str = BACKENDS[0]) -> bytes | bytearray:
    """Decompress a body, whole, never allocating more than `cap` bytes for a body that would pass it.

    The content is of the type that the back end makes: copying it would take a twentieth of the time again.

    Args:
        body: The bytes as they came off the wire.
        encoding: The Content-Encoding: gzip, deflate (with or without its zlib wrapper), zstd where the package
            backports.zstd or Python 3.14 provides it, identity or empty.
        cap: The most bytes the content may have.
        backend: One of `BACKENDS`, for gzip and deflate.

    Raises:
        InflateError: the encoding is unknown, the content passes the cap, or the body is cut, damaged, of several
            members, or followed by other bytes.
    """
    match encoding.strip().lower():
        case "identity" | "":
            if len(body) > cap:
                raise _too_large("identity", body, cap)
            return body
        case "gzip" | "x-gzip":
            return _inflate_zlib(body, "gzip", 31, cap, backend)
        case "deflate":
            return _inflate_zlib(body, "deflate", 15 if _has_zlib_header(body) else -15, cap, backend)
        case "zstd":
            return _inflate_zstd(body, cap)
    raise InflateError(f"The body's content encoding {encoding!r} is none of gzip, deflate, zstd and identity")


def _has_zlib_header(body: bytes) -> bool:
    return len(body) >= 2 and body[0] & 0x8F == 0x08 and int.from_bytes(body[:2], "big") % 31 == 0


def _inflate_zlib(body: bytes, encoding: str, wbits: int, cap: int, backend: str) -> bytes | bytearray:
    if encoding != "gzip" or body.startswith(_PLAIN_GZIP):  # back ends differ in how they check optional header fields
        data = _QUICK[backend](body, wbits, cap)
        if data is not None:
            return data
    stream = zlib.decompressobj(wbits)

    def step(data: bytes, room: int) -> bytes:
        return stream.decompress(stream.unconsumed_tail or data, room)

    try:
        data = _in_steps(step, stream, body, encoding, cap)
    except zlib.error as error:
        raise InflateError(f"The {encoding} body of {len(body):,} bytes is damaged: {_reason(error)}") from None
    _check_end(stream, body, encoding)
    return data


def _inflate_zstd(body: bytes, cap: int) -> bytes:
    # Imported on use: it takes longer than the other back ends together, and the gateway is not asked for zstd.
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError:
        raise InflateError("The body is zstd, and no zstd is installed; pip install backports.zstd") from None
    stream = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG})
    try:
        data = _in_steps(stream.decompress, stream, body, "zstd", cap)
    except zstd.ZstdError as error:
        raise InflateError(f"The zstd body of {len(body):,} bytes is damaged: {_reason(error)}") from None
    _check_end(stream, body, "zstd")
    return data


def _in_steps(step: _Step, stream: _Decompressor, body: bytes, encoding: str, cap: int) -> bytes:
    """Collect the content in chunks, so that passing the cap is seen before anything of its size is joined."""
    chunks: list[bytes] = []
    room = cap
    while not stream.eof:
        chunk = step(b"" if chunks else body, min(room, _CHUNK) or 1)
        if not chunk:
            break
        chunks.append(chunk)
        room -= len(chunk)
        if room < 0:
            raise _too_large(encoding, body, cap)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _check_end(stream: _Decompressor, body: bytes, encoding: str) -> None:
    if not stream.eof:
        raise InflateError(f"The {encoding} body is cut short after {len(body):,} bytes")
    rest, magic = stream.unused_data, _MAGIC.get(encoding)
    if magic is not None and rest.startswith(magic):
        raise InflateError(f"The {encoding} body has several members; a report is one")
    if rest:
        raise InflateError(f"The {encoding} body is followed by {len(rest):,} bytes that do not belong to it")


def _too_large(encoding: str, body: bytes, cap: int) -> InflateError:
    return InflateError(f"The {encoding} body of {len(body):,} bytes inflates past the cap of {cap:,} bytes")


def _reason(error: Exception) -> str:
    return str(error).removeprefix("Error -3 while decompressing data: ").rstrip(".")
