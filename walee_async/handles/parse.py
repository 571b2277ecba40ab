"""From what people write for a handle to the handle."""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import unquote

from msgspec import Struct

from walee_async.errors import InvalidHandleError

_HANDLE: Final = re.compile(r"[a-z0-9_.]{0,63}[a-z0-9_]")
_ADDRESS: Final = re.compile(r"(?:https?:)?//|(?:[a-z0-9-]+\.)+[a-z]{2,}(?::\d+)?/", re.IGNORECASE)
_AROUND: Final = " \"'`\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb<>,;"
_SHORT_HOSTS: Final = ("vm.tiktok.com", "vt.tiktok.com")
_QUOTED: Final = 80


class Entry(Struct, frozen=True):
    """One line of a list: what stands there for a handle, and where.

    `source` names the list (a path, or `standard input`), `line` counts from 1. `problem` says what keeps the line
    from being read at all, such as broken JSON; `text` then holds the beginning of the line.
    """

    text: str
    source: str
    line: int
    problem: str | None = None


def parse_handle(text: str) -> str:
    """Return the handle a text stands for, in its normal form: lower case, without the `@`.

    Takes `name`, `@name` and profile addresses (`https://www.tiktok.com/@name?lang=en`, `m.tiktok.com/@name`,
    `/@name/video/1`), with spaces, quotes, commas and invisible characters around it. A handle has 1 to 64 letters,
    digits, underscores and dots, and does not end in a dot.

    Raises:
        InvalidHandleError: it cannot be a handle; the sentence quotes the text, escaped and cut to 80 characters.
    """
    if not isinstance(text, str):
        raise InvalidHandleError(f"{quoted(repr(text))} is no handle: it is no text but {type(text).__name__}")
    if _HANDLE.fullmatch(text):
        return text  # in its normal form already, as most are
    visible = "".join(" " if c.isspace() else c for c in text if unicodedata.category(c) != "Cf")
    name = visible.strip(_AROUND).replace("\uff20", "@")  # the full-width @ of East Asian keyboards
    if name.startswith(("@", "/")) and not name.startswith("//"):
        name = _of_path(name, text)
    elif _ADDRESS.match(name):
        name = _of_address(name, text)
    name = name.lstrip("@").strip(_AROUND)
    if not name.isascii() or not _HANDLE.fullmatch(name.lower()):
        raise InvalidHandleError(f"{quoted(text)} is no handle: {_reason(name)}")
    return name.lower()


def resolve(entry: str | Entry) -> str:
    """Return the handle of a text or of a line of a list.

    Raises:
        InvalidHandleError: it cannot be a handle; for a line, the sentence begins with its source and number.
    """
    if not isinstance(entry, Entry):
        return parse_handle(entry)
    where = f"{entry.source}, line {entry.line}"
    if entry.problem is not None:
        raise InvalidHandleError(f"{where}: {entry.problem}")
    try:
        return parse_handle(entry.text)
    except InvalidHandleError as error:
        raise InvalidHandleError(f"{where}: {error.detail}") from None


def quoted(text: str, most: int = _QUOTED) -> str:
    """The text in quotes, escaped, at most 80 characters unless told otherwise: safe to print whatever it holds."""
    whole = repr(text[:most])
    return whole if len(whole) <= most else f"{whole[: most - 2]}…{whole[0]}"


def _of_address(address: str, text: str) -> str:
    rest = re.sub(r"^(?:https?:)?//", "", address, flags=re.IGNORECASE)
    authority = re.split(r"[/?#]", rest)[0]
    path = rest.removeprefix(authority)
    host = re.sub(r":\d*$", "", authority.rpartition("@")[2].lower())
    if host != "tiktok.com" and not host.endswith(".tiktok.com"):
        raise InvalidHandleError(f"{quoted(text)} is an address of another site than TikTok")
    if host in _SHORT_HOSTS or path.startswith("/t/"):
        raise InvalidHandleError(
            f"{quoted(text)} is a short link, which hides the handle; open it and copy the profile"
        )
    return _of_path(path, text)


def _of_path(path: str, text: str) -> str:
    """The name in `/@name/…`; the @ may be percent-encoded."""
    first = unquote(re.split(r"[/?#]", path.removeprefix("/"))[0])
    if not first.startswith("@"):
        raise InvalidHandleError(f"{quoted(text)} is no address of a profile, which has an @ before its name")
    return first


def _reason(name: str) -> str:
    if not name:
        return "nothing is left of it"
    if "\ufffd" in name:
        return "it is not UTF-8; save the list as UTF-8"
    strange = next((c for c in name if not _HANDLE.fullmatch(c.lower() + "_") or not c.isascii()), None)
    if strange is not None:
        return "it has a space inside" if strange == " " else f"it has the character {strange!a}"
    return "it ends in a dot" if name.endswith(".") else f"it has {len(name)} characters"
