"""The rounds of a soak: one list each, fetched to its end through faults, signals, restarts and commands beside it."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from pathlib import Path
from random import Random

from books import Lines, account_of, damage, differences, lines_of
from msgspec import Struct
from process import MARK, Ended, Process, marked, wait_for
from world import TRANSIENT, World, draw_faults

from walee_async.testing import Mix, Quota

LIVES = Path(__file__).parent.parent / "lives.py"
RATE = 60.0
"""Requests a second of a fetch; two cores have then something left for all that is beside it."""
QUOTA = Quota(RATE * 1.25, 2.0)
"""A quarter above the rate, over two seconds: the gateway dates a request when it gets to it, so that a machine that
stalls bunches them, and for half a second that is no breach. A list is long enough for a rate that is kept badly."""
MOST_LIVES = 40
"""Commands until a list that does not come to its end is a failure."""
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


def fetch_round(this: Round) -> None:
    """`walee fetch`, killed and told to end at random moments, until the list has come to its end."""
    dice = this.dice
    prepare(this, Mix(dice.uniform(0.02, 0.25), draw_faults(dice), seed=dice.getrandbits(32)))
    view, ordered = dice.choice(["full", "full", "headline"]), ["--ordered"] * (dice.random() < 0.2)
    given = ["fetch", "list.txt", "--out", "reports.jsonl", "--base-url", this.world.base_url, "--view", view]
    given += ["--rate", f"{RATE:g}", "--concurrency", str(dice.choice([4, 16, 64])), "--deadline", "20", *ordered]
    given += ["--resend-ambiguous", str(dice.choice([0, 1, 3]))]
    given += dice.choice([[], [], [], ["--retry-failed", "all"], ["--fresh"]])
    harm = dice.choices(
        [_nothing, _kill, _tell, _leave, _fill, _revoke, _cap], [1, 6, 4, 4, 2, 1, 2], k=dice.randint(1, 4)
    )
    for number in range(MOST_LIVES):
        act = harm[number] if number < len(harm) else _nothing
        before = lines_of(this.folder / "reports.jsonl")
        this.crossed = False
        life = act(this, given, f"life-{number}")
        this.tally.counts["lives"] += 1
        if act in {_nothing, _leave} and life.code in {0, 3}:
            if not this.crossed:
                _check_lines(this, before)
            if number >= len(harm) - 1:
                break
    else:
        this.fault(f"the list did not come to its end in {MOST_LIVES} lives; the last ended with {life.code}")
    if this.world.maker.small:
        this.tally.peaks.append(life.peak)
    _after(this)


def _nothing(this: Round, given: list[str], name: str) -> Ended:
    process = this.command(*given, name=name)
    if this.dice.random() < 0.5:
        _beside(this, process, name)
    return this.ended(process, name, (0, 3, 4))


def _begun(this: Round, process: Process) -> bool:
    """Wait until a fetch has taken charge of its signals, and then for some random time; whether it still runs."""
    out = this.folder / "reports.jsonl"
    before = size_of(out)
    return process.lasts_until(lambda: size_of(out) > before) and process.lasts(this.dice.uniform(0, 3))


def _kill(this: Round, given: list[str], name: str) -> Ended:
    process = this.command(*given, name=name)
    # From its first moment on: also while it imports, opens the store, or reads what is there.
    if process.lasts(this.dice.uniform(0, 5)):
        process.signal(signal.SIGKILL)
        this.tally.counts["SIGKILL"] += 1
    return this.ended(process, name, (-9, 0, 3, 4))


def _tell(this: Round, given: list[str], name: str) -> Ended:
    process = this.command(*given, name=name)
    number = this.dice.choice(list(SOFT))
    if _begun(this, process):
        for _ in range(this.dice.choice([1, 1, 2])):
            process.signal(number)
        this.tally.counts[number.name] += 1
    return this.ended(process, name, (*SOFT[number], 0, 3, 4))


def _leave(this: Round, given: list[str], name: str) -> Ended:
    """The gateway goes away under a fetch, and comes back."""
    process = this.command(*given, name=name)
    if _begun(this, process):
        this.world.ask("restart", this.dice.uniform(0, 1.5))
        this.tally.counts["gateway restarts"] += 1
    return this.ended(process, name, (0, 3, 4))


def _fill(this: Round, given: list[str], name: str) -> Ended:
    """No file may grow past a size, as on a full disk."""
    largest = max(size_of(this.folder / file) for file in ("reports.jsonl", "reports.db", "reports.db-wal"))
    process = this.command(*given, name=name, largest=largest + this.dice.randrange(4096, 400_000))
    this.tally.counts["full disks"] += 1
    return this.ended(process, name, (0, 3, 4, 5, 74))


def _revoke(this: Round, given: list[str], name: str) -> Ended:
    """The key is refused in the middle of a fetch."""
    process = this.command(*given, name=name)
    if _begun(this, process):
        this.world.ask("revoke", this.key, True)
        this.tally.counts["keys refused"] += 1
    ended = this.ended(process, name, (0, 3, 4))
    this.world.ask("revoke", this.key, False)
    return ended


def _cap(this: Round, given: list[str], name: str) -> Ended:
    """A fetch that may buy only so many."""
    before = this.world.ask("seen", this.handles).billed.total()
    most = this.dice.randrange(1, this.count)
    process = this.command(*given, "--max-reports", str(most), name=name)
    if this.dice.random() < 0.3 and _begun(this, process):
        process.signal(signal.SIGKILL)
    ended = this.ended(process, name, (-9, 0, 3, 4, 6))
    bought = this.world.ask("seen", this.handles).billed.total() - before
    if bought > most:
        this.fault(f"{name} might buy {most} reports, and bought {bought}")
    this.tally.counts["budgets"] += 1
    return ended


def _beside(this: Round, fetching: Process, name: str) -> None:
    """Commands on the store while it is written to: those that read go on, those that write are refused."""
    dice = this.dice
    _begun(this, fetching)
    again = ["fetch", "list.txt", "--base-url", this.world.base_url, "--max-reports", "0", "--out"]
    for number in range(dice.randint(1, 2)):
        what, allowed = dice.choice(
            [
                (["status", "reports.db", "--json"], (0,)),
                (["verify", "reports.db"], (0, 3)),
                (["export", "reports.db", f"{name}-{number}.jsonl.gz"], (0,)),
                (["prune", "reports.db", "--older-than", "20d", "--yes"], (0, 5)),
                (["merge", "../merged.db", "reports.db"], (0, 5)),
                ([*again, "reports.jsonl"], (2,)),
                ([*again, "other.jsonl"], (5,)),
            ]
        )
        process = this.command(*what, name=f"{name}-beside-{number}")
        still = fetching.lasts(0)
        if what[0] == "fetch":
            process.lasts_until(lambda: False)
            # Where the other ended first, there is nobody to be refused for.
            allowed = (*allowed, *(() if still and fetching.lasts(0) else (0, 3, 4, 6)))
        ended = this.ended(process, f"{what[0]} beside {name}", allowed)
        this.crossed = this.crossed or (what[-1] == "reports.jsonl" and ended.code != 2)
        this.tally.counts["commands beside"] += 1


def _check_lines(this: Round, before: Lines) -> None:
    """After a fetch that came to its end: one outcome for each handle that had no report."""
    told = lines_of(this.folder / "reports.jsonl", before.end)
    want = Counter(set(this.handles) - set(+before.reports))
    if told.all != want:
        this.fault(f"outcomes too many {dict(told.all - want)}, missing {dict(want - told.all)}")
    this.tally.counts["outcomes"] += told.all.total()


def size_of(path: Path) -> int:
    """The bytes of a file; none where there is none."""
    return path.stat().st_size if path.exists() else 0


def _after(this: Round) -> None:
    """All that must hold once the list has come to its end."""
    store, handles = this.folder / "reports.db", this.handles
    told = lines_of(this.folder / "reports.jsonl")
    twice = [handle for handle, times in told.reports.items() if times > 1]
    for text in (*told.wrong, *(f"{handle}: written twice" for handle in twice)):
        this.fault(text)
    if told.all.keys() != set(handles):
        this.fault(f"of {len(handles)} handles {len(told.all)} have an outcome")
    check_store(this, store)
    for command in (["verify", "reports.db"], ["prune", "reports.db", "--older-than", "20d", "--yes"]):
        this.ended(this.command(*command, name=command[0]), command[0], (0, 3))
    pruned = differences(account_of(store), this.world.ask("seen", handles), pruned=True)
    for text in pruned:
        this.fault(f"after pruning, {text}")
    if this.world.maker.small:
        this.ended(this.command("merge", "../merged.db", "reports.db", name="merge"), "merge", (0,))
    tidy(this)


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


def lives_round(this: Round) -> None:
    """The library alone, dying at every stage of a run: tests/crash/lives.py through faults that pass."""
    this.count = min(this.count, 100)
    prepare(this, Mix(this.dice.uniform(0, 0.1), TRANSIENT, seed=this.dice.getrandbits(32)))
    this.world.ask("key", this.key, Quota(100_000.0))
    given = [this.world.base_url, this.key, "reports.db", str(this.dice.getrandbits(32)), "0.3", *this.handles]
    process = Process([sys.executable, str(LIVES), *given], this.folder, this.environment, "lives")
    ended = this.ended(process, "lives.py", (0,))
    if ended.code == 0:
        told = json.loads(ended.out)
        this.tally.counts["SIGKILL"] += told["killed"]
        this.tally.counts["lives"] += told["lives"]
        check_store(this, this.folder / "reports.db")
    tidy(this)


Kind = Callable[[Round], None]
