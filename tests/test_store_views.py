"""The views beside a store: quick, never wrong, and gone with the reports they are of."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from walee_async import Brief, ScoreView, rescore
from walee_async.decode import decode
from walee_async.errors import DecodeError, StoreDamagedError, StoreError, StorePathError
from walee_async.outcomes import Attempt, Charge, Payload
from walee_async.scoring import Score
from walee_async.store import Finding, Store, StoreReader, Views
from walee_async.store.check import verify
from walee_async.store.views import layout
from walee_async.testing import Maker

pytestmark = pytest.mark.anyio

POSIX = pytest.mark.skipif(os.name != "posix", reason="it is so on POSIX")
BRIEF = Brief.make(countries=["US"], genders="FEMALE")
MANY = Maker(4, creators=420, small=True)
FULL_SIZED = Maker(4, creators=12)
PAGE = 32768
"""Bytes of a page of the file."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "reports.db"


def views_of(path: Path) -> Path:
    return path.with_name("reports.db.views")


async def keep(store: Store, handle: str, body: bytes, encoding: str = "gzip") -> None:
    billed = Attempt(handle=handle, number=1, key="key 1", charge=Charge.BILLED)
    payload = Payload(handle=handle, body=body, encoding=encoding, received_at=time.time())
    await store.settle(store.intend(handle, 1, "key 1"), billed, payload)


async def fill(path: Path, maker: Maker = FULL_SIZED) -> None:
    async with Store.open(path) as store:
        await asyncio.gather(*(keep(store, handle, maker.gzip(index)) for index, handle in enumerate(maker.handles())))


def bytes_of(scores: Sequence[Score]) -> bytes:
    return msgspec.json.encode(scores)


def scored(path: Path, jobs: int = 1) -> bytes:
    return bytes_of(list(rescore(path, BRIEF, jobs=jobs)))


def ids(reader: StoreReader) -> list[int]:
    found: list[int] = []
    while page := reader.versions(found[-1] if found else 0):
        found += page
    return found


def seen(path: Path) -> dict[int, tuple[str, ScoreView] | None]:
    """What the views of a store are said to be."""
    with StoreReader.open(path) as reader:
        views = Views(reader, ScoreView)
        found = dict(views.walk(ids(reader)))
        views.close()
    return found


def true_views(path: Path) -> dict[int, tuple[str, ScoreView] | None]:
    """What they are."""
    with StoreReader.open(path) as reader:
        payloads = {version: reader.read(version) for version in ids(reader)}
    return {version: (payload.handle, decode(payload, ScoreView)) for version, payload in payloads.items()}


# -- the same scores --------------------------------------------------------------------------------------------------


async def test_scores_are_the_same_with_and_without_views(path: Path) -> None:
    """To the byte and in order: when they are made, when they are read, by one process, by several, after removal."""
    await fill(path, MANY)
    made = scored(path)
    assert views_of(path).stat().st_size > 420 * 300
    read = [scored(path), scored(path, 2)]
    views_of(path).unlink()
    again = [scored(path, 2), scored(path, 2), scored(path)]
    assert {*read, *again} == {made}
    assert seen(path) == true_views(path)
    handles = [MANY.handle(index) for index in (300, 7, 7, 410)]
    assert [score.handle for score in rescore(path, BRIEF, handles=handles)] == handles


async def test_bodies_are_not_read_again(path: Path) -> None:
    """So damage that comes later goes unnoticed in scoring, and `verify` tells of it."""
    await fill(path)
    before = scored(path)
    spoil_body(path, 5)
    assert scored(path) == before
    with StoreReader.open(path) as reader:
        assert [finding.version for finding in verify(reader)] == [5]
    views_of(path).unlink()
    with pytest.raises(StoreDamagedError):
        scored(path)


def spoil_body(path: Path, version: int) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE bodies SET body = zeroblob(length(body)) WHERE id = ?", (version,))
    connection.close()


async def test_a_row_that_is_not_as_written_is_damage_all_the_same(path: Path) -> None:
    """A view is given out only under the handle and the dates that its report was kept with."""
    await fill(path)
    scored(path)
    for column, value in (("handle", "somebody"), ("received_at", 5.0), ("sha256", b"x" * 32), ("seal", b"x" * 8)):
        copy = path.with_name(f"{column}.db")
        copy.write_bytes(path.read_bytes())
        copy.with_name(f"{column}.db.views").write_bytes(views_of(path).read_bytes())
        with sqlite3.connect(copy) as connection:
            connection.execute(f"UPDATE reports SET {column} = ? WHERE id = 5", (value,))
        connection.close()
        told: list[Finding] = []
        assert len(list(rescore(copy, on_trouble=told.append))) == 11
        assert [(finding.version, finding.damage) for finding in told] == [(5, True)]


async def test_trouble_is_the_same_every_time(path: Path) -> None:
    """A report that cannot be read has no view: it is told of or raised, whether the others have theirs or not."""
    await fill(path)
    async with Store.open(path) as store:
        await keep(store, "odd", b'{"payload": {"user_profile": {"followers": "many"}}}', "identity")
        await keep(store, "huge", b'{"payload": {"user_profile": {"followers": 1%s}}}' % (b"0" * 30), "identity")
    for jobs in (1, 1, 2):
        told: list[Finding] = []
        scores = list(rescore(path, BRIEF, jobs=jobs, on_trouble=told.append))
        assert (scores[-1].handle, scores[-1].followers) == ("huge", None)  # scored, and no number of followers at all
        assert len(scores) == 13
        assert [(finding.handle, finding.version, finding.damage) for finding in told] == [("odd", 13, False)]
        with pytest.raises(DecodeError) as caught:
            scored(path, jobs)
        assert caught.value.handle == "odd"
    assert [version for version, view in seen(path).items() if view is None] == [13, 14]


# -- never a wrong one ------------------------------------------------------------------------------------------------


async def test_a_file_cut_anywhere_gives_no_wrong_view(path: Path) -> None:
    """Near the bounds of every page and all over the last ones: each view is the true one or is not there."""
    await fill(path)
    scored(path)
    true, content = true_views(path), views_of(path).read_bytes()
    assert seen(path) == true
    end = len(content)
    bounds = {at + near for at in range(0, end + 1, PAGE) for near in (-2, -1, 0, 1, 2)}
    cuts = bounds | {*range(200), *range(end - 2 * PAGE, end, 997), *range(end - 200, end)}
    for cut in sorted(cuts):
        if 0 <= cut <= len(content):
            views_of(path).write_bytes(content[:cut])
            assert all(view in (None, true[version]) for version, view in seen(path).items()), cut
    assert scored(path) == scored(path)


async def test_a_damaged_name_in_their_file_is_as_if_there_were_none(path: Path) -> None:
    """SQLite's own sentence about it then is no text; the scores are the same, and the next time all is there again."""
    await fill(path)
    whole = scored(path)
    true, content = true_views(path), views_of(path).read_bytes()
    for place in (content.index(b"CREATE TABLE") + 10, content.index(b"tableviewsviews") + 6):
        views_of(path).write_bytes(content[:place] + bytes([content[place] ^ 0x80]) + content[place + 1 :])
        assert [scored(path), scored(path)] == [whole, whole]
        assert seen(path) == true


async def test_flipped_bits_and_mixed_pages_give_no_wrong_view(path: Path) -> None:
    """Damage of any kind is as if there were nothing; two passes later everything is there again."""
    await fill(path)
    whole = scored(path)
    true, content = true_views(path), views_of(path).read_bytes()
    dice = random.Random(7)
    damaged = []
    for _ in range(150):
        changed = bytearray(content)
        first = dice.randrange(2)  # half of them where the file's structure stands
        for _ in range(dice.choice((1, 1, 1, 40))):
            changed[dice.randrange(200 if first else len(content))] ^= 1 << dice.randrange(8)
        damaged.append(bytes(changed))
    pages = [content[at : at + PAGE] for at in range(0, len(content), PAGE)]
    for _ in range(30):
        damaged.append(b"".join(dice.choice((page, page, dice.choice(pages), bytes(PAGE))) for page in pages))
    lost = 0
    for number, changed in enumerate(damaged):
        views_of(path).write_bytes(changed)
        found = seen(path)
        assert all(view in (None, true[version]) for version, view in found.items())
        lost += found != true
        if number % 12 == 0:
            assert [scored(path), scored(path)] == [whole, whole]
            assert seen(path) == true
    assert lost > 60


async def test_views_of_another_layout_are_not_used(path: Path) -> None:
    """A view whose parts have changed anywhere below, even in what they are called, finds nothing and starts anew."""
    await fill(path)
    scored(path)
    kinds = []
    for fields in (("a", int, None), ("b", int, None), ("a", int, 1), ("a", float, None)):
        inner = msgspec.defstruct("Inner", [fields])
        kinds.append(msgspec.defstruct("View", [("cqs", inner | None, None)]))
    assert len({layout(kind) for kind in (ScoreView, *kinds)}) == 5
    with StoreReader.open(path) as reader:
        views = Views(reader, kinds[0])
        assert dict(views.walk([1, 2, 3])) == dict.fromkeys([1, 2, 3])
        views.close()
    assert seen(path) == dict.fromkeys(range(1, 13))
    # And should the version in the file lie, each entry is of its layout by its checksum.
    scored(path)
    entries = sqlite3.connect(views_of(path))
    (version,) = entries.execute("PRAGMA user_version").fetchone()
    with StoreReader.open(path) as reader:
        Views(reader, kinds[1]).close()
        other = sqlite3.connect(views_of(path))
        other.executemany("INSERT INTO views VALUES (?, ?, ?)", entries.execute("SELECT * FROM views"))
        other.commit()
        views = Views(reader, kinds[1])
        assert dict(views.walk([1, 2, 3])) == dict.fromkeys([1, 2, 3])
        views.close()
    assert version != other.execute("PRAGMA user_version").fetchone()[0]
    entries.close()
    other.close()


LAYOUT = "from walee_async import ScoreView; from walee_async.store.views import layout; print(layout(ScoreView).hex())"


def test_a_layout_is_the_same_in_every_process() -> None:
    """Else nothing would ever be found again."""
    said = subprocess.run([sys.executable, "-c", LAYOUT], capture_output=True, text=True, check=True).stdout
    assert said.strip() == layout(ScoreView).hex()


async def test_another_report_under_the_same_number_has_another_view(path: Path) -> None:
    """The store gives the number of a removed report to the next one, and views may come from an old copy."""
    await fill(path)
    scored(path)
    old = views_of(path).read_bytes()
    async with Store.open(path) as store:
        await store.prune(0, keep_latest=False)
        for index in (10, 11, 2):
            await keep(store, MANY.handle(index), MANY.gzip(index))
    true = scored(path)
    views_of(path).write_bytes(old)
    assert [scored(path), scored(path)] == [true, true]
    assert seen(path) == true_views(path)


# -- where there can be none ------------------------------------------------------------------------------------------

UNPRIVILEGED = """
import os, sys
from walee_async import rescore
import urllib.parse, walee_async.decode  # what is loaded later, from where nobody else may read
if os.geteuid() == 0:
    os.setegid(65534)
    os.seteuid(65534)
for _ in range(2):
    print(len(list(rescore(sys.argv[1], jobs=1))))
"""


def said_by(program: str, *arguments: object) -> str:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@POSIX
async def test_a_folder_that_may_not_be_written_to_has_no_views() -> None:
    """Scores come all the same; views that are there already are read, and nothing is said."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "reports.db"
        await fill(path)
        path.chmod(0o444)
        path.parent.chmod(0o555)
        try:
            assert said_by(UNPRIVILEGED, path) == "12\n12\n"
            assert not views_of(path).exists()
            path.parent.chmod(0o755)
            scored(path)
            content = views_of(path).read_bytes()
            spoil_body(path, 5)
            views_of(path).chmod(0o444)
            path.parent.chmod(0o555)
            assert said_by(UNPRIVILEGED, path) == "12\n12\n"
            assert views_of(path).read_bytes() == content
        finally:
            path.parent.chmod(0o755)


def test_something_else_under_their_name_is_let_be(path: Path) -> None:
    """A folder of that name is no reason not to score."""
    Store.open(path).close()
    views_of(path).mkdir()
    assert list(rescore(path)) == []


FULL = """
import resource, sys
from walee_async import rescore
import walee_async.decode
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
for _ in range(2):
    print(sum(round(100 * score.value) for score in rescore(sys.argv[1], jobs=int(sys.argv[3]))))
"""


@POSIX
@pytest.mark.parametrize(("room", "jobs"), [(40_000, 1), (300_000, 1), (300_000, 2)])
async def test_a_full_disk_has_room_for_no_more_views(path: Path, room: int, jobs: int) -> None:
    """The scores are the same; what was written before the disk was full stays of use, and what was not comes later."""
    await fill(path, MANY)
    true = str(sum(round(100 * (score.value or 0)) for score in rescore(path, jobs=1)))
    views_of(path).unlink()
    assert said_by(FULL, path, room, jobs).split() == [true, true]
    kept = sum(view is not None for view in seen(path).values())
    assert kept == 0 if room < 2 * PAGE else 0 < kept < 420  # SQLite's index of the store's log takes the one page
    assert [scored(path), scored(path)] == [scored(path, 2)] * 2


async def test_a_file_that_takes_no_more_keeps_what_it_has(path: Path) -> None:
    """Where the disk refuses, the views that are there stay of use, and the file is not taken for a damaged one."""
    await fill(path)
    with StoreReader.open(path) as reader:
        views = Views(reader, ScoreView)
        for refused, versions in ((False, ids(reader)[:6]), (True, ids(reader)[6:])):
            if refused:
                assert views._connection is not None
                views._connection.execute("PRAGMA query_only = ON")
            for version, known in views.walk(versions):
                assert known is None
                views.add(version, decode(reader.read(version), ScoreView))
        assert [known is not None for _, known in views.walk(ids(reader))] == [True] * 6 + [False] * 6
        views.close()
    assert sum(view is not None for view in seen(path).values()) == 6


# -- several at once --------------------------------------------------------------------------------------------------


async def test_scoring_at_once_gives_the_same_scores(path: Path) -> None:
    """Whoever makes the views, reads them, or removes them meanwhile."""
    await fill(path, MANY)
    true = scored(path)
    found: list[bytes] = []

    def score_often() -> None:
        for _ in range(4):
            found.append(scored(path))
            views_of(path).unlink(missing_ok=True)

    threads = [threading.Thread(target=score_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [true] * 16
    assert [scored(path), scored(path)] == [true, true]
    assert seen(path) == true_views(path)


async def test_a_locked_file_is_done_without(path: Path) -> None:
    """Somebody who holds on to it delays nobody for long."""
    await fill(path)
    true = scored(path)
    with sqlite3.connect(views_of(path), isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert scored(path) == true
        other.execute("ROLLBACK")
        with StoreReader.open(path) as reader:
            views = Views(reader, ScoreView)
            other.execute("DELETE FROM views WHERE id > 6")
            for locked in (True, False):
                if locked:
                    other.execute("BEGIN EXCLUSIVE")
                for version, known in views.walk(ids(reader)):
                    assert (known is None) == (locked or version > 6)
                    if known is None:
                        views.add(version, decode(reader.read(version), ScoreView))
                if locked:
                    other.execute("ROLLBACK")
            views.close()
    other.close()
    assert seen(path) == true_views(path)


# -- removal ----------------------------------------------------------------------------------------------------------


@POSIX
async def test_only_the_owner_may_read_them(path: Path) -> None:
    """They are about people, as the reports are."""
    await fill(path)
    scored(path)
    assert stat.S_IMODE(views_of(path).stat().st_mode) == 0o600


async def test_pruning_removes_them(path: Path) -> None:
    """Nothing of a report that is removed stays beside the store, and a scoring under way goes on without it."""
    await fill(path, MANY)
    scores = rescore(path, BRIEF, jobs=1)
    next(scores)
    async with Store.open(path) as store:
        assert (await store.prune(0, keep_latest=False)).reports == 420
        assert not views_of(path).exists()
        assert len(list(scores)) < 419  # of those that had been read already
        assert not views_of(path).exists()
        await keep(store, "a", FULL_SIZED.gzip(0))
    scored(path)
    with Store.open(path, read_only=True) as store:
        with pytest.raises(StoreError):
            await store.prune(0)
        assert views_of(path).exists()


async def test_pruning_removes_what_is_made_meanwhile(path: Path) -> None:
    """By another process, from reports that are not removed yet."""
    await fill(path, MANY)
    async with Store.open(path) as store:
        with StoreReader.open(path) as reader:
            pruning = asyncio.create_task(store.prune(0, keep_latest=False))
            left = 420
            while left == 420:
                await asyncio.sleep(0)
                left = reader.totals().reports
            assert not pruning.done()
            views_of(path).touch()
            await pruning
    assert not views_of(path).exists()


async def test_wiping_removes_them(path: Path) -> None:
    """So does a new store in the place of one that somebody removed by hand and forgot them."""
    await fill(path)
    scored(path)
    Store.open(path, wipe=True).close()
    assert not views_of(path).exists()
    views_of(path).write_bytes(b"somebody")
    path.unlink()
    path.with_name("reports.db.reserve").unlink()
    Store.open(path).close()
    assert not views_of(path).exists()


async def test_views_that_cannot_be_removed_keep_the_reports(path: Path) -> None:
    """Rather than being left behind in silence."""
    await fill(path)
    views_of(path).mkdir()
    async with Store.open(path) as store:
        with pytest.raises(
            StorePathError, match=r"reports\.db\.views cannot be removed: .*; it holds parts of reports"
        ):
            await store.prune(0, keep_latest=False)
        assert (await store.totals()).reports == 12
