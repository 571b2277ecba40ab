"""The gate of one key: the only place where anybody waits for a turn to send.

It holds the pace (a leaky bucket), the pause that a "too fast" imposes on everybody, and the breaker that lets one
probe through at a time while the gateway fails. Turns are first come, first served.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Final, Literal, Self

from msgspec import Struct

from walee_async.breaker import Breaker
from walee_async.bucket import Bucket
from walee_async.checks import check_whole
from walee_async.errors import DeadlineError, LongPauseError, WaleeError
from walee_async.events import Emitter, GatePaused, PaceCut
from walee_async.pacing import Pacing, check_rate

if TYPE_CHECKING:
    from types import TracebackType

    from walee_async.interfaces import MakeTurns, Ready, Turns

STEP: Final = 0.005
"""The smallest relative change of pace worth a new bucket."""


class GateStatistics(Struct, frozen=True, kw_only=True):
    """A gate at one moment. Rates are requests per second."""

    pace: float
    limit: float
    """The stated or learned limit; infinite while none is known."""
    paused: float
    """Seconds that the pause has left; 0 when open."""
    probing: bool
    waiting: int
    granted: int
    too_fast: int
    """Answers of 429 or 420."""
    cuts: int


class Permit:
    """The right to send one request. Settle it with what came back; leaving it unsettled frees a probe's place."""

    __slots__ = ("_gate", "granted_at", "pace", "probe")

    def __init__(self, gate: Gate, granted_at: float, pace: float, probe: bool) -> None:
        self._gate = gate
        self.granted_at = granted_at
        self.pace = pace
        self.probe = probe

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self.probe:
            self._gate.probe_returned()

    def become(self, other: Permit) -> None:
        """Take the place of one that was granted later, for the same request."""
        self.granted_at, self.pace, self.probe = other.granted_at, other.pace, other.probe
        self._gate._granted -= 1  # the first turn was for nothing

    def answered(self) -> None:
        """The gateway is well, whatever it said of the handle."""
        self._gate.answered(self)

    def failed(self, what: str = "") -> None:
        """The gateway or the network failed; `what` says how."""
        self._gate.failed(self, what)

    def too_fast(self, retry_after: float | None) -> None:
        """Everybody on this key must wait `retry_after` seconds, or for a probe when the gateway does not say."""
        self._gate.too_fast(self, retry_after)


class Gate:
    """Who may send with one key, and when.

    `rate` is requests per second, or "auto" to find the limit by a slow start; `burst` is how many may go at once
    after a rest. A pause with more than `longest_pause` seconds left is not waited for. `turns` makes what hands out
    the turns, where they are shared with other processes. Must be made and used inside one event loop.

    Raises:
        ConfigError: the rate is not above 0, or the burst not at least 1.
    """

    def __init__(
        self,
        rate: float | Literal["auto"] = 8.0,
        *,
        burst: int = 1,
        longest_pause: float = inf,
        label: str = "",
        emitter: Emitter | None = None,
        turns: MakeTurns | None = None,
    ) -> None:
        limit = check_rate(rate)
        check_whole("The burst", burst)
        self.burst = burst
        self.label = label
        self._longest_pause = longest_pause
        self.emitter = emitter or Emitter()
        self._loop = asyncio.get_running_loop()
        self._pacing = Pacing(limit)
        self._turn = asyncio.Lock()
        self._paused_until = -inf
        self._told_until = self._probe_back_at = -inf
        self._breaker = Breaker()
        self._probe_out = False
        self._word = asyncio.Event()
        self._closed: WaleeError | None = None
        self._waiting = self._granted = self._too_fast = self._cuts = 0
        self._bucket: Turns = (Bucket if turns is None else partial(turns, self))(self._pacing.pace, burst)

    # -- waiting ------------------------------------------------------------------------------------------------------

    async def permit(
        self, deadline: float = inf, patience: float = inf, ready: Ready | None = None, since: float = inf
    ) -> Permit | None:
        """Wait for a turn. None when a pause would last past `patience`: somebody else can send sooner.

        `deadline`, `patience` and `since` are loop times, the last that of the beginning of all that the caller belongs
        to. `ready` is awaited once the caller is the next in line, before a turn is taken for it; what it raises is
        raised here, and costs no turn.

        Raises:
            DeadlineError: the turn would come after the deadline, however the pace grows; said as soon as it is known.
            LongPauseError: a pause has more than `longest_pause` left, or nothing was answered for so long a wait.
            WaleeError: the gate was closed, for the reason it was closed with.
        """
        since = min(since, self._loop.time())
        self._refuse_long_wait(since)
        if deadline < inf and self.ready_at() > deadline and (soonest := self.ready_at(growing=True)) > deadline:
            raise self._late(soonest)
        self._waiting += 1
        try:
            async with self._turn:
                if ready is not None:
                    await ready()
                while await self._opened(deadline, patience, since):
                    held = await self._bucket.take(deadline, self._waiting)
                    if held is None:
                        continue
                    self._pacing.grow(held)
                    if abs(self._pacing.pace - self._bucket.rate) > STEP * self._bucket.rate:
                        await self._bucket.change(self._pacing.pace)
                    if self._open:
                        return self._grant()
                return None
        finally:
            self._waiting -= 1

    @property
    def _open(self) -> bool:
        return self._closed is None and self._paused_until <= self._loop.time() and not self._probe_out

    async def _opened(self, deadline: float, patience: float, since: float) -> bool:
        while True:
            if self._closed is not None:
                raise self._closed.about(None)
            self._refuse_long_wait(since)
            if self._open:
                return True
            opens_at = self._opens_at()
            if opens_at > patience:
                return False
            if opens_at > deadline:
                raise self._late(opens_at)
            await self._changed(opens_at if not self._probe_out else inf)

    async def _changed(self, until: float) -> None:
        """Wait for a word on the gate, or for a loop time."""
        self._word.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until if until < inf else None):
                await self._word.wait()

    def _grant(self) -> Permit:
        self._granted += 1
        self._probe_out = self._breaker.delay is not None
        self._probe_back_at = self._loop.time() + (self._breaker.delay or 0.0)
        return Permit(self, self._loop.time(), self._pacing.pace, self._probe_out)

    def _late(self, at: float) -> DeadlineError:
        return DeadlineError(f"the next turn is {at - self._loop.time():.1f} s away, past the deadline")

    def _opens_at(self) -> float:
        # A guess while a probe is out, and one that stands still: two gates whose guesses moved with the clock would
        # send a caller to and fro between them without end.
        return max(self._paused_until, self._probe_back_at) if self._probe_out else self._paused_until

    def _refuse_long_wait(self, since: float) -> None:
        now = self._loop.time()
        pause = self._told_until - now
        if pause > self._longest_pause:
            raise LongPauseError(f"{self.label}: told to wait {pause:.0f} s, longer than {self._longest_pause:.0f} s")
        # Only those who have waited it out themselves: somebody who comes later may find the gateway well again.
        if now - since > self._longest_pause and self._breaker.silence(now) > self._longest_pause:
            raise LongPauseError(f"{self.label}: no answer for {self._longest_pause:.0f} s, {self._breaker.reason()}")

    def ready_at(self, *, growing: bool = False) -> float:
        """The loop time at which somebody who came now could send, at this pace or one `growing` as fast as it may."""
        turn = max(self._loop.time(), self._bucket.next_at(), self._opens_at())
        return turn + (self._pacing.soonest(self._waiting) if growing else self._waiting / self._bucket.rate)

    # -- what came back -----------------------------------------------------------------------------------------------

    def pause(self, until: float, reason: str) -> None:
        """Let nobody through before the loop time `until`, wherever the gate is shared. It never shortens a pause."""
        self.hold(until, reason)
        self._bucket.tell(until, None)

    def hold(self, until: float, reason: str) -> None:
        """Let nobody through here before the loop time `until`. It never shortens a pause."""
        self._told_until = max(self._told_until, until)
        self._hold(until, reason)

    def follow(self, pace: float) -> None:
        """Take over the cut of somebody who shares this gate."""
        before = self._pacing.pace
        if self._pacing.follow(pace, self._loop.time()) and self.emitter.listening:
            self.emitter.emit(PaceCut(self.label, before, self._pacing.pace))

    def _hold(self, until: float, reason: str) -> None:
        if until <= self._paused_until:
            return
        self._paused_until = until
        self._word.set()
        if self.emitter.listening:
            self.emitter.emit(GatePaused(self.label, until - self._loop.time(), reason))

    def close(self, reason: WaleeError) -> None:
        """Let nobody through any more; those who wait are told the reason."""
        self._closed = reason
        self._word.set()

    async def aclose(self) -> None:
        """Let go of what the turns are shared through, if they are."""
        await self._bucket.aclose()

    def answered(self, permit: Permit) -> None:
        """See `Permit.answered`."""
        self._breaker.answered(probe=permit.probe)

    def failed(self, permit: Permit, what: str) -> None:
        """See `Permit.failed`."""
        if self._breaker.failed(self._loop.time(), what, probe=permit.probe):
            self._shut(self._breaker.reason())

    def too_fast(self, permit: Permit, retry_after: float | None) -> None:
        """See `Permit.too_fast`."""
        now = self._loop.time()
        before = self._pacing.pace
        self._too_fast += 1
        self._breaker.answered(probe=permit.probe and retry_after is not None)
        cut = self._pacing.too_fast(permit.granted_at, permit.pace, now)
        if cut:
            self._cuts += 1
            if self.emitter.listening:
                self.emitter.emit(PaceCut(self.label, before, self._pacing.pace))
        if retry_after is not None:
            self.hold(now + retry_after, "the gateway said too fast")
        elif permit.probe or self._breaker.delay is None:
            self._shut("the gateway said too fast and not for how long")
        self._bucket.tell(self._paused_until, self._pacing.pace if cut else None)

    def _shut(self, reason: str) -> None:
        """Close until a probe is answered, one probe at a time."""
        self._hold(self._loop.time() + self._breaker.back_off(), reason)

    def probe_returned(self) -> None:
        """The probe is over, answered or not; the next may go."""
        self._probe_out = False
        self._word.set()

    def learn(self, quota: float, window: float) -> None:
        """Take note that the gateway itself states a limit of `quota` requests per `window` seconds."""
        self._pacing.learn(quota, window)

    def statistics(self) -> GateStatistics:
        """The gate at this moment."""
        return GateStatistics(
            pace=self._pacing.pace,
            limit=self._pacing.limit,
            paused=max(0.0, self._paused_until - self._loop.time()),
            probing=self._breaker.delay is not None,
            waiting=self._waiting,
            granted=self._granted,
            too_fast=self._too_fast,
            cuts=self._cuts,
        )
