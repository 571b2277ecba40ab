"""Where keys come from, and what they show."""

from __future__ import annotations

import re
from typing import Any

import pytest

from walee_async.errors import ConfigError
from walee_async.keys import api_keys

ONE, TWO = "a-made-up-key-0001", "a-made-up-key-0002"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WALEE_API_KEY", "WALEE_API_KEYS"):
        monkeypatch.delenv(name, raising=False)


def secrets(given: str | list[str] | None = None) -> list[str]:
    return [key.secret for key in api_keys(given)]


def test_keys_that_are_given_are_used_each_once_in_their_order() -> None:
    """One text is one key, a list is several, and white space around them is nobody's."""
    assert secrets(ONE) == [ONE]
    assert secrets([TWO, ONE, f" {TWO}\n"]) == [TWO, ONE]


def test_the_environment_is_asked_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several keys outrank one; commas and white space stand between them."""
    monkeypatch.setenv("WALEE_API_KEY", ONE)
    assert secrets() == [ONE]
    assert secrets(TWO) == [TWO]
    monkeypatch.setenv("WALEE_API_KEYS", f"{TWO},{ONE}\n {TWO}")
    assert secrets() == [TWO, ONE]
    monkeypatch.setenv("WALEE_API_KEYS", " , ")
    assert secrets() == [ONE]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "There is no API key: set WALEE_API_KEY, or WALEE_API_KEYS for several"),
        ([], "The list of API keys is empty"),
        ("", "the API key is empty"),
        ([ONE, "two words"], "the API key has a space or line break inside; give one key at a time"),
        ("clé-0001", "the API key has characters outside printable ASCII; copy it again"),
        (5, "an API key is of type int; it must be text; several go in a list"),
        ([ONE, None], "an API key is of type NoneType; it must be text; several go in a list"),
        (ONE.encode(), "an API key is of type bytes; it must be text; several go in a list"),
    ],
)
def test_what_is_no_key_is_said_in_one_sentence(given: Any, said: str) -> None:
    """It says what is missing or wrong and where a key belongs, and shows none."""
    with pytest.raises(ConfigError, match=f"^{re.escape(said)}\\.$"):
        api_keys(given)


def test_a_key_shows_only_its_label() -> None:
    """Numbered as given, by its last characters."""
    assert [repr(key) for key in api_keys([ONE, "short"])] == ["<key 1 (…0001)>", "<key 2>"]
    assert [key.label for key in api_keys([ONE, "short"])] == ["key 1 (…0001)", "key 2"]
