"""benchmarks/cluster.py, with its least work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from _dask import needs_dask

needs_dask()

pytestmark = pytest.mark.long


def test_the_benchmark_runs() -> None:
    """The script ends well and prints its figures; the error stream has what a person is told of a death."""
    script = Path(__file__).parents[2] / "benchmarks" / "cluster.py"
    least = ["--handles", "60", "--rate", "100", "--reports", "200", "--repeats", "1"]
    ended = subprocess.run([sys.executable, str(script), *least], capture_output=True, text=True, check=False)
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False), ended.stderr
    assert len(ended.stdout.splitlines()) == 11
