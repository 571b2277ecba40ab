"""A run's memory does not grow with its list: nothing of a handle stays but the handle."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "memory.py"
BESIDES = 150
"""Bytes. The least that could stay of each handle by mistake is more: an attempt takes some 250, a payload with its
body 1,000, a task 1,500, and an error over 2,000."""


def test_a_handle_leaves_only_itself_behind() -> None:
    """From 2,000 to 20,000 handles, fetched and failed, the peak grows by what the set of them takes, and no more."""
    command = [sys.executable, str(SCRIPT), "--few", "2000", "--many", "20000"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = re.search(r"remembered costs (\d+) bytes; a handle of the run cost (-?\d+) in all", ended.stdout)
    assert found is not None, ended.stdout
    assert int(found[2]) <= int(found[1]) + BESIDES, ended.stdout
