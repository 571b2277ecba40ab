from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.long
def test_the_benchmark_runs() -> None:
    """It ends well, prints a row for each hook and writes nothing to the error stream."""
    script = Path(__file__).parent.parent.parent / "benchmarks" / "telemetry.py"
    command = [sys.executable, "-W", "error", str(script), "--reports", "64", "--repeats", "1"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    rows = [line.split("  ")[0] for line in ended.stdout.splitlines()[2:]]
    assert rows == ["no hook", "empty hook", "otel api", "otel", "prometheus"]
