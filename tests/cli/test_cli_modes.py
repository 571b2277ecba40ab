"""Who may read what the command writes: its owner, and nobody else."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from walee_async.testing import Garble, Gateway, Hang

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has lists of who may read a file, and no modes")

MADE = {
    "export reports.db reports.gz": {"reports.gz"},
    "export reports.db --tables new/csv --format csv": {"creators.csv", "ledger.csv"},
    "export reports.db --tables jsonl --format jsonl": {"creators.jsonl", "ledger.jsonl"},
    "export reports.db --tables parquet": {"creators.parquet", "ledger.parquet"},
    "score reports.db -o scores.csv": {"scores.csv", "reports.db.views"},
    "score reports.db -o scores.jsonl": {"scores.jsonl"},
    "page reports.db -o page.html": {"page.html"},
    "merge merged.db reports.db": {"merged.db"},
    "import imported.db reports.jsonl": {"imported.db"},
}


def modes(folder: Path) -> dict[str, int]:
    """The mode of every file below a folder."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}


def test_all_that_is_written_is_its_owners(walee: Any, walee_for: Any, gateway: Gateway, tmp_path: Path) -> None:
    """Whatever the umask: reports are bought, and about people. Who wants to share a file opens it to others."""
    bought = walee("fetch", *gateway.handles, "--out", "reports.jsonl", "--rate", "200", umask=0)
    assert bought.code == 0, bought.err
    for command, made in MADE.items():
        ended = walee_for(None)(*command.split(), umask=0)
        assert ended.code == 0, ended.err
        assert made <= set(modes(tmp_path)), command
    found = modes(tmp_path)
    assert {"reports.db", "reports.db.lock", "reports.jsonl"} <= set(found)
    assert found == dict.fromkeys(found, 0o600)
    folders = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_dir()}
    assert folders == dict.fromkeys(["new", "csv", "jsonl", "parquet"], 0o700)


def test_a_folder_that_is_there_keeps_its_mode(walee: Any, walee_for: Any, gateway: Gateway, tmp_path: Path) -> None:
    """Who has opened a folder to others means it; the tables in it are their owner's all the same."""
    assert walee("fetch", *gateway.handles[:2], "--out", "reports.jsonl", "--rate", "200").code == 0
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    ended = walee_for(None)(*"export reports.db --tables shared/csv --format csv".split(), umask=0)
    assert ended.code == 0, ended.err
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755
    assert stat.S_IMODE((shared / "csv").stat().st_mode) == 0o700


def test_what_is_there_during_a_run_is_its_owners(walee: Any, gateway: Gateway, tmp_path: Path) -> None:
    """The store's log and its reserve too, and those of a process that is killed."""
    gateway.plan(gateway.handles[-1], Hang())
    running = walee.start("fetch", *gateway.handles, "--out", "reports.jsonl", "--rate", "200", umask=0)
    until = time.monotonic() + 20
    while gateway.billed.total() < len(gateway.handles) - 1 and time.monotonic() < until:
        running.process.poll()
    running.process.kill()
    running.end()
    found = modes(tmp_path)
    beside = {f"reports.db{suffix}" for suffix in ("", "-wal", "-shm", ".lock", ".reserve")}
    assert found == dict.fromkeys({"reports.jsonl", *beside}, 0o600)


def test_an_unreadable_report_is_its_owners(walee: Any, gateway: Gateway, tmp_path: Path) -> None:
    """What was bought and cannot be read is kept as close as what can."""
    gateway.plan(gateway.handles[0], Garble())
    ended = walee("report", gateway.handles[0], "--no-store", umask=0)
    assert ended.code == 3, ended.err
    assert modes(tmp_path) == {f"{gateway.handles[0]}.json.gz": 0o600}


def test_a_file_that_was_opened_to_others_stays_open(walee: Any, gateway: Gateway, tmp_path: Path) -> None:
    """Who shares a file of lines need not do so again after each run that continues it."""
    file = tmp_path / "reports.jsonl"
    file.touch(0o644)
    ended = walee("fetch", gateway.handles[0], "--out", "reports.jsonl")
    assert ended.code == 0, ended.err
    assert file.stat().st_size > 1000
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
