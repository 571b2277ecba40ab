"""Runs fetches for an hour against a gateway that misbehaves, kills them, and holds every store against its books.

Linux only. `python tests/crash/soak/soak.py --minutes 60`, or `nox -s soak -- --minutes 60`. A line for each round on
standard error, a table at the end on standard output. The exit code is 1 when something did not hold; the folder is
then kept, and named. The same seed makes the same rounds; when a signal falls, the machine decides.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from shutil import rmtree

from process import descriptors, marked, memory
from rounds import KINDS, Round, Tally
from world import World

from walee_async.testing import Maker

CREATORS = 10_000_000
"""More than an hour can ask for; each is made up when it is asked for."""
RESERVED = 1000
"""The first so many are the services'."""
GROWTH = 1.15
"""How much more memory the last third of the fetches may take than the first; measured: within a twentieth."""


class Soak:
    """One soak: its gateways, its services, its rounds."""

    def __init__(self, arguments: argparse.Namespace, folder: Path, stack: ExitStack) -> None:
        self.dice = Random(arguments.seed)
        self.folder = folder
        self.until = time.monotonic() + arguments.minutes * 60
        self.handles = arguments.handles
        self.tally = Tally()
        self.mark = f"{arguments.seed:08d}{time.time_ns() % 10**10:010d}"
        created = datetime.now(UTC) - timedelta(days=30)
        makers = [Maker(arguments.seed + 1, creators=CREATORS, small=True, created=created)]
        makers += [Maker(arguments.seed + 2, creators=CREATORS, created=created)]
        self.worlds = [World(maker) for maker in makers]
        for world in self.worlds:
            stack.callback(world.close)
        self._next = RESERVED

    def run(self) -> None:
        """Rounds until the time is over; at least one."""
        number = 0
        while number == 0 or time.monotonic() < self.until:
            number += 1
            self.round(number)

    def round(self, number: int) -> None:
        """One round of a kind that the dice choose."""
        dice = Random(f"{self.dice.random()}/{number}")
        kinds, weights = zip(*KINDS, strict=True)
        (kind,) = dice.choices(kinds, weights)
        count = self.handles or dice.randint(150, 400)
        this = Round(
            number=number,
            dice=dice,
            world=self.worlds[dice.random() < 0.2],
            first=self._next,
            count=count,
            folder=self.folder / f"round-{number:04d}",
            mark=self.mark,
            tally=self.tally,
        )
        self._next += count
        before, began = len(self.tally.wrong), time.monotonic()
        try:
            kind(this)
        except Exception as error:  # noqa: BLE001 - a soak goes on, and tells of it at the end
            this.fault(f"{type(error).__name__}: {error}")
        wrong = self.tally.wrong[before:]
        if not wrong:
            rmtree(this.folder)
        self.tell(f"round {number} {kind.__name__} {count} handles {time.monotonic() - began:.1f} s", wrong)

    def tell(self, what: str, wrong: list[str]) -> None:
        """One line, and one for each thing that does not hold."""
        sys.stderr.write(f"{what}: {'all holds' if not wrong else f'{len(wrong)} do not hold'}\n")
        for text in wrong[:10]:
            sys.stderr.write(f"  {text}\n")
        sys.stderr.flush()

    def end(self) -> None:
        """What must hold of the whole."""
        peaks = self.tally.peaks
        third = len(peaks) // 3
        if third >= 3 and statistics.median(peaks[-third:]) > GROWTH * statistics.median(peaks[:third]):
            self.tally.wrong.append("the fetches take more and more memory")
        for pid, line in marked(self.mark).items():
            self.tally.wrong.append(f"process {pid} is still there: {line}")


def table(tally: Tally, seconds: float, rounds: int) -> Iterator[str]:
    """The summary, a row for each count."""
    yield f"{'rounds':28}{rounds:>12,}"
    yield f"{'minutes':28}{seconds / 60:>12.1f}"
    for name, count in tally.counts.items():
        yield f"{name:28}{count:>12,}"
    yield f"{'exit codes':28}{', '.join(f'{code}: {count:,}' for code, count in sorted(tally.codes.items()))}"
    yield f"{'faults':28}{', '.join(f'{name} {count:,}' for name, count in tally.faults.most_common())}"
    yield f"{'does not hold':28}{len(tally.wrong):>12,}"


def main() -> int:
    """Soak, and tell what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=None, help="the same rounds again")
    parser.add_argument("--handles", type=int, default=0, help="the length of every list; 0 draws it")
    arguments = parser.parse_args()
    if arguments.seed is None:
        arguments.seed = Random().randrange(10**8)
    sys.stderr.write(f"seed {arguments.seed}\n")
    folder = Path(tempfile.mkdtemp(prefix="walee-soak-"))
    began = time.monotonic()
    with ExitStack() as stack:
        soak = Soak(arguments, folder, stack)
        soak.run()
        soak.end()
    tally = soak.tally
    print(*table(tally, time.monotonic() - began, 0), sep="\n")
    if tally.wrong:
        print(f"kept in {folder}", *tally.wrong[:50], sep="\n")
        return 1
    rmtree(folder)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
