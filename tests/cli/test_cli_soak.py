"""The soak of `nox -s soak`, for a few seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from _dask import needs_dask

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="processes are watched as Linux alone allows"),
    pytest.mark.long,
]

SOAK = Path(__file__).parent.parent / "crash" / "soak" / "soak.py"


@pytest.mark.parametrize("kind", ["fetch", "lives", "cluster"])
def test_a_round_of_the_soak_holds(kind: str, tmp_path: Path) -> None:
    """One round of its kind comes to its end with everything accounted for, and leaves nothing behind."""
    if kind == "cluster":
        needs_dask()
    command = [sys.executable, str(SOAK), "--minutes", "0", "--handles", "60", "--seed", "4", "--only", kind]
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    rows = dict(line.split(maxsplit=1) for line in ended.stdout.splitlines() if line.startswith(("rounds", "handles")))
    assert rows == {"rounds": "1", "handles": "60"}
    assert list(tmp_path.iterdir()) == []
