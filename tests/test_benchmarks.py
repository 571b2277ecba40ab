"""The benchmarks run: each script, with its least work, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

FOLDER = Path(__file__).parent.parent / "benchmarks"
ELSEWHERE = {"cluster.py", "import_time.py", "page.py", "shared_rate.py", "telemetry.py"}
"""The first has nothing to make smaller, and a nox session runs it; the others need extras; see tests/page and
tests/integrations."""
RUN_BY_THE_SUMMARY = {"fetch.py", "decode.py", "rescore.py"}
LEAST = {
    "summary.py": ["--repeats", "1", "--reports", "8"],
    "gate.py": ["--handles", "300"],
    "growth.py": [
        *("--reports", "32", "64", "--rows", "20", "60", "--counted", "20"),
        *("--turns", "200", "--waiters", "2", "8", "--repeats", "1"),
    ],
    "latency.py": ["--callers", "8", "--calls", "2", "--repeats", "1", "--largest", "1"],
    "store.py": ["--reports", "600", "--callers", "32"],
    "memory.py": ["--few", "200", "--many", "400", "--concurrency", "8"],
    "rate.py": ["--rates", "50", "--seconds", "1", "--auto-seconds", "2"],
}


def test_every_benchmark_is_tried() -> None:
    """A new script is added to those that are tried."""
    assert {path.name for path in FOLDER.glob("[!_]*.py")} == ELSEWHERE | RUN_BY_THE_SUMMARY | set(LEAST)


@pytest.mark.parametrize("name", LEAST)
def test_a_benchmark_runs(name: str, tmp_path: Path) -> None:
    """The script ends well, prints a table and writes nothing to the error stream."""
    command = [sys.executable, str(FOLDER / name), *LEAST[name]]
    environment = {**os.environ, "PYTHONWARNINGS": "error"}  # also for the processes it starts
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(ended.stdout.splitlines()) >= 4
