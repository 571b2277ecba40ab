"""What is sent: the address of a report, the key, and what of either may be shown."""

from __future__ import annotations

import base64
import re
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, quote, urlsplit

from walee_async.checks import check_kind
from walee_async.errors import ConfigError, InvalidHandleError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

REPORT_PATH: Final = "/ask/tt/creator/report"
"""The report's path under the base URL."""

REQUEST_HEADERS_SHOWN: Final = frozenset({"accept", "accept-encoding", "user-agent"})
"""Request headers that may appear in logs and exchanges, lower case. The key's header is not among them."""

RESPONSE_HEADERS_SHOWN: Final = frozenset(
    {
        "age",
        "cf-ray",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "ratelimit",
        "ratelimit-limit",
        "ratelimit-policy",
        "ratelimit-remaining",
        "ratelimit-reset",
        "retry-after",
        "retry-after-ms",
        "server",
        "via",
        "x-ms-retry-after-ms",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "x-request-id",
    }
)
"""Answer headers that may appear in logs and exchanges, lower case. Cookies and redirect targets are not among them."""

_SHOWN: Final = REQUEST_HEADERS_SHOWN | RESPONSE_HEADERS_SHOWN
_VALUE_SHOWN: Final = 300
_TAIL: Final = 4
_LONG_ENOUGH: Final = 12
LONGEST_KEY: Final = 1000
"""Characters of an API key. Servers take some 8,000 for a header, and may show in a refusal what is cut off of more."""
_HOST: Final = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?")
_ZEROS: Final = "0{0,7}"
LONGEST: Final = 13
"""Characters of the longest form in which a key's character is found: an HTML entity with all its zeros."""
_NAMED: Final = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}


def report_url(base_url: str, handle: str) -> str:
    """The address of a handle's report, below a base URL that `check_base_url` has passed.

    Nothing in the handle can alter the host, the path or add a parameter.

    Raises:
        InvalidHandleError: the text has no UTF-8 form (a lone surrogate).
    """
    return f"{base_url.rstrip('/')}{REPORT_PATH}?handle={quoted(handle)}"


def quoted(handle: str) -> str:
    """A handle as the value of a query.

    Raises:
        InvalidHandleError: as `report_url`.
    """
    try:
        return quote(handle, safe="")
    except UnicodeEncodeError:
        raise InvalidHandleError(f"{handle[:80]!r} cannot be sent: it is not Unicode text") from None


def check_base_url(text: str, *, allow_plain_http: bool = False) -> str:
    """Return the base URL in its normal form: lower-case scheme and host, no slash at the end.

    Plain http carries the key in the open, so it is only accepted for loopback hosts or when allowed.

    Raises:
        ConfigError: it is not an absolute https address, or has credentials, a query or a fragment.
    """
    check_kind("the base URL", text, str, "text such as https://host/api")
    text = text.strip()
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise ConfigError("the base URL may only have printable ASCII characters, without spaces or backslashes")
    if "?" in text or "#" in text:
        raise ConfigError("the base URL may have no query and no fragment")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ConfigError("the base URL cannot be read; it looks like https://host/api") from None
    host = _checked_host(parts)
    if parts.scheme == "http" and not allow_plain_http and not _is_loopback(host):
        raise ConfigError(f"plain http to {host} would show the key to the network; use https, or allow plain http")
    if port == 0:
        raise ConfigError("the base URL's port must be between 1 and 65535")
    where = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{where}{'' if port is None else f':{port}'}{parts.path.rstrip('/')}"


def _checked_host(parts: SplitResult) -> str:
    if parts.scheme not in ("https", "http"):
        raise ConfigError("the base URL must begin with https://")
    if "@" in parts.netloc:
        raise ConfigError("the base URL may hold no user name or password; the key goes in its own header")
    host = parts.hostname or ""
    if not host:
        raise ConfigError("the base URL names no host; it looks like https://host/api")
    if not _HOST.fullmatch(host) and not _is_address(host):
        raise ConfigError("the base URL's host is neither a name nor an address")
    return host


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def check_key(text: str) -> str:
    """Return the API key without surrounding spaces, fit for a header.

    Raises:
        ConfigError: it is no text, empty, too long, or has characters no key has. The message does not show the key.
    """
    check_kind("an API key", text, str, "text; several go in a list")
    key = text.strip().strip("\ufeff").strip()
    if not key:
        raise ConfigError("the API key is empty")
    if len(key) > LONGEST_KEY:
        raise ConfigError(f"the API key has {len(key):,} characters, and no key has so many; look where it comes from")
    if any(character.isspace() for character in key):
        raise ConfigError("the API key has a space or line break inside; give one key at a time")
    if not key.isascii() or not key.isprintable():
        raise ConfigError("the API key has characters outside printable ASCII; copy it again")
    return key


def key_label(index: int, key: str) -> str:
    """How a key is named wherever people look, such as `key 1 (…a3f9)`; keys under 12 characters show no tail.

    `index` counts from 0, so the first key is `key 1`.
    """
    return f"key {index + 1} (…{key[-_TAIL:]})" if len(key) >= _LONG_ENOUGH else f"key {index + 1}"


def redact(text: str, keys: Iterable[str]) -> str:
    """Replace every key in the text by `…a3f9…` (short keys by `…`).

    Found as it is and with any of its characters percent-encoded, JSON- or HTML-escaped; keys of 12 characters and
    more also inside base64.
    """
    known = tuple(sorted({key for key in keys if key}, key=lambda key: (-len(key), key)))
    if not known or not text:
        return text
    pattern, masks = _redaction(known)
    return pattern.sub(lambda found: masks[(found.lastindex or 1) - 1], text)


@lru_cache(maxsize=32)
def _redaction(keys: tuple[str, ...]) -> tuple[re.Pattern[str], tuple[str, ...]]:
    """One pattern with a group for each key: what lies between its matches holds no key, and no mask does either."""
    pattern = re.compile("|".join(f"({'|'.join(_forms(key))})" for key in keys))
    tails = [key[-_TAIL:] if len(key) >= _LONG_ENOUGH else "" for key in keys]
    # A tail could itself hold another, very short key; the ellipses keep it from joining its neighbours into one.
    return pattern, tuple("…" if not tail or pattern.search(tail) else f"…{tail}…" for tail in tails)


def _forms(key: str) -> list[str]:
    forms = ["".join(map(_character, key))]
    if len(key) >= _LONG_ENOUGH:
        forms += [re.escape(text) for offset in range(3) for text in _base64(key, offset)]
    return forms


def _character(character: str) -> str:
    number = ord(character)
    escapes = "".join(f"%{byte:02x}" for byte in character.encode(errors="replace"))
    entity = rf"&\#(?:{_ZEROS}{number}|x{_ZEROS}{number:x});"
    forms = [re.escape(character), *(f"(?i:{escape})" for escape in (escapes, rf"\\u{number:04x}", entity))]
    if character in "\"'\\/":
        forms.insert(0, re.escape("\\" + character))
    if character in _NAMED:
        forms.append(f"&{_NAMED[character]};")
    return f"(?:{'|'.join(forms)})"


def _base64(key: str, offset: int) -> set[str]:
    """What base64 makes of a key that begins at this byte of a group of three, less what its neighbours decide."""
    data = b"\0" * offset + key.encode(errors="replace")
    inside = slice((0, 2, 3)[offset], len(data) * 8 // 6)
    return {base64.b64encode(data).decode()[inside], base64.urlsafe_b64encode(data).decode()[inside]}


def shown(headers: Mapping[str, str], keys: Iterable[str]) -> dict[str, str]:
    """The headers that may be shown, by allowlist, lower-cased, printable, at most 300 characters, without the keys."""
    known = tuple(keys)
    return {
        name.lower(): printable(redact(value, known), _VALUE_SHOWN)
        for name, value in headers.items()
        if name.lower() in _SHOWN
    }


def printable(text: str, limit: int) -> str:
    """The text on one line without control characters, cut to at most `limit` characters with an ellipsis."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
