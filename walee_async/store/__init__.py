"""The store: one SQLite file with every report that was paid for, as it came, and the books of what was paid.

`Store` writes and reads in an event loop, `StoreReader` reads in threads and worker processes.
"""

from __future__ import annotations

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
from walee_async.store.store import Intent, Store
from walee_async.store.views import Views

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
