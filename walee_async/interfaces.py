"""The seams: what the rooms above ask of the rooms below, and what users may put in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from walee_async.events import Event
    from walee_async.outcomes import Attempt, Payload


@runtime_checkable
class Source(Protocol):
    """Turns a handle into a payload. Sessions and pools are sources; new behaviour wraps a source."""

    async def fetch(self, handle: str) -> Payload:
        """Return the payload of a normalised handle.

        Raises:
            WaleeError: there is none, for the reason it gives.
        """
        ...


class Journal(Protocol):
    """Keeps account of every send on disk, so that a crash can neither lose a report nor hide that it was bought."""

    async def intend(self, handle: str, number: int, key: str, run: str) -> int:
        """Write down that a request is about to be sent; return when that is safe on disk, with its number.

        Raises:
            StoreError: it could not be written, so nothing may be sent.
        """
        ...

    async def settle(self, intent: int, attempt: Attempt, payload: Payload | None) -> None:
        """Write down what became of it, and the report if one came, both or neither; return when that is safe.

        The writing goes on if the caller is cancelled.

        Raises:
            StoreError: it could not be written.
        """
        ...


class Hook(Protocol):
    """Is told of every event, in the event loop: it must return soon and must not raise."""

    def __call__(self, event: Event, /) -> None:
        """Take note of one event."""
        ...
