"""How fast it goes and what holds it up, over all keys of a run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from walee_async.cli.text import clean
from walee_async.events import GatePaused, KeyBenched

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from walee_async.client import WaleeClient
    from walee_async.events import Event
    from walee_async.pool import KeyStatistics


class Pulse:
    """Keeps what the events tell and asks the client for the rest. It is the client's hook.

    `tell` is called with a sentence when something happens that a person wants to know at once.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.client: WaleeClient | None = None
        self._tell = tell
        self._reasons: dict[str, str] = {}

    def __call__(self, event: Event) -> None:
        """Take note of one event."""
        match event:
            case GatePaused():
                self._reasons[event.key] = event.reason
            case KeyBenched():
                said = f" ({clean(event.message, 100)})" if event.message else ""
                self._tell(f"{event.key} is refused by the gateway{said} and is used no more.")
            case _:
                pass

    def _keys(self) -> Sequence[KeyStatistics]:
        assert self.client is not None
        return [key for key in self.client.statistics() if key.benched is None]

    def speed(self, rate: float) -> str:
        """The rate, against the limit that holds now."""
        keys = self._keys()
        pace, limit = sum(key.gate.pace for key in keys), sum(key.gate.limit for key in keys)
        if math.isinf(limit):
            return f"{rate:.1f}/s, trying {pace:.3g}/s"
        if pace < 0.97 * limit:
            return f"{rate:.1f}/s, slowed to {pace:.3g}/s"
        return f"{rate:.1f}/s of {limit:.3g}/s"

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
