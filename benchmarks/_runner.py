"""Measures contenders in turn, each time in a process of its own, and tells them apart by their medians.

CPU is user and system time of the process but for its start (`resource.getrusage`), in seconds for one thing done;
`peak` is the most memory it held, in bytes. Interleaved, so that what else the machine does falls on all alike.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

Measured = dict[str, float]
"""`cpu` and `wall` in seconds for one thing done, `peak` in bytes."""


def cpu() -> float:
    """Seconds of CPU that this process has used, and those it started that have ended."""
    import resource  # of POSIX alone; what is filled for the tests is filled anywhere

    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def clocked(work: Callable[[], int]) -> Measured:
    """What one thing done costs, where `work` does many and returns how many."""
    before, began = cpu(), time.perf_counter()
    done = work()
    wall, used = time.perf_counter() - began, cpu() - before
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"cpu": used / done, "wall": wall / done, "peak": peak}


def ask(script: str, name: str, options: Sequence[str]) -> Measured:
    """Have a script measure one contender, in a process of its own: it prints what `clocked` gave."""
    command = [sys.executable, script, "--measure", name, *options]
    # What is installed is compiled; without this, sources newer than their bytecode would be compiled in each process.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if not ended.stdout:  # pyreqwest aborts now and then while its interpreter ends; what it measured before stands
        raise SystemExit(f"{name} failed: {ended.stderr.strip().splitlines()[-1:]}")
    found: Measured = json.loads(ended.stdout)
    return found


def dump(result: object) -> None:
    """Print the result of a process that measured itself, for the one that started it."""
    sys.stdout.write(json.dumps(result) + "\n")


def in_turn(script: str, names: Iterable[str], repeats: int, options: Sequence[str]) -> dict[str, list[Measured]]:
    """All contenders, again and again in turn."""
    found: dict[str, list[Measured]] = {name: [] for name in names}
    for _ in range(repeats):
        for name, runs in found.items():
            runs.append(ask(script, name, options))
    return found


def median(runs: Iterable[Measured], what: str = "cpu") -> float:
    """The median of one quantity over the repeats."""
    return statistics.median(one[what] for one in runs)


def table(found: dict[str, list[Measured]], against: str) -> list[str]:
    """One row a contender: median, spread, and the ratio of its CPU to that of `against`."""
    base = median(found[against])
    rows = [f"{'contender':18}{'CPU µs':>9}{'least':>8}{'most':>8}{'ratio':>8}{'wall µs':>9}{'MiB':>7}"]
    for name, runs in found.items():
        times = sorted(one["cpu"] * 1e6 for one in runs)
        middle, wall = median(runs) * 1e6, median(runs, "wall") * 1e6
        numbers = f"{middle:9.0f}{times[0]:8.0f}{times[-1]:8.0f}{middle / base / 1e6:8.2f}{wall:9.0f}"
        rows.append(f"{name:18}{numbers}{max(one['peak'] for one in runs) / 2**20:7.0f}")
    return rows


def there(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """The contenders whose packages are installed; the others are named."""
    missing = {name: [module for module in modules if find_spec(module) is None] for name, modules in needs.items()}
    for name, modules in missing.items():
        if modules:
            print(f"{name} is left out: no {' and no '.join(modules)}")
    return [name for name, modules in missing.items() if not modules]


def keep(path: Path | None, found: dict[str, list[Measured]]) -> None:
    """Write every single result into a JSON file, if one is named."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, indent=1), "utf-8")
