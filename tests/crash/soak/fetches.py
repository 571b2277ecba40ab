"""The rounds of a soak that fetch with one process at a time: through signals, restarts, refusals and full disks."""

from __future__ import annotations

import json
import signal
import sys
from collections import Counter
from pathlib import Path

from books import Lines, account_of, differences, lines_of
from process import Ended, Process
from rounds import RATE, SOFT, Round, check_store, prepare, size_of, tidy
from world import TRANSIENT, draw_faults

from walee_async.testing import Mix, Quota

LIVES = Path(__file__).parent.parent / "lives.py"
MOST_LIVES = 40
"""Commands until a list that does not come to its end is a failure."""


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
    ended = this.ended(process, name, (-9, 0, 3, 4))
    if this.world.maker.small and this.dice.random() < 0.3 and size_of(this.folder / "reports.db"):
        # What was under way has no end in the books yet, and has one at the next merge. 5: half a store.
        merging = this.command("merge", "../merged.db", "reports.db", name=f"{name}-merge")
        this.ended(merging, f"merge after {name}", (0, 5))
    return ended


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
        this.tally.merged.append(account_of(store))
    tidy(this)


def lives_round(this: Round) -> None:
    """The library alone, dying at every stage of a run: tests/crash/lives.py through faults that pass."""
    this.count = min(this.count, 100)
    prepare(this, Mix(this.dice.uniform(0, 0.1), TRANSIENT, seed=this.dice.getrandbits(32)))
    this.world.ask("key", this.key, Quota(100_000.0))
    given = [this.world.base_url, this.key, "reports.db", str(this.dice.getrandbits(32)), "0.2", "1000", *this.handles]
    process = Process([sys.executable, str(LIVES), *given], this.folder, this.environment, "lives")
    ended = this.ended(process, "lives.py", (0,))
    if ended.code == 0:
        told = json.loads(ended.out)
        this.tally.counts["SIGKILL"] += told["killed"]
        this.tally.counts["lives"] += told["lives"]
        check_store(this, this.folder / "reports.db")
    tidy(this)
