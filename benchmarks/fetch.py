"""What fetching a report costs the client: CPU and wall time each, against what others would write.

Every contender runs in a process of its own, again and again in turn with the others, against one server in another
process. CPU is user and system time of the whole process but for its start (`resource.getrusage`), in microseconds a
report; the ratio is that of the medians to the contender named by --against. Memory is the peak, in MiB.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from _contenders import CONTENDERS
from _server import SEED, dump, server

from walee_async.testing.maker import Maker

WARM = 64
"""Reports fetched before the clock starts: connections, decoders and caches are there then."""


def cpu() -> float:
    """Seconds of CPU that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure(name: str, base_url: str, reports: int) -> dict[str, float]:
    """Run one contender in this process."""
    maker = Maker(SEED, creators=reports + WARM)
    handles = maker.handles()
    asyncio.run(CONTENDERS[name](base_url, handles[:WARM]))
    before, began = cpu(), time.perf_counter()
    done = asyncio.run(CONTENDERS[name](base_url, handles[WARM:]))
    wall, used = time.perf_counter() - began, cpu() - before
    if done != reports:
        raise SystemExit(f"{name} fetched {done} of {reports} reports")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"cpu": used / reports, "wall": wall / reports, "peak": peak}


def ask(name: str, base_url: str, reports: int) -> dict[str, float]:
    """Run one contender in a process of its own."""
    command = [sys.executable, __file__, "--measure", name, "--base-url", base_url, "--reports", str(reports)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"{name} failed: {ended.stderr.strip().splitlines()[-1:]}")
    found: dict[str, float] = json.loads(ended.stdout)
    return found


def table(found: dict[str, list[dict[str, float]]], against: str) -> list[str]:
    """One row a contender: median, spread and ratio."""
    base = statistics.median(one["cpu"] for one in found[against])
    rows = [f"{'contender':18}{'CPU µs':>9}{'least':>8}{'most':>8}{'ratio':>8}{'wall µs':>9}{'MiB':>7}"]
    for name, runs in found.items():
        times = sorted(one["cpu"] * 1e6 for one in runs)
        wall = statistics.median(one["wall"] for one in runs) * 1e6
        peak = max(one["peak"] for one in runs) / 2**20
        middle = statistics.median(times)
        numbers = f"{middle:9.0f}{times[0]:8.0f}{times[-1]:8.0f}{middle / base / 1e6:8.2f}{wall:9.0f}{peak:7.0f}"
        rows.append(f"{name:18}{numbers}")
    return rows


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--reports", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS), metavar="NAME")
    parser.add_argument("--against", choices=CONTENDERS, metavar="NAME", help="the contender that counts as 1")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single result there")
    parser.add_argument("--measure", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--base-url", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        dump(measure(given.measure, given.base_url, given.reports))
        return
    found: dict[str, list[dict[str, float]]] = {name: [] for name in given.only}
    with server(given.reports + WARM) as (base_url, kind):
        for _ in range(given.repeats):
            for name, runs in found.items():
                runs.append(ask(name, base_url, given.reports))
    rows: list[Any] = table(found, given.against or given.only[0])
    print(f"{given.reports:,} reports, {given.repeats} times, from {kind}", *rows, sep="\n")
    if given.json:
        given.json.write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    main()
