"""What scoring a store costs: reports a second and CPU a report, with one process and with several, against a script.

The script is what people write: every body out of SQLite, gunzipped, `json.loads`, and the fields that scoring reads.
`first` finds no views beside the store, makes them from the bodies and keeps them, as after a purchase; `again` finds
them, as while somebody tunes a brief. Each contender runs in a process of its own, in turn with the others; CPU is that
of the process and of those it started. The store holds full-sized made-up reports; --distinct of them, under as many
handles as there are.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

from _runner import Measured, clocked, dump, in_turn, keep, median
from _server import SEED, answers, packed

from walee_async import Brief, rescore
from walee_async.outcomes import Attempt, Charge, Payload
from walee_async.store import Store
from walee_async.testing.maker import Maker

BRIEF = {"countries": ["US"], "genders": ["FEMALE"], "ages": ["18-34"]}
CONTENDERS = ("first 1", "again 1", "first 2", "again 2", "script")
"""The numbers are processes. What is there again is what the one before it has kept."""


async def fill(path: Path, reports: int, distinct: int) -> None:
    """Make a store."""
    maker = Maker(SEED, creators=reports)
    bodies = [packed(body) for body in answers(min(distinct, reports))]
    async with Store.open(path) as store:
        for start in range(0, reports, 64):
            settled = []
            for index in range(start, min(start + 64, reports)):
                handle, body = maker.handle(index), bodies[index % len(bodies)]
                payload = Payload(handle=handle, body=body, encoding="gzip", received_at=time.time())
                billed = Attempt(handle=handle, number=1, key="key 1", charge=Charge.BILLED)
                settled.append(store.settle(store.intend(handle, 1, "key 1"), billed, payload))
            await asyncio.gather(*settled)


def walee(path: str, jobs: int) -> int:
    """This package."""
    return sum(1 for _ in rescore(path, Brief.make(**BRIEF), jobs=jobs))


def script(path: str) -> int:
    """A plain script that reads the same fields."""
    done = 0
    for (body,) in sqlite3.connect(path).execute("SELECT body FROM reports JOIN bodies USING (id)"):
        read(json.loads(gzip.decompress(body))["payload"])
        done += 1
    return done


def read(report: dict[str, Any]) -> list[Any]:
    """The fields of a report that scoring reads."""
    profile, info = report["user_profile"], report["report_info"]
    data = report["audience_followers"].get("data") or {}
    fields = [info["created"], report.get("cqs"), report["extra"]]
    names = "user_id username followers engagement_rate avg_likes avg_comments avg_views avg_posts4w is_hidden".split()
    fields += [profile.get(name) for name in names]
    fields += [(month["month"], month["followers"], month.get("avg_likes")) for month in profile["stat_history"]]
    fields += [(post["created"], post["stat"]["views"]) for post in profile.get("recent_posts", [])]
    tables = "reachability genders ages languages".split()
    fields += [(row["code"], row["weight"]) for name in tables for row in data.get(f"audience_{name}", [])]
    fields += [(row["code"], row["male"], row["female"]) for row in data.get("audience_genders_per_age", [])]
    fields += [(row["code"], row["weight"]) for row in data.get("audience_geo", {}).get("countries", [])]
    return fields


def measure(name: str, path: str) -> Measured:
    """Run one contender in this process."""
    kind, _, jobs = name.partition(" ")
    if kind == "first":
        Path(f"{path}.views").unlink(missing_ok=True)
    return clocked(lambda: walee(path, int(jobs)) if jobs else script(path))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--reports", type=int, default=40_000)
    parser.add_argument("--distinct", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single result there")
    parser.add_argument("--measure", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--store", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        dump(measure(given.measure, given.store))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reports.db"
        asyncio.run(fill(path, given.reports, given.distinct))
        found = in_turn(__file__, CONTENDERS, given.repeats, ["--store", str(path)])
    print(f"{given.reports:,} stored reports, {given.repeats} times")
    print(f"{'contender':12}{'reports/s':>11}{'CPU µs':>9}{'CPU ratio':>11}")
    for name, runs in found.items():
        wall, used = median(runs, "wall"), median(runs)
        print(f"{name:12}{1 / wall:11,.0f}{used * 1e6:9.0f}{median(found['script']) / used:11.2f}")
    keep(given.json, found)


if __name__ == "__main__":
    main()
