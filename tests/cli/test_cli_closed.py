"""Streams that the shell has closed: what is not needed may be gone, and what is needed is said to be."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from walee_async.testing import Gateway

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a shell that closes streams is POSIX's")


def _closing(walee: Any, redirect: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command by a shell that closes a stream of it."""
    shell = ["sh", "-c", f"{shlex.join(walee.command(*arguments))} {redirect}"]
    return subprocess.run(
        shell, cwd=walee.folder, env=walee.environment, capture_output=True, text=True, check=False, timeout=40
    )


def test_nobody_has_to_hear_what_is_said(walee: Any, gateway: Gateway, tmp_path: Path) -> None:
    """With standard error closed every command does its work and ends with its code, failures included."""
    handles, fetched = gateway.handles, ("reports.jsonl", "reports.db")
    assert (
        _closing(walee, "2>&-", "fetch", *handles, "no.such.creator", "--rate", "200", "-o", fetched[0]).returncode == 3
    )
    assert all((tmp_path / name).stat().st_size for name in fetched)
    assert (tmp_path / fetched[0]).read_bytes().count(b"\n") == len(handles) + 1
    shown = _closing(walee, "2>&-", "report", handles[0])
    assert (shown.returncode, handles[0] in shown.stdout) == (0, True)
    assert _closing(walee, "2>&-", "doctor").returncode == 0
    assert _closing(walee, "2>&-", "fetch", "missing.txt").returncode == 2


@pytest.mark.parametrize("command", ["fetch", "plan", "score"])
def test_a_list_cannot_come_from_where_nothing_does(walee: Any, gateway: Gateway, command: str) -> None:
    """A closed standard input that is to be the list is wrong usage, and nothing is sent."""
    buy = ["--buy"] if command == "score" else []
    ended = _closing(walee, "<&-", command, "-", *buy)
    said = "walee: Standard input is closed, so no list comes from it; name a file instead of -.\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", said)
    assert gateway.requests_seen == 0


def test_nobody_can_agree_where_nothing_can_be_typed(walee: Any, gateway: Gateway, tmp_path: Path) -> None:
    """With standard input closed nothing is asked: what cannot be undone is refused, and all else is done."""
    command = ("fetch", gateway.handles[0], "--store", "mine.db")
    assert _closing(walee, "<&-", *command).returncode == 0
    ended = _closing(walee, "<&-", *command, "--fresh-store")
    assert ended.returncode == 2
    assert ended.stderr.endswith("--fresh-store removes mine.db with 1 report; --yes says that this is meant.\n")
    assert _closing(walee, "<&-", *command, "--fresh-store", "--yes").returncode == 0
    assert gateway.billed.total() == 2
