"""The connection to Redis: a script is answered within a quarter of a second, or not at all."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from walee_async.errors import ConfigError
from walee_async.integrations.shared.link import TIMEOUT, NoAnswerError, in_time

if TYPE_CHECKING:
    from collections.abc import Sequence


class RedisLink:
    """One process's way to a Redis. Must be made and used inside one event loop."""

    def __init__(self, url: str, script: str) -> None:
        self._redis = _client(url)
        # A pooled connection is one of these when it is idle; its arguments hold the password, and are not shown.
        place = self._redis.connection_pool.connection_kwargs
        self.where = str(place.get("path") or f"{place.get('host', 'localhost')}:{place.get('port', 6379)}")
        self._closed = False
        self._script = self._redis.register_script(Path(__file__).with_name(script).read_text("utf-8"))

    async def ask(self, keys: Sequence[str], args: Sequence[str | float]) -> Any:
        """Run the script, once, and return what it returns.

        Raises:
            NoAnswerError: no answer came; whether it was run is not known.
        """
        if self._closed:
            raise NoAnswerError("the connection to Redis was closed")
        try:
            return await in_time(self._script(keys=keys, args=args))
        except (RedisError, OSError) as error:
            # Every idle connection is as broken as this one, and each would cost another call.
            with suppress(RedisError, OSError):  # over TLS, who does not answer does not take leave either
                await self._redis.connection_pool.disconnect(inuse_connections=False)
            said = "" if isinstance(error, TimeoutError) else f": {str(error).rstrip('.')}"
            raise NoAnswerError(f"Redis at {self.where} does not answer{said}") from None

    async def aclose(self) -> None:
        """Close the connections."""
        self._closed = True
        with suppress(RedisError, OSError):
            await self._redis.aclose()


def check_url(url: str) -> str:
    """Return the address of a Redis.

    Raises:
        ConfigError: it is none. The message does not show it: there may be a password in it.
    """
    try:
        pool = _client(url).connection_pool
        # What stands behind a ? is only looked at when a connection is made; this one connects to nothing.
        pool.connection_class(**pool.connection_kwargs)
    except (ValueError, TypeError, AttributeError, RedisError):
        known = "redis://host:6379/0, rediss://host:6379/0 or unix:///path"
        raise ConfigError(f"The address of Redis cannot be read; write {known}") from None
    return url


def _client(url: str) -> Redis:
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
        retry=Retry(NoBackoff(), 0),
    )
