"""API keys: where they come from, and that they show only their labels."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from walee_async.errors import ConfigError
from walee_async.wire import check_key, key_label

if TYPE_CHECKING:
    from collections.abc import Sequence


class Key:
    """An API key that shows only its label."""

    __slots__ = ("label", "secret")

    def __init__(self, secret: str, label: str) -> None:
        self.secret = secret
        self.label = label

    def __repr__(self) -> str:
        return f"<{self.label}>"


def api_keys(given: str | Sequence[str] | None = None) -> tuple[Key, ...]:
    """The keys given, else those of WALEE_API_KEYS, else of WALEE_API_KEY; each once, in order.

    Raises:
        ConfigError: there is none, or one cannot be a key. It does not show the key.
    """
    if given is None:
        given = os.environ.get("WALEE_API_KEYS", "").replace(",", " ").split() or os.environ.get("WALEE_API_KEY", "")
        if not given:
            raise ConfigError("There is no API key: set WALEE_API_KEY, or WALEE_API_KEYS for several")
    texts = [given] if isinstance(given, str) else list(given)
    if not texts:
        raise ConfigError("The list of API keys is empty")
    secrets = dict.fromkeys(check_key(text) for text in texts)
    return tuple(Key(secret, key_label(number, secret)) for number, secret in enumerate(secrets))
