"""The seams: what the rooms above ask of the rooms below, and what users may put in their place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from walee_async.events import Event
    from walee_async.outcomes import Payload


@runtime_checkable
class Source(Protocol):
    """Turns a handle into a payload. Sessions and pools are sources; new behaviour wraps a source."""

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
