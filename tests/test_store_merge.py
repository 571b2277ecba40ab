"""One store brought into another."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from walee_async import WaleeClient
from walee_async.errors import AmbiguousError, NoReportError, StoreLockedError
from walee_async.outcomes import Attempt, Charge, Payload
from walee_async.store import Merged, Store, StoreReader
from walee_async.testing import Drop, Gateway

pytestmark = pytest.mark.anyio


async def filled(path: Path, gateway: Gateway, handles: list[str]) -> None:
    """Fetch into a store, without sending anything twice that may have been bought."""
    async with WaleeClient(gateway.key, base_url=gateway.base_url, rate=1000, store=path) as walee:
        await walee.creator_reports(handles).collect()


async def test_all_that_was_paid_for_and_all_doubts_come_along(tmp_path: Path) -> None:
    """Reports with the attempts that bought them, doubts, failures and runs; a second time nothing is added."""
    async with Gateway(creators=6) as gateway:
        for handle in gateway.handles[4:]:
            gateway.plan(handle, Drop(), Drop())
        first, second = tmp_path / "a.db", tmp_path / "b.db"
        await filled(first, gateway, [*gateway.handles[:3], gateway.handles[4], "no.such.creator"])
        await filled(second, gateway, [*gateway.handles[2:4], gateway.handles[5], "nobody.else"])
        with Store.open(tmp_path / "all.db") as store:
            merged = [await store.merge(path) for path in (first, second, first, second)]
            assert merged == [
                Merged(reports=3, attempts=6, failures=2),
                Merged(reports=2, attempts=5, failures=2),
                Merged(),
                Merged(),
            ]
            totals = await store.totals()
            assert totals.charges == {Charge.BILLED: gateway.billed.total(), Charge.AMBIGUOUS: 4, Charge.FAILED: 2}
            assert totals.failed == {"AmbiguousError": 2, "NoReportError": 2}
            assert await store.doubts() == dict.fromkeys(gateway.handles[4:], 2)
            assert len(await store.runs()) == 2
            (version,) = await store.history(gateway.handles[0])
            assert version.attempt is not None
            assert version.source == "gateway"
        async with WaleeClient(gateway.key, base_url=gateway.base_url, rate=1000, store=tmp_path / "all.db") as walee:
            handles = [*gateway.handles, "no.such.creator"]
            outcomes = {outcome.handle: outcome for outcome in await walee.creator_reports(handles).collect()}
        assert walee.ledger.sent == 0
        assert walee.ledger.ambiguous == {}
        kinds = {handle: type(getattr(outcome, "error", None)) for handle, outcome in outcomes.items()}
        assert kinds == {
            **dict.fromkeys(gateway.handles[:4], type(None)),
            **dict.fromkeys(gateway.handles[4:], AmbiguousError),
            "no.such.creator": NoReportError,
        }


async def test_what_a_dead_process_left_open_is_a_doubt(tmp_path: Path) -> None:
    """An attempt without an end in the other store is ambiguous here, and settled when its end is known there."""
    attempt = Attempt(handle="river.kites", number=1, key="key 1", charge=Charge.BILLED, status=200)
    other = Store.open(tmp_path / "other.db")
    intent = other.intend("river.kites", 1, "key 1")
    await intent
    with (
        Store.open(tmp_path / "all.db") as store,
        pytest.raises(StoreLockedError, match=r"other\.db is being written to"),
    ):
        await store.merge(other.path)
    copy = tmp_path / "copy.db"
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{other.path}{suffix}", f"{copy}{suffix}")
    with Store.open(tmp_path / "all.db") as store:
        assert await store.merge(copy) == Merged(attempts=1)
        assert await store.doubts() == {"river.kites": 1}
        await other.settle(intent, attempt, Payload(handle="river.kites", body=b"{}", received_at=2e9))
        await other.aclose()
        assert await store.merge(other.path) == Merged(reports=1)
        assert await store.charges() == {Charge.BILLED: 1}
        assert await store.doubts() == {}


async def test_the_later_word_on_a_handle_stands(tmp_path: Path) -> None:
    """A failure does not stand against a report that came after it, whichever store is merged first."""
    early, late = tmp_path / "early.db", tmp_path / "late.db"
    async with Gateway(creators=1) as gateway:
        (handle,) = gateway.handles
        with Store.open(early) as store:
            await store.record_failure(handle, NoReportError("none"))
        await filled(late, gateway, [handle])
    for order in ((early, late), (late, early)):
        with Store.open(tmp_path / "all.db", wipe=True) as store:
            for source in order:
                await store.merge(source)
            assert await store.failures() == []
            assert (await store.totals()).reports == 1


async def test_attempts_of_after_a_merge_have_numbers_of_their_own(tmp_path: Path) -> None:
    """A store that another was merged into goes on buying."""
    async with Gateway(creators=3) as gateway:
        await filled(tmp_path / "other.db", gateway, gateway.handles[:2])
        with Store.open(tmp_path / "all.db") as store:
            await store.merge(tmp_path / "other.db")
            async with WaleeClient(gateway.key, base_url=gateway.base_url, rate=1000, store=store) as walee:
                await walee.creator_reports(gateway.handles).collect()
        with StoreReader.open(tmp_path / "all.db") as reader:
            assert [attempt.id for attempt in reader.attempts()] == [1, 2, 3]
