"""What happens, told to one hook as frozen values: logs, traces and metrics need to know nothing else."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from msgspec import Struct

from walee_async.outcomes import Attempt

if TYPE_CHECKING:
    from walee_async.interfaces import Hook

logger = logging.getLogger("walee_async")


class AttemptStarted(Struct, frozen=True):
    """A request is about to be sent: send `number` for `handle`, with the key of that label."""

    handle: str
    number: int
    key: str


class AttemptEnded(Struct, frozen=True):
    """A request came to an end. `error` is the name of the error's class, None for a report."""

    attempt: Attempt
    error: str | None = None


class GatePaused(Struct, frozen=True):
    """Nobody sends with this key for `seconds`, or until a probe is answered."""

    key: str
    seconds: float
    reason: str


class PaceCut(Struct, frozen=True):
    """The gateway said too fast: the key's pace fell from `before` to `after` requests per second."""

    key: str
    before: float
    after: float


class GateAlone(Struct, frozen=True):
    """What the key's gate is shared through does not answer: this process goes on by itself at `pace`, its share."""

    key: str
    pace: float
    reason: str


class GateRejoined(Struct, frozen=True):
    """The key's gate is shared again, after `seconds` by itself."""

    key: str
    seconds: float


class KeyBenched(Struct, frozen=True):
    """The gateway refuses this key; it is used no more."""

    key: str
    error: str
    message: str | None = None


class OutcomeReached(Struct, frozen=True):
    """A run knows what `handle` comes to. `error` is the name of the error's class, None for a report."""

    run: str
    handle: str
    error: str | None = None


Event = AttemptStarted | AttemptEnded | GatePaused | PaceCut | GateAlone | GateRejoined | KeyBenched | OutcomeReached


class Emitter:
    """Hands events to a hook, and drops a hook that raises: telling must never cost a report."""

    __slots__ = ("_hook",)

    def __init__(self, hook: Hook | None = None) -> None:
        self._hook = hook

    @property
    def listening(self) -> bool:
        """Whether anybody listens; ask before building an event on the hot path."""
        return self._hook is not None

    def emit(self, event: Event) -> None:
        """Tell the hook, if there is one still."""
        if self._hook is None:
            return
        try:
            self._hook(event)
        except Exception:
            logger.exception("The hook raised on %s; it is told of nothing more.", type(event).__name__)
            self._hook = None
