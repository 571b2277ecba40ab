"""What one process knows of a shared gate: the server's clock, what is reserved, and who else shares it. No I/O."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

BEAT: Final = 0.25
"""Seconds without a call after which a process makes itself heard, and hears of pauses."""
SILENT: Final = 1.0
"""Seconds without an answer after which a process may take its own turns, and the server leaves them to it: a beat, a
call that is given up, and half a second for a machine that stalls. Also written in redis/gate.lua and dask/turns.py."""
RECENT: Final = 10.0
"""Seconds for which a cut is taken over by those who hear of it."""
SECOND: Final = 1e6
"""The server counts in microseconds."""


class SharedStanding:
    """What the server last said, in microseconds of its clock."""

    def __init__(self, me: str) -> None:
        self.me = me
        self.seen = self.tat = self.pause = 0.0
        """The time of the last answer, of the first turn that was free then, and of the end of the pause."""
        self.cut = self.pace = 0.0
        """The time of the last cut, and what it was to."""
        self.members = 0
        """When the list of members last changed."""
        self.names: list[str] = [me]
        """Who shares the gate, in an order that is the same for all."""
        self._joined = 0.0
        self._ahead = -math.inf

    def hear(self, said: Sequence[Any], asked: float, heard: float) -> bool:
        """Take note of an answer to a call from the loop time `asked` to `heard`; False when it came too late to count.

        The server read its clock between the two. Of all that is known of the difference between the clocks the latest
        turn is taken that agrees with it: so turns are never early, and late by the quickest call at most.
        """
        now = float(said[0])
        self._ahead = min(max(self._ahead, now - heard * SECOND), now - asked * SECOND)
        self.seen = now
        self._joined = min(self._joined or now, now)
        if len(said) == 1:
            return False
        self.tat, self.pause, self.pace, self.cut = (float(number) for number in said[1:5])
        if said[8]:
            self.members, self.names = int(said[5]), sorted(said[8])
        return True

    def in_loop(self, at: float) -> float:
        """A time of the server's as a loop time."""
        return (at - self._ahead) / SECOND

    def on_server(self, at: float) -> float:
        """A loop time as a time of the server's."""
        return at * SECOND + self._ahead

    @property
    def known(self) -> bool:
        """Whether everybody else knows of this process, so that its turns are left to it: two beats after it joined."""
        return self.seen - self._joined >= 2 * BEAT * SECOND

    def alone_from(self, rate: float) -> float:
        """The loop time from which this process may take its own turns.

        By then the server leaves them to it, or nobody hears of the server; and what others had reserved is over.
        """
        return self.in_loop(max(self.seen + SILENT * SECOND, self.tat + len(self.names) * SECOND / rate))

    def own_turn(self, after: float, rate: float) -> float:
        """The loop time of this process's first own turn not before the loop time `after`.

        Turns go round by the server's clock: of N processes each has every Nth, so none has to know of another's.
        """
        step = SECOND / rate
        around = step * len(self.names)
        mine = step * self.names.index(self.me)
        return self.in_loop(math.ceil((self.on_server(after) - mine) / around) * around + mine)
