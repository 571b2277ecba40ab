"""What the store tells of its contents. Times are Unix seconds, sizes bytes."""

from __future__ import annotations

import time
from collections import Counter

from msgspec import Struct

from walee_async.outcomes import Charge


class Held(Struct, frozen=True):
    """The newest report of a handle: how old it is."""

    created: float | None
    """When the gateway made the report; None when the report does not say."""
    received_at: float

    @property
    def dated(self) -> float:
        """What its age counts from: the report's own time, else when it came. None is made tomorrow."""
        own = self.created
        return self.received_at if own is None or own > time.time() else own


class Version(Struct, frozen=True, kw_only=True):
    """One report of a creator, without its body."""

    id: int
    handle: str
    received_at: float
    created: float | None
    report_id: str | None
    user_id: str | None
    """The creator's own, which outlives handles."""
    encoding: str
    size: int
    """Of the body as received."""
    sha256: str
    """Of the body as received, in hexadecimal."""
    request: str
    """What was asked: path and query."""
    status: int | None
    key: str
    """The label of the key it was bought with."""
    attempt: int | None
    """The attempt that bought it; None for an import."""
    source: str
    """`gateway` or `import`."""


class Failure(Struct, frozen=True):
    """The last thing that came of a handle without a report."""

    handle: str
    kind: str
    """The name of the error's class, such as `NoReportError`."""
    detail: str
    status: int | None
    code: str | None
    at: float
    due_at: float | None
    """When to ask again, for a report that was being prepared."""
    run: int | None


class Standing(Struct, frozen=True):
    """All that bears on whether to buy the report of a handle."""

    held: Held | None
    """The newest report."""
    failure: Failure | None
    """The last outcome, if it is a failure."""
    ambiguous: int
    """Attempts since the newest report that may have bought one without delivering it; also those whose process died,
    but not those under way."""


class AttemptRecord(Struct, frozen=True, kw_only=True):
    """One send as the books have it. What is known only at its end is None while it is under way."""

    id: int
    run: int | None
    handle: str
    number: int
    """Counts the sends for one handle, from 1."""
    key: str
    """The label of the key, never the key."""
    intended_at: float
    """When it was about to be sent."""
    settled_at: float | None
    """When its end was noted; nobody did when its process died."""
    charge: Charge | None
    """What it may have cost: `not_sent`, `rejected`, `failed`, `ambiguous` or `billed`."""
    status: int | None
    """Of the answer."""
    queue_seconds: float | None
    """The wait for a turn before it."""
    service_seconds: float | None
    """The exchange itself."""


class RunRecord(Struct, frozen=True):
    """One run. `reason` is None while it goes on, `killed` when its process died; then nobody noted when it ended."""

    id: int
    started: float
    command: str
    ended: float | None
    reason: str | None


class Totals(Struct, frozen=True, kw_only=True):
    """What is in a store, and what it cost."""

    reports: int
    handles: int
    bytes: int
    """Of all bodies as received."""
    file_bytes: int
    """Of the store's files on disk."""
    imported: int
    """Reports that were not bought here."""
    charges: Counter[Charge]
    """Attempts by what they may have cost."""
    under_way: int
    """Attempts whose end is not known: they are going on now, or their process died and nobody wrote since."""
    ambiguous: Counter[str]
    """Attempts that may have bought a report without delivering it, by handle, those under way not counted."""
    failed: Counter[str]
    """Handles whose last outcome is a failure, by its kind."""
    runs: int
    oldest: float | None
    newest: float | None
    """When the first and the last report came."""


class Finding(Struct, frozen=True):
    """Something wrong with a store. `handle`, `report_id` and `version` name the report, where it is one."""

    problem: str
    handle: str | None = None
    report_id: str | None = None
    version: int | None = None
    damage: bool = True
    """False where the bytes are as they were bought, and are no report that can be read; and for a last commit that is
    incomplete, as a power cut leaves it."""


class Pruned(Struct, frozen=True):
    """What was removed."""

    reports: int
    bytes: int


class Rejected(Struct, frozen=True):
    """A line of an import that holds no report, counted from 1."""

    line: int
    problem: str


class Imported(Struct, frozen=True):
    """What came of an import; at most the first 100 rejected lines are told, all are counted."""

    added: int
    known: int
    rejected: int
    first_rejected: tuple[Rejected, ...]


class Merged(Struct, frozen=True, kw_only=True):
    """What a store got from another that it did not have; `damaged` reports, or the end of its log, were left out."""

    reports: int = 0
    attempts: int = 0
    failures: int = 0
    damaged: tuple[Finding, ...] = ()
