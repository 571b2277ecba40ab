"""A gate whose turns are reserved on a server: one call says when the next turn is, so that there is one wait."""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from walee_async.bucket import LATENESS
from walee_async.errors import DeadlineError, LongPauseError
from walee_async.events import GateAlone, GateRejoined
from walee_async.integrations.shared.link import TIMEOUT, NoAnswerError
from walee_async.integrations.shared.standing import BEAT, RECENT, SECOND, SharedStanding

if TYPE_CHECKING:
    from walee_async.integrations.shared.link import Link
    from walee_async.interfaces import Door

logger = logging.getLogger("walee_async")

RETRY: Final = 0.1
"""Seconds between two calls while none is answered and this process may not yet go on alone."""
PATIENCE: Final = 10.0
"""Seconds for which a server is waited for that has not yet said who else is there."""
AHEAD: Final = 4
"""Calls' lengths of turns that are reserved at once: a lone process then loses a fifth of its pace to a slow server."""


class SharedTurns:
    """The turns of one gate, reserved on the server under its name; see `walee_async.interfaces.Turns`."""

    def __init__(self, gate: Door, rate: float, burst: int, link: Link, name: str) -> None:
        self.rate = rate
        self.forfeited = 0
        """Turns that were reserved and could not be used, because this process came too late for them."""
        self._gate = gate
        self._burst = burst
        self._loop = asyncio.get_running_loop()
        self._link = link
        self._keys = (name, f"{name}:members")
        self._standing = SharedStanding(secrets.token_hex(8))
        self._turns: deque[float] = deque()
        self._own: float | None = None  # the last turn this process took by itself; None: the server gives them
        self._alone_since = 0.0
        self._missed = False
        self._silent_since = math.inf
        self._round_trip = 0.0
        self._told_until = -math.inf
        self._cut: float | None = None
        self._heeded = 0.0  # the time of the last cut that was made here or taken over
        self._news = asyncio.Event()
        self._news.set()  # that it is here
        self._beats = self._loop.create_task(self._beat())

    async def change(self, rate: float) -> None:
        """Go on at another rate."""
        self.rate = rate

    def next_at(self) -> float:
        """The loop time of the first turn that was free when the server last answered."""
        if self._turns or not self._standing.seen:
            return self._turns[0] if self._turns else self._loop.time()
        return self._standing.in_loop(self._standing.tat)

    async def take(self, deadline: float, waiting: int) -> float | None:
        """See `walee_async.interfaces.Turns.take`."""
        since = self._loop.time()
        while True:
            turn = await self._next(deadline, waiting)
            if turn is None:
                return None
            try:
                await asyncio.sleep(turn - self._loop.time())
            except asyncio.CancelledError:
                self._turns.appendleft(turn)
                raise
            if self._in_time(turn):
                return max(0.0, turn - since)

    def _in_time(self, turn: float) -> bool:
        """Whether a turn can still be used: late by half the time to the next one, or what a timer may be late by.

        So no window holds more than `rate * window + burst + 1/2`, or what late timers add where that is more.
        """
        if self._loop.time() - turn <= max(0.5 / self.rate, LATENESS):
            return True
        self.forfeited += 1
        return False

    async def _next(self, deadline: float, waiting: int) -> float | None:
        """The loop time of the next turn. None: nobody may be let through now."""
        while True:
            while self._turns and not self._in_time(self._turns[0]):
                self._turns.popleft()
            if self._turns:
                self._refuse_late(self._turns[0], deadline)
                return self._turns.popleft()
            if self._own is not None:
                turn = self._standing.own_turn(max(self._loop.time(), self._own + 0.5 / self.rate), self.rate)
                self._refuse_late(turn, deadline)
                self._own = turn
                return turn
            count = min(waiting, math.ceil(AHEAD * self.rate * (self._round_trip + LATENESS)))
            try:
                late = await self._call(max(1, count), deadline)
            except NoAnswerError as error:
                await self._wait(error, deadline)
                continue
            if late:
                self._refuse_late(self._turns.popleft(), deadline)
            if self._standing.pause > self._standing.seen:
                return None

    def _refuse_late(self, turn: float, deadline: float) -> None:
        if turn > deadline:
            wait = turn - self._loop.time()
            raise DeadlineError(f"the next turn is {wait:.1f} s away, past the deadline")

    async def _wait(self, error: NoAnswerError, deadline: float) -> None:
        """Wait before another call, unless this process may go on alone by now."""
        now = self._loop.time()
        if not self._standing.known and now - self._silent_since > PATIENCE:
            # Who has not heard how many share the gate cannot know its part of it.
            raise LongPauseError(f"{self._gate.label}: nothing can be sent until others are known of: {error}")
        if now + RETRY > deadline:
            raise DeadlineError(f"no turn before the deadline: {error}")
        if self._own is None:
            await asyncio.sleep(RETRY)

    # -- the server ---------------------------------------------------------------------------------------------------

    async def _call(self, wanted: int, deadline: float = math.inf) -> bool:
        """Reserve turns, tell what there is to tell, heed the answer; return whether the turn is past the deadline.

        Raises:
            NoAnswerError: none came.
        """
        asked = self._loop.time()
        cut = self._cut
        try:
            said = await self._link.ask(self._keys, self._arguments(wanted, asked, deadline))
        except NoAnswerError as error:
            self._missed = True
            self._silent_since = min(self._silent_since, asked)
            self._go_alone(error)
            raise
        heard = self._loop.time()
        self._silent_since = math.inf
        self._round_trip = heard - asked
        if not self._standing.hear(said, asked, heard):
            return False
        self._missed = False
        if cut is not None:
            self._heeded = self._standing.cut
            self._cut = None if self._cut == cut else self._cut
        self._turns.extend(map(self._standing.in_loop, said[7]))
        self._heed(heard)
        return bool(said[6])

    def _arguments(self, wanted: int, asked: float, deadline: float) -> list[str | float]:
        known = self._standing
        tat, pause, valid = known.tat, known.pause, 0.0
        if known.seen:
            tat = max(tat, 0.0 if self._own is None else known.on_server(self._own) + SECOND / self.rate)
            pause = max(pause, known.on_server(self._told_until))
            valid = known.on_server(asked + TIMEOUT)
        patience = -1.0 if deadline == math.inf else max(0.0, deadline - asked) * SECOND
        numbers = [valid, wanted, SECOND / self.rate, self._burst, self._round_trip * SECOND, patience, known.seen]
        told = [tat, pause, self._cut or 0.0, known.members, len(known.names)]
        return [known.me, *map(repr, numbers), *map(repr, told), *(known.names if self._missed else ())]

    def _heed(self, now: float) -> None:
        """Do as the answer says: keep the pauses and cuts of others, and go on together after having been alone."""
        known = self._standing
        until = known.in_loop(known.pause)
        if until > max(now, self._told_until + LATENESS):
            self._told_until = until
            self._gate.hold(until, "another process on this key was told to wait")
        if known.cut != self._heeded:
            self._heeded = known.cut
            if known.seen - known.cut < RECENT * SECOND:
                self._gate.follow(known.pace)
        if self._own is not None:
            self._own = None
            self._tell(GateRejoined(self._gate.label, now - self._alone_since))

    def _go_alone(self, error: NoAnswerError) -> None:
        """Go on with this process's own turns, if it is time for it."""
        now = self._loop.time()
        if self._own is not None or not self._standing.known or now < self._standing.alone_from(self.rate):
            return
        self._own = -math.inf
        self._alone_since = now
        share = self.rate / len(self._standing.names)
        self._tell(GateAlone(self._gate.label, share, str(error)))

    def _tell(self, event: GateAlone | GateRejoined) -> None:
        match event:
            case GateAlone(key=key, pace=pace, reason=reason):
                logger.warning("%s: %s; this process goes on at its share of %.3g/s.", key, reason, pace)
            case GateRejoined(key=key, seconds=seconds):
                logger.info("%s: shared again after %.1f s.", key, seconds)
        self._gate.emitter.emit(event)

    async def _beat(self) -> None:
        """Be heard and hear of pauses when there is nothing to reserve; pass on at once what this process is told."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT):
                    await self._news.wait()
            quiet = self._standing.on_server(self._loop.time()) - self._standing.seen >= BEAT * SECOND
            if quiet or self._news.is_set():
                self._news.clear()
                with suppress(NoAnswerError):
                    await self._call(0)

    def tell(self, until: float, pace: float | None) -> None:
        """Tell all who share the key to wait until then, and of a cut. What cannot be told now is told when it can."""
        self._told_until = max(self._told_until, until)
        self._cut = pace or self._cut
        self._news.set()

    async def aclose(self) -> None:
        """Leave, so that the others need not wait for this process's silence, and close the connections."""
        self._beats.cancel()
        with suppress(asyncio.CancelledError):
            await self._beats
        if self._standing.seen:
            with suppress(NoAnswerError):
                await self._call(-1)
        if self._own is not None:  # whoever heard that it is alone hears that it no longer is
            seconds = self._loop.time() - self._alone_since
            logger.info("%s: closed after %.1f s alone.", self._gate.label, seconds)
            self._gate.emitter.emit(GateRejoined(self._gate.label, seconds))
            self._own = None
        await self._link.aclose()
