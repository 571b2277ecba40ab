"""Briefs from files."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from walee_async.errors import ConfigError
from walee_async.scoring.brief import Brief, brief_of

if TYPE_CHECKING:
    from os import PathLike


def read_brief(path: str | PathLike[str]) -> Brief:
    """Read a brief from a file, TOML or (with the suffix .json) JSON, UTF-8.

    Raises:
        ConfigError: it is not there, cannot be read, or says something that a brief cannot; the sentence names the key.
    """
    file = Path(path)
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"the brief {file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"the brief {file} is not UTF-8 text") from None
    try:
        keys: Any = msgspec.json.decode(text) if file.suffix.lower() == ".json" else tomllib.loads(text)
    except (tomllib.TOMLDecodeError, msgspec.DecodeError, RecursionError) as error:
        kind = "JSON" if file.suffix.lower() == ".json" else "TOML"
        raise ConfigError(f"the brief {file} is no {kind}: {str(error)[:1].lower()}{str(error)[1:]}") from None
    if not isinstance(keys, dict):
        raise ConfigError(f"the brief {file} holds no object")
    try:
        return brief_of(keys)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error.detail}") from None
