"""What must hold at the end of a round: the store, the file of outcomes and the gateway's books tell one story."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from msgspec import Struct
from world import SPOILT, Seen

from walee_async.outcomes import Charge
from walee_async.store import Store, StoreReader
from walee_async.testing import Maker

WHOLE = (Charge.BILLED, Charge.FAILED, Charge.REJECTED)
"""The charges of attempts that had a whole answer, so the gateway has seen them."""


class Account(Struct):
    """What a store has in its books, by handle."""

    sent: Counter[str] = Counter()
    """Attempts that may have reached the gateway."""
    answered: Counter[str] = Counter()
    billed: Counter[str] = Counter()
    doubts: Counter[str] = Counter()
    open: Counter[str] = Counter()
    """Attempts without an end."""
    kept: Counter[str] = Counter()
    """Reports that are there."""


def account_of(path: Path) -> Account:
    """Read the books of a store."""
    told = Account(*(Counter() for _ in Account.__struct_fields__))
    with closing(StoreReader.open(path)) as reader:
        last = 0
        while page := reader.attempts(last):
            last = page[-1].id
            for attempt in page:
                told.sent[attempt.handle] += attempt.charge is not Charge.NOT_SENT
                told.answered[attempt.handle] += attempt.charge in WHOLE
                told.billed[attempt.handle] += attempt.charge is Charge.BILLED
                told.doubts[attempt.handle] += attempt.charge is Charge.AMBIGUOUS
                told.open[attempt.handle] += attempt.charge is None
        told.kept.update(payload.handle for payload in reader.payloads(every=True))
    return told


def added(accounts: Iterable[Account]) -> Account:
    """Several accounts as one."""
    total = Account(*(Counter() for _ in Account.__struct_fields__))
    for account in accounts:
        for name in Account.__struct_fields__:
            getattr(total, name).update(getattr(account, name))
    return total


def differences(told: Account, seen: Seen, *, pruned: bool = False) -> list[str]:
    """Where a store's books and the gateway's contradict each other."""
    wrong = []
    for handle in seen.requests.keys() | told.sent.keys():
        requests, billed = seen.requests[handle], seen.billed[handle]
        sent, answered, bought = told.sent[handle], told.answered[handle], told.billed[handle]
        doubts, kept = told.doubts[handle], told.kept[handle]
        if not answered <= requests <= sent:
            wrong.append(f"{handle}: {sent} sent and {answered} answered, and the gateway saw {requests}")
        if not bought <= billed <= bought + doubts:
            wrong.append(f"{handle}: {bought} bought and {doubts} in doubt, and the gateway billed {billed}")
        if told.open[handle]:
            wrong.append(f"{handle}: {told.open[handle]} attempts have no end in the books")
        if kept > bought if pruned else kept != bought:
            wrong.append(f"{handle}: {bought} bought, and {kept} kept")
    return wrong


def damage(path: Path, handles: Sequence[str], seen: Seen, maker: Maker, first: int) -> list[str]:
    """What is not in a store as the gateway served it; `first` is the index of the first of the handles."""
    spoilt = {handle for handle, faults in seen.met.items() if any(fault in SPOILT for fault in faults)}
    wrong = []

    async def findings() -> list[Any]:
        async with Store.open(path, read_only=True) as store:
            return [finding async for finding in store.verify()]

    for finding in asyncio.run(findings()):
        if finding.damage or finding.handle not in spoilt:
            wrong.append(f"{finding.handle}: {finding.problem}")
    index = {handle: first + place for place, handle in enumerate(handles)}
    with closing(StoreReader.open(path)) as reader:
        for payload in reader.payloads(every=True):
            if payload.handle not in spoilt and payload.body != maker.gzip(index[payload.handle]):
                wrong.append(f"{payload.handle}: what is kept is not what the gateway sent")
    return wrong


class Lines(Struct):
    """What a file of outcomes holds."""

    reports: Counter[str]
    """Handles with a report, or with the bytes of one that cannot be read."""
    all: Counter[str]
    wrong: list[str]
    end: int
    """Where the next outcome will stand: a last line that was cut off will be taken out."""


def lines_of(path: Path, start: int = 0) -> Lines:
    """Read the file from an offset on."""
    found = Lines(Counter(), Counter(), [], start)
    if not path.exists():
        return found
    with path.open("rb") as file:
        file.seek(start)
        for line in file:
            try:
                outcome = json.loads(line)
            except ValueError:
                found.wrong.append(f"no JSON in {path.name}: {line[:80]!r}")
                continue
            found.end += len(line) + (not line.endswith(b"\n"))
            _note(outcome, found)
    return found


def _note(outcome: dict[str, Any], found: Lines) -> None:
    handle = outcome["handle"]
    found.all[handle] += 1
    found.reports[handle] += "report" in outcome or "payload" in outcome
    name = outcome.get("report", {}).get("user_profile", {}).get("username", handle)
    if name != handle:
        found.wrong.append(f"{handle}: the report is that of {name}")
