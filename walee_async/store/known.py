"""Which handles a store holds nothing of, told without reading it: most of a list is new, and need not be looked up.

A Bloom filter (Bloom, "Space/time trade-offs in hash coding with allowable errors", CACM 1970). What it says is new is
new; of what is new it takes one in sixty-five for known beside 100,000 handles, and nearly half beside 500,000. Those
are looked up like all that is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from walee_async.errors import StoreError

if TYPE_CHECKING:
    from walee_async.store.reader import StoreReader

_PLACES: Final = 20
"""Bits of a hash that make a place, three times: a filter of 1 MiB. A byte for each place, since two threads that set
bits of one byte could undo each other."""
_MASK: Final = (1 << _PLACES) - 1
_LEARNT: Final = 10
"""Handles of the store that are learnt for each that is looked up, which takes as long, some 15 µs: a store that is
hardly asked is hardly read."""


class Known:
    """The handles that a store may hold something of: those that were there, and those that were added since.

    It knows them all only once those that were there have been learnt.
    """

    def __init__(self, *, trusted: bool) -> None:
        self._places = bytearray(1 << _PLACES)
        self._end: list[str] | None = []
        """The last two handles that were learnt; None when all have been."""
        self._trusted = trusted
        """Whether all that is added is noted here."""

    def add(self, handle: str) -> None:
        """Note that something of a handle is about to be written. Before it is: who reads it then must find it."""
        key = hash(handle)
        self._places[key & _MASK] = 1
        self._places[(key >> _PLACES) & _MASK] = 1
        self._places[(key >> 2 * _PLACES) & _MASK] = 1

    def is_new(self, handle: str) -> bool:
        """Whether the store certainly holds nothing of a handle."""
        if self._end is not None or not self._trusted:
            return False
        key = hash(handle)
        places = self._places
        return not (places[key & _MASK] and places[(key >> _PLACES) & _MASK] and places[(key >> 2 * _PLACES) & _MASK])

    def distrust(self) -> None:
        """Call nothing new any more: handles are added that are not noted here."""
        self._trusted = False

    def learn(self, reader: StoreReader, asked: int) -> None:
        """Learn more of the handles that are there, after so many were looked up. Two threads may do so at once."""
        end = self._end
        if end is None or not self._trusted:
            return
        try:
            # In the index in which they are looked up, on from where the last piece ended.
            some = reader.handles(end[0] if end else "", 3 + _LEARNT * asked)
            whole = some == end
            rest = reader.unsettled() if whole else []
        except StoreError:
            self.distrust()  # what is damaged is told to those who ask for it
            return
        # A handle that damage made another one leads elsewhere in the index, past some that can still be looked up. Not
        # the same handle follows it there: so pieces share two.
        if some[: len(end)] != end:
            self.distrust()
            return
        for handle in some + rest:
            self.add(handle)
        self._end = None if whole else some[-2:]
