"""`walee merge` on the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from walee_async.cli.entry import run
from walee_async.cli.exits import Exit
from walee_async.outcomes import Attempt, Charge, Payload
from walee_async.store import Store, StoreReader


async def _fill(path: Path, handle: str) -> None:
    async with Store.open(path) as store:
        attempt = Attempt(handle=handle, number=1, key="key 1", charge=Charge.BILLED, status=200)
        payload = Payload(handle=handle, body=b'{"success":true,"payload":{}}', received_at=2e9)
        await store.settle(store.intend(handle, 1, "key 1"), attempt, payload)


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """A folder of two stores with a report each."""
    folder = tmp_path / "shards"
    folder.mkdir()
    for handle in ("river.kites", "amber.anchor"):
        asyncio.run(_fill(folder / f"{handle}-1.db", handle))
    return folder


def test_shards_become_one_store(shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder stands for the stores in it; named twice they are merged once, and a second time adds nothing."""
    into = tmp_path / "all.db"
    one = shards / "river.kites-1.db"
    for brought in ("2 reports and 2 entries", "0 reports and 0 entries"):
        assert run(["merge", str(into), str(shards), str(one)]) == Exit.FETCHED
        assert f"{brought} of the books brought from 2 stores" in capsys.readouterr().err.replace("\n", " ")
    with StoreReader.open(into) as reader:
        assert reader.totals().charges == {Charge.BILLED: 2}
        assert reader.latest("river.kites") is not None


def test_what_cannot_be_merged_is_named(shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing named, nothing there, no store in a folder, and the store itself: nothing is made."""
    one = shards / "river.kites-1.db"
    (tmp_path / "empty").mkdir()
    for arguments, said in (
        ([tmp_path / "all.db"], "Name the stores to be merged"),
        ([tmp_path / "all.db", tmp_path / "none"], "There is no"),
        ([tmp_path / "all.db", tmp_path / "empty"], "There is no store in"),
        ([one, one], "is to be merged into itself"),
    ):
        assert run(["merge", *map(str, arguments)]) == Exit.USAGE
        assert said in capsys.readouterr().err
    assert not (tmp_path / "all.db").exists()


def test_a_shard_in_use_is_refused(shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A store that is being written to is refused with the exit code of stores, and by name."""
    with Store.open(shards / "river.kites-1.db"):
        assert run(["merge", str(tmp_path / "all.db"), str(shards)]) == Exit.STORE
    assert "is being written to by this process" in capsys.readouterr().err.replace("\n", " ")
