"""How fast it goes and what holds it up, over all keys of a run."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Final

from walee_async.cli.text import clean
from walee_async.errors import ExhaustedKeyError, RefusedKeyError
from walee_async.events import AttemptEnded, AttemptStarted, GatePaused, KeyBenched

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from walee_async.client import WaleeClient
    from walee_async.events import Event
    from walee_async.pool import KeyStatistics

TURN: Final = 0.02
"""Seconds for whoever has just been given a turn to send."""
REFUSALS: Final = {ExhaustedKeyError.__name__, RefusedKeyError.__name__}
"""Errors by which the gateway says something of the key."""


class Pulse:
    """Keeps what the events tell and asks the client for the rest. It is the client's hook.

    `tell` is called with a sentence when something happens that a person wants to know at once.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.client: WaleeClient | None = None
        self._under_way = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._tell = tell
        self._reasons: dict[str, str] = {}

    def __call__(self, event: Event) -> None:
        """Take note of one event."""
        match event:
            case AttemptStarted():
                self._under_way += 1
                self._quiet.clear()
            case AttemptEnded():
                self._under_way -= 1
                if not self._under_way:
                    self._quiet.set()
            case GatePaused():
                self._reasons[event.key] = event.reason
            case KeyBenched() if event.error in REFUSALS:
                said = f" ({clean(event.message, 100)})" if event.message else ""
                self._tell(f"{event.key} is refused by the gateway{said} and is used no more.")
            case KeyBenched():  # such as for a wrong base URL; why, the end of the run says
                self._tell(f"Nothing more is sent with {event.key}.")
            case _:
                return

    async def hold(self, seconds: float) -> None:
        """Let nothing be sent for `seconds`, and wait until all that was sent is answered."""
        assert self.client is not None
        self.client.pause(seconds, "stopping")
        await asyncio.sleep(TURN)
        await self._quiet.wait()

    def _keys(self) -> Sequence[KeyStatistics]:
        assert self.client is not None
        return [key for key in self.client.statistics() if key.benched is None]

    def speed(self, rate: float) -> str:
        """The rate, against the limit that holds now."""
        pace, limit = self._pace_and_limit()
        if math.isinf(limit):
            return f"{rate:.1f}/s, trying {pace:.3g}/s"
        return f"{rate:.1f}/s, slowed to {pace:.3g}/s" if pace < 0.97 * limit else f"{rate:.1f}/s of {limit:.3g}/s"

    def average(self, rate: float) -> str:
        """The rate of a whole run, against the limit and what became of it."""
        pace, limit = self._pace_and_limit()
        if math.isinf(limit):
            return f"{rate:.1f}/s; the limit was not found, the last pace was {pace:.3g}/s"
        return f"{rate:.1f}/s of {limit:.3g}/s{f', slowed to {pace:.3g}/s at the end' if pace < 0.97 * limit else ''}"

    def _pace_and_limit(self) -> tuple[float, float]:
        keys = self._keys()
        return sum(key.gate.pace for key in keys), sum(key.gate.limit for key in keys)

    def pause(self) -> str:
        """Who waits, for how long and why; empty when nobody does."""
        keys = self._keys()
        paused = [key for key in keys if key.gate.paused > 0.05]
        if not paused:
            return ""
        soonest = min(paused, key=lambda key: key.gate.paused)
        reason = self._reasons.get(soonest.label, "")
        seconds = f"{math.ceil(soonest.gate.paused)} s"
        if len(paused) == len(keys):
            return f"paused {seconds}: {reason}"
        return f"{len(paused)} of {len(keys)} keys paused {seconds}: {reason}"
