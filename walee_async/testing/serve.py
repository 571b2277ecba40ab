"""Running a gateway until it is stopped, and reading what a command line says about it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from walee_async.errors import ConfigError
from walee_async.testing.faults import Quota
from walee_async.testing.gateway import Gateway

NAMED = ("river.kites", "amber.anchor")
"""Creators that the documentation names in its examples."""

_QUOTA = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(\d+(?:\.\d+)?)?\s*(s|sec|second|m|min|minute|h|hour)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


async def serve(gateway: Gateway, *, port: int = 0, announce: Callable[[Gateway], object] | None = None) -> None:
    """Serve until cancelled; `announce` is called once the gateway listens, when its `base_url` is known.

    Raises:
        ConfigError: the port is taken or not allowed.
    """
    try:
        await gateway.start(port)
    except (OSError, OverflowError) as error:
        raise ConfigError(f"The gateway cannot listen on port {port}: {error}") from error
    try:
        if announce is not None:
            announce(gateway)
        await asyncio.Event().wait()
    finally:
        await gateway.aclose()


def plant_named(gateway: Gateway) -> list[str]:
    """Let the first of the made-up creators have the names in `NAMED`, and return the handles of them all."""
    named = NAMED[: len(gateway.handles)]
    for index, handle in enumerate(named):
        gateway.plant(gateway.maker.creator(index, handle=handle))
    return [*named, *gateway.handles[len(named) :]]


def parse_quota(text: str) -> Quota:
    """Return the quota that a text such as `20/s`, `600/min` or `50/10s` means.

    Raises:
        ConfigError: it means none.
    """
    match = _QUOTA.fullmatch(text.strip().lower())
    if match is None:
        raise ConfigError(f"{text!r} is no quota; write requests per time, such as 20/s, 600/min or 50/10s")
    requests, times, unit = match.groups()
    window = float(times or 1) * _SECONDS[unit[0]]
    if not float(requests) or not window:
        raise ConfigError(f"{text!r} is no quota; both of its numbers must be above zero")
    return Quota(float(requests) / window, window)


def parse_share(text: str) -> float:
    """Return the fraction that a text such as `2%` or `0.02` means.

    Raises:
        ConfigError: it means none between 0 and 1.
    """
    number, percent = text.strip().removesuffix("%"), text.strip().endswith("%")
    try:
        share = float(number) / (100 if percent else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ConfigError(f"{text!r} is no share; write a percentage such as 2% or a fraction such as 0.02")
    return share
