"""A Walee gateway for tests: made-up creators, planned faults, and counters that tell what really happened.

    async with Gateway(creators=50, faults={...}) as gateway:
        async with WaleeClient(gateway.key, base_url=gateway.base_url) as walee:
            ...
        assert gateway.billed.total() == 50

What it answers, counts and bills is made without anything of the client, so it is a fair judge of one. Only the
description of the endpoint (`openapi`), the contracts of gates and `serve` take words and rules from the package.
Names are loaded when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from walee_async.testing.faults import (
        TRANSIENT,
        Bomb,
        Code,
        Drop,
        Echo,
        Fault,
        Garble,
        Hang,
        Html,
        Mix,
        Quota,
        Redirect,
        RetryLater,
        Revoke,
        Slow,
        Status,
        Truncate,
        Unsuccessful,
        WrongType,
    )
    from walee_async.testing.gateway import Gateway, GatewayStatistics, KeyCounts
    from walee_async.testing.maker import Creator, Maker
    from walee_async.testing.thread import GatewayThread

__all__ = [
    "TRANSIENT",
    "Bomb",
    "Code",
    "Creator",
    "Drop",
    "Echo",
    "Fault",
    "Garble",
    "Gateway",
    "GatewayStatistics",
    "GatewayThread",
    "Hang",
    "Html",
    "KeyCounts",
    "Maker",
    "Mix",
    "Quota",
    "Redirect",
    "RetryLater",
    "Revoke",
    "Slow",
    "Status",
    "Truncate",
    "Unsuccessful",
    "WrongType",
]

_ROOMS = {
    "Creator": "maker",
    "Gateway": "gateway",
    "GatewayStatistics": "gateway",
    "GatewayThread": "thread",
    "KeyCounts": "gateway",
    "Maker": "maker",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS.get(name, 'faults')}"), name)
