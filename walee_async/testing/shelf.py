"""The bodies the test gateway serves: made when first asked for, and kept while there is room."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from walee_async.testing.encoding import Encoding, encode, join_gzip

if TYPE_CHECKING:
    from walee_async.testing.maker import Creator, Maker

ROOM = 64 * 1024 * 1024
"""Bytes of bodies kept; the one used longest ago goes first."""


class Shelf:
    """Encoded bodies by handle, in bounded room."""

    def __init__(self, maker: Maker, room: int = ROOM) -> None:
        self._maker = maker
        self._room = room
        self._used = 0
        self._planted: dict[str, Creator] = {}
        self._bodies: OrderedDict[tuple[str, Encoding], bytes] = OrderedDict()

    def has(self, handle: str) -> bool:
        """Say whether there is a report for a handle."""
        return handle in self._planted or self._maker.index(handle) is not None

    def plant(self, creator: Creator) -> None:
        """Serve this creator under its handle from now on, however a request spells it."""
        handle = creator.handle.lower()
        self._planted[handle] = creator
        for key in [key for key in self._bodies if key[0] == handle]:
            self._used -= len(self._bodies.pop(key))

    def body(self, handle: str, encoding: Encoding) -> bytes:
        """Return a report's body in an encoding.

        Raises:
            KeyError: there is no such creator.
        """
        key = (handle, encoding)
        if (kept := self._bodies.get(key)) is not None:
            self._bodies.move_to_end(key)
            return kept
        body = self._make(handle, encoding)
        self._bodies[key] = body
        self._used += len(body)
        while self._used > self._room and len(self._bodies) > 1:
            self._used -= len(self._bodies.popitem(last=False)[1])
        return body

    def _make(self, handle: str, encoding: Encoding) -> bytes:
        index = self._maker.index(handle)
        who = self._planted.get(handle, index)
        if who is None:
            raise KeyError(handle)
        pieces = self._maker.pieces(who)
        return join_gzip(pieces) if encoding == "gzip" else encode(b"".join(piece.raw for piece in pieces), encoding)
