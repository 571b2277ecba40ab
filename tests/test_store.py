"""The store in ordinary use: what goes in comes out, and the books add up."""

from __future__ import annotations

import asyncio
import gc
import gzip
import hashlib
import math
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from walee_async.errors import (
    NoReportError,
    NotReadyError,
    StoreDamagedError,
    StoreError,
    StoreLockedError,
    StorePathError,
)
from walee_async.outcomes import Attempt, Charge, Payload
from walee_async.store import Held, Standing, Store, StoreReader
from walee_async.store.packing import Row, seal

pytestmark = pytest.mark.anyio

CREATED = "2026-01-02T03:04:05.000+00:00"
CREATED_AT = 1767323045.0


def answer(name: str, created: str | None = CREATED, **more: object) -> bytes:
    """A small answer of the gateway."""
    info = {"report_id": f"report of {name}", "created": created}
    profile = {"user_id": "7" * 19, "username": name, **more}
    report = {"success": True, "report_info": info, "user_profile": profile}
    return msgspec.json.encode({"success": True, "message": "fetched", "payload": report})


def payload(handle: str, at: float = 1000.0, body: bytes | None = None, encoding: str = "gzip") -> Payload:
    body = gzip.compress(answer(handle, mtime=at), mtime=0) if body is None else body
    return Payload(handle=handle, body=body, encoding=encoding, key="key 1 (…a3f9)", received_at=at)


def attempt(handle: str, charge: Charge = Charge.BILLED, number: int = 1) -> Attempt:
    return Attempt(
        handle=handle,
        number=number,
        key="key 1 (…a3f9)",
        charge=charge,
        status=200,
        queue_seconds=0.1,
        service_seconds=0.2,
    )


async def buy(store: Store, bought: Payload, run: int | None = None) -> None:
    intent = store.intend(bought.handle, 1, bought.key, run)
    await intent
    await store.settle(intent, attempt(bought.handle), bought)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "reports.db"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "identity"])
async def test_a_report_comes_out_as_it_went_in(path: Path, encoding: str) -> None:
    """The body is kept byte for byte with its encoding, label and time, whatever it is compressed with."""
    kept = payload("river.kites", 1234.5, answer("river.kites", text="x" * 5000), encoding)
    async with Store.open(path) as store:
        await buy(store, kept)
        assert await store.latest("river.kites") == kept
    with StoreReader.open(path) as reader:
        assert reader.latest("river.kites") == kept


async def test_a_report_of_the_first_moment_comes_out_too(path: Path) -> None:
    """Zero has two signs, and the file keeps one of them."""
    async with Store.open(path) as store:
        for handle, at in (("plus", 0.0), ("minus", -0.0)):
            kept = payload(handle, at)
            await buy(store, kept)
            assert await store.latest(handle) == kept


def test_what_is_noted_of_a_report_has_the_same_checksum_in_every_version() -> None:
    """Another one, and every store that is there would be called damaged."""
    row = Row(
        handle="river.kites",
        received_at=1767323045.5,
        created=None,
        report_id="r1",
        user_id="7",
        encoding="gzip",
        packing="",
        size=3,
        sha256=bytes(32),
        request="/r",
        status=200,
        key="key 1 (…a3f9)",
        attempt=1,
        source="gateway",
    )
    assert seal(row).hex() == "f176fd414e0ae61a"


async def test_a_handle_without_a_report_has_none(path: Path) -> None:
    """Asking for what is not there is no error."""
    async with Store.open(path) as store:
        assert await store.latest("nobody") is None
        assert await store.history("nobody") == []
        assert await store.lookup(["nobody"]) == {}
        assert [kept async for kept in store.payloads()] == []


async def test_every_version_is_kept(path: Path) -> None:
    """A creator's reports over time are all there; the newest is the one that came last."""
    versions = [payload("a", at) for at in (3.0, 1.0, 2.0)]
    async with Store.open(path) as store:
        for version in versions:
            await buy(store, version)
        assert await store.latest("a") == versions[0]
        assert await store.lookup(["a"]) == {"a": Held(CREATED_AT, 3.0)}
        history = await store.history("a")
        assert [version.received_at for version in history] == [3.0, 2.0, 1.0]
        assert await store.read(history[2].id) == versions[1]
        with pytest.raises(StoreError, match="no report 99"):
            await store.read(99)
    with StoreReader.open(path) as reader:
        for ask in (reader.read, reader.version):
            with pytest.raises(StoreError) as caught:
                ask(99)
            assert caught.value.detail == f"there is no report 99 in {path}"


async def test_a_version_says_what_was_bought_and_how(path: Path) -> None:
    """History holds the request, the label, the checksum, the attempt, and what the report says of itself."""
    kept = payload("a")
    async with Store.open(path) as store:
        await buy(store, kept)
        (version,) = await store.history("a")
    assert version.request == "/ask/tt/creator/report?handle=a"
    assert (version.key, version.status, version.attempt, version.source) == ("key 1 (…a3f9)", 200, 1, "gateway")
    assert (version.sha256, version.size) == (hashlib.sha256(kept.body).hexdigest(), len(kept.body))
    assert (version.report_id, version.user_id, version.created) == ("report of a", "7" * 19, CREATED_AT)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"no json",
        gzip.compress(b"[]", mtime=0),
        answer("a", created="yesterday"),
        answer("a", created=None),
        b"\xff" * 99,
    ],
)
async def test_a_report_that_cannot_be_read_is_kept_all_the_same(path: Path, body: bytes) -> None:
    """It was paid for: a body that does not decompress or decode is stored, and dated by when it came."""
    kept = payload("a", 77.0, body)
    async with Store.open(path) as store:
        await buy(store, kept)
        assert await store.latest("a") == kept
        assert await store.lookup(["a"]) == {"a": Held(None, 77.0)}
        assert (await store.lookup(["a"]))["a"].dated == 77.0


async def test_looking_up_says_how_old_the_newest_report_is(path: Path) -> None:
    """Thousands of handles are looked up at once; the age is the report's own."""
    handles = [f"creator{number}" for number in range(1200)]
    async with Store.open(path) as store:
        await asyncio.gather(*(buy(store, payload(handle, 5.0)) for handle in handles[::2]))
        await buy(store, payload(handles[0], 6.0))
        held = await store.lookup([*handles, "nobody"])
    assert held == {handle: Held(CREATED_AT, 6.0 if handle == handles[0] else 5.0) for handle in handles[::2]}
    assert held[handles[2]].dated == CREATED_AT


async def test_of_two_that_came_at_once_the_one_kept_last_is_the_newest(path: Path) -> None:
    """However it is asked for."""
    async with Store.open(path) as store:
        for handle, order in (("up", (1, 2, 3)), ("down", (3, 2, 1))):
            for day in order:
                await buy(store, payload(handle, 9.0, answer(handle, created=f"2026-01-0{day}T00:00:00Z"), "identity"))
            (newest, *_) = await store.history(handle)
            assert [version.id for version in await store.history(handle)] == [newest.id - n for n in range(3)]
            assert await store.lookup([handle]) == {handle: Held(newest.created, 9.0)}
            assert await store.latest(handle) == await store.read(newest.id)
            with StoreReader.open(path) as reader:
                assert reader.newest([handle]) == {handle: newest.id}


async def test_an_iteration_gives_the_newest_of_each_or_all(path: Path) -> None:
    """Both in the loop and in a worker process, more reports than are held at a time."""
    kept = [payload(f"c{number % 30}", float(number)) for number in range(70)]
    async with Store.open(path) as store:
        for one in kept:
            await buy(store, one)
        assert [one async for one in store.payloads(every=True)] == kept
        assert [one async for one in store.payloads()] == kept[40:]
    with StoreReader.open(path) as reader:
        assert list(reader.payloads(every=True)) == kept
        assert list(reader.payloads()) == kept[40:]


async def test_an_iteration_survives_what_is_removed_meanwhile(path: Path) -> None:
    """Reports that are pruned during an iteration are left out, and those after them still come."""
    async with Store.open(path) as store:
        for number in range(100):
            await buy(store, payload(f"c{number}", float(number), answer("c", created=None), "identity"))
        seen = []
        async for kept in store.payloads():
            if not seen:
                await store.prune(time.time() - 89.5, keep_latest=False)
            seen.append(kept.received_at)
    assert seen[-10:] == [float(number) for number in range(90, 100)]
    assert len(seen) <= 30


class Late(StoreReader):
    """Comes to the first page of reports when they have just been removed."""

    def versions(self, after: int = 0, *, every: bool = False) -> list[int]:
        ids = super().versions(after, every=every)
        if after == 0:
            with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
                other.execute("DELETE FROM reports WHERE id <= ?", (ids[-1],))
        return ids


async def test_an_iteration_does_not_end_where_a_whole_page_was_removed(path: Path) -> None:
    """The reports after it come, every version of them."""
    async with Store.open(path) as store:
        for number in range(45):
            await buy(store, payload(f"c{number % 2}", float(number)))
    with Late.open(path) as reader:
        assert [kept.received_at for kept in reader.payloads(every=True)] == [float(n) for n in range(20, 45)]


async def test_an_attempt_is_entered_with_its_charge(path: Path) -> None:
    """Every charge is counted; those that may have bought a report are known by handle and by run."""
    async with Store.open(path) as store:
        first, second = await store.begin_run("first"), await store.begin_run("second")
        for number, charge in enumerate(Charge):
            intent = store.intend(f"h{number}", 1, "key 1", first)
            await intent
            await store.settle(intent, attempt(f"h{number}", charge))
        for _ in range(2):
            await store.settle(store.intend("twice", 1, "key 1", second), attempt("twice", Charge.AMBIGUOUS))
        assert await store.charges(first) == Counter(dict.fromkeys(Charge, 1))
        assert await store.ambiguous() == {"h3": 1, "twice": 2}
        assert await store.ambiguous(second) == {"twice": 2}
        totals = await store.totals()
    assert totals.charges.total() == 7
    assert (totals.under_way, totals.runs, totals.ambiguous) == (0, 2, {"h3": 1, "twice": 2})


async def test_an_attempt_is_settled_once(path: Path) -> None:
    """Settling twice would count a purchase twice; it is refused, and the others in the same commit are not harmed."""
    async with Store.open(path) as store:
        one, other = store.intend("a", 1, "key 1"), store.intend("b", 1, "key 1")
        settled = [store.settle(one, attempt("a"), payload("a")) for _ in range(2)]
        settled.append(store.settle(other, attempt("b"), payload("b")))
        first, second, third = await asyncio.gather(*settled, return_exceptions=True)
        assert (first, third) == (None, None)
        assert isinstance(second, StoreError)
        assert "settled already" in second.detail
        assert (await store.totals()).reports == 2


async def test_one_record_that_cannot_be_written_does_not_harm_the_others(path: Path) -> None:
    """A caller's mistake fails that caller alone, with what it was about to keep in hand."""
    async with Store.open(path) as store:
        intents = [store.intend(handle, 1, "key 1") for handle in ("a", "\ud800", "b")]
        results = await asyncio.gather(*intents, return_exceptions=True)
        assert [isinstance(result, int) for result in results] == [True, False, True]
        no_run = payload("c")
        with pytest.raises(StoreError) as caught:
            await store.intend("c", 1, "key 1", run=99)
        said = "FOREIGN KEY constraint failed, SQLITE_CONSTRAINT_FOREIGNKEY"
        assert caught.value.detail == f"{path} cannot be written to ({said})"
        assert caught.value.handle == "c"
        with pytest.raises(StoreError) as caught:
            await store.settle(store.intend("c", 1, "key 1", run=99), attempt("c"), no_run)
        assert caught.value.payload is no_run
        await buy(store, payload("d"))


async def test_a_report_that_cannot_be_written_is_handed_back(path: Path) -> None:
    """Whatever the reason, the error is the store's and holds the report, the handle is named, and the others go in."""
    async with Store.open(path) as store:
        unwritable = payload("b", encoding="\udcff")
        bought = (payload("a"), unwritable, payload("c"))
        settled = [store.settle(store.intend(one.handle, 1, "key 1"), attempt(one.handle), one) for one in bought]
        first, second, third = await asyncio.gather(*settled, return_exceptions=True)
        assert (first, third) == (None, None)
        assert isinstance(second, StoreError)
        assert second.payload is unwritable
        assert second.detail.startswith(f"the report cannot be kept in {path} (UnicodeEncodeError: ")
        assert store.unkept == ("b",)
        assert (await store.totals()).reports == 2


async def test_a_report_that_the_table_does_not_take_is_handed_back(path: Path) -> None:
    """One without a time is not acknowledged as kept; one that is there already is, as it was before."""
    async with Store.open(path) as store:
        timeless = payload("a", math.nan)
        with pytest.raises(StoreError, match="NOT NULL constraint failed") as caught:
            await buy(store, timeless)
        assert caught.value.payload is timeless
        assert store.unkept == ("a",)
        for _ in range(2):
            await buy(store, payload("b"))
        totals = await store.totals()
        assert (totals.reports, totals.charges) == (1, {Charge.BILLED: 2})


async def test_what_was_queued_is_written_though_nobody_waits(path: Path) -> None:
    """A settlement is on disk after closing, even when its caller was cancelled and never waited for it."""
    async with Store.open(path) as store:
        intent = store.intend("a", 1, "key 1")
        await intent

        async def cancelled() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                store.settle(intent, attempt("a"), payload("a"))

        task = asyncio.create_task(cancelled())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
    async with Store.open(path) as store:
        assert await store.latest("a") == payload("a")
        assert store.orphans == ()


def test_what_was_queued_is_written_though_its_loop_has_ended(path: Path) -> None:
    """The disk was slower than the program, which closes the store after its loop."""
    held = threading.Event()
    store = Store.open(path)

    async def leave() -> None:
        store._writes().submit_from_thread(lambda _: held.wait(10))
        for handle in ("a", "b"):
            store.settle(store.intend(handle, 1, "key 1"), attempt(handle), payload(handle))

    asyncio.run(leave())
    held.set()
    store._writes().submit_from_thread(lambda _: None).result(10)
    store.close()
    with StoreReader.open(path) as reader:
        assert reader.totals().reports == 2


async def test_an_intent_whose_wait_was_cancelled_can_be_settled(path: Path) -> None:
    """A caller cancelled before it could send says so, and the handle is not taken for bought."""
    async with Store.open(path) as store:
        intent = store.intend("a", 1, "key 1")

        async def wait() -> None:
            await intent

        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        await store.settle(intent, attempt("a", Charge.NOT_SENT))
        assert await store.charges() == {Charge.NOT_SENT: 1}


def test_a_program_that_ends_without_closing_loses_nothing(path: Path) -> None:
    """What is queued is written at exit, and a store that was not closed does not keep the program from ending."""
    program = f"""
import asyncio
from walee_async.outcomes import Attempt, Charge, Payload
from walee_async.store import Store
async def main():
    store = Store.open({os.fspath(path)!r})
    for number in range(200):
        intent = store.intend(f"h{{number}}", 1, "key 1")
        billed = Attempt(handle=f"h{{number}}", number=1, key="key 1", charge=Charge.BILLED)
        store.settle(intent, billed, Payload(handle=f"h{{number}}", body=b"x", received_at=1.0))
    return store
kept = asyncio.run(main())
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=30)
    with StoreReader.open(path) as reader:
        assert reader.totals().reports == 200


async def test_what_a_dead_process_left_open_is_ambiguous(path: Path) -> None:
    """After a kill, opening names the handles whose requests were under way, once; a run that was on is ended."""
    killed = f"""
import asyncio, os, signal
from walee_async.store import Store
async def main():
    store = Store.open({os.fspath(path)!r})
    run = await store.begin_run("fetch")
    for handle in ("b", "a", "a"):
        await store.intend(handle, 1, "key 1", run)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    subprocess.run([sys.executable, "-c", killed], check=False, timeout=30)
    with StoreReader.open(path) as reader:
        assert reader.totals().under_way == 3
        doubts = {"a": Standing(None, None, 2), "b": Standing(None, None, 1), "c": Standing(None, None, 0)}
        assert reader.standing(["a", "b", "c"]) == doubts
    async with Store.open(path) as store:
        assert store.orphans == ("b", "a", "a")
        intent = store.intend("c", 1, "key 1")
        await intent
        assert await store.standing(["a", "b", "c"]) == doubts
        with StoreReader.open(path) as reader:  # its process lives: it is under way
            assert reader.standing(["a", "b", "c"]) == doubts
        await store.settle(intent, attempt("c", Charge.NOT_SENT))
        assert await store.ambiguous() == {"a": 2, "b": 1}
        (run,) = await store.runs()
        assert (run.command, run.reason, run.ended) == ("fetch", "killed", None)
    async with Store.open(path) as store:
        assert store.orphans == ()


async def test_what_a_killed_run_left_in_doubt_is_named(path: Path) -> None:
    """Also the requests that had broken off before the kill: the run did not come to the end, where it would tell."""
    killed = """
import asyncio, os, signal, sys
from walee_async.outcomes import Attempt, Charge
from walee_async.store import Store
async def main():
    store = Store.open(sys.argv[1])
    for command in ("first", "second"):
        run = await store.begin_run(command)
        for handle, charge in ((command, Charge.AMBIGUOUS), ("fine", Charge.FAILED)):
            intent = store.intend(handle, 1, "key 1", run)
            await intent
            await store.settle(intent, Attempt(handle=handle, number=1, key="key 1", charge=charge))
        if command == "first":
            await store.end_run(run, "complete")
    await store.intend("open", 1, "key 1", run)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    subprocess.run([sys.executable, "-c", killed, str(path)], check=False, timeout=30)
    async with Store.open(path) as store:
        assert store.orphans == ("second", "open")
    async with Store.open(path) as store:
        assert store.orphans == ()


async def test_a_failure_stands_until_the_handle_comes_right(path: Path) -> None:
    """The last outcome counts: a later failure replaces an earlier one, a report clears it; each run keeps its own."""
    async with Store.open(path) as store:
        run = await store.begin_run()
        missing = NoReportError("it has none", status=400, code="account_not_found")
        await store.record_failure("a", NotReadyError("wait"), run=run, due_at=50.0)
        await store.record_failure("a", missing, run=run)
        await store.record_failure("b", missing)
        (a, b) = await store.failures()
        assert (a.handle, a.kind, a.detail, a.code, a.due_at) == (
            "a",
            "NoReportError",
            "it has none",
            "account_not_found",
            None,
        )
        assert [failure.kind for failure in await store.failures(run)] == ["NotReadyError", "NoReportError"]
        assert await store.failed(["a", "b", "c"]) == {"a": a, "b": b}
        assert (await store.totals()).failed == {"NoReportError": 2}
        await buy(store, payload("a"))
        assert await store.failed(["a", "b"]) == {"b": b}


async def test_parked_handles_come_due(path: Path) -> None:
    """A report that was being prepared is listed when it is time to ask again, the first due first."""
    async with Store.open(path) as store:
        for handle, due_at in (("late", 300.0), ("soon", 100.0), ("never", None)):
            await store.record_failure(handle, NotReadyError("wait"), due_at=due_at)
        assert [failure.handle for failure in await store.parked()] == ["soon", "late"]
        assert [failure.handle for failure in await store.parked(100.0)] == ["soon"]
        await store.record_failure("soon", NoReportError("none"))
        assert [failure.handle for failure in await store.parked()] == ["late"]


async def test_a_run_is_noted_from_its_start_to_its_end(path: Path) -> None:
    """Runs are numbered, and say when they began and ended and why."""
    before = time.time()
    async with Store.open(path) as store:
        run = await store.begin_run("walee fetch")
        (begun,) = await store.runs()
        assert (begun.id, begun.command, begun.ended, begun.reason) == (run, "walee fetch", None, None)
        await store.end_run(run, "complete")
        (ended,) = await store.runs()
        await store.begin_run()
        assert [run.command for run in await store.runs()] == ["walee fetch", ""]
    assert ended.ended is not None
    assert before <= ended.started <= ended.ended <= time.time()
    assert ended.reason == "complete"


async def test_totals_say_what_is_in_it_and_what_it_cost(path: Path) -> None:
    """Reports, handles and bytes are counted, and when the first and the last came."""
    async with Store.open(path) as store:
        kept = [payload("a", 1.0), payload("a", 2.0), payload("b", 3.0)]
        for one in kept:
            await buy(store, one)
        store.intend("c", 1, "key 1")
        await store.begin_run()
        totals = await store.totals()
        assert (totals.reports, totals.handles, totals.imported, totals.under_way) == (3, 2, 0, 1)
        assert totals.bytes == sum(len(one.body) for one in kept)
        assert totals.file_bytes > totals.bytes
        assert (totals.oldest, totals.newest) == (1.0, 3.0)
        assert totals.charges == {Charge.BILLED: 3}


async def test_pruning_removes_what_is_old_and_keeps_the_newest(path: Path) -> None:
    """Age counts from the report's own date; the newest of a handle stays unless it is asked for."""
    now = time.time()
    undated = answer("a", created=None)
    async with Store.open(path) as store:
        for handle, days in (("a", 90), ("a", 80), ("a", 1), ("b", 70)):
            await buy(store, payload(handle, now - days * 86400, undated, "identity"))
        old = payload("old", now, answer("old", created="2001-01-01T00:00:00Z"), "identity")
        await buy(store, old)
        await buy(store, payload("old", now + 1, undated, "identity"))
        pruned = await store.prune(60 * 86400)
        assert pruned.reports == 3
        assert pruned.bytes == 2 * len(undated) + len(old.body)
        assert {kept.handle for kept in [one async for one in store.payloads(every=True)]} == {"a", "b", "old"}
        assert (await store.prune(60 * 86400)).reports == 0
        assert (await store.prune(60 * 86400, keep_latest=False)).reports == 1
        assert await store.latest("b") is None
        assert [finding async for finding in store.verify()] == []
        assert (await store.totals()).charges == {Charge.BILLED: 6}


async def test_vacuum_gives_the_room_back(path: Path) -> None:
    """After pruning, the file shrinks by what was removed, and what stays is whole."""
    async with Store.open(path) as store:
        for number in range(60):
            await buy(store, payload(f"c{number}", float(number), os.urandom(20_000)))
        await store.prune(time.time() - 54.5, keep_latest=False)
        before = (await store.totals()).file_bytes
        freed = await store.vacuum()
        assert freed > 50 * 20_000
        assert path.stat().st_size < before - 50 * 20_000
        assert len([one async for one in store.payloads()]) == 5
        assert [finding.damage async for finding in store.verify() if finding.damage] == []


async def test_the_loop_goes_on_while_the_disk_does_not(path: Path) -> None:
    """While somebody else holds the file, writes wait on their thread; the loop turns and reads are answered."""
    async with Store.open(path) as store:
        await buy(store, payload("a"))
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        stuck = asyncio.ensure_future(buy(store, payload("b")))
        for _ in range(50):
            await asyncio.wait_for(store.latest("a"), 1.0)
        assert not stuck.done()
        holder.execute("ROLLBACK")
        holder.close()
        await stuck
        assert await store.latest("b") is not None


def hurry(store: Store) -> None:
    """Wait for another program for a tenth of a second at a time, and not for half a minute."""

    def work(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA busy_timeout = 100").fetchall()

    store._writes().submit_from_thread(work, alone=True).result()


async def test_reports_that_cannot_be_kept_are_counted_and_named(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A store that closes while another program holds the file tries once more, and then says what is lost."""
    store = Store.open(path)
    hurry(store)
    settled = []
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        intents = [store.intend(f"h{number}", 1, "key 1") for number in range(22)]
        await asyncio.gather(*intents)
        holder.execute("BEGIN IMMEDIATE")
        for number, intent in enumerate(intents):
            settled.append(asyncio.ensure_future(store.settle(intent, attempt(f"h{number}"), payload(f"h{number}"))))
        await store.aclose()
        results = await asyncio.gather(*settled, return_exceptions=True)
    assert [isinstance(error, StoreLockedError) and error.payload is not None for error in results] == [True] * 22
    assert sorted(store.unkept) == sorted(f"h{number}" for number in range(22))
    (record,) = caplog.records
    named = ", ".join(store.unkept[:20])
    assert record.getMessage() == f"22 reports that were paid for could not be kept in {path}: {named} and 2 more"


async def test_the_loop_is_not_held_up_by_two_thousand_reports(path: Path) -> None:
    """While full-sized reports are stored as fast as they go, the loop's longest stall stays far below a second."""
    body, longest, stored = os.urandom(25_000), 0.0, 0
    handles = iter(f"c{number}" for number in range(2000))

    async def work(store: Store) -> None:
        nonlocal stored
        for handle in handles:
            await buy(store, payload(handle, 1.0, body))
            stored += 1

    async with Store.open(path) as store:
        workers = asyncio.gather(*(work(store) for _ in range(64)))
        while not workers.done():
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - before)
        await workers
    assert stored == 2000
    assert longest < 0.25


async def test_records_that_wait_together_are_one_commit(path: Path) -> None:
    """A hundred records queued at once cost a few commits, not a hundred; a lone one does not wait for company."""
    async with Store.open(path) as store:
        await store.begin_run()
        before = _commits(path)
        await asyncio.gather(*(store.intend(f"h{number}", 1, "key 1") for number in range(100)))
        assert _commits(path) - before <= 4
        before = _commits(path)
        await store.intend("lone", 1, "key 1")
        assert _commits(path) - before == 1


async def test_attempts_that_begin_and_end_together_are_one_commit(path: Path) -> None:
    """Whatever stands between them; a report that came twice is kept once, and the others with it."""
    async with Store.open(path) as store:
        await store.begin_run()
        before = _commits(path)
        for number in range(12):
            bought = payload(f"h{number % 10}", body=b"{}")
            settled = store.settle(store.intend(bought.handle, 1, "key 1"), attempt(bought.handle), bought)
            failed = store.record_failure(bought.handle, NoReportError("none"))
        await settled
        await failed
        assert _commits(path) - before <= 4
        assert (await store.totals()).reports == 10
        assert [one.handle async for one in store.payloads()] == [f"h{number}" for number in range(10)]
        assert (await store.charges())[Charge.BILLED] == 12
        assert [failure.handle for failure in await store.failures()] == [f"h{number % 10}" for number in range(2, 12)]


async def test_what_begins_after_an_end_is_in_doubt_though_both_are_one_commit(path: Path) -> None:
    """A report makes up for the doubts before it, and for none after it."""
    async with Store.open(path) as store:
        await store.begin_run()
        store.settle(store.intend("a", 1, "key 1"), attempt("a"))
        await store.settle(store.intend("a", 2, "key 1"), attempt("a", Charge.AMBIGUOUS, 2))
        assert (await store.standing(["a"]))["a"].ambiguous == 1


def _commits(path: Path) -> int:
    """Frames in the write-ahead log that end a commit."""
    log = path.with_name("reports.db-wal").read_bytes()
    return sum(log[at + 4 : at + 8] != b"\0\0\0\0" for at in range(32, len(log), 24 + 8192))


async def test_a_closed_store_says_so(path: Path) -> None:
    """Closing twice is fine, writing afterwards is an error, and no thread or file stays behind."""
    store = Store.open(path)
    async with store:
        await buy(store, payload("a"))
    await store.aclose()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.intend("a", 1, "key 1")
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "reports.db",
        "reports.db.lock",
        "reports.db.reserve",
    ]
    del store
    gc.collect()


async def test_a_store_opened_for_reading_writes_nothing(path: Path) -> None:
    """It reads beside a writer and sees what is committed meanwhile; every write is refused."""
    with Store.open(path) as store:
        async with Store.open(path, read_only=True) as reading:
            assert await reading.latest("a") is None
            await buy(store, payload("a"))
            assert await reading.latest("a") == payload("a")
            with pytest.raises(StoreError, match="reading only"):
                reading.intend("a", 1, "key 1")
            with pytest.raises(StoreError, match="reading only"):
                await reading.prune(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are of POSIX")
async def test_a_forked_child_neither_writes_nor_holds_the_lock(path: Path) -> None:
    """A child inherits the store but not its thread: it is told so, and the lock ends with the parent's."""
    store = Store.open(path)
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            store.close()
            store.intend("a", 1, "key 1")
        except StoreError as error:
            os.write(ready[1], error.detail.encode())
        os.read(done[0], 1)
        os._exit(0)
    try:
        assert b"forked" in os.read(ready[0], 1000)
        store.close()
        Store.open(path).close()
    finally:
        os.write(done[1], b"x")
        os.waitpid(child, 0)
        for end in (*ready, *done):
            os.close(end)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are of POSIX")
@pytest.mark.parametrize("read_only", [True, False])
async def test_a_forked_child_is_told_to_open_the_store_itself(path: Path, read_only: bool) -> None:
    """What it inherits has no threads that could read, so that it would wait for ever; its own reads."""
    async with Store.open(path) as store:
        await buy(store, payload("a"))
    async with Store.open(path, read_only=read_only) as store:
        assert await store.latest("a") is not None
        said, saying = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                store.latest("a").send(None)
            except StoreError as error:
                with StoreReader.open(path) as reader:
                    os.write(saying, f"{error.detail} {reader.latest('a')}".encode())
            os._exit(0)
        os.waitpid(child, 0)
        told = os.read(said, 10_000).decode()
        for end in (said, saying):
            os.close(end)
    assert told.startswith(f"{path} was opened by the process this one was forked from; open it here once more")
    assert "Payload(handle='a'" in told


async def test_a_report_filed_under_another_handle_is_not_given_out(path: Path) -> None:
    """Somebody who edits the file cannot pass one creator's report off as another's."""
    async with Store.open(path) as store:
        await buy(store, payload("a"))
    with sqlite3.connect(path) as meddler:
        meddler.execute("UPDATE reports SET handle = 'b'")
    meddler.close()
    async with Store.open(path) as store:
        with pytest.raises(StoreDamagedError):
            await store.latest("b")
        assert [finding.version async for finding in store.verify()] == [1]


async def test_what_was_paid_for_waits_while_another_program_holds_the_file(path: Path) -> None:
    """Meanwhile nothing is begun; what has come, a report or a refusal, is kept as soon as the file is free."""
    async with Store.open(path) as store:
        intent = store.intend("a", 1, "key 1")
        await intent
        await asyncio.wrap_future(
            store._writes().submit_from_thread(
                lambda connection: connection.execute("PRAGMA busy_timeout = 20").close()
            )
        )
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        settled = asyncio.ensure_future(store.settle(intent, attempt("a"), payload("a")))
        failed = asyncio.ensure_future(store.record_failure("c", NoReportError("none")))
        with pytest.raises(StoreLockedError):
            await store.intend("b", 1, "key 1")
        assert not settled.done()
        assert not failed.done()
        other.execute("ROLLBACK")
        await asyncio.gather(settled, failed)
        other.close()
        assert await store.latest("a") == payload("a")
        await buy(store, payload("b"))


async def test_a_report_is_kept_though_its_attempt_was_taken_for_an_orphan(path: Path) -> None:
    """Somebody removed the lock's file and opened the store again: the books are put right when the report comes."""
    async with Store.open(path) as store:
        intent = store.intend("a", 1, "key 1")
        await intent
        path.with_name("reports.db.lock").unlink()
        with Store.open(path) as other:
            assert other.orphans == ("a",)
        await store.settle(intent, attempt("a"), payload("a"))
        assert await store.latest("a") == payload("a")
        assert await store.ambiguous() == {}


async def test_a_store_that_is_removed_in_the_end_is_missed(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is written after it was removed, so closing says so, once."""
    async with Store.open(path) as store:
        await buy(store, payload("a"))
        path.unlink()
    assert [record.getMessage() for record in caplog.records] == [
        f"{path} was removed or replaced while it was written to."
    ]


async def test_a_lock_that_is_removed_is_missed(path: Path) -> None:
    """Others may write then: nothing new is begun, and what is under way is kept."""
    async with Store.open(path) as store:
        intent = store.intend("a", 1, "key 1")
        await intent
        path.with_name("reports.db.lock").unlink()
        Store.open(path.with_name("other.db")).close()
        for begun in (store.intend("b", 1, "key 1"), store.begin_run(), store.merge(path.with_name("other.db"))):
            with pytest.raises(StoreLockedError, match=r"lock of .* was removed"):
                await begun
        await store.settle(intent, attempt("a"), payload("a"))
        assert await store.latest("a") == payload("a")


async def test_a_store_that_is_removed_is_missed(path: Path) -> None:
    """SQLite would go on writing to a file that nobody finds again; the next record is refused, the report in hand."""
    async with Store.open(path) as store:
        await buy(store, payload("a"))
        intent = store.intend("b", 1, "key 1")
        await intent
        path.unlink()
        with pytest.raises(StorePathError, match="removed or replaced") as caught:
            await store.settle(intent, attempt("b"), payload("b"))
        assert caught.value.payload == payload("b")
        with pytest.raises(StorePathError, match="removed or replaced"):
            await store.intend("c", 1, "key 1")


async def test_a_closed_store_answers_what_it_was_asked(path: Path) -> None:
    """Reads that were under way come to their end; later ones say that it is closed."""
    store = Store.open(path)
    await buy(store, payload("a"))
    under_way = [asyncio.ensure_future(store.latest("a")) for _ in range(20)]
    await asyncio.sleep(0)
    await store.aclose()
    assert [found is not None for found in await asyncio.gather(*under_way)] == [True] * 20
    with pytest.raises(StoreError, match="has been closed"):
        await store.latest("a")
