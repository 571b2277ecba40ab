"""Four real processes, one real Redis, one gateway that counts: benchmarks/shared_rate.py, for less long."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import shared_rate
from _redis import RedisServer
from shared_rate import Plan, busiest, excess, measure

pytestmark = pytest.mark.long


def test_four_processes_keep_to_one_limit_and_share_it(redis: RedisServer) -> None:
    """Between them they use the whole limit and no more, and each has its share of it, for about one call a request.

    A busy machine may put each process aside between its turn and the wire, so each can be one request off.
    """
    plan = Plan(seconds=4.0, concurrency=4)
    found = measure(redis, plan)
    begin, end = found.window
    grants = found.grants
    stalled = sum(sent.stalled for sent in found.sent)
    assert len(grants) >= 0.97 * plan.rate * (end - begin - stalled) - 1
    assert excess(grants, plan.rate) <= plan.processes
    assert all(0.8 <= share <= 1.25 for share in found.shares)
    assert found.calls <= 1.5
    assert sum(sent.failed for sent in found.sent) == 0


@pytest.mark.parametrize("trouble", ["restart", "freeze"])
def test_without_redis_they_go_on_and_come_back(redis: RedisServer, trouble: str) -> None:
    """Redis killed and restarted, or frozen: the gateway counts at most 20 % above the limit in any window.

    Every process says once that it goes on by itself and once that it is back, and no handle is lost.
    """
    plan = Plan(seconds=5.0, concurrency=4, trouble=trouble, away=1.8)
    found = measure(redis, plan)
    assert busiest(found.arrived) <= 1.2 * plan.rate
    assert excess(found.arrived, plan.rate) <= 0.2 * plan.rate
    assert [[name for name, _ in sent.events] for sent in found.sent] == [["GateAlone", "GateRejoined"]] * 4
    assert sum(sent.failed for sent in found.sent) == 0
    assert sum(sent.handles for sent in found.sent) == len(found.arrivals)


def test_the_benchmark_runs() -> None:
    """The script ends well, prints its figures and writes nothing to the error stream."""
    script = Path(shared_rate.__file__)
    command = [sys.executable, "-W", "error", str(script), "--processes", "2", "--seconds", "1.6", "--concurrency", "2"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(ended.stdout.splitlines()) == 5
