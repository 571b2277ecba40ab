"""The rounds of a soak that go over a Dask cluster of two worker processes, which die or are told to end."""

from __future__ import annotations

import signal
from pathlib import Path

from books import lines_of
from process import Process, marked, wait_for
from rounds import SOFT, Round, check_store, prepare, size_of, tidy
from world import COSTLY, SPOILT, TRANSIENT

from walee_async.testing import Code, Mix

MOST_LIVES = 12


def cluster_round(this: Round) -> None:
    """`walee fetch --scheduler local`: a worker is killed, or all of it, until the list has come to its end."""
    dice = this.dice
    faults = (*TRANSIENT, *TRANSIENT, *COSTLY, *SPOILT, Code("account_not_found"))
    prepare(this, Mix(dice.uniform(0.02, 0.15), faults, seed=dice.getrandbits(32)))
    given = ["fetch", "list.txt", "--scheduler", "local", "--workers", "2", "--out", "out", "--rate", "50"]
    given += ["--base-url", this.world.base_url, "--deadline", "20", "--concurrency", "16"]
    harm = dice.choices(["nothing", "worker", "SIGKILL", "SIGINT", "SIGTERM"], k=dice.randint(1, 3))
    for number in range(MOST_LIVES):
        act, name = harm[number] if number < len(harm) else "nothing", f"life-{number}"
        process = this.command(*given, name=name)
        harmed = act != "nothing" and _harm(this, process, act)
        allowed = (0, 3, *((-9,) if act == "SIGKILL" else SOFT.get(getattr(signal, act, None), ()) if harmed else ()))
        code = this.ended(process, f"{name} ({act})", allowed).code
        if not _gone(this):
            this.fault(f"after {name} ({act}, exit code {code}) are still there: {_others(this)}")
            for pid in _others(this):
                process.send(pid, signal.SIGKILL)
        this.tally.counts["lives on a cluster"] += 1
        if code in {0, 3} and number >= len(harm) - 1:
            break
    else:
        this.fault(f"the list did not come to its end in {MOST_LIVES} lives on a cluster")
    told = lines_of(this.folder / "out" / "outcomes.jsonl")
    if told.all.keys() != set(this.handles):
        this.fault(f"of {this.count} handles {len(told.all)} have an outcome on the cluster")
    check_store(this, this.folder / "out" / "reports.db")
    tidy(this, {"out"})


def _harm(this: Round, process: Process, act: str) -> bool:
    """Wait until outcomes come, and then some; do it, and say whether it still ran."""
    outcomes = this.folder / "out" / "outcomes.jsonl"
    before = size_of(outcomes)
    if not process.lasts_until(lambda: size_of(outcomes) > before) or not process.lasts(this.dice.uniform(0, 3)):
        return False
    if act != "worker":
        process.signal(getattr(signal, act))
    elif workers := [pid for pid, line in _others(this).items() if "spawn_main" in line and _has_store(pid)]:
        process.send(this.dice.choice(workers), signal.SIGKILL)
    this.tally.counts["workers killed" if act == "worker" else act] += 1
    return True


def _others(this: Round) -> dict[int, str]:
    return marked(this.mark, this.key)


def _has_store(pid: int) -> bool:
    """Whether a process has a shard open, so that it is a worker."""
    try:
        return any(".db" in str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def _gone(this: Round) -> bool:
    """Whether all that a cluster started has ended; workers whose nanny was killed take a while to notice."""
    return wait_for(lambda: not _others(this), 30.0)
