"""What a store knows besides its reports, asked for in all the ways that there are."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from walee_async.errors import NoReportError, NotReadyError, StoreError, StoreWriteError
from walee_async.outcomes import Attempt, Charge, Payload
from walee_async.store import Store, StoreReader
from walee_async.store.connect import explain, is_busy, is_lasting, may_want_room
from walee_async.store.reserve import EACH, Reserve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

KEY = "key 1 (…a3f9)"
MANY = [f"handle.{number}" for number in range(1200)]
"""More than are asked for in one query."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "reports.db"


async def send(store: Store, handle: str, charge: Charge, *, run: int | None = None, number: int = 1) -> None:
    intent = store.intend(handle, number, KEY, run)
    await intent
    attempt = Attempt(handle=handle, number=number, key=KEY, charge=charge, status=200)
    payload = Payload(handle=handle, body=b"{}", key=KEY, received_at=float(intent.id))
    await store.settle(intent, attempt, payload if charge is Charge.BILLED else None)


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    """Two runs of two commands: one bought `a` twice and may have bought `b`; the other may have, has `c` under way."""
    async with Store.open(path) as store:
        first, second = await store.begin_run("one"), await store.begin_run("two")
        await send(store, "a", Charge.BILLED, run=first)
        await send(store, "a", Charge.BILLED, run=first, number=2)
        await send(store, "b", Charge.AMBIGUOUS, run=first)
        await send(store, "b", Charge.AMBIGUOUS, run=second, number=2)
        await send(store, "d", Charge.FAILED, run=second)
        await store.intend("c", 3, KEY, second)
        await store.record_failure("d", NoReportError("none", status=400, code="x"), run=second)
        await store.record_failure("e", NotReadyError("soon"), run=second, due_at=50.0)
        await store.record_failure("e", NotReadyError("later"), run=second, due_at=70.0)
        await store.record_failure("f", NoReportError("none"))
        yield store


async def test_what_may_have_been_bought_is_told_by_attempt(store: Store, path: Path) -> None:
    """Each with its time, its number and its key; those under way if asked for, and those of one command alone."""
    with StoreReader.open(path) as reader:
        when = {(attempt.handle, attempt.number): attempt.intended_at for attempt in reader.attempts()}
        first, second, open_one = (
            (handle, when[handle, number], number, KEY) for handle, number in (("b", 1), ("b", 2), ("c", 3))
        )
        handles = [*MANY, "a", "b", "c"]
        assert list(reader.doubtful(handles, under_way=False)) == [first, second]
        assert list(reader.doubtful(handles, under_way=True)) == [first, second, open_one]
        assert list(reader.doubtful(handles, under_way=True, command="one")) == [first]
        assert list(reader.doubtful(handles, under_way=True, command="two")) == [second, open_one]
        assert list(reader.doubtful(handles, under_way=True, command="three")) == []
        assert list(reader.doubtful(["a"], under_way=True)) == []


async def test_what_was_bought_is_told_by_handle(store: Store, path: Path) -> None:
    """By the command whose run bought it, and when it was bought last, whether it is still here or not."""
    await send(store, "g", Charge.BILLED)
    with StoreReader.open(path) as reader:
        handles = [*MANY, "a", "b", "c", "g"]
        assert reader.bought_by(handles, "one") == {"a"}
        assert reader.bought_by(handles, "two") == set()
        assert reader.bought_by(["b"], "one") == set()
        settled = {attempt.handle: attempt.settled_at for attempt in reader.attempts() if attempt.charge == "billed"}
        assert reader.billed(handles) == settled
        assert reader.billed(["a"]) == {"a": settled["a"]}
        await store.prune(-1e12, keep_latest=False)
        assert reader.billed(handles) == settled
        assert reader.bought_by(handles, "one") == set()


async def test_each_run_has_its_account(store: Store, path: Path) -> None:
    """What it bought, what it may have bought and the handles it gave up, each once; nothing where nothing ended."""
    third = await store.begin_run("three")
    await store.intend("h", 1, KEY, third)
    with StoreReader.open(path) as reader:
        assert reader.by_run() == {1: (2, 1, 0), 2: (0, 1, 2), 3: (0, 0, 0)}
        assert [failure.handle for failure in reader.failures(2)] == ["d", "e", "e"]
        assert [(failure.handle, failure.detail) for failure in reader.failures()] == [
            ("d", "none"),
            ("e", "later"),
            ("f", "none"),
        ]
        assert [failure.due_at for failure in reader.parked()] == [70.0]
        assert (reader.parked(69.0), len(reader.parked(70.0))) == ([], 1)
        assert reader.ambiguous() == {"b": 2}
        assert reader.ambiguous(1) == {"b": 1}
        assert reader.charges(1) == {Charge.BILLED: 2, Charge.AMBIGUOUS: 1}
        assert reader.charges() == {Charge.BILLED: 2, Charge.AMBIGUOUS: 2, Charge.FAILED: 1}
        failed = reader.failed([*MANY, "a", "d"])
        assert {handle: (found.status, found.code, found.run) for handle, found in failed.items()} == {
            "d": (400, "x", 2)
        }


async def test_attempts_come_in_pages(store: Store, path: Path) -> None:
    """A thousand at a time, by number."""
    with StoreReader.open(path) as reader, closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO attempts (handle, number, key, intended_at) VALUES (?, 1, 'key 1', 1.0)",
            [(handle,) for handle in MANY],
        )
        connection.commit()
        assert [attempt.id for attempt in reader.attempts()] == list(range(1, 1001))
        assert [attempt.id for attempt in reader.attempts(1000)] == list(range(1001, 1207))


async def test_what_pruning_would_remove_is_told_before(store: Store, path: Path) -> None:
    """Dated before a moment; the newest of each handle is spared unless asked for."""
    with StoreReader.open(path) as reader:
        assert (reader.prunable(10.0).reports, reader.prunable(10.0).bytes) == (1, 2)
        assert reader.prunable(10.0, keep_latest=True) == reader.prunable(10.0)
        assert (reader.prunable(10.0, keep_latest=False).reports, reader.prunable(10.0, keep_latest=False).bytes) == (
            2,
            4,
        )
        assert (reader.prunable(1.0).reports, reader.prunable(1.0).bytes) == (0, 0)


async def test_a_damaged_word_in_the_books_is_said(store: Store, path: Path) -> None:
    """A charge that nobody wrote is damage of the file that it stands in, not a mistake of the caller's."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE attempts SET charge = 'free' WHERE id = 1")
        connection.commit()
    with StoreReader.open(path) as reader:
        for ask in (reader.attempts, reader.charges, reader.totals):
            with pytest.raises(StoreError, match=r"reports\.db is damaged"):
                ask()


# -- room -------------------------------------------------------------------------------------------------------------


def test_room_is_set_aside_and_given_back_once(path: Path) -> None:
    """As much as so many reports take, in a file that only its owner may read; what is large enough is left."""
    reserve = Reserve(path, 20)
    file = path.with_name("reports.db.reserve")
    assert reserve.size == 20 * EACH
    assert reserve.fill()
    assert (file.stat().st_size, file.stat().st_mode & 0o777) == (20 * EACH, 0o600)
    made = file.stat().st_mtime_ns
    assert reserve.fill()
    assert Reserve(path, 19).fill()
    assert file.stat().st_mtime_ns == made
    assert Reserve(path, 21).fill()
    assert file.stat().st_size == 21 * EACH
    assert reserve.release()
    assert not file.exists()
    assert not reserve.release()


def test_where_there_is_no_room_nothing_is_left_of_the_attempt(tmp_path: Path) -> None:
    """A folder that is not there has none."""
    reserve = Reserve(tmp_path / "nowhere" / "reports.db", 20)
    assert not reserve.fill()
    assert not reserve.release()


async def test_a_store_without_its_reserve_begins_nothing(path: Path) -> None:
    """It says how much room is needed, and what it holds can be read all the same."""
    path.with_name("reports.db.reserve").mkdir()
    async with Store.open(path, under_way=2000) as store:
        with pytest.raises(StoreWriteError, match=r"nearly full: the 2,000 reports .* at once need 197 MB, or what is"):
            await store.intend("a", 1, KEY)
        assert await store.latest("a") is None


# -- what SQLite complains of -----------------------------------------------------------------------------------------


def complaint(name: str) -> sqlite3.Error:
    """What SQLite raises for a result code, such as SQLITE_BUSY; one with an extension is of the same kind."""
    error = sqlite3.OperationalError("it went wrong")
    error.sqlite_errorname, error.sqlite_errorcode = name, getattr(sqlite3, name)
    return error


@pytest.mark.parametrize(
    ("name", "kind", "said", "lasting", "room"),
    [
        ("SQLITE_FULL", "StoreWriteError", "the disk that holds {} is full", True, True),
        ("SQLITE_IOERR", "StoreWriteError", "the disk that holds {} refused (it went wrong, SQLITE_IOERR)", True, True),
        ("SQLITE_IOERR_WRITE", "StoreWriteError", "the disk that holds {} refused", True, True),
        ("SQLITE_NOMEM", "StoreWriteError", "the disk that holds {} refused", True, False),
        ("SQLITE_CORRUPT", "StoreDamagedError", "{} is damaged (it went wrong, SQLITE_CORRUPT)", True, False),
        ("SQLITE_NOTADB", "StoreDamagedError", "{} is damaged", True, False),
        ("SQLITE_READONLY", "StorePathError", "{} cannot be used (it went wrong, SQLITE_READONLY)", True, False),
        ("SQLITE_CANTOPEN", "StorePathError", "{} cannot be used", True, False),
        ("SQLITE_BUSY", "StoreLockedError", "another program holds {} (it went wrong, SQLITE_BUSY)", False, False),
        ("SQLITE_LOCKED", "StoreLockedError", "another program holds {}", False, False),
        ("SQLITE_CONSTRAINT", "StoreError", "{} cannot be used (it went wrong, SQLITE_CONSTRAINT)", False, False),
    ],
)
def test_each_complaint_has_its_error(path: Path, name: str, kind: str, said: str, lasting: bool, room: bool) -> None:
    """Whose trouble it is, whether the next write would fail as well, and whether room on the disk may help."""
    error = complaint(name)
    told = explain(error, path)
    assert type(told).__name__ == kind
    assert told.detail.startswith(said.format(path))
    assert (is_lasting(error), may_want_room(error), is_busy(error)) == (lasting, room, kind == "StoreLockedError")


def test_other_errors_are_no_complaints_of_the_disk(path: Path) -> None:
    """A text that cannot be read is damage; an error of the system says what was to be done."""
    for error in (OSError("gone"), ValueError("odd"), sqlite3.ProgrammingError("closed")):
        assert (is_lasting(error), may_want_room(error), is_busy(error)) == (False, False, False)
    assert explain(OSError("gone"), path, "read").detail == f"{path} cannot be read (gone)"
    assert explain(ValueError("odd"), path).detail == f"{path} is damaged (odd)"
