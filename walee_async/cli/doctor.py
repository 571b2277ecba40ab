"""`walee doctor`: looks at what a run needs, without buying anything and without showing a key."""

from __future__ import annotations

import asyncio
import os
import platform
import re
import ssl
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from msgspec import Struct
from rich.table import Table
from rich.text import Text

from walee_async.cli.exits import Exit
from walee_async.cli.keys import find_keys
from walee_async.cli.options import BASE_URL, BASE_URL_VARIABLE
from walee_async.cli.screen import Screen, console_on
from walee_async.cli.text import clean
from walee_async.errors import ConfigError
from walee_async.wire import check_base_url, key_label

if TYPE_CHECKING:
    from walee_async.cli.options import AccountOptions

PATIENCE: Final = 5.0
"""Seconds to wait for a connection."""
PACKAGES: Final = ("walee-async", "aiohttp", "aiolimiter", "anyio", "msgspec", "cyclopts", "rich")
UNTOLD: Final = {"cli", "test"}
"""Extras of which nothing is told: what is running here, and what only this package's own tests need."""
_BRINGS: Final = re.compile(r"([\w.-]+)[^;]*; *extra == '([\w-]+)'")
"""A requirement of an extra. One that not every Python needs has a longer condition, and is not missed."""


class Finding(Struct, frozen=True):
    """One thing looked at. `well` None is neither good nor bad."""

    what: str
    said: str
    well: bool | None = None


def doctor(account: AccountOptions) -> Exit:
    """Print what was found to standard output, and return the exit code."""
    findings = [_keys(account), _located(asyncio.run(_gateway(account.base_url)), account), *_versions(), *_extras()]
    table = Table.grid(padding=(0, 2))
    marks = {True: Text("ok", style="green"), False: Text("no", style="bold red"), None: Text("")}
    for finding in findings:
        table.add_row(marks[finding.well], finding.what, Text(clean(finding.said), overflow="fold"))
    console_on(sys.stdout).print(table)
    return Exit.USAGE if any(finding.well is False for finding in findings) else Exit.FETCHED


def _keys(account: AccountOptions) -> Finding:
    try:
        ring = find_keys(account.key_file, Screen())
    except ConfigError as error:
        return Finding("API key", str(error), False)
    labels = ", ".join(key_label(number, key) for number, key in enumerate(ring.keys))
    return Finding("API key", f"{labels}, from {ring.origin}", True)


def _located(finding: Finding, account: AccountOptions) -> Finding:
    """The finding with whoever said that the gateway is there, if somebody did."""
    if account.base_url == BASE_URL:
        return finding
    told = os.environ.get(BASE_URL_VARIABLE)
    origin = BASE_URL_VARIABLE if account.base_url == told else "--base-url"
    return Finding(finding.what, f"{finding.said} (from {origin})", finding.well)


async def _gateway(text: str) -> Finding:
    """Connect and hang up: a request would not be free of consequences, a connection is."""
    try:
        parts = urlsplit(check_base_url(text))
    except ConfigError as error:
        return Finding("gateway", str(error), False)
    secure = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if secure else 80)
    try:
        async with asyncio.timeout(PATIENCE):
            _, writer = await asyncio.open_connection(host, port, ssl=ssl.create_default_context() if secure else None)
    except TimeoutError:
        return Finding("gateway", f"no connection to {host}:{port} within {PATIENCE:g} s", False)
    except ConnectionError as error:
        return Finding("gateway", f"no connection to {host}:{port}: {os.strerror(error.errno or 0)}", False)
    except OSError as error:
        return Finding("gateway", f"no connection to {host}:{port}: {error.strerror or error}", False)
    writer.transport.abort()
    return Finding(
        "gateway", f"{host}:{port} takes {'TLS ' if secure else ''}connections; nothing was asked of it", True
    )


def _versions() -> list[Finding]:
    python = f"{platform.python_version()} ({platform.python_implementation()}, {platform.platform(terse=True)})"
    return [Finding("Python", python), *(Finding(name, _version(name)) for name in PACKAGES)]


def _version(name: str) -> str:
    return version(name) if _is_installed(name) else "not installed"


def _extras() -> list[Finding]:
    brought: dict[str, list[str]] = {}
    for requirement in requires("walee-async") or ():
        if (found := _BRINGS.fullmatch(requirement.replace('"', "'"))) and found[2] not in UNTOLD:
            brought.setdefault(found[2], []).append(found[1])
    return [
        Finding(
            f"extra {extra}", "installed" if all(map(_is_installed, names)) else f"pip install 'walee-async[{extra}]'"
        )
        for extra, names in sorted(brought.items())
    ]


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
