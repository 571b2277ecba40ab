# ruff: noqa: E402  (nothing of it is imported before Dask is known to be there)
"""`walee fetch --scheduler`: the command as a real process, with worker processes of its own."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from _dask import cluster, needs_dask

needs_dask()

import psutil

from walee_async.cli.entry import run
from walee_async.cli.exits import Exit
from walee_async.errors import ConfigError
from walee_async.integrations.dask.place import cluster_at
from walee_async.integrations.dask.shard import host_name
from walee_async.testing import Gateway, Maker

KEY = "wk-canary-0123456789abcdef"


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """A gateway in a thread, with small reports."""
    with Gateway(Maker(creators=300, small=True), keys=[KEY], latency=0.02).in_thread() as gateway:
        yield gateway


class Command:
    """A `walee fetch` on two workers, in a process group of its own as a terminal makes one."""

    def __init__(self, gateway: Gateway, folder: Path, *more: str) -> None:
        listed = folder / "handles.txt"
        listed.write_text("\n".join([*gateway.handles, "no.such.creator"]))
        arguments = [
            "fetch",
            str(listed),
            "--base-url",
            gateway.base_url,
            "--rate",
            "200",
            "--out",
            str(folder / "out"),
        ]
        arguments += ["--scheduler", "local", "--workers", "2", *more]
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error::ResourceWarning", "-m", "walee_async", *arguments],
            env=os.environ | {"WALEE_API_KEY": KEY, "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            umask=0,  # what is to be its owner's alone is so by itself
        )

    def end(self) -> tuple[int, str]:
        """The exit code, and what was said; nothing of it is the key."""
        out, said = self.process.communicate(timeout=60)
        assert KEY not in out + said
        return self.process.returncode, said


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "out" / "outcomes.jsonl").read_text().splitlines()]


@pytest.mark.long
def test_ctrl_c_leaves_in_good_order_and_the_same_command_goes_on(gateway: Gateway, tmp_path: Path) -> None:
    """Ctrl-C reaches all processes of the terminal: what was under way comes, and nothing is bought twice.

    In the end there are an outcome for each handle, one store, and the scores and tables that the workers have written,
    all of them readable by their owner alone.
    """
    command = Command(gateway, tmp_path)
    until = time.monotonic() + 30
    while gateway.billed.total() < 60 and time.monotonic() < until:
        command.process.poll()
    os.killpg(command.process.pid, signal.SIGINT)
    code, said = command.end()
    assert code == Exit.INTERRUPTED, said
    assert "Interrupted; what had arrived is kept. The same command again goes on from here." in said
    assert "Traceback" not in said
    assert 60 <= len(lines(tmp_path)) < 301

    brief = tmp_path / "brief.toml"
    brief.write_text('countries = ["US"]\n')
    code, said = Command(gateway, tmp_path, "--brief", str(brief), "--tables").end()
    assert code == Exit.SOME_FAILED, said
    assert "300 of 301 creators fetched" in said
    assert gateway.billed == Counter(gateway.handles)
    found = {line["handle"]: line.get("error", {}).get("kind") for line in lines(tmp_path)}
    assert found == dict.fromkeys(gateway.handles) | {"no.such.creator": "NoReportError"}
    out = tmp_path / "out"
    for made in ("scores/*", "tables/*/creators"):
        (count,) = duckdb.sql(f"SELECT count(DISTINCT handle) FROM '{out}/{made}.parquet'").fetchall()
        assert count == (300,)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in out.rglob("*") if path.is_file()}
    assert modes == dict.fromkeys(modes, 0o600)
    folders = {path: stat.S_IMODE(path.stat().st_mode) for path in (out, *out.rglob("*")) if path.is_dir()}
    assert {"out", "shards", "scores", "tables"} < {path.name for path in folders}
    assert folders == dict.fromkeys(folders, 0o700)
    ended = subprocess.run(
        [sys.executable, "-m", "walee_async", "merge", str(tmp_path / "again.db"), str(out / "shards")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "300 reports" in ended.stderr


@pytest.mark.long
def test_ctrl_c_while_the_workers_start_is_no_bug(gateway: Gateway, tmp_path: Path) -> None:
    """Processes that are just being started are not torn: one sentence, the code of an interruption, nothing bought."""
    command = Command(gateway, tmp_path)
    until = time.monotonic() + 30
    while len(psutil.Process(command.process.pid).children()) < 2 and time.monotonic() < until:
        command.process.poll()
    os.killpg(command.process.pid, signal.SIGINT)
    code, said = command.end()
    assert code == Exit.INTERRUPTED, said
    assert "Traceback" not in said
    assert gateway.billed.total() == 0


@pytest.mark.parametrize("name", ["reports.db", f"shards/{host_name()}-1.db"])
def test_a_store_of_the_folder_that_cannot_be_read_is_told_before_anything_is_bought(
    name: str, gateway: Gateway, tmp_path: Path
) -> None:
    """What it holds would be bought again, so the command ends at once and says what to do with the file."""
    broken = tmp_path / "out" / name
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"these were reports" * 100)
    code, said = Command(gateway, tmp_path).end()
    assert code == Exit.STORE, said
    assert "is no store, or its beginning is damaged" in " ".join(said.split())
    assert gateway.requests_seen == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--scheduler local", "--out names a folder"),
        ("--scheduler local --out -", "--out names a folder"),
        ("--scheduler nowhere --out D", "it must be local, or an address such as tcp://host:8786"),
        ("--scheduler tcp://x:1 --out D --workers 2", "--workers is for --scheduler local"),
        ("--scheduler tcp://x:1 --out D --key-file k", "read the API key from their own environment"),
        ("--scheduler local --out D --workers 0", "--workers is 0; it must be at least 1"),
        ("--scheduler local --out D --rate auto", "--rate auto is for one process alone"),
        ("--scheduler local --out D --store s.db", "the stores are in the folder of --out"),
        ("--scheduler local --out D --view headline", "--view and --ordered are about a file"),
        ("--scheduler local --out D --redis nothing", "The address of Redis cannot be read"),
        ("--scheduler local --out D --redis redis://127.0.0.1:1/0?bogus=1", "The address of Redis cannot be read"),
        ("--scheduler local --out D", "There is no API key"),
        ("--workers 2", "--workers is about a cluster; it goes with --scheduler"),
        ("--tables", "--tables is about a cluster; it goes with --scheduler"),
    ],
)
def test_what_does_not_go_together_is_refused(
    options: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence says what is wrong, nothing is started, and the exit code is that of wrong usage."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    for name in ("WALEE_API_KEY", "WALEE_API_KEYS"):
        monkeypatch.delenv(name, raising=False)
    assert run(["fetch", "river.kites", *options.split()]) == Exit.USAGE
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.anyio
@pytest.mark.long
async def test_a_cluster_that_is_there_is_used_and_one_that_is_not_is_named() -> None:
    """An address of a scheduler with workers gives a client; one without, or none, an error that says so."""
    async with cluster(workers=1) as client:
        async with cluster_at(client.scheduler.address) as mine:
            assert mine.scheduler_info()["n_workers"] == 1
        await client.cluster.scale(0)
        await client.cluster
        with pytest.raises(ConfigError, match="has no workers; start some: dask worker tcp://"):
            async with cluster_at(client.scheduler.address):
                pass
        address = client.scheduler.address
    for nowhere in (address, "tls://127.0.0.1:1", "foo://x", "tcp://x"):
        with pytest.raises(ConfigError, match=f"No Dask scheduler answers at {nowhere}"):
            async with cluster_at(nowhere):
                pass


@pytest.mark.anyio
@pytest.mark.long
async def test_a_cluster_of_this_machine_is_not_open_to_the_network() -> None:
    """Its scheduler, workers and dashboards listen on loopback alone, for whoever reaches them can run code there."""
    async with cluster_at("local", 1):
        mine = psutil.Process()
        ends = [end for one in (mine, *mine.children(recursive=True)) for end in one.net_connections()]
    addresses = [end.laddr.ip for end in ends if end.status == psutil.CONN_LISTEN]
    assert len(addresses) >= 4
    assert set(addresses) == {"127.0.0.1"}
