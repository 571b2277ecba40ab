"""Encoding report bodies: negotiation, gzip spliced from prepared pieces, and bombs."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

from msgspec import Struct

Encoding = Literal["gzip", "deflate", "identity"]

LEVEL = 6
"""What most servers compress at; it gives the measured sizes."""

_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
_MIB = 1024 * 1024
_OFFERS: tuple[Encoding, ...] = ("gzip", "deflate")


class Piece(Struct, frozen=True):
    """A part of a body, with its deflate blocks already made where many bodies share it."""

    raw: bytes
    deflated: bytes | None = None


def shared_piece(raw: bytes) -> Piece:
    """Return a piece that is compressed once, for all bodies it will be part of."""
    return Piece(raw, _deflate(raw, zlib.Z_FULL_FLUSH))


def _deflate(raw: bytes, flush: int) -> bytes:
    # A full flush ends on a byte boundary and forgets the window, so streams made apart may be joined into one.
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(raw) + compressor.flush(flush)


def join_gzip(pieces: Iterable[Piece]) -> bytes:
    """Return one gzip member of the joined pieces, compressing only those that are not prepared."""
    out, crc, size = [_GZIP_HEADER], 0, 0
    for piece in pieces:
        out.append(piece.deflated if piece.deflated is not None else _deflate(piece.raw, zlib.Z_FULL_FLUSH))
        crc = zlib.crc32(piece.raw, crc)
        size += len(piece.raw)
    out.append(_deflate(b"", zlib.Z_FINISH))
    out.append(crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little"))
    return b"".join(out)


def encode(raw: bytes, encoding: Encoding) -> bytes:
    """Return the bytes in a content-encoding."""
    match encoding:
        case "gzip":
            return join_gzip([Piece(raw)])
        case "deflate":
            return zlib.compress(raw, LEVEL)
        case "identity":
            return raw


def accepted(header: str | None) -> Encoding:
    """Return the best encoding that an Accept-Encoding header allows: gzip, deflate, else identity."""
    weights: dict[str, float] = {}
    for item in (header or "").lower().split(","):
        name, _, parameter = item.partition(";")
        weights[name.strip()] = _quality(parameter)
    for offer in _OFFERS:
        if weights.get(offer, weights.get("*", 0.0)) > 0:
            return offer
    return "identity"


def _quality(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


@lru_cache(maxsize=4)
def bomb(size: int) -> bytes:
    """Return a gzip body that inflates to about `size` bytes (whole MiB) of valid JSON."""
    head = (
        b'{"success":true,"message":"Tiktok creator report fetched successfully","payload":{"success":true,"version":"'
    )
    block = shared_piece(b"2" * _MIB)
    return join_gzip([Piece(head), *[block] * max(1, size // _MIB), Piece(b'"}}')])
