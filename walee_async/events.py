"""What happens, told to hooks as frozen values: logs, traces and metrics need to know nothing else."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from walee_async.errors import ConfigError
from walee_async.outcomes import Attempt

if TYPE_CHECKING:
    from walee_async.interfaces import Hook, Hooks

logger = logging.getLogger("walee_async")


class RunStarted(Struct, frozen=True):
    """A list begins. `total` is how many entries it has, where the caller said so."""

    run: str
    total: int | None = None


class RunEnded(Struct, frozen=True, kw_only=True):
    """The block of a run was left. `how`: "complete", "left" (with handles to go), or the name of the error's class.

    The numbers are those of its ledger: outcomes handed over, and attempts.
    """

    run: str
    how: str
    fetched: int
    reused: int
    failed: int
    bought: int
    ambiguous: int


class ReportStarted(Struct, frozen=True):
    """Somebody asks for the report of `handle`: a run, or (None) a single call.

    `report` is a number of its own, since several may ask for one handle at a time.
    """

    report: int
    handle: str
    run: str | None


class ReportEnded(Struct, frozen=True):
    """The report has come, from the store if `reused`, or not: `error` is the name of the error's class.

    There is one for each ReportStarted, also where several who ask share one purchase.
    """

    report: int
    handle: str
    run: str | None
    error: str | None = None
    reused: bool = False


class AttemptStarted(Struct, frozen=True):
    """A request is about to be sent: send `number` for `handle`, with the key of that label."""

    handle: str
    number: int
    key: str


class AttemptEnded(Struct, frozen=True):
    """A request came to an end. `error` is the name of the error's class, None for a report.

    `report` is the number of the ReportStarted that it was sent for.
    """

    attempt: Attempt
    error: str | None = None
    report: int | None = None


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
    """The key's gate is shared again, or was closed, after `seconds` by itself."""

    key: str
    seconds: float


class KeyBenched(Struct, frozen=True):
    """The gateway refuses this key; it is used no more."""

    key: str
    error: str
    message: str | None = None


class OutcomeReached(Struct, frozen=True):
    """A run hands over what `handle` comes to. `error` is the name of the error's class, None for a report."""

    run: str
    handle: str
    error: str | None = None
    reused: bool = False


Event = (
    RunStarted
    | RunEnded
    | ReportStarted
    | ReportEnded
    | AttemptStarted
    | AttemptEnded
    | GatePaused
    | PaceCut
    | GateAlone
    | GateRejoined
    | KeyBenched
    | OutcomeReached
)


class Emitter:
    """Hands events to hooks, and drops a hook that raises: telling must never cost a report, or the other hooks.

    Raises:
        ConfigError: a hook cannot be called.
    """

    __slots__ = ("_hooks",)

    def __init__(self, hook: Hooks | None = None) -> None:
        self._hooks = _hooks(hook)

    @property
    def listening(self) -> bool:
        """Whether anybody listens; ask before building an event on the hot path."""
        return bool(self._hooks)

    def emit(self, event: Event) -> None:
        """Tell the hooks there are still, in order."""
        for hook in self._hooks:
            try:
                hook(event)
            except Exception:
                logger.exception("The hook raised on %s; it is told of nothing more.", type(event).__name__)
                self._hooks = tuple(other for other in self._hooks if other is not hook)


def _hooks(given: Hooks | None) -> tuple[Hook, ...]:
    if given is None:
        return ()
    hooks = tuple(given) if isinstance(given, Sequence) else (given,)
    for hook in hooks:
        if not callable(hook) or isinstance(hook, type):
            raise ConfigError(
                f"The hook is {hook!r}; it must be something to call with each event, or several in a tuple"
            )
    return hooks
