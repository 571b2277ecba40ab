"""Fetches for an hour from a gateway that misbehaves, kills what fetches, and holds every store against the books.

`nox -s soak -- --minutes 60`; Linux only. There is a line for each round on standard error, a table at the end on
standard output. The exit code is 1 when something did not hold; the folder of that round is then kept, and named. The
same seed draws the same rounds; at which moment a signal falls, the machine has its part in.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from random import Random
from shutil import rmtree

from books import Account, account_of, added
from clusters import cluster_round
from fetches import fetch_round, lives_round
from process import Process, descriptors, marked
from rounds import Round, Tally
from services import Services
from world import World

from walee_async.testing import Maker

sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))
from _redis import RedisServer, find

CREATORS = 10_000_000
"""More than an hour can ask for; each is made up when it is asked for."""
FULL = 0.2
"""The share of rounds with reports of 90 KB; the others have 1 KB, for more requests in the same time."""
GROWTH = 1.15
"""How much more memory the last third of the fetches may take than the first."""
AGE = timedelta(days=30)
"""Of every report: young enough to be reused, old enough to be pruned."""


class Soak:
    """Its gateways, its services, its rounds."""

    def __init__(self, arguments: argparse.Namespace, folder: Path, stack: ExitStack) -> None:
        self.tally = Tally()
        self.rounds = 0
        self._seed: int = arguments.seed
        self._until = time.monotonic() + arguments.minutes * 60
        self._handles: int = arguments.handles
        self._folder = folder
        self._mark = f"{arguments.seed:08d}_{time.time_ns() % 10**9:09d}"
        self._next = 0
        # One for each kind of rounds, so that what each leaves open is seen, and one for the services.
        self._worlds = [stack.enter_context(World(maker)) for maker in self._makers()]
        redis = find()
        address = stack.enter_context(RedisServer(redis)).url if redis and find_spec("redis") else None
        self.services = Services(self._worlds[2], folder, self._mark, address, Random(self._seed))
        kinds: dict[str, tuple[Callable[[Round], None], int]] = {"fetch": (fetch_round, 12), "lives": (lives_round, 2)}
        if find_spec("distributed"):
            kinds["cluster"] = cluster_round, 1
        self._kinds = [kinds[arguments.only]] if arguments.only else list(kinds.values())

    def _makers(self) -> Iterator[Maker]:
        created = datetime.now(UTC) - AGE
        for number, small in enumerate((True, False, True)):
            yield Maker(self._seed + number, creators=CREATORS, small=small, created=created)

    def run(self) -> None:
        """Rounds until the time is over; at least one."""
        while not self.rounds or time.monotonic() < self._until:
            self.rounds += 1
            self._round(self.rounds)
        self._end()

    def _round(self, number: int) -> None:
        dice = Random(f"{self._seed}/{number}")
        kinds, weights = zip(*self._kinds, strict=True)
        (kind,) = dice.choices(kinds, weights)
        count = self._handles or dice.randint(150, 400)
        this = Round(
            number=number,
            dice=dice,
            world=self._worlds[dice.random() < FULL],
            first=self._next,
            count=count,
            folder=self._folder / f"round-{number:04d}",
            mark=self._mark,
            tally=self.tally,
        )
        self._next += count
        before, began = len(self.tally.wrong), time.monotonic()
        try:
            kind(this)
        except Exception as error:  # noqa: BLE001 - a soak goes on, and tells of it at the end
            this.fault(f"{type(error).__name__}: {error}")
        if len(self.tally.wrong) == before:
            rmtree(this.folder)
        self.tally.wrong += self.services.tick(self.tally)
        self.tally.counts[kind.__name__.replace("_", " ") + "s"] += 1
        took = time.monotonic() - began
        self._tell(f"round {number}, {kind.__name__} of {count} handles, {took:.1f} s", self.tally.wrong[before:])

    def _tell(self, what: str, wrong: list[str]) -> None:
        """One line, and one for each thing that does not hold."""
        sys.stderr.write(f"{what}: {f'{len(wrong)} do not hold' if wrong else 'all holds'}\n")
        sys.stderr.writelines(f"  {text}\n" for text in wrong[:10])
        sys.stderr.flush()

    def _end(self) -> None:
        wrong = self.tally.wrong
        before = len(wrong)
        wrong += self.services.end(self.tally)
        first, last = self.memory()
        if last > GROWTH * first:
            wrong.append(f"the fetches take more and more memory: {first:,}, then {last:,} bytes")
        wrong += self._merged()
        for world in self._worlds:
            if world.grown():
                wrong.append(f"a gateway has {descriptors(world.pid):,} files open")
        wrong += [f"process {pid} is still there: {line}" for pid, line in marked(self._mark).items()]
        self._tell("the end", wrong[before:])

    def _merged(self) -> Iterator[str]:
        """Where the store that all others were merged into tells another story than they do together."""
        if not self.tally.merged:
            return
        told, whole = account_of(self._folder / "merged.db"), added(self.tally.merged)
        for name in Account.__struct_fields__:
            there, merged = getattr(whole, name), getattr(told, name)
            # What was pruned after an early merge is still in the other store.
            if +(there - merged) or (name != "kept" and +(merged - there)):
                yield f"merged.db has other {name}: {+(there - merged)} missing, {+(merged - there)} too many"

    def clear(self) -> None:
        """Leave no process behind, also where the soak was broken off."""
        for pid in marked(self._mark):
            Process.send(pid, signal.SIGKILL)

    def memory(self) -> tuple[float, float]:
        """The median peak of the fetches of small reports, of the first third and of the last; bytes."""
        peaks = self.tally.peaks
        third = max(1, len(peaks) // 3)
        return (statistics.median(peaks[:third]), statistics.median(peaks[-third:])) if peaks else (0.0, 0.0)


def table(soak: Soak, seed: int, seconds: float) -> Iterator[str]:
    """The summary, a row for each count."""
    tally = soak.tally
    first, last = soak.memory()
    rows = {"seed": f"{seed}", "minutes": f"{seconds / 60:.1f}", "rounds": f"{soak.rounds:,}"}
    rows |= {name: f"{count:,}" for name, count in sorted(tally.counts.items())}
    rows["exit codes"] = ", ".join(f"{code}: {count:,}" for code, count in sorted(tally.codes.items()))
    rows["faults met"] = ", ".join(f"{name} {count:,}" for name, count in tally.faults.most_common())
    rows["peak of a fetch, MiB"] = f"{first / 2**20:.1f} in the first third, {last / 2**20:.1f} in the last"
    rows["memory of services, MiB"] = ", ".join(service.grown for service in soak.services.all)
    rows["does not hold"] = f"{len(tally.wrong):,}"
    for name, value in rows.items():
        yield f"{name:26}{value}"


def main() -> int:
    """Soak, and tell what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=Random().randrange(10**8), help="the same rounds again")
    parser.add_argument("--handles", type=int, default=0, help="the length of every list; left out, it is drawn")
    parser.add_argument("--only", choices=["fetch", "lives", "cluster"], help="one kind of rounds")
    arguments = parser.parse_args()
    sys.stderr.write(f"seed {arguments.seed}\n")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder, began = Path(tempfile.mkdtemp(prefix="walee-soak-")), time.monotonic()
    with ExitStack() as stack:
        soak = Soak(arguments, folder, stack)
        stack.callback(soak.clear)
        soak.run()
    for row in table(soak, arguments.seed, time.monotonic() - began):
        sys.stdout.write(f"{row}\n")
    if wrong := soak.tally.wrong:
        sys.stdout.write(f"\nWhat does not hold; what there is of it is kept in {folder}:\n")
        sys.stdout.writelines(f"  {text}\n" for text in wrong)
        return 1
    rmtree(folder)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
