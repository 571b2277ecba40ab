"""The store and its surroundings: paths, locks, versions, other processes, disks that are full."""

from __future__ import annotations

import json
import os
import platform
import re
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import BuiltinFunctionType

import pytest

from walee_async.errors import (
    NoReportError,
    StoreError,
    StoreLockedError,
    StorePathError,
    StoreVersionError,
    StoreWriteError,
)
from walee_async.outcomes import Attempt, Charge, Payload
from walee_async.store import Store, StoreReader, paths
from walee_async.store.connect import connect_reader, enable_log
from walee_async.store.exchange import export_payloads
from walee_async.store.files import WholeFile, make_folder
from walee_async.store.lock import Lock, is_held
from walee_async.store.opening import open_for_writing
from walee_async.store.reserve import Reserve
from walee_async.store.schema import MIGRATIONS, check_sqlite, migrate, version_of
from walee_async.store.wal import valid_frames

pytestmark = pytest.mark.anyio

POSIX = pytest.mark.skipif(os.name != "posix", reason="it is so on POSIX")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "reports.db"


async def buy(store: Store, handle: str, body: bytes = b"{}", at: float = 1.0) -> None:
    intent = store.intend(handle, 1, "key 1")
    await intent
    billed = Attempt(handle=handle, number=1, key="key 1", charge=Charge.BILLED)
    await store.settle(intent, billed, Payload(handle=handle, body=body, received_at=at))


def python(program: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


# -- other programs ---------------------------------------------------------------------------------------------------

SHELL = """
import sqlite3, sys
looking = sqlite3.connect(sys.argv[1])
print(looking.execute("SELECT count(*) FROM reports").fetchone()[0])
looking.close()
"""


async def test_another_program_that_looks_in_takes_nothing_away(path: Path) -> None:
    """Somebody opens a store in use with SQLite itself and leaves: the log stays, with all that only it holds."""
    async with Store.open(path) as store:
        await buy(store, "one")
        assert (await store.latest("one")) is not None
        with StoreReader.open(path) as reader:
            assert reader.latest("one") is not None
        looking = subprocess.run([sys.executable, "-c", SHELL, str(path)], capture_output=True, text=True, check=True)
        assert looking.stdout == "1\n"
        assert path.with_name("reports.db-wal").stat().st_size > 0
        await buy(store, "two")
        with StoreReader.open(path) as reader:
            assert reader.latest("two") is not None


SEIZE = """
import fcntl, sys
with open(sys.argv[1], "r+b") as index:
    try:
        fcntl.lockf(index, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 128)
    except OSError:
        print("in use")
    else:
        print("abandoned")
"""
"""Asks as SQLite does whether the index of a log is in use: byte 128 of it, which whoever uses it holds a lock on."""


@POSIX
async def test_a_log_that_is_being_examined_is_seen_to_be_in_use(path: Path) -> None:
    """Who looks at what a crash left keeps others from taking the index for abandoned and cutting it short."""
    async with Store.open(path) as store:
        await buy(store, "one")
        with closing(connect_reader(path)):
            assert valid_frames(path) > 0
            index = str(path.with_name("reports.db-shm"))
            asked = subprocess.run([sys.executable, "-c", SEIZE, index], capture_output=True, text=True, check=True)
            assert asked.stdout == "in use\n"


# -- paths ------------------------------------------------------------------------------------------------------------


@POSIX
def test_only_the_owner_may_read_it(path: Path) -> None:
    """Reports are bought, and about people: none of the store's files can be read by others."""
    with Store.open(path):
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(
        ["reports.db", "reports.db-wal", "reports.db-shm", "reports.db.lock", "reports.db.reserve"], 0o600
    )


def test_a_path_that_cannot_be_a_store_is_said_so(tmp_path: Path) -> None:
    """A folder, a missing folder, a file where a folder should be, and a file that is none."""
    (tmp_path / "file").write_bytes(b"")
    cases = {
        tmp_path: "is a folder",
        tmp_path / "missing" / "reports.db": "no folder",
        tmp_path / "file" / "reports.db": "no folder|Not a directory",
        tmp_path / ("x" * 300): "too long",
        Path("a\0b"): "null",
    }
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        cases[tmp_path / "pipe"] = "no ordinary file"
    for path, reason in cases.items():
        with pytest.raises(StorePathError, match=reason):
            Store.open(path)
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("suffix", [".views", ".reserve", ".lock", "-wal", "-shm", "-journal"])
def test_a_store_is_not_named_like_a_file_beside_one(path: Path, suffix: str) -> None:
    """The store of that name would take its place, or remove it; reading is refused as well, and the file left."""
    Store.open(path).close()
    named = path.with_name(f"other{suffix}")
    path.rename(named)
    content = named.read_bytes()
    for use in (Store.open, StoreReader.open, lambda file: Store.open(file, wipe=True)):
        with pytest.raises(StorePathError, match=re.escape(f"{named} cannot be a store: ")):
            use(named)
    assert named.read_bytes() == content


def test_a_store_that_should_be_there_is_not_made(path: Path) -> None:
    """Reading, or asking for an existing store, leaves no empty file behind."""
    for options in ({"create": False}, {"read_only": True}):
        with pytest.raises(StorePathError, match="there is no store"):
            Store.open(path, **options)
    with pytest.raises(StorePathError, match="there is no store"):
        StoreReader.open(path)
    assert list(path.parent.iterdir()) == []


def test_a_file_that_is_something_else_is_left_alone(path: Path) -> None:
    """Neither opened nor wiped: a list of handles, or the database of another program."""
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE t (a)")
    other.close()
    database = path.read_bytes()
    for content in (database, b"river.kites\n" * 50):
        path.write_bytes(content)
        for wipe in (False, True):
            with pytest.raises(StorePathError, match="no store"):
                Store.open(path, wipe=wipe)
        with pytest.raises(StorePathError, match="no store"):
            StoreReader.open(path)
        assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_a_journal_beside_a_file_makes_it_no_store(path: Path) -> None:
    """Some programs keep the journal of their database; neither that nor any other file is taken over for it."""
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("PRAGMA journal_mode = PERSIST")
        other.execute("CREATE TABLE t (a)")
    database, journal = path.read_bytes(), path.with_name("reports.db-journal")
    kept = journal.read_bytes()
    assert kept
    for content, beside in ((database, kept), (b"river.kites\n" * 50, kept), (b"river.kites\n" * 50, b"x" * 600)):
        path.write_bytes(content)
        journal.write_bytes(beside)
        for use in (Store.open, StoreReader.open):
            with pytest.raises(StorePathError, match="no store"):
                use(path)
        assert (path.read_bytes(), journal.read_bytes()) == (content, beside)


async def test_a_journal_beside_a_store_is_no_matter(path: Path) -> None:
    """One without use keeps nobody from reading; one of the very making of a store is rolled back, and it is made."""
    async with Store.open(path) as store:
        await buy(store, "a")
    whole, journal = path.read_bytes(), path.with_name("reports.db-journal")
    journal.write_bytes(bytes(600))
    with StoreReader.open(path) as reader:
        assert reader.latest("a") is not None
    path.with_name("reports.db.reserve").unlink()
    sizes = (0).to_bytes(12, "big") + (512).to_bytes(4, "big") + (8192).to_bytes(4, "big")
    for content in (whole, bytes(len(whole)), b""):
        path.write_bytes(content)
        journal.write_bytes((bytes.fromhex("d9d505f920a163d7") + sizes).ljust(512, b"\0"))
        with pytest.raises(StorePathError, match="no store yet"):
            StoreReader.open(path)
        async with Store.open(path) as store:
            assert (await store.totals()).reports == 0
        path.with_name("reports.db.reserve").unlink()


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    """What a crash in the very making of a store leaves is made into one; until then it cannot be read."""
    path.touch()
    with pytest.raises(StorePathError, match="empty"):
        StoreReader.open(path)
    Store.open(path, create=False).close()
    StoreReader.open(path).close()


async def test_wiping_starts_over(path: Path) -> None:
    """Only when asked, everything that was kept is removed, the write-ahead log included."""
    async with Store.open(path) as store:
        await buy(store, "a")
    async with Store.open(path) as store:
        assert await store.latest("a") is not None
    async with Store.open(path, wipe=True) as store:
        assert await store.latest("a") is None
        assert (await store.totals()).charges.total() == 0


@POSIX
async def test_a_link_is_the_store_it_leads_to(path: Path) -> None:
    """Two names of one file have one lock."""
    with Store.open(path):
        link = path.with_name("link.db")
        link.symlink_to(path)
        with pytest.raises(StoreLockedError):
            Store.open(link)


async def test_a_store_with_two_names_is_not_written_to(path: Path) -> None:
    """Under each name it would have a lock and a log of its own, and two runs would spoil it."""
    with Store.open(path):
        pass
    other = path.with_name("other.db")
    os.link(path, other)
    for name in (path, other):
        with pytest.raises(StorePathError, match=r"\.db has a second name \(a hard link\)"):
            Store.open(name)
        with Store.open(name, read_only=True) as store:
            assert (await store.totals()).reports == 0
    with Store.open(other, wipe=True):  # which leaves the name to a file of its own
        pass
    with Store.open(path):
        pass


UNPRIVILEGED = """
import os, sys
from walee_async.errors import StoreError
from walee_async.store import Store, StoreReader
import walee_async.store.exchange
if os.geteuid() == 0:
    os.setegid(65534)
    os.seteuid(65534)
try:
    Store.open(sys.argv[1]).close()
except StoreError as error:
    print(type(error).__name__, error)
if len(sys.argv) > 2:
    with StoreReader.open(sys.argv[1]) as reader:
        print(reader.latest("a"))
"""


@POSIX
async def test_a_folder_that_may_not_be_written_to_is_said_so() -> None:
    """No store can be made there and none opened for writing; one that is there can be read."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "reports.db"
        async with Store.open(path) as store:
            await buy(store, "a")
        path.with_name("reports.db.lock").unlink()
        path.chmod(0o444)
        folder.chmod(0o555)
        try:
            said, _ = python(UNPRIVILEGED, folder / "new.db").communicate(timeout=30)
            assert said.startswith("StorePathError")
            assert "Permission denied" in said
            said, _ = python(UNPRIVILEGED, path, "read").communicate(timeout=30)
            assert said.startswith("StorePathError")
            assert "Payload(handle='a'" in said
        finally:
            folder.chmod(0o755)


# -- other processes --------------------------------------------------------------------------------------------------

HOLD = """
import sys
from walee_async.store import Store
store = Store.open(sys.argv[1])
print("open", flush=True)
sys.stdin.readline()
if len(sys.argv) > 2:
    store.close()
print("closed", flush=True)
sys.stdin.readline()
"""


async def test_a_second_writer_is_told_who_has_the_store(path: Path) -> None:
    """Only one process writes; the refusal names it, reading goes on, and the lock is free once it is closed."""
    with python(HOLD, path, "close") as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(StoreLockedError, match=f"process {holder.pid} .* on {socket.gethostname()}"):
            Store.open(path)
        with pytest.raises(StoreLockedError):
            Store.open(path, wipe=True)
        StoreReader.open(path).close()
        holder.stdin.write("\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "closed\n"
        Store.open(path).close()
        holder.stdin.write("\n")


async def test_a_lock_dies_with_its_process(path: Path) -> None:
    """However the other process ended, nothing has to be cleaned up by hand."""
    with python(HOLD, path) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.kill()
        holder.wait()
    Store.open(path).close()


def test_one_process_cannot_open_it_twice_either(path: Path) -> None:
    """The refusal says that it is this very process."""
    since = r"by this process since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\."
    with Store.open(path), pytest.raises(StoreLockedError, match=since):
        Store.open(path)
    path.with_name("reports.db.lock").write_bytes(b"no json")
    Store.open(path).close()


@POSIX
@pytest.mark.parametrize(
    ("said", "who"),
    [
        (
            b'{"pid":1,"host":"elsewhere","command":"walee","started":86399.5}',
            "process 1 (walee) on elsewhere since 1970-01-01 23:59:59 UTC",
        ),
        (
            b'{"pid":1,"host":"elsewhere","command":"","started":0}',
            "process 1 (unnamed) on elsewhere since 1970-01-01 00:00:00 UTC",
        ),
        (b"no json", "another process"),
        (b"", "another process"),
        (b'{"pid":1,"host":"' + b"x" * 5000 + b'","command":"","started":0}', "another process"),
    ],
)
def test_the_lock_says_who_has_it(path: Path, said: bytes, who: str) -> None:
    """By process, program, machine and time, as its file tells; where that cannot be read, that it is held."""
    import fcntl

    lock = path.with_name("reports.db.lock")
    lock.write_bytes(said)
    with lock.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StoreLockedError) as caught:
            Store.open(path)
        assert caught.value.detail == f"{path} is being written to by {who}"
        assert lock.read_bytes() == said
        assert is_held(path)
    assert not is_held(path)


def test_a_lock_that_is_not_there_is_held_by_nobody(path: Path) -> None:
    """Who only looks makes no file; who holds it has written itself into it, and its end takes that out again."""
    assert not is_held(path)
    assert list(path.parent.iterdir()) == []
    lock = Lock.acquire(path)
    file = path.with_name("reports.db.lock")
    holder = json.loads(file.read_bytes())
    assert (holder["pid"], holder["host"]) == (os.getpid(), platform.node())
    assert holder["command"] == Path(sys.argv[0]).name
    assert abs(time.time() - holder["started"]) < 60
    assert is_held(path)
    lock.release()
    assert (file.read_bytes(), is_held(path)) == (b"", False)


def test_wiping_leaves_nothing_of_a_store(path: Path) -> None:
    """Neither its files nor those beside it; of a store that lost its beginning what is left goes as well."""
    beside = [path.with_name(f"{path.name}{suffix}") for suffix in ("", ".views", ".reserve", "-wal", "-shm")]
    for file in beside:
        file.write_bytes(b"" if file == path else b"x")
    paths.wipe(path)
    assert list(path.parent.iterdir()) == []
    path.with_name("reports.db-journal").write_bytes(b"x")
    paths.wipe(path)
    assert list(path.parent.iterdir()) == []


def test_what_cannot_be_wiped_is_said(path: Path) -> None:
    """The store itself goes last, so that it can be done again."""
    Store.open(path).close()
    path.with_name("reports.db.views").mkdir()
    with pytest.raises(StorePathError, match=r"reports\.db cannot be removed: "):
        paths.wipe(path)
    assert path.exists()


async def test_a_reader_may_keep_the_store_open_past_the_writer(path: Path) -> None:
    """The writer closes while somebody reads; the next writer finds all in order."""
    store = Store.open(path)
    await buy(store, "a")
    with StoreReader.open(path) as reader:
        assert reader.latest("a") is not None
        await store.aclose()
        async with Store.open(path) as store:
            assert store.remarks == ()
            await buy(store, "b")
        assert reader.latest("b") is not None


# -- versions ---------------------------------------------------------------------------------------------------------


def _add_column(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE runs ADD COLUMN notes TEXT NOT NULL DEFAULT ''")


async def test_a_store_is_brought_to_the_next_version(path: Path) -> None:
    """A step from the version before runs once, in one transaction, and what was kept is still there."""
    async with Store.open(path) as store:
        await store.begin_run("before")
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for _ in range(2):
            migrate(connection, [*MIGRATIONS, _add_column])
        assert version_of(connection) == len(MIGRATIONS) + 1
        assert connection.execute("SELECT command, notes FROM runs").fetchall() == [("before", "")]
    finally:
        connection.close()


async def test_a_step_that_fails_changes_nothing(path: Path) -> None:
    """A migration that breaks off leaves the version as it was, and the store usable."""
    async with Store.open(path) as store:
        await store.begin_run("before")
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, [*MIGRATIONS, _add_column, _add_column])
        assert version_of(connection) == len(MIGRATIONS)
    finally:
        connection.close()
    async with Store.open(path) as store:
        assert [run.command for run in await store.runs()] == ["before"]


def test_a_store_from_a_newer_version_is_left_alone(path: Path) -> None:
    """It is neither opened nor changed, and the sentence says to upgrade."""
    Store.open(path).close()
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, [*MIGRATIONS, _add_column])
    connection.close()
    content, known = path.read_bytes(), len(MIGRATIONS)
    for way in (Store.open, StoreReader.open):
        with pytest.raises(StoreVersionError) as caught:
            way(path)
        assert caught.value.detail == (
            f"{path} is of version {known + 1}; this walee-async knows {known}: upgrade it, or use another store"
        )
    assert path.read_bytes() == content


def test_an_old_sqlite_is_said_so() -> None:
    """The tables need SQLite 3.37; without it the sentence says what is here and what is needed."""
    check_sqlite((3, 37, 0))
    with pytest.raises(StoreError, match=r"3\.31\.1.*3\.37\.0"):
        check_sqlite((3, 31, 1))


# -- full disks -------------------------------------------------------------------------------------------------------

FILL = """
import asyncio, os, resource, sys
from walee_async.errors import StoreError
from walee_async.outcomes import Attempt, Charge, Payload
from walee_async.store import Store

async def main():
    store = Store.open(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    refused = None
    for number in range(500):
        handle = f"h{number}"
        try:
            intent = store.intend(handle, 1, "key 1")
            await intent
            body = os.urandom(20_000)
            billed = Attempt(handle=handle, number=1, key="key 1", charge=Charge.BILLED)
            await store.settle(intent, billed, Payload(handle=handle, body=body, received_at=1.0))
        except StoreError as error:
            held = error.payload is not None and error.payload.body == body
            print("refused", type(error).__name__, error.handle == handle, held, error, flush=True)
            refused = refused or (error.detail, await store.latest("h0"))
            if number > 400:
                break
        else:
            print("kept", handle, flush=True)
    print("readable", refused[1] is not None)
    await store.aclose()

asyncio.run(main())
"""


@POSIX
@pytest.mark.parametrize("room", [600_000, 1_000_000, 5_000_000])
def test_a_full_disk_is_said_and_loses_nothing(path: Path, room: int) -> None:
    """Every report that was acknowledged is there and whole; the rest is refused at once, in one clear sentence."""
    said, _ = python(FILL, path, room).communicate(timeout=60)
    lines = said.splitlines()
    kept = [line.split()[1] for line in lines if line.startswith("kept")]
    refused = [line.split(maxsplit=4)[1:] for line in lines if line.startswith("refused")]
    assert len(kept) >= room // 100_000  # a report that comes alone takes some 90 KB of log
    assert {(kind, named) for kind, named, _, _ in refused} == {("StoreWriteError", "True")}
    assert len({sentence.partition(": ")[2] for *_, sentence in refused}) == 1
    assert lines[-1] == "readable True"
    with StoreReader.open(path) as reader:
        assert [version.handle for version in map(reader.version, _all(reader))] == kept
        assert len(list(reader.payloads())) == len(kept)
    with Store.open(path) as store:
        # The one it met in the middle: its intent was kept, so it is named, and its report was handed back.
        in_hand = [f"h{len(kept)}"] if refused[0][2] == "True" else []
        assert list(store.orphans) == in_hand


def _all(reader: StoreReader) -> list[int]:
    ids: list[int] = []
    while page := reader.versions(ids[-1] if ids else 0, every=True):
        ids += page
    return ids


FLOOD = """
import asyncio, os, subprocess, sys
from walee_async.errors import StoreError, StoreWriteError
from walee_async.outcomes import Attempt, Charge, Payload
from walee_async.store import Store

def billed(handle):
    return Attempt(handle=handle, number=1, key="key 1", charge=Charge.BILLED)

async def fetch(store, handle):
    try:
        intent = store.intend(handle, 1, "key 1")
        await intent
    except StoreWriteError as error:
        return error
    await asyncio.sleep(0.01)
    await store.settle(intent, billed(handle), Payload(handle=handle, body=os.urandom(25_000), received_at=1.0))

async def main(folder):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=10m", "tmpfs", folder], check=True)
    async with Store.open(f"{folder}/reports.db") as store:
        bought = refused = 0
        handles = iter(range(1000))
        async def work():
            nonlocal bought, refused
            for number in handles:
                error = await fetch(store, f"h{number}")
                bought, refused = bought + (error is None), refused + (error is not None)
        await asyncio.gather(*(work() for _ in range(64)))
        totals = await store.totals()
        print("flooded", bought, refused, totals.reports, totals.under_way)
    try:
        Store.open(f"{folder}/reports.db", read_only=True).close()
        with Store.open(f"{folder}/reports.db") as store:
            print("again", len(store.orphans), len([kept async for kept in store.payloads()]), store.remarks)
    except StoreError as error:
        print(error)

asyncio.run(main(sys.argv[1]))
"""


def _can_mount() -> bool:
    try:
        command = ["unshare", "--user", "--map-root-user", "--mount", "true"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(not _can_mount(), reason="needs a file system of its own")
def test_a_full_disk_still_takes_what_is_under_way(tmp_path: Path) -> None:
    """Sixty-four requests are on their way when the disk fills: new ones are refused, and all sixty-four are kept."""
    command = ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-c", FLOOD, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    flooded, again = done.stdout.splitlines()
    _, bought, refused, reports, under_way = flooded.split()
    assert int(bought) == int(reports) > 64
    assert int(refused) == 1000 - int(bought)
    assert int(under_way) == 0
    assert again.startswith(f"again 0 {bought} ")


def have(store: Store, pragma: str) -> None:
    """Let the connection that writes have it as on another disk."""

    def work(connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA {pragma}").fetchall()

    store._writes().submit_from_thread(work, alone=True).result()


NO_MORE = "max_page_count = 1"
"""The file stays as it is, and what would need another page meets a full disk."""


def billed(handle: str) -> tuple[Attempt, Payload]:
    """What a request came to whose report needs pages of its own."""
    attempt = Attempt(handle=handle, number=1, key="key 1", charge=Charge.BILLED)
    return attempt, Payload(handle=handle, body=os.urandom(50_000), received_at=1.0)


class Room(Reserve):
    """A reserve whose room is all that a full disk has."""

    connection: sqlite3.Connection

    def release(self) -> bool:
        released = super().release()
        if released:
            self.connection.execute("PRAGMA max_page_count = 100000").fetchall()
        return released


async def test_a_full_disk_takes_what_is_under_way_and_nothing_new(path: Path) -> None:
    """The room set aside is given up for what was paid for; from then on nothing is begun, and room can be made."""
    opened = open_for_writing(path, fresh=False, under_way=64)
    opened.reserve = room = Room(path, 64)
    room.connection = opened.connection
    Store.open(path.with_name("other.db")).close()
    lines = path.with_name("lines.jsonl")
    lines.write_text('{"handle": "d", "report": {"user_profile": {}}}')
    full = rf"the disk that holds {re.escape(str(path))} is full\."
    async with Store(path, opened) as store:
        run = await store.begin_run("fetch")
        intents = [store.intend(handle, 1, "key 1", run) for handle in ("a", "b")]
        for intent in intents:
            await intent
        have(store, NO_MORE)
        await store.settle(intents[0], *billed("a"))
        assert not path.with_name("reports.db.reserve").exists()
        with pytest.raises(StoreWriteError, match=full) as caught:
            await store.intend("c", 1, "key 1")
        assert caught.value.handle == "c"
        for begun in (store.begin_run(), store.merge(path.with_name("other.db")), store.import_(lines)):
            with pytest.raises(StoreWriteError, match=full):
                await begun
        await store.settle(intents[1], *billed("b"))
        await store.end_run(run, "full")
        assert [found.reason for found in await store.runs()] == ["full"]
        assert (await store.prune(1.0, keep_latest=False)).reports == 2
        assert await store.vacuum() > 0
        assert store.unkept == ()


async def test_a_disk_that_stays_full_is_not_written_to_any_more(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """When the room set aside is used up as well, every record is refused with the same sentence, reports in hand."""
    async with Store.open(path) as store:
        await buy(store, "a")
        intents = {handle: store.intend(handle, 1, "key 1") for handle in ("b", "c", "d")}
        for intent in intents.values():
            await intent
        have(store, NO_MORE)
        for handle, intent in intents.items():
            attempt, report = billed(handle)
            with pytest.raises(StoreWriteError) as caught:
                await store.settle(intent, attempt, report if handle != "d" else None)
            assert caught.value.detail == f"the disk that holds {path} is full"
            assert caught.value.handle == handle
            assert caught.value.payload == (report if handle != "d" else None)
        for record in (store.intend("e", 1, "key 1"), store.record_failure("e", NoReportError("none"))):
            with pytest.raises(StoreWriteError, match="is full") as caught:
                await record
            assert caught.value.handle == "e"
        assert not path.with_name("reports.db.reserve").exists()
        assert await store.latest("a") is not None
        assert store.unkept == ("b", "c")
    lost = f"2 reports that were paid for could not be kept in {path}: b, c"
    assert [record.getMessage() for record in caplog.records] == [lost]


async def test_a_disk_that_refuses_is_not_written_to_any_more(path: Path) -> None:
    """Where room would not help, what is set aside stays, and the sentence says what the file system said."""
    detail = f"{path} cannot be written to (attempt to write a readonly database, SQLITE_READONLY)"
    async with Store.open(path) as store:
        intent = store.intend("a", 1, "key 1")
        await intent
        have(store, "query_only = ON")
        with pytest.raises(StoreWriteError) as caught:
            await store.settle(intent, *billed("a"))
        assert caught.value.detail == detail
        with pytest.raises(StoreWriteError) as caught:
            await store.intend("b", 1, "key 1")
        assert (caught.value.detail, caught.value.handle) == (detail, "b")
        assert path.with_name("reports.db.reserve").exists()


async def test_a_disk_that_has_no_room_to_be_tidied_up_goes_on(path: Path) -> None:
    """Giving room back needs room; where it cannot be had, that alone is refused, and nothing else is."""
    async with Store.open(path) as store:
        have(store, "query_only = ON")
        with pytest.raises(StorePathError, match=r"cannot be written to \(.*SQLITE_READONLY\)"):
            await store.vacuum()
        have(store, "query_only = OFF")
        await buy(store, "a")


def test_room_is_set_aside_for_all_that_can_be_under_way(path: Path) -> None:
    """More connections need a larger reserve, in ordinary bytes; a larger one is left as it is."""
    for under_way, reports in ((64, 64), (320, 320), (64, 320)):
        Store.open(path, under_way=under_way).close()
        assert path.with_name("reports.db.reserve").stat().st_size == reports * 96 * 1024


async def test_where_no_room_can_be_set_aside_nothing_is_begun(path: Path) -> None:
    """The sentence says how much is missing; what is there can be read, and old reports removed."""
    async with Store.open(path) as store:
        await buy(store, "a")
    reserve = path.with_name("reports.db.reserve")
    reserve.unlink()
    reserve.mkdir()  # in the way of the file
    async with Store.open(path) as store:
        with pytest.raises(StoreWriteError) as caught:
            await store.intend("b", 1, "key 1")
        assert caught.value.detail == (
            f"the disk that holds {path} is nearly full: the 64 reports that can be under way at once need 6 MB,"
            " or what is bought might not be kept"
        )
        assert await store.latest("a") is not None
        assert (await store.prune(1.0, keep_latest=False)).reports == 1


MAKE = """
import resource, sys
from walee_async.errors import StoreError
from walee_async.store import Store
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    Store.open(sys.argv[1])
except StoreError as error:
    print(type(error).__name__)
"""


@POSIX
def test_a_store_cannot_be_made_on_a_full_disk(path: Path) -> None:
    """The sentence says so, and what is left behind is made into a store when there is room."""
    said, _ = python(MAKE, path).communicate(timeout=30)
    assert said == "StoreWriteError\n"
    Store.open(path).close()


NARROW = """
import asyncio, resource, sys
from walee_async.errors import StoreWriteError
from walee_async.store import Store
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))

async def main():
    async with Store.open(sys.argv[1]) as store:
        try:
            await store.begin_run()
        except StoreWriteError as error:
            print(error)
        print((await store.prune(1.0)).reports, len(await store.runs()))

asyncio.run(main())
"""


@POSIX
def test_nothing_is_begun_where_there_is_no_room_to_end_it(path: Path) -> None:
    """A disk that is nearly full would take what is bought and not keep it; making room is possible."""
    said, _ = python(NARROW, path).communicate(timeout=30)
    first, second = said.splitlines()
    assert "nearly full" in first
    assert "Make room or mend the disk" in first
    assert second == "0 0"


def test_a_name_that_leaves_no_room_for_the_files_beside_it_is_said_so(tmp_path: Path) -> None:
    """The longest name that works does, and one more byte is one sentence."""
    Store.open(tmp_path / ("x" * 247)).close()
    with pytest.raises(StorePathError, match="too long"):
        Store.open(tmp_path / ("x" * 248))


READS = (
    UNPRIVILEGED.partition("try:")[0]
    + """
try:
    StoreReader.open(sys.argv[1]).latest("a")
except StoreError as error:
    print(type(error).__name__, error)
"""
)


@POSIX
async def test_a_store_that_was_not_closed_needs_a_place_to_be_read() -> None:
    """On a medium that cannot be written to, the sentence says which files to copy."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frozen = folder / "frozen"
        frozen.mkdir()
        folder.chmod(0o755)
        async with Store.open(folder / "reports.db") as store:
            await buy(store, "a")
            for suffix in ("", "-wal"):
                copy = frozen / f"reports.db{suffix}"
                copy.write_bytes((folder / f"reports.db{suffix}").read_bytes())
                copy.chmod(0o444)
        frozen.chmod(0o555)
        try:
            said, _ = python(READS, frozen / "reports.db").communicate(timeout=30)
            assert said.startswith("StorePathError")
            assert "copy it with reports.db-wal to a folder that can be written to" in said
        finally:
            frozen.chmod(0o755)


@POSIX
async def test_where_nothing_can_be_put_beside_a_store_it_is_read_if_it_was_closed(path: Path) -> None:
    """With a log it needs a file by which readers agree; the sentence says what to copy, and where."""
    async with Store.open(path) as store:
        await buy(store, "a")
        log = path.with_name("reports.db-wal").read_bytes()
    path.with_name("reports.db-shm").symlink_to("reports.db-shm")  # in the way of that file
    with StoreReader.open(path) as reader:
        assert reader.latest("a") is not None
    path.with_name("reports.db-wal").write_bytes(log)
    with pytest.raises(StorePathError) as caught:
        StoreReader.open(path)
    assert caught.value.detail == (
        f"{path} was not closed, and nothing can be written beside it to read it;"
        " copy it with reports.db-wal to a folder that can be written to"
    )


def test_a_file_system_without_shared_memory_is_said_so() -> None:
    """A store needs its log, and the log needs that."""
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(StoreError, match=r"^a store needs a file"):
        enable_log(connection)


SYNCED = ["fsync", "replace", "fsync"]
"""What is written, then its name, then the folder that the name is in."""


@contextmanager
def calls_to_the_disk() -> Iterator[list[str]]:
    """The names of what this thread asks the system for meanwhile, as far as a power cut would show it."""
    watched = {os.fsync: "fsync", os.replace: "replace"}
    seen: list[str] = []

    def note(_: object, event: str, called: object) -> None:
        if event == "c_call" and isinstance(called, BuiltinFunctionType) and called in watched:
            seen.append(watched[called])

    sys.setprofile(note)
    try:
        yield seen
    finally:
        sys.setprofile(None)


@POSIX
def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path) -> None:
    """A power cut leaves all of it or nothing: it is synced, named, and then its name is synced."""
    with calls_to_the_disk() as seen, WholeFile(tmp_path / "whole") as whole:
        whole.file.write(b"all of it")
        assert not (tmp_path / "whole").exists()
    assert seen == SYNCED
    assert (tmp_path / "whole").read_bytes() == b"all of it"
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]


def test_several_files_can_be_on_the_disk_before_the_first_has_its_name(tmp_path: Path) -> None:
    """Finished is not named; what is finished is not synced again, and can still be given up."""
    kept, left = WholeFile(tmp_path / "kept"), WholeFile(tmp_path / "left")
    for each in (kept, left):
        each.file.write(b"x")
        each.finish()
    assert all(path.suffix == ".part" for path in tmp_path.iterdir())
    with calls_to_the_disk() as seen:
        kept.close()
        kept.abort()
        left.abort()
        left.abort()
    assert seen == SYNCED[1:]
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_file_that_is_given_up_leaves_what_was_there(tmp_path: Path) -> None:
    """An error in the block goes on as it is; the older file of that name stays, and nothing lies beside it."""
    path = tmp_path / "whole"
    path.write_bytes(b"older")
    with pytest.raises(LookupError, match="half way"), WholeFile(path) as whole:
        whole.file.write(b"newer")
        raise LookupError("half way")
    assert path.read_bytes() == b"older"
    assert [found.name for found in tmp_path.iterdir()] == ["whole"]


def test_a_file_that_cannot_get_its_name_leaves_nothing(tmp_path: Path) -> None:
    """Where a folder has the name, the error says so and the half file is gone."""
    (tmp_path / "whole").mkdir()
    with pytest.raises(OSError, match=r"whole"), WholeFile(tmp_path / "whole") as whole:
        whole.file.write(b"x")
    assert [found.name for found in tmp_path.iterdir()] == ["whole"]


@POSIX
async def test_a_backup_is_on_the_disk_before_it_has_its_name(tmp_path: Path) -> None:
    """Whoever removes a store because there is a backup has one, also after a power cut."""
    async with Store.open(tmp_path / "reports.db") as store:
        await buy(store, "a")
    with StoreReader.open(tmp_path / "reports.db") as reader, calls_to_the_disk() as seen:
        target = tmp_path / "backup.gz"
        assert export_payloads(reader, target, threading.Event(), every=True, on_damage=None) == 1
    assert seen == SYNCED


@POSIX
def test_folders_are_made_for_their_owner(tmp_path: Path) -> None:
    """Those above one too; one that is there stays as it is, and a file in its place is an error."""
    (tmp_path / "there").mkdir(0o755)
    before = stat.S_IMODE((tmp_path / "there").stat().st_mode)
    for _ in range(2):
        make_folder(tmp_path / "there" / "above" / "below")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("there", "there/above", "there/above/below")]
    assert modes == [before, 0o700, 0o700]
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match=r"exists|[Nn]ot a directory"):
            make_folder(path)
