"""A gate whose turns are reserved in Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from walee_async.integrations.redis.link import RedisLink, check_url
from walee_async.integrations.shared.link import name_of
from walee_async.integrations.shared.turns import SharedTurns

if TYPE_CHECKING:
    from walee_async.interfaces import Door, MakeTurns


class SharedGate:
    """Lets processes that have the same API key share its pace and its pauses through a Redis.

    Give it to every client as `Options(sharing=SharedGate(url))`, with the same rate everywhere. `url` is an address
    such as `redis://cache:6379/0`; a password in it is not shown.

    Raises:
        ConfigError: the address cannot be read.
    """

    def __init__(self, url: str) -> None:
        self._url = check_url(url)

    def turns(self, secret: str) -> MakeTurns:
        """Make turns that are shared with all who have the same API key. Redis sees a keyed hash, not the key."""
        name = f"walee:gate:{{{name_of(secret)}}}"

        def make(gate: Door, rate: float, burst: int) -> SharedTurns:
            return SharedTurns(gate, rate, burst, RedisLink(self._url, "gate.lua"), name)

        return make
