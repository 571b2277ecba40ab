"""The seams: what the rooms above ask of the rooms below, and what users may put in their place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from walee_async.events import Emitter, Event
    from walee_async.outcomes import Payload


@runtime_checkable
class Source(Protocol):
    """Turns a handle into a payload. A pool, of one session or many, is a source; new behaviour wraps a source."""

    async def fetch(self, handle: str) -> Payload:
        """Return the payload of a normalised handle.

        Raises:
            WaleeError: there is none, for the reason it gives.
        """
        ...


class Hook(Protocol):
    """Is told of every event, in the event loop: it must return soon, and one that raises is told of nothing more."""

    def __call__(self, event: Event, /) -> None:
        """Take note of one event."""
        ...


Hooks: TypeAlias = Hook | Sequence[Hook]
"""One, or several that do not depend on each other."""


Ready: TypeAlias = Callable[[], Awaitable[None]]
"""Sees to it that a request may be sent which is the next to have a turn, and raises when it may not."""


class Turns(Protocol):
    """Hands out the turns of one gate: the bucket of this process, or one that is shared with others.

    The gate asks for one turn at a time, for whoever came first. Times are those of the event loop.
    """

    rate: float
    """Turns per second."""

    async def take(self, deadline: float, waiting: int) -> float | None:
        """Wait for the next turn and take it; return the seconds that the rate held it back.

        None when it has found out, and told the gate, that nobody may be let through now. `waiting` is how many want a
        turn, this one included. Whoever is cancelled takes no turn.

        Raises:
            DeadlineError: the turn would come after the deadline; none was taken.
            WaleeError: there will be none, for the reason it gives.
        """
        ...

    async def change(self, rate: float) -> None:
        """Go on at another rate."""
        ...

    def next_at(self) -> float:
        """The loop time of the next turn, as far as it is known here."""
        ...

    def tell(self, until: float, pace: float | None) -> None:
        """Tell those who share the turns that nobody may be let through before `until`, and of a cut to `pace`."""
        ...

    async def aclose(self) -> None:
        """Let go of what the turns are shared through."""
        ...


class Door(Protocol):
    """A gate, as those see it who hand out its turns."""

    label: str
    emitter: Emitter

    def hold(self, until: float, reason: str) -> None:
        """Let nobody through here before the loop time `until`."""
        ...

    def follow(self, pace: float) -> None:
        """Take over the cut of somebody who shares the turns."""
        ...


class MakeTurns(Protocol):
    """Makes the turns of one gate, inside its event loop."""

    def __call__(self, gate: Door, rate: float, burst: int, /) -> Turns:
        """Hand out `rate` turns per second, `burst` of them at once after a rest."""
        ...


class Sharing(Protocol):
    """What processes share the gates of their keys through."""

    def turns(self, secret: str, /) -> MakeTurns:
        """Make turns that are shared with all who have the same API key; it must not be written down anywhere."""
        ...
