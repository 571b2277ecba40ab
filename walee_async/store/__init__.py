"""The store: one SQLite file with every report that was paid for, as it came, and the books of what was paid.

`Store` writes and reads in an event loop, `StoreReader` reads in threads and worker processes. `Store` is loaded when
it is first used: with asyncio and all that it writes with, a process that scores would take a third longer to begin.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from walee_async.store.reader import StoreReader
from walee_async.store.records import (
    AttemptRecord,
    Failure,
    Finding,
    Held,
    Imported,
    Merged,
    Pruned,
    Rejected,
    RunRecord,
    Standing,
    Totals,
    Version,
)
from walee_async.store.views import Views

if TYPE_CHECKING:
    from walee_async.store.store import Intent, Store

__all__ = [
    "AttemptRecord",
    "Failure",
    "Finding",
    "Held",
    "Imported",
    "Intent",
    "Merged",
    "Pruned",
    "Rejected",
    "RunRecord",
    "Standing",
    "Store",
    "StoreReader",
    "Totals",
    "Version",
    "Views",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.store"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
