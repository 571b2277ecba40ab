"""What a handle comes to: payloads, attempts and their charge, and the one outcome each handle gets."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeVar

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from walee_async.errors import WaleeError

T = TypeVar("T")


class Charge(StrEnum):
    """What one attempt may have cost."""

    NOT_SENT = "not_sent"
    """It never reached the gateway."""
    REJECTED = "rejected"
    """Turned away at the door: 401, 403, 420, 429, or an account that cannot buy."""
    FAILED = "failed"
    """Answered with an error, even if the rest of it broke off; the gateway charges for none."""
    AMBIGUOUS = "ambiguous"
    """Sent, and no whole answer came, or one that is neither a report nor an error: it may have been bought."""
    BILLED = "billed"
    """Answered with a report: bought."""


class Attempt(Struct, frozen=True, kw_only=True):
    """One send. `queue_seconds` is the wait at the gate before it, `service_seconds` the exchange itself."""

    handle: str
    number: int
    """Counts the sends for one handle, from 1."""
    key: str
    """The label of the key, never the key."""
    charge: Charge
    status: int | None = None
    sent_at: float = 0.0
    """Unix seconds."""
    queue_seconds: float = 0.0
    service_seconds: float = 0.0


class Exchange(Struct, frozen=True, kw_only=True):
    """One request and what came back, as evidence for a person: never the key, headers by allowlist.

    Times are Unix seconds, durations seconds; `body` holds at most the first 2,048 characters of the answer.
    """

    method: str
    url: str
    key: str
    """The label of the key it was sent with, such as `key 1 (…a3f9)`."""
    sent_at: float
    seconds: float
    status: int | None = None
    request_headers: Mapping[str, str] = {}
    response_headers: Mapping[str, str] = {}
    body: str = ""


class Payload(Struct, kw_only=True):
    """The bytes of one report as they came off the wire, still compressed by `encoding`."""

    handle: str
    body: bytes
    encoding: str = "identity"
    """The answer's Content-Encoding, lower case: gzip, deflate, zstd or identity."""
    key: str = ""
    """The label of the key it was bought with."""
    received_at: float = 0.0
    """Unix seconds."""
    attempts: tuple[Attempt, ...] = ()
    reused: bool = False
    """Read from the store instead of bought."""
    _inflated: bytes | bytearray | None = None
    """Already decompressed by the check of its envelope; taken by the first decode, so that it does not stay."""

    def take_inflated(self) -> bytes | bytearray | None:
        """Give up the decompressed bytes that are at hand, if any; a second call has none."""
        data, self._inflated = self._inflated, None
        return data


class Fetched(Struct, Generic[T], frozen=True):
    """The report of `handle`, decoded into the run's view, and the payload it came from."""

    handle: str
    report: T
    payload: Payload


class Failed(Struct, frozen=True):
    """Why there is no report for `handle` (normalised, or the text as given when it cannot be a handle)."""

    handle: str
    error: WaleeError


Outcome = Fetched[T] | Failed
