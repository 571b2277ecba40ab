"""API keys: where they come from, and that they show only their labels."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from walee_async.errors import ConfigError
from walee_async.wire import check_key, key_label


class Key:
    """An API key that shows only its label."""

    __slots__ = ("label", "secret")

    def __init__(self, secret: str, label: str) -> None:
        self.secret = secret
        self.label = label

    def __repr__(self) -> str:
        return f"<{self.label}>"


def api_keys(given: str | Iterable[str] | None = None) -> tuple[Key, ...]:
    """The keys given, else those of WALEE_API_KEYS, else of WALEE_API_KEY; each once, in order.

    Raises:
        ConfigError: there is none, or one cannot be a key. It does not show the key.
    """
    try:
        return _api_keys(given)
    except ConfigError as error:
        del given
        # Without the frames it came through: their locals hold the keys, and some tools print locals.
        raise error.with_traceback(None) from None


def _api_keys(given: str | Iterable[str] | None) -> tuple[Key, ...]:
    if given is None:
        given = os.environ.get("WALEE_API_KEYS", "").replace(",", " ").split() or os.environ.get("WALEE_API_KEY", "")
        if not given:
            raise ConfigError("There is no API key: set WALEE_API_KEY, or WALEE_API_KEYS for several")
    several = isinstance(given, Iterable) and not isinstance(given, str | bytes)
    texts: list[Any] = list(given) if several else [given]  # what is no text is told of as such
    if not texts:
        raise ConfigError("The list of API keys is empty")
    secrets = dict.fromkeys(check_key(text) for text in texts)
    return tuple(Key(secret, key_label(number, secret)) for number, secret in enumerate(secrets))
