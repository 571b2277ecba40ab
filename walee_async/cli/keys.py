"""API keys: from the environment or a file, never from an argument, and never shown."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from walee_async.errors import ConfigError
from walee_async.wire import check_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from walee_async.cli.screen import Screen

IN_THE_OPEN: Final = (
    "An argument can be read by everybody on this machine and stays in the shell's history, so walee takes no API key "
    "as one: set WALEE_API_KEY, or put the key in a file and name it with --key-file"
)

_LONGEST_HANDLE: Final = 24
"""TikTok's own limit; keys are longer."""
_LONG_ENOUGH: Final = 8
"""Characters below which a key in the environment is not looked for inside arguments: it would be found in words."""
_LIKE_A_KEY: Final = re.compile(rf"(?=\S*[0-9])(?=\S*[A-Za-z])[A-Za-z0-9_\-.+=]{{{_LONGEST_HANDLE + 1},}}")
_ASSIGNED: Final = re.compile(r"\s*(?:export\s+)?(?:[A-Z][A-Z_]*_)?API_KEYS?\s*=", re.IGNORECASE)
_QUOTES: Final = tuple("\"'`\u2018\u2019\u201c\u201d")
_KEY_OPTION: Final = re.compile(r"--?(?:x-)?(?:api[-_]?)?(?:key|keys|token|secret)(?:=.*)?", re.IGNORECASE | re.DOTALL)


class KeyRing(Struct, frozen=True):
    """The keys to use and where they came from. Its repr shows no key."""

    keys: tuple[str, ...]
    origin: str

    def __repr__(self) -> str:
        return f"<{len(self.keys)} from {self.origin}>"


def find_keys(key_file: Path | None, screen: Screen) -> KeyRing:
    """The keys of the file, else those of WALEE_API_KEYS, else that of WALEE_API_KEY.

    Raises:
        ConfigError: there is none, or one cannot be a key. It does not show the key.
    """
    if key_file is not None:
        return _from_file(key_file, screen)
    several, one = _environment()
    if several:
        return KeyRing(_checked(several), "WALEE_API_KEYS")
    if one:
        return KeyRing(_checked([one]), "WALEE_API_KEY")
    raise ConfigError("There is no API key: set WALEE_API_KEY, or put the key in a file and name it with --key-file")


def count_keys(key_file: Path | None, screen: Screen) -> int:
    """How many keys would share the work; 1 where there is none yet.

    Raises:
        ConfigError: the file cannot be read, or holds what cannot be a key.
    """
    several, one = _environment()
    return len(find_keys(key_file, screen).keys) if key_file is not None or several or one else 1


def _environment() -> tuple[list[str], str]:
    several = os.environ.get("WALEE_API_KEYS", "").replace(",", " ").split()
    return several, os.environ.get("WALEE_API_KEY", "")


def _from_file(path: Path, screen: Screen) -> KeyRing:
    name = "the key file" if looks_like_key(str(path)) else f"the key file {path}"
    try:
        text = path.read_text("utf-8-sig")
        mode = path.stat().st_mode
    except OSError as error:
        raise ConfigError(f"{name[0].upper()}{name[1:]} cannot be read: {error.strerror}") from None
    except UnicodeError:
        raise ConfigError(f"{name[0].upper()}{name[1:]} is no text") from None
    lines = [line.strip() for line in text.splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys:
        raise ConfigError(f"{name[0].upper()}{name[1:]} holds no key; it has one on each line")
    ring = KeyRing(_checked(keys), name)
    if os.name == "posix" and stat.S_ISREG(mode) and mode & (stat.S_IRGRP | stat.S_IROTH):
        screen.warn(f"{name} can be read by others on this machine; `chmod 600` makes it yours alone.")
    return ring


def _checked(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(check_key(_bare(text)) for text in texts))


def _bare(text: str) -> str:
    """A key as it is; what only stands around it in a shell is asked to be taken away, and not guessed at."""
    if _ASSIGNED.match(text):
        raise ConfigError("A key stands behind the name of a variable; leave the name and the = out, the key alone")
    if text.strip()[:1] in _QUOTES or text.strip()[-1:] in _QUOTES:
        raise ConfigError("A key stands in quotes; leave them out")
    return text


def looks_like_key(text: str) -> bool:
    """Whether a text is more like an API key than like a handle, which has 24 characters at most on TikTok."""
    return _LIKE_A_KEY.fullmatch(text) is not None


def mask(text: str) -> str:
    """The text with whatever looks like a key left out, for messages that quote arguments."""
    return _LIKE_A_KEY.sub("…", text)


def refuse_keys(arguments: Sequence[str]) -> None:
    """Refuse arguments that hold a key.

    Raises:
        ConfigError: one is an option for a key, or one of the keys in the environment.
    """
    several, one = _environment()
    secrets = [secret for secret in (*several, one.strip()) if len(secret) >= _LONG_ENOUGH]
    # The test gateway's keys are made up, and stand in the environment of those who develop with it.
    if arguments[:1] == ["gateway"]:
        return
    for argument in arguments:
        if _KEY_OPTION.fullmatch(argument) or any(secret in argument for secret in secrets):
            raise ConfigError(IN_THE_OPEN)
