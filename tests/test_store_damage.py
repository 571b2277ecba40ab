"""The store after the worst: killed in the middle, cut short, bits turned. All that was committed, or a clear word."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing, closing
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from walee_async.errors import StoreDamagedError, StoreError, StorePathError
from walee_async.export import export_tables
from walee_async.outcomes import Attempt, Charge, Payload
from walee_async.rescoring import rescore
from walee_async.store import Finding, Merged, Store, StoreReader
from walee_async.store.check import examine, first_damage, lost_commits, verify
from walee_async.store.lock import Lock
from walee_async.store.wal import examine as examine_log

long = pytest.mark.long

PAGE = 8192
FRAME = 24 + PAGE


async def buy(store: Store, bought: Payload) -> None:
    intent = store.intend(bought.handle, 1, "key 1")
    await intent
    await store.settle(intent, Attempt(handle=bought.handle, number=1, key="key 1", charge=Charge.BILLED), bought)


class Remains(NamedTuple):
    """What was kept, in order, and the files as they were found."""

    kept: list[Payload]
    database: bytes
    log: bytes

    def lay_out(self, path: Path, database: bytes | None = None, log: bytes | None = None) -> None:
        path.write_bytes(self.database if database is None else database)
        beside = path.with_name(f"{path.name}-wal")
        beside.unlink(missing_ok=True)
        if self.log:
            beside.write_bytes(self.log if log is None else log)

    def read(self, path: Path) -> list[Payload] | None:
        """What can be read again; None where the store says that something is damaged. Nothing is ever made up."""
        told: list[object] = []
        try:
            with Store.open(path) as store:
                told.extend(store.remarks)
            with StoreReader.open(path) as reader:
                read = list(reader.payloads(every=True, on_damage=told.append))
                assert [payload for payload in read if payload not in self.kept] == []
                for payload in self.kept:
                    assert self.is_right(reader, payload.handle)
                if read != self.kept and not told:
                    told.extend(finding for finding in verify(reader) if finding.damage)
        except StoreError:
            return None
        return None if told else read

    def is_right(self, reader: StoreReader, handle: str) -> bool:
        try:
            latest = reader.latest(handle)
        except StoreDamagedError:
            return True
        return latest is None or (latest.handle == handle and latest in self.kept)


def remains(folder: Path, reports: int, size: int, *, closed: bool) -> Remains:
    """The files of a store with some reports, closed or as a power cut would leave them."""
    dice, path = random.Random(reports), folder / "whole.db"
    kept = [
        Payload(handle=f"h{dice.randrange(999)}", body=dice.randbytes(size), encoding="gzip", received_at=float(number))
        for number in range(reports)
    ]

    async def fill() -> Remains:
        async with Store.open(path, wipe=True) as store:
            for payload in kept:
                await buy(store, payload)
            open_still = Remains(kept, path.read_bytes(), path.with_name("whole.db-wal").read_bytes())
        return Remains(kept, path.read_bytes(), b"") if closed else open_still

    return asyncio.run(fill())


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Remains:
    """Twelve reports, each in a commit of its own, none of them carried over from the log."""
    return remains(tmp_path_factory.mktemp("crashed"), 12, 300, closed=False)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Remains:
    """Forty reports in a store that was closed."""
    return remains(tmp_path_factory.mktemp("closed"), 40, 3000, closed=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "reports.db"


# -- cut --------------------------------------------------------------------------------------------------------------


@long
def test_a_log_cut_at_any_byte_gives_all_commits_before_the_cut(crashed: Remains, path: Path) -> None:
    """Every byte of the last frame, and one in 211 of the rest: what was committed before the cut is read, in order."""
    end = len(crashed.log)
    counts = []
    crashed.lay_out(path)
    for cut in sorted({*range(0, end, 211), *range(end - FRAME, end)}, reverse=True):
        os.truncate(path.with_name("reports.db-wal"), cut)
        with StoreReader.open(path) as reader:
            read = list(reader.payloads(every=True))
        assert read == crashed.kept[: len(read)]
        counts.append(len(read))
    assert counts == sorted(counts, reverse=True)
    assert (counts[0], counts[-1]) == (11, 0)


@long
def test_a_log_cut_short_can_be_written_to_again(crashed: Remains, path: Path) -> None:
    """Opening for writing after a cut finds the same, and nothing to complain of."""
    for cut in range(32, len(crashed.log), 9973):
        crashed.lay_out(path, log=crashed.log[:cut])
        read = crashed.read(path)
        assert read is not None
        assert read == crashed.kept[: len(read)]


@long
def test_a_file_cut_at_any_byte_is_whole_or_said_to_be_damaged(closed: Remains, path: Path) -> None:
    """Every byte of the last page, and one in 1,009 of the rest; a report that is given out is as it was bought."""
    end = len(closed.database)
    closed.lay_out(path)
    for cut in sorted({*range(0, end, 1009), *range(end - PAGE, end)}, reverse=True):
        os.truncate(path, cut)
        told: list[object] = []
        try:
            with StoreReader.open(path) as reader:
                read = list(reader.payloads(every=True, on_damage=told.append))
        except (StoreDamagedError, StorePathError):
            continue
        assert told, cut
        assert [payload for payload in read if payload not in closed.kept] == []


@long
def test_a_log_cut_after_it_was_carried_over_is_whole_or_said_to_be_damaged(tmp_path: Path, path: Path) -> None:
    """A log that is partly in the file already, and then cut, would mix two states of the store."""
    left = remains(tmp_path, 160, 25_000, closed=False)
    assert len(left.database) > 1_000_000
    for cut in random.Random(1).sample(range(len(left.log)), 40):
        left.lay_out(path, log=left.log[:cut])
        read = left.read(path)
        assert read is None or read == left.kept[: len(read)]


@long
def test_after_a_crash_the_last_reports_are_examined_before_anything_is_written(tmp_path: Path, path: Path) -> None:
    """A damaged body near the end is told on opening, with its handle, and the files are left as they are."""
    left = remains(tmp_path, 160, 25_000, closed=False)
    victim = left.kept[100]
    database = left.database.replace(victim.body[500:600], bytes(100))
    assert database != left.database
    left.lay_out(path, database=database)
    with pytest.raises(StoreDamagedError, match=victim.handle):
        Store.open(path)
    assert path.read_bytes() == database


# -- the log ----------------------------------------------------------------------------------------------------------


def log_of(path: Path, page: int) -> bytes:
    """A log of four frames of that page size, whose commits end with its frames 2, 3 and 4."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {page}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (a)")
        connection.execute("INSERT INTO t VALUES (1)")
        connection.execute("INSERT INTO t VALUES (2)")
        return path.with_name(f"{path.name}-wal").read_bytes()


def begun_anew(path: Path, page: int) -> bytes:
    """As `log_of`, after it was carried over: its frame 1 is a commit, the others are left from before."""
    log_of(path, page)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE u (a)")
        connection.execute("INSERT INTO u VALUES (1)")
        connection.execute("PRAGMA wal_checkpoint").fetchall()
        connection.execute("INSERT INTO u VALUES (2)")
        return path.with_name(f"{path.name}-wal").read_bytes()


def in_the_other_order(log: bytes) -> bytes:
    """The same log as a machine of the other byte order would have begun it, whose checksums are of its own words."""
    magic = int.from_bytes(log[:4], "big") ^ 1
    said = magic.to_bytes(4, "big") + log[4:24]
    words = [int.from_bytes(said[at : at + 4], "big" if magic & 1 else "little") for at in range(0, 24, 4)]
    first = second = 0
    for at in range(0, 6, 2):
        first = (first + words[at] + second) % 2**32
        second = (second + words[at + 1] + first) % 2**32
    return said + first.to_bytes(4, "big") + second.to_bytes(4, "big") + log[32:]


def said_of(path: Path, log: bytes, valid_frames: int) -> str | None:
    """What is said of a log of which SQLite took so many frames."""
    path.with_name(f"{path.name}-wal").write_bytes(log)
    try:
        return examine_log(path, valid_frames)
    except StoreDamagedError as error:
        return error.detail


@pytest.mark.parametrize("page", [512, 65536])
def test_a_log_is_held_against_what_sqlite_took_of_it(path: Path, page: int) -> None:
    """All of it, all but the last commit, or less: whole, what a power cut can leave, damage; whatever wrote it."""
    log, wal = log_of(path, page), f"{path}-wal"
    incomplete = f"the last commit in {wal} is incomplete: a power cut leaves this, or the file was damaged"
    lost = "{} is damaged: {} commits after its frame {} cannot be read"
    said = {4: None, 3: incomplete, 2: lost.format(wal, 2, 2), 1: lost.format(wal, 3, 1), 0: lost.format(wal, 3, 0)}
    for written in (log, in_the_other_order(log)):
        assert {frames: said_of(path, written, frames) for frames in said} == said
    cut = log[:-1]  # its last commit was never whole, so nothing is lost with it
    assert (said_of(path, cut, 3), said_of(path, cut, 2)) == (None, incomplete)


@pytest.mark.parametrize("page", [512, 65536])
def test_what_a_log_holds_from_before_it_was_begun_anew_is_not_missed(path: Path, page: int) -> None:
    """Its frames of before lie behind those of now, and are in the file already."""
    log = begun_anew(path, page)
    assert len(log) > 32 + 2 * (24 + page)
    assert said_of(path, log, 1) is None
    remark = said_of(path, log, 0)
    assert remark is not None
    assert remark.startswith("the last commit in ")


def test_a_log_without_a_beginning_is_damaged_or_was_never_written(path: Path) -> None:
    """A power cut leaves zeros where the first commit was to be, or too little for one; anything else is damage."""
    log = log_of(path, 512)
    at_its_beginning = f"{path}-wal is damaged at its beginning; what was kept last cannot be read"
    for place in (0, 3, 8, 16, 24, 31):
        assert said_of(path, turned(log, 8 * place), 0) == at_its_beginning
    for nothing in (b"", log[:32], b"\xff" * 40, bytes(56) + log[56:], bytes(len(log))):
        assert said_of(path, nothing, 0) is None


# -- bits -------------------------------------------------------------------------------------------------------------

bits = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def turned(content: bytes, bit: int) -> bytes:
    place, which = divmod(bit % (8 * len(content)), 8)
    return content[:place] + bytes([content[place] ^ 1 << which]) + content[place + 1 :]


@long
@bits
@given(bit=st.integers(0, 1 << 40))
def test_a_bit_turned_in_the_file_is_harmless_or_said(closed: Remains, path: Path, bit: int) -> None:
    """Wherever it is: all reports are there, or the store says that it is damaged; never a wrong one."""
    closed.lay_out(path, database=turned(closed.database, bit))
    assert closed.read(path) in (None, closed.kept)


@long
@bits
@given(bit=st.integers(0, 1 << 40))
def test_a_bit_turned_in_the_log_is_harmless_or_said(crashed: Remains, path: Path, bit: int) -> None:
    """SQLite takes the first bad frame for the log's end; commits behind it are missed, and not in silence."""
    crashed.lay_out(path, log=turned(crashed.log, bit))
    assert crashed.read(path) in (None, crashed.kept)


def test_a_damaged_log_is_left_as_it_is(crashed: Remains, path: Path) -> None:
    """A store whose log is damaged is not opened for writing, which would discard it; what is before can be read."""
    log = turned(crashed.log, 8 * len(crashed.log) // 2)
    crashed.lay_out(path, log=log)
    for _ in range(2):
        with pytest.raises(StoreDamagedError, match=r"commits after its frame \d+ cannot be read"):
            Store.open(path)
    assert path.with_name("reports.db-wal").read_bytes() == log
    with StoreReader.open(path) as reader:
        read = list(reader.payloads(every=True))
    assert read
    assert read == crashed.kept[: len(read)]


def test_a_last_commit_that_is_incomplete_is_remarked_on(crashed: Remains, path: Path) -> None:
    """A power cut can leave it; the store opens without it, and says so."""
    crashed.lay_out(path, log=turned(crashed.log, 8 * len(crashed.log) - 9))
    with Store.open(path) as store:
        (remark,) = store.remarks
    assert "last commit" in remark
    with StoreReader.open(path) as reader:
        assert list(reader.payloads(every=True)) == crashed.kept[:11]


def test_a_store_whose_log_is_damaged_is_not_called_whole(crashed: Remains, path: Path) -> None:
    """Whoever examines or merges it is told that commits are lost, or the last one may be; not while one writes."""
    middle, last = 8 * len(crashed.log) // 2, 8 * len(crashed.log) - 9
    for bit, said, damage in ((middle, "cannot be read", True), (last, "the last commit in ", False)):
        crashed.lay_out(path, log=turned(crashed.log, bit))
        with StoreReader.open(path) as reader:
            (found,) = [finding for finding in verify(reader) if "reports.db-wal" in finding.problem]
            lock = Lock.acquire(path)
            assert [finding for finding in verify(reader) if "reports.db-wal" in finding.problem] == []
            lock.release()
        assert (said in found.problem, found.damage, found.version) == (True, damage, None)
        with Store.open(path.with_name("all.db"), wipe=True) as into:
            merged = asyncio.run(merge(into, path))
        assert merged.damaged == (found,)
        assert 0 < merged.reports < 12
    crashed.lay_out(path)
    with StoreReader.open(path) as reader:
        assert lost_commits(path) is None
        assert len(reader.versions(every=True)) == 12


async def merge(into: Store, source: Path) -> Merged:
    return await into.merge(source)


def test_an_emptied_store_is_not_taken_for_a_new_one(closed: Remains, crashed: Remains, path: Path) -> None:
    """Its file is empty or gone, and others of it are there: that is damage, until it is wiped on purpose."""
    Store.open(path).close()
    closed.lay_out(path, database=b"")
    with pytest.raises(StoreDamagedError, match="empty"):
        Store.open(path)
    Store.open(path, wipe=True).close()
    crashed.lay_out(path)
    path.unlink()
    with pytest.raises(StoreDamagedError, match="gone"):
        Store.open(path)
    Store.open(path, wipe=True).close()


async def iterate(path: Path, *, every: bool = True) -> tuple[list[Payload], list[Finding]]:
    """What an iteration in the loop gives, and what it tells; without a listener, it raises."""
    told: list[Finding] = []
    async with Store.open(path, read_only=True) as store:
        with pytest.raises(StoreDamagedError):
            [payload async for payload in store.payloads(every=every)]
        return [payload async for payload in store.payloads(every=every, on_damage=told.append)], told


def test_the_loss_of_one_report_does_not_keep_the_others(closed: Remains, path: Path) -> None:
    """Where one body is damaged, the others are read, its place is told, and reading it is an error that names it."""
    victim = closed.kept[20]
    closed.lay_out(path, database=closed.database.replace(victim.body[100:140], bytes(40)))
    with StoreReader.open(path) as reader:
        with pytest.raises(StoreDamagedError, match=victim.handle):
            list(reader.payloads(every=True))
        told: list[Finding] = []
        read = list(reader.payloads(every=True, on_damage=told.append))
        assert read == [payload for payload in closed.kept if payload is not victim]
        assert [(finding.handle, finding.version) for finding in told] == [(victim.handle, 21)]
        assert asyncio.run(iterate(path)) == (read, told)
        damaged = [finding for finding in verify(reader) if finding.damage]
    assert [(finding.handle, finding.version) for finding in damaged] == [(victim.handle, 21)]


# -- what is found ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """25 reports of 20 handles, so that the first five are not the newest; the last says no id of its own."""
    path = tmp_path_factory.mktemp("several") / "several.db"

    async def fill() -> None:
        async with Store.open(path) as store:
            for number in range(1, 26):
                label = f'{{"report_id":"r{number}"}}' if number < 25 else "{}"
                body = f'{{"success":true,"payload":{{"report_info":{label},"user_profile":{{}}}}}}'.encode()
                body += b" " * 200 * (number == 2)  # so much that it is packed
                await buy(store, Payload(handle=f"h{number % 20}", body=body, received_at=float(number)))

    asyncio.run(fill())
    return path.read_bytes()


def meddle(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


NO_TEXT = "CAST(x'ff' AS TEXT)"


def numbered(content: bytes, path: Path, number: int, bit: int) -> bytes:
    """The file with one bit turned in the number that a report has in its table, all on one page of it."""
    path.write_bytes(content)
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'reports'").fetchone()
    start = (root - 1) * PAGE
    cell = start + int.from_bytes(content[start + 6 + 2 * number : start + 8 + 2 * number], "big")
    assert content[cell + 1] == number  # behind the row's length
    return turned(content, 8 * (cell + 1) + bit)


@pytest.mark.parametrize("every", [True, False])
@pytest.mark.parametrize(("number", "bit"), [(20, 6), (20, 2), (24, 0), (8, 3)])
def test_a_wrong_number_leaves_no_report_out_in_silence(
    several: bytes, path: Path, number: int, bit: int, every: bool
) -> None:
    """What SQLite takes for the order of the table is not: every walk tells, and raises where nobody listens."""
    content = numbered(several, path, number, bit)
    path.write_bytes(content)
    told: list[Finding] = []
    said = "the table of reports is damaged: numbers in it are wrong, and reports may be missing"
    with StoreReader.open(path) as reader:
        list(reader.payloads(every=every, on_damage=told.append))
        assert told[-1] == Finding(said)
        assert Finding(said) in verify(reader)
    assert asyncio.run(iterate(path, every=every))[1] == told
    with Store.open(path, read_only=True) as store:
        exported: list[Finding] = []
        asyncio.run(exports(store, path.with_name("some.gz"), exported, every=every))
        assert exported[-1] == Finding(said)
    with Store.open(path.with_name("all.db")) as into:
        assert Finding(said) in asyncio.run(merge(into, path)).damaged
    tables: list[Finding] = []
    export_tables(path, path.with_name("tables"), format="csv", every=every, on_trouble=tables.append)
    assert tables[-1] == Finding(said)
    scored: list[Finding] = []
    list(rescore(path, on_trouble=scored.append))
    assert scored[-1] == Finding(said)
    with pytest.raises(StoreDamagedError):
        list(rescore(path))


@pytest.mark.anyio
async def test_a_walk_that_is_broken_off_leaves_nothing_open(several: bytes, path: Path) -> None:
    """Its files are closed when it ends, also when it is not gone through; other reads go on meanwhile."""
    path.write_bytes(several)
    files = Path("/dev/fd")
    async with Store.open(path, read_only=True) as store:
        for _ in range(3):
            await store.totals()
        counts = []
        for _ in range(30):
            async with aclosing(store.payloads(every=True)) as walk:
                assert await anext(walk) == await store.read(1)
            async with aclosing(store.verify()) as examined:
                assert [finding async for finding in examined] == []
            counts.append(len(list(files.iterdir())) if files.exists() else 0)
    assert max(counts[5:]) <= counts[0] + 9


async def exports(store: Store, target: Path, told: list[Finding], *, every: bool) -> None:
    await store.export(target, every=every, on_damage=told.append)


def test_a_walk_beside_a_writer_calls_nothing_damaged(several: bytes, path: Path) -> None:
    """Reports that come and go meanwhile may or may not be part of it, and are not missed."""
    path.write_bytes(several)
    with StoreReader.open(path) as reader, Store.open(path) as store:
        for every in (True, False):
            told: list[Finding] = []
            pages = reader.pages(every=every, on_damage=told.append)
            assert next(pages)
            asyncio.run(change(store, f"new{every}"))
            list(pages)
            assert told == []


async def change(store: Store, handle: str) -> None:
    await buy(store, Payload(handle=handle, body=b"{}", received_at=0.0))
    await store.prune(0, keep_latest=True)


@pytest.mark.parametrize(
    ("meddling", "found"),
    [
        (
            "UPDATE bodies SET body = x'00' WHERE id = 21",
            Finding("the stored report is damaged: its body does not match its checksum", "h1", "r21", 21),
        ),
        (
            "UPDATE bodies SET body = CAST(x'00' || body AS BLOB) WHERE id = 2",
            Finding(
                "the stored report is damaged: its body does not unpack"
                " (Error -3 while decompressing data: incorrect header check)",
                "h2",
                "r2",
                2,
            ),
        ),
        (
            "UPDATE bodies SET body = substr(body, 1, 60) WHERE id = 2",
            Finding("the stored report is damaged: its body does not match its checksum", "h2", "r2", 2),
        ),
        (
            "DELETE FROM bodies WHERE id = 1",
            Finding("the stored report is damaged: its body is missing", "h1", "r1", 1),
        ),
        (
            "UPDATE reports SET key = 'other' WHERE id = 25",
            Finding("the stored report is damaged: what is noted of it does not match its checksum", "h5", None, 25),
        ),
        (f"UPDATE reports SET handle = {NO_TEXT} WHERE id = 3", Finding("column 'handle'", None, None, 3)),
        (f"UPDATE reports SET key = {NO_TEXT} WHERE id = 3", Finding("column 'key'", "h3", "r3", 3)),
    ],
)
def test_a_report_that_was_meddled_with_is_found(several: bytes, path: Path, meddling: str, found: Finding) -> None:
    """Wherever it is and whatever became of it: the newest or not, early or late, a text that is none any more."""
    path.write_bytes(several)
    meddle(path, meddling)
    with StoreReader.open(path) as reader:
        (finding,) = verify(reader)
        assert first_damage(reader) == finding
        assert [one for one in examine(reader) if isinstance(one, int)] == [20, 25]
    if NO_TEXT in meddling:
        assert finding.problem.startswith(f"{path} is damaged (Could not decode to UTF-8 {found.problem}")
        found = Finding(finding.problem, found.handle, found.report_id, found.version)
    assert finding == found


def test_a_store_that_is_whole_has_nothing_to_find(several: bytes, path: Path) -> None:
    """Neither when all of it is examined nor in what a crash can have touched."""
    path.write_bytes(several)
    with StoreReader.open(path) as reader:
        assert list(examine(reader)) == [20, 25]
        assert first_damage(reader) is None

    async def examined() -> list[int]:
        counts: list[int] = []
        async with Store.open(path, read_only=True) as store:
            assert [finding async for finding in store.verify(counts.append)] == []
        return counts

    assert asyncio.run(examined()) == [20, 25]


def test_a_handle_that_is_no_text_is_not_given_out(several: bytes, path: Path) -> None:
    """Damage can make anything of a column; the error then names none."""
    path.write_bytes(several)
    unchecked = "UPDATE sqlite_schema SET sql = replace(sql, ' STRICT', '') WHERE name = 'reports'"
    meddle(path, "PRAGMA writable_schema = ON", unchecked)
    meddle(path, "UPDATE reports SET handle = CAST(handle AS BLOB) WHERE id = 3")
    with StoreReader.open(path) as reader:
        with pytest.raises(StoreDamagedError) as caught:
            reader.read(3)
        assert caught.value.handle is None


def test_a_report_that_an_index_files_under_another_handle_is_not_given_out(several: bytes, path: Path) -> None:
    """The error is about the handle that was asked for; under its own the index does not find it."""
    path.write_bytes(several)
    index = "UPDATE sqlite_schema SET sql = {} WHERE name = 'reports_by_handle'"
    meddle(path, "UPDATE reports SET handle = 'other' WHERE id = 10")
    meddle(path, "PRAGMA writable_schema = ON", index.format("sql || ' WHERE id < 0'"))
    meddle(path, "UPDATE reports SET handle = 'h10' WHERE id = 10")
    meddle(path, "PRAGMA writable_schema = ON", index.format("replace(sql, ' WHERE id < 0', '')"))
    with StoreReader.open(path) as reader:
        with pytest.raises(StoreDamagedError, match="the stored report is damaged: ") as caught:
            reader.latest("other")
        assert caught.value.handle == "other"
        assert reader.latest("h10") is None


def test_rows_that_lost_what_they_belong_to_are_found(several: bytes, path: Path) -> None:
    """A report without its attempt: both are numbered in the sentence."""
    path.write_bytes(several)
    meddle(path, "DELETE FROM attempts WHERE id = 7")
    with StoreReader.open(path) as reader:
        assert list(verify(reader)) == [Finding("row 7 of reports belongs to a row of attempts that is not there")]


def test_a_row_that_an_index_does_not_know_is_found(several: bytes, path: Path) -> None:
    """What SQLite finds wrong with the tables is told as it says it, on examining a store and after a crash."""
    path.write_bytes(several)
    index = "UPDATE sqlite_schema SET sql = replace(sql, '{}', '{}') WHERE name = 'attempts_in_doubt'"
    meddle(path, "PRAGMA writable_schema = ON", index.format("ambiguous", "failed"))
    meddle(path, "UPDATE attempts SET charge = 'ambiguous' WHERE id = 7")
    meddle(path, "PRAGMA writable_schema = ON", index.format("failed", "ambiguous"))
    with StoreReader.open(path) as reader:
        missing = Finding("the file's structure: row 7 missing from index attempts_in_doubt")
        assert missing in list(verify(reader))
        found = first_damage(reader)
        assert found is not None
        assert found.problem.startswith("the file's structure: ")
        assert found.problem.endswith("index attempts_in_doubt")


def test_a_table_that_cannot_be_read_is_found(several: bytes, path: Path) -> None:
    """Each way of looking says so in a sentence, and none breaks off with an error."""
    path.write_bytes(several)
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'reports'").fetchone()
    path.write_bytes(several[: PAGE * (root - 1)] + bytes(PAGE) + several[PAGE * root :])
    with StoreReader.open(path) as reader:
        *structure, last = (finding.problem for finding in verify(reader))
        assert len(structure) >= 2
        assert all(problem.startswith("the file's structure: ") for problem in structure)
        assert last.startswith(f"the table of reports cannot be read past number 0: {path} is damaged (")
        assert first_damage(reader) is not None


def test_a_report_that_a_crash_has_damaged_is_told_on_opening(closed: Remains, path: Path) -> None:
    """With its handle, before anything is written; where all is well, a log that holds nothing is no matter."""
    victim = closed.kept[20]
    damaged = closed.database.replace(victim.body[100:140], bytes(40))
    log = path.with_name("reports.db-wal")
    closed.lay_out(path, database=damaged)
    log.write_bytes(bytes(32))
    with pytest.raises(StoreDamagedError) as caught:
        Store.open(path)
    assert caught.value.handle == victim.handle
    assert caught.value.detail == (
        f"{path} is damaged: the stored report is damaged: its body does not match its checksum"
    )
    assert (path.read_bytes(), log.read_bytes()) == (damaged, bytes(32))
    closed.lay_out(path)
    log.write_bytes(bytes(32))
    with Store.open(path) as store:
        assert store.remarks == ()


def test_a_store_whose_tables_cannot_be_found_is_said_to_be_damaged(closed: Remains, path: Path) -> None:
    """By whichever way it is opened, and it is left as it is."""
    spoilt = closed.database[:100] + bytes(PAGE - 100) + closed.database[PAGE:]
    for way in (Store.open, StoreReader.open):
        path.write_bytes(spoilt)
        with pytest.raises(StoreDamagedError) as caught:
            way(path)
        assert caught.value.detail.startswith(f"{path} is damaged (")
        assert path.read_bytes() == spoilt


def test_a_crash_in_the_making_of_a_store_leaves_one_that_can_be_made(path: Path) -> None:
    """Its file is half written, and beside it lies what takes that back: it is no store yet, and becomes one."""
    whole = path.with_name("whole.db")
    with closing(sqlite3.connect(whole, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE runs (a)")
        connection.execute("INSERT INTO runs VALUES (zeroblob(100000))")
        path.write_bytes(whole.read_bytes())
        path.with_name("reports.db-journal").write_bytes(whole.with_name("whole.db-journal").read_bytes())
        connection.execute("ROLLBACK")
    assert path.stat().st_size > PAGE
    with pytest.raises(StorePathError, match="it is no store yet"):
        StoreReader.open(path)
    with Store.open(path) as store:
        assert store.orphans == ()
    with StoreReader.open(path) as reader:
        assert reader.totals().reports == 0


# -- killed -----------------------------------------------------------------------------------------------------------

WRITE = """
import asyncio, os, sys
from walee_async.outcomes import Attempt, Charge, Payload
from walee_async.store import Store


async def buy(store, handle):
    intent = store.intend(handle, 1, "key 1")
    await intent
    os.write(1, f"sent {handle}\\n".encode())
    body = (handle * 4000).encode()
    billed = Attempt(handle=handle, number=1, key="key 1", charge=Charge.BILLED)
    await store.settle(intent, billed, Payload(handle=handle, body=body, received_at=1.0))
    os.write(1, f"kept {handle}\\n".encode())

async def main():
    store = Store.open(sys.argv[1])
    numbers = iter(range(100_000))
    async def work():
        for number in numbers:
            await buy(store, f"run{sys.argv[2]}n{number}")
    await asyncio.gather(*(work() for _ in range(8)))

asyncio.run(main())
"""


def killed(path: Path, run: int, lines: int) -> Iterator[list[str]]:
    """What a writing process had said when it was killed, some time after it had said so many lines."""
    command = [sys.executable, "-c", WRITE, str(path), str(run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()
    yield from (line.split() for line in said if line.endswith("\n"))


@long
def test_a_process_killed_at_any_moment_loses_nothing(path: Path) -> None:
    """Thirty kills: every report that was acknowledged is there, every request that was sent is kept or named."""
    dice, kept = random.Random(), set[str]()
    for run in range(30):
        said = list(killed(path, run, dice.randrange(1, 150)))
        sent = {handle for word, handle in said if word == "sent"}
        acknowledged = {handle for word, handle in said if word == "kept"}
        with Store.open(path) as store:
            orphans = set(store.orphans)
            assert store.remarks == ()
        with StoreReader.open(path) as reader:
            there = {payload.handle: payload.body for payload in reader.payloads(every=True)}
        assert acknowledged <= there.keys()
        assert sent <= there.keys() | orphans
        assert len(orphans) <= 8
        assert kept <= there.keys()
        assert all(body == (handle * 4000).encode() for handle, body in there.items())
        kept = set(there)
    with StoreReader.open(path) as reader:
        assert [finding for finding in verify(reader) if finding.damage] == []
        assert reader.totals().under_way == 0
