"""What the rounds of a soak have in common: one list each to be fetched, and what must hold when it has been."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from random import Random

from books import Account, account_of, damage, differences
from msgspec import Struct
from process import MARK, Ended, Process, marked, wait_for
from world import World

from walee_async.testing import Mix, Quota

RATE = 60.0
"""Requests a second of a fetch; two cores have then something left for all that is beside it."""
QUOTA = Quota(RATE * 1.25, 2.0)
"""A quarter above the rate, over two seconds: the gateway dates a request when it gets to it, so that a machine that
stalls bunches them, and for half a second that is no breach. A list is long enough for a rate that is kept badly."""
LEFT = {"reports.db", "reports.db.lock", "reports.db.reserve", "reports.db-wal", "reports.db-shm", "reports.db.views"}
LEFT |= {"list.txt", "reports.jsonl", "other.jsonl", "tmp"}
SOFT = {signal.SIGINT: (130, -2), signal.SIGTERM: (143, -15), signal.SIGHUP: (129, -1)}
"""The codes that a process may end with after a signal: its own, or the system's before it has taken charge."""


class Tally(Struct):
    """What the soak has done and seen."""

    counts: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    codes: Counter[int] = Counter()
    peaks: list[int] = []
    """The most memory of each fetch of small reports that came to its end, in order."""
    merged: list[Account] = []
    """The books of each store at its last merge."""
    wrong: list[str] = []


class Round(Struct, kw_only=True):
    """One list to be fetched, and where."""

    number: int
    dice: Random
    world: World
    first: int
    """The index of the first creator of the list."""
    count: int
    folder: Path
    mark: str
    tally: Tally
    crossed: bool = False
    """Whether a second fetch came in when the first had just ended, and went on where it was."""

    @property
    def handles(self) -> list[str]:
        """The list."""
        return [self.world.maker.handle(index) for index in range(self.first, self.first + self.count)]

    @property
    def key(self) -> str:
        """The key of this round alone."""
        return f"wk_soak_{self.number:04d}_{self.mark}_{self.first:08d}"

    @property
    def environment(self) -> dict[str, str]:
        """What every process of it has."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("WALEE_")}
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        own = {"WALEE_API_KEY": self.key, MARK: self.mark, "COLUMNS": "100", "TMPDIR": str(temporary)}
        return {**clean, **own, "PYTHONWARNINGS": "error"}

    def fault(self, text: str) -> None:
        """Note that something does not hold."""
        self.tally.wrong.append(f"round {self.number}: {text}")

    def command(self, *arguments: str, name: str, largest: int | None = None) -> Process:
        """Start `walee` with these arguments."""
        line = [sys.executable, "-m", "walee_async", *arguments]
        return Process(line, self.folder, self.environment, name, largest)

    def ended(self, process: Process, name: str, allowed: Sequence[int]) -> Ended:
        """Wait for a process, and hold its end against what it may be."""
        ended = process.end()
        self.tally.codes[ended.code] += 1
        if ended.code not in allowed:
            self.fault(f"{name} ended with {ended.code}, not {list(allowed)}: {ended.err[-600:]}")
        if "Traceback" in ended.err:
            self.fault(f"{name} wrote a traceback: {ended.err[-1500:]}")
        return ended


def prepare(this: Round, mix: Mix) -> None:
    """Open the account, make the weather, write the list as people do."""
    this.folder.mkdir(parents=True)
    this.world.ask("key", this.key, QUOTA)
    this.world.ask("sky", this.handles, mix)
    listed = [this.dice.choice(["{}", "@{}", "https://www.tiktok.com/@{}", " {} "]).format(h) for h in this.handles]
    listed += this.dice.sample(listed, 5)
    this.dice.shuffle(listed)
    (this.folder / "list.txt").write_text("\n".join(listed), "utf-8")


def size_of(path: Path) -> int:
    """The bytes of a file; none where there is none."""
    return path.stat().st_size if path.exists() else 0


def check_store(this: Round, store: Path) -> None:
    """The store's books against the gateway's, its reports against what was sent, the key's quota."""
    handles = this.handles
    if not wait_for(lambda: this.world.ask("seen", []).connections == 0, 10.0):
        this.fault("connections are open at the gateway, and nobody is left")
    seen, told = this.world.ask("seen", handles), account_of(store)
    for text in (*differences(told, seen), *damage(store, handles, seen, this.world.maker, this.first)):
        this.fault(text)
    if breaches := this.world.ask("forget", this.key):
        this.fault(f"{breaches} requests over the quota")
    for faults in seen.met.values():
        this.tally.faults.update(type(fault).__name__ for fault in faults)
    counts = this.tally.counts
    counts["handles"] += len(handles)
    counts["requests"] += seen.requests.total()
    counts["billed at the gateway"] += seen.billed.total()
    counts["kept in the stores"] += told.kept.total()
    counts["in doubt in the books"] += told.doubts.total()
    counts["billed and not kept"] += seen.billed.total() - told.kept.total()


def tidy(this: Round, more: Set[str] = frozenset()) -> None:
    """Nothing is left behind: no process, no file but the known ones and these, and the key nowhere."""
    for found in _left(this, LEFT | more):
        this.fault(found)


def _left(this: Round, known: Set[str]) -> Iterator[str]:
    for pid, line in marked(this.mark, this.key).items():
        yield f"process {pid} is still there: {line}"
    secret = this.key.encode()
    for path in sorted(this.folder.rglob("*")):
        if path.is_file() and secret in path.read_bytes():
            yield f"the key is in {path.name}"
    for path in this.folder.iterdir():
        if path.name not in known and path.suffix not in {".out", ".err", ".gz"}:
            yield f"{path.name} was left"
    for path in (this.folder / "tmp").iterdir():
        if path.name != "dask-scratch-space":  # which Dask makes for all clusters of a machine, and leaves
            yield f"{path.name} was left among the temporary files"
