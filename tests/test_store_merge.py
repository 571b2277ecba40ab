"""One store brought into another."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from walee_async import WaleeClient
from walee_async.errors import (
    AmbiguousError,
    NoReportError,
    NotReadyError,
    StoreError,
    StoreLockedError,
    StorePathError,
)
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


async def books(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All that a store's books say, without the numbers that they are kept under."""
    run = "(SELECT command FROM runs WHERE id = {}.run)"
    bought = "(SELECT handle || number FROM attempts AS a WHERE a.id = r.attempt)"
    queries = {
        "runs": "SELECT command, started, ended, reason FROM runs",
        "attempts": f"SELECT handle, number, key, intended_at, settled_at, charge, status, queue_seconds,"
        f" service_seconds, {run.format('attempts')} FROM attempts",
        "reports": f"SELECT handle, received_at, key, status, source, encoding, size, {bought} FROM reports AS r",
        "failures": f"SELECT handle, kind, detail, status, code, at, due_at, standing, {run.format('failures')}"
        " FROM failures",
    }
    with closing(sqlite3.connect(path)) as connection:
        return {name: sorted(connection.execute(query), key=repr) for name, query in queries.items()}


async def buy(store: Store, handle: str, run: int | None, charge: Charge = Charge.BILLED, at: float = 1.0) -> None:
    intent = store.intend(handle, 1, f"key of {handle}", run)
    await intent
    attempt = Attempt(
        handle=handle,
        number=1,
        key=f"key of {handle}",
        charge=charge,
        status=203,
        queue_seconds=0.25,
        service_seconds=0.5,
    )
    payload = Payload(handle=handle, body=handle.encode(), key=attempt.key, received_at=at)
    await store.settle(intent, attempt, payload if charge is Charge.BILLED else None)


async def test_what_comes_along_is_as_it_was(tmp_path: Path) -> None:
    """Runs, attempts, reports and failures say the same and belong together as before, under whatever numbers."""
    listed = tmp_path / "bought.jsonl"
    listed.write_text('{"handle": "imported", "report": {"user_profile": {}}}\n')
    with Store.open(tmp_path / "other.db") as other:
        first, second = await other.begin_run("one"), await other.begin_run("two")
        for handle in ("a", "b"):
            await buy(other, handle, first)
        await buy(other, "c", second, Charge.AMBIGUOUS)
        await buy(other, "d", None)
        await other.import_(listed)
        await other.record_failure("e", NotReadyError("soon", status=400, code="retry_later"), run=second, due_at=99.0)
        await other.record_failure("f", NoReportError("first"), run=first)
        await other.record_failure("f", NoReportError("then"), run=None)
        await other.end_run(first, "complete")
    wanted = await books(tmp_path / "other.db")
    with Store.open(tmp_path / "all.db") as store:
        for number in range(3):
            await buy(store, f"mine.{number}", await store.begin_run(f"mine {number}"))
        mine = await books(tmp_path / "all.db")
        merged = await store.merge(tmp_path / "other.db")
        assert merged == Merged(reports=4, attempts=4, failures=3)
        assert await store.merge(tmp_path / "other.db") == Merged()
        found = await books(tmp_path / "all.db")
        # A run that was going on there when its process ended was killed, as on the next opening.
        wanted["runs"] = [(*run[:3], run[3] or "killed") for run in wanted["runs"]]
        assert found == {name: sorted([*mine[name], *wanted[name]], key=repr) for name in wanted}
        assert {payload.handle: payload.body async for payload in store.payloads() if payload.handle in {"a", "d"}} == {
            "a": b"a",
            "d": b"d",
        }


async def test_a_large_store_comes_along_whole(tmp_path: Path) -> None:
    """More attempts and reports than are held at a time, and of each handle every version."""
    with Store.open(tmp_path / "other.db") as other:
        refused = Attempt(handle="a", number=1, key="key 1", charge=Charge.NOT_SENT)
        for _ in range(1001):
            last = other.settle(other.intend("a", 1, "key 1"), refused)
        await last
        for number in range(45):
            await buy(other, f"h{number % 40}", None, at=float(number))
    with Store.open(tmp_path / "all.db") as store:
        assert await store.merge(other.path) == Merged(reports=45, attempts=1046)
        assert [version.received_at for version in await store.history("h3")] == [43.0, 3.0]


async def test_what_cannot_be_read_to_its_end_is_not_brought_in_at_all(tmp_path: Path) -> None:
    """Reports that have come along already are taken back; afterwards the store can be written to as before."""
    with Store.open(tmp_path / "other.db") as other:
        await buy(other, "a", await other.begin_run("one"))
        await other.record_failure("b", NoReportError("none"))
    with closing(sqlite3.connect(other.path)) as connection, connection:
        connection.execute("UPDATE failures SET detail = CAST(x'ff' AS TEXT)")
    with Store.open(tmp_path / "all.db") as store:
        with pytest.raises(StoreError, match="decode to UTF-8"):
            await store.merge(other.path)
        totals = await store.totals()
        assert (totals.reports, totals.charges.total(), totals.runs) == (0, 0, 0)
        await buy(store, "c", None)
    Store.open(other.path).close()  # its lock is free


async def test_an_older_report_does_not_undo_a_failure(tmp_path: Path) -> None:
    """A handle that failed after its report had come elsewhere stays failed, whichever store is merged first."""
    early, late = tmp_path / "early.db", tmp_path / "late.db"
    with Store.open(early) as store:
        await buy(store, "a", None)
    with Store.open(late) as store:
        await store.record_failure("a", NoReportError("none any more"))
    for order in ((early, late), (late, early)):
        with Store.open(tmp_path / "all.db", wipe=True) as store:
            for source in order:
                await store.merge(source)
            assert [failure.detail for failure in await store.failures()] == ["none any more"]
            assert (await store.totals()).reports == 1


async def test_an_end_that_is_known_later_comes_along(tmp_path: Path) -> None:
    """A run that was merged while nobody had noted its end gets it with the next merge, and keeps it from then on."""
    other = Store.open(tmp_path / "other.db")
    run = await other.begin_run("one")
    await other.aclose()
    with Store.open(tmp_path / "all.db") as store:
        await store.merge(tmp_path / "other.db")
        assert [(run.reason, run.ended) for run in await store.runs()] == [("killed", None)]
        with Store.open(tmp_path / "other.db") as other:
            await other.end_run(run, "complete")
        for _ in range(2):
            await store.merge(tmp_path / "other.db")
            (found,) = await store.runs()
            assert found.reason == "complete"
            assert found.ended is not None


async def test_damaged_reports_are_left_out_and_told(tmp_path: Path) -> None:
    """Those that come after them are brought in all the same."""
    with Store.open(tmp_path / "other.db") as other:
        for handle in ("a", "b", "c"):
            await buy(other, handle, None)
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection, connection:
        connection.execute("UPDATE bodies SET body = x'00' WHERE id = 2")
        connection.commit()
    with Store.open(tmp_path / "all.db") as store:
        merged = await store.merge(tmp_path / "other.db")
        assert (merged.reports, merged.attempts) == (2, 3)
        (finding,) = merged.damaged
        assert (finding.handle, finding.version) == ("b", 2)
        assert finding.problem.startswith("the stored report is damaged: ")
        assert await store.latest("c") is not None


@pytest.mark.parametrize("table", ["attempts", "failures", "a text", "no table"])
async def test_a_damaged_store_does_not_stop_the_one_it_is_merged_into(tmp_path: Path, table: str) -> None:
    """The error names the store that is at fault, nothing of it is brought in, and what is under way can be kept."""
    source = tmp_path / "other.db"
    with Store.open(source) as other:
        run = await other.begin_run("one")
        await buy(other, "a", run)
        await other.record_failure("b", NoReportError("none"), run=run)
    with closing(sqlite3.connect(source, isolation_level=None)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone() or (0,)
        if table == "a text":
            connection.execute("UPDATE failures SET detail = CAST(x'ff' AS TEXT)")
        elif table == "no table":
            connection.execute("DROP TABLE failures")
    if page:
        content = bytearray(source.read_bytes())
        content[(page - 1) * 8192 : (page - 1) * 8192 + 64] = b"\xff" * 64
        source.write_bytes(content)
    with Store.open(tmp_path / "all.db") as store:
        intent = store.intend("c", 1, "key 1")
        await intent
        with pytest.raises(StoreError, match=r"other\.db (is damaged|cannot be read)"):
            await store.merge(source)
        bought = Payload(handle="c", body=b"{}", received_at=1.0)
        await store.settle(intent, Attempt(handle="c", number=1, key="key 1", charge=Charge.BILLED), bought)
        assert (await store.totals()).reports == 1
        await buy(store, "d", None)


async def test_a_store_that_is_not_there_is_not_made_to_be_merged(tmp_path: Path) -> None:
    """A slip in its name is said, and leaves no empty store behind."""
    with Store.open(tmp_path / "all.db") as store:
        with pytest.raises(StorePathError, match=r"there is no store .*nothing\.db"):
            await store.merge(tmp_path / "nothing.db")
        assert not (tmp_path / "nothing.db").exists()


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
