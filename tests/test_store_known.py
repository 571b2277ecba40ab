"""What a store holds nothing of is told without reading it; what it holds something of is never taken for new."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from walee_async import WaleeClient
from walee_async.errors import NoReportError
from walee_async.outcomes import Attempt, Charge, Payload
from walee_async.store import Store
from walee_async.testing import Gateway, Maker

pytestmark = pytest.mark.anyio

MANY = [f"creator{number}" for number in range(300)]
NEVER = [f"nobody{number}" for number in range(300)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "reports.db"


async def bought(store: Store, handle: str) -> None:
    await settled(store, handle, Charge.BILLED, Payload(handle=handle, body=b"{}", received_at=1000.0))


async def settled(store: Store, handle: str, charge: Charge, payload: Payload | None = None) -> None:
    intent = store.intend(handle, 1, "key 1")
    await intent
    await store.settle(intent, Attempt(handle=handle, number=1, key="key 1", charge=charge), payload)


async def in_doubt(store: Store, handle: str) -> None:
    await settled(store, handle, Charge.AMBIGUOUS)


async def under_way(store: Store, handle: str) -> None:
    await store.intend(handle, 1, "key 1")


async def failed(store: Store, handle: str) -> None:
    await store.record_failure(handle, NoReportError("none"))


WAYS: list[Callable[[Store, str], Awaitable[None]]] = [bought, in_doubt, under_way, failed]


def new(store: Store, handles: list[str]) -> list[str]:
    return [handle for handle in handles if store.is_new(handle)]


@pytest.mark.parametrize("way", WAYS)
async def test_what_a_store_holds_is_never_new(path: Path, way: Callable[[Store, str], Awaitable[None]]) -> None:
    """However it came in, at once and when the store is opened again; whoever never was in it is new."""
    async with Store.open(path) as store:
        await store.standing(["anybody"])
        for handle in MANY:
            await way(store, handle)
            assert not store.is_new(handle)
        assert len(new(store, NEVER)) >= 299
    async with Store.open(path) as store:
        for _ in range(3):
            await store.standing(MANY)
        assert (new(store, MANY), len(new(store, NEVER)) >= 299) == ([], True)


async def test_a_large_store_is_learnt_bit_by_bit(path: Path) -> None:
    """Ten of its handles for each that is looked up; nothing is new before it is known whole."""
    async with Store.open(path) as store:
        for handle in MANY:
            await bought(store, handle)
    async with Store.open(path) as store:
        for _ in range(27):
            await store.standing(["anybody"])
            assert new(store, NEVER) == []
        for _ in range(3):
            await store.standing(["anybody"])
        assert (new(store, MANY), len(new(store, NEVER)) >= 299) == ([], True)


async def test_nothing_is_new_where_others_add_handles(path: Path, tmp_path: Path) -> None:
    """To a store that another process writes to, or by an import or a merge."""
    lines = tmp_path / "raw.jsonl"
    lines.write_bytes(b'{"user_profile": {"username": "river.kites"}}\n')
    other = tmp_path / "other.db"
    async with Store.open(other) as store:
        await bought(store, "river.kites")
    for add in (lambda store: store.import_(lines), lambda store: store.merge(other)):
        async with Store.open(path) as store:
            await store.standing(["anybody"])
            assert store.is_new("river.kites")
            added = add(store)
            reading = Store.open(path, read_only=True)
            await reading.standing(["anybody"])
            await added
            assert new(store, NEVER) == new(reading, NEVER) == []
            await reading.aclose()
        path.unlink()


async def test_where_the_handles_cannot_be_read_nothing_is_new(path: Path) -> None:
    """Damage elsewhere is nothing to those who ask for a report that is whole, and nobody is taken for new."""
    async with Store.open(path) as store:
        for handle in MANY:
            await bought(store, handle)
    with closing(sqlite3.connect(path)) as connection:
        ((root,),) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'reports_by_handle'"
        ).fetchall()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    content = bytearray(path.read_bytes())
    last = int.from_bytes(content[(root - 1) * size + 8 : (root - 1) * size + 12], "big")  # an interior page's last
    content[(last - 1) * size : last * size] = bytes(size)
    path.write_bytes(content)
    async with Store.open(path) as store:
        for _ in range(40):
            assert (await store.standing(["creator0"]))["creator0"].held
        assert new(store, NEVER) == []


async def test_a_handle_that_damage_has_changed_hides_no_other(path: Path) -> None:
    """Wherever in the index it stands, and whatever it is now: what can still be looked up is not new."""
    async with Store.open(path) as store:
        for handle in MANY:
            await bought(store, handle)
    whole = path.read_bytes()
    # Into one that nobody has, and into another that somebody has.
    others = {one: f"z{one[1:]}" for one in MANY[::25]} | {one: f"creator2{one[-2:]}" for one in MANY[101:115]}
    for changed, other in others.items():
        # In the index the time stands behind the handle; in the table, other columns do.
        before, after = changed.encode(), other.encode()
        places = [at for at in range(len(whole)) if whole.startswith(before, at)]
        for place in places:
            path.write_bytes(whole[:place] + after + whole[place + len(after) :])
            async with Store.open(path) as store:
                for _ in range(30):
                    await store.standing(["anybody"])
                held = {handle for handle, one in (await store.standing(MANY)).items() if one.held}
                assert held.isdisjoint(new(store, MANY))


async def test_a_report_of_another_handle_than_was_asked_for_is_noted(path: Path) -> None:
    """And so is a handle without a letter, after the store was opened again."""
    async with Store.open(path) as store:
        await store.standing(["anybody"])
        intent = store.intend("a", 1, "key 1")
        await intent
        other = Payload(handle="b", body=b"{}", received_at=1000.0)
        await store.settle(intent, Attempt(handle="a", number=1, key="key 1", charge=Charge.BILLED), other)
        assert not store.is_new("b")
        await bought(store, "")
    async with Store.open(path) as store:
        for _ in range(3):
            await store.standing([])
            assert not store.is_new("b")
            await store.standing(["anybody"])
        assert new(store, ["", "b", "c"]) == ["c"]


async def test_a_list_is_bought_once_whatever_is_new(path: Path) -> None:
    """A second run over more handles buys those that are new, and no other."""
    async with Gateway(Maker(4, creators=300, small=True)) as gateway:
        for some in (gateway.handles[:200], gateway.handles[100:]):
            async with WaleeClient(
                gateway.key, base_url=gateway.base_url, rate=5000, store=path, max_age=1e12
            ) as walee:
                outcomes = await walee.creator_reports(some).collect()
                assert len(outcomes) == 200
        assert gateway.requests_seen == 300
