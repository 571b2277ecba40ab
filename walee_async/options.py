"""What few callers of a client change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from walee_async.retry import RetryPolicy
from walee_async.transport import Transport

if TYPE_CHECKING:
    from walee_async.interfaces import Hook


class Options(Struct, frozen=True, kw_only=True):
    """What few callers change."""

    burst: int = 1
    """Requests that may go at once after a rest."""
    retry: RetryPolicy = RetryPolicy()
    """When to try again, and the deadline."""
    transport: Transport = Transport()
    """A session, connector, proxy or TLS context of your own, timeouts, connections."""
    hook: Hook | None = None
    """Is told of every event."""


DEFAULTS: Final = Options()
