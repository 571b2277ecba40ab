"""Runs the benchmarks that compare, and prints what each promise of speed comes to beside what was set out for it.

Writes every single result as JSON, and the CPU of fetching a report as a drawing.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from _plot import bars
from _runner import Measured, median

HERE = Path(__file__).parent
Found = dict[str, dict[str, list[Measured]]]
"""Of each script, of each contender, every result."""
GOALS = (
    ("fetch, whole report", "fetch", "walee", "aiohttp_msgspec", 0.70),
    ("fetch, small view", "fetch", "walee_view", "aiohttp_msgspec", 0.50),
    ("fetch, kept in a store", "fetch", "walee_store", "aiohttp_msgspec", 0.90),
    ("fetch, whole report", "fetch", "walee", "httpx_pydantic", 0.20),
    ("decode, whole report", "decode", "walee", "pydantic", 0.20),
    ("decode, whole report", "decode", "walee", "orjson", 0.80),
    ("decode, small view", "decode", "walee_view", "orjson", 0.35),
    ("score a store again", "rescore", "again 1", "script", 0.25),
)
"""What is done, by which script, who does it, who does it otherwise, and the CPU it may take as a part of theirs."""
LABELS = {
    "walee_view": "walee_async, small view",
    "walee": "walee_async",
    "walee_store": "walee_async with a store",
    "aiohttp_msgspec": "aiohttp + msgspec",
    "aiohttp_json": "aiohttp + json",
    "httpx_pydantic": "httpx + pydantic",
    "pyreqwest_msgspec": "pyreqwest + msgspec",
    "niquests_msgspec": "niquests + msgspec",
    "curl_cffi_msgspec": "curl_cffi + msgspec",
}


def run(script: str, folder: Path, options: list[str]) -> dict[str, list[Measured]]:
    """Run one script, let it print its table, and return what it wrote."""
    print(f"\n{script}.py")
    sys.stdout.flush()
    file = folder / f"{script}.json"
    subprocess.run([sys.executable, str(HERE / f"{script}.py"), "--json", str(file), *options], check=True)
    found: dict[str, list[Measured]] = json.loads(file.read_text("utf-8"))
    return found


def verdicts(found: Found) -> Iterator[str]:
    """One row a promise."""
    yield f"{'':26}{'CPU as a part of':>20}{'measured':>10}{'at most':>9}"
    for what, script, ours, theirs, most in GOALS:
        runs = found[script]
        if ours in runs and theirs in runs:
            ratio = median(runs[ours]) / median(runs[theirs])
            yield f"{what:26}{theirs:>20}{ratio:10.2f}{most:9.2f}  {'' if ratio <= most else 'not met'}".rstrip()
    again = found["rescore"]
    two = median(again["again 1"], "wall") / median(again["again 2"], "wall")
    first = median(again["first 1"], "wall") / median(again["first 2"], "wall")
    yield f"Two processes score {first:.2f} times as fast as one the first time, {two:.2f} times again; 1.8 asked for."


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--reports", type=int, default=2000, help="to fetch; the others take as much of them")
    parser.add_argument("--folder", type=Path, default=Path("bench-results"), help="for the JSON and the drawing")
    given = parser.parse_args()
    repeats, reports = ["--repeats", str(given.repeats)], str(given.reports)
    found = {
        "fetch": run("fetch", given.folder, [*repeats, "--reports", reports]),
        "decode": run("decode", given.folder, [*repeats, "--rounds", str(max(1, given.reports // 400))]),
        "rescore": run("rescore", given.folder, ["--repeats", "3", "--reports", str(20 * given.reports)]),
    }
    costs = {LABELS[name]: median(runs) * 1e6 for name, runs in found["fetch"].items()}
    drawing = bars("CPU of fetching and decoding a report, in microseconds", costs, own="walee_async")
    (given.folder / "fetch.svg").write_text(drawing, "utf-8")
    packages = ", ".join(f"{name} {version(name)}" for name in ("walee-async", "aiohttp", "msgspec"))
    print(f"\nCPython {platform.python_version()} on {platform.machine()}, {packages}", *verdicts(found), sep="\n")
    print(f"Every result and fetch.svg are in {given.folder}.")


if __name__ == "__main__":
    main()
