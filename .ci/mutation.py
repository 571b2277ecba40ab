"""Change the floors of words, rules and resources in thousands of small ways, and see which changes no test notices.

    python .ci/mutation.py [--sample N] [--seed S] [--max-children N] [NAMES…]

All of them take hours on two cores. With --sample so many are drawn at random from all; the share of them that is
noticed is then that of all, give or take what the table says. What was tried before is not tried again while neither it
nor its tests have changed. `mutmut show NAME` shows a change, `mutmut tests-for-mutant NAME` the tests that should have
noticed it.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Final

from mutmut.stats import status_by_exit_code

ROOT: Final = Path(__file__).parent.parent
MUTANTS: Final = ROOT / "mutants"
LEAST: Final = 0.85
"""The share of all changes that must be noticed."""
FIRST: Final = "walee_async.retry.x_delay_before_retry__mutmut_1"
NOTICED: Final = ("killed", "timeout")
NOT_TRIED: Final = ("not checked", "check was interrupted by user")


def results() -> dict[str, Counter[str]]:
    """What came of the mutants, by package or module of the top level."""
    rooms: dict[str, Counter[str]] = {}
    for path in sorted(MUTANTS.glob("walee_async/**/*.meta")):
        room = path.relative_to(MUTANTS / "walee_async").parts[0].removesuffix(".py.meta")
        codes = json.loads(path.read_bytes())["exit_code_by_key"].values()
        rooms.setdefault(room, Counter()).update(status_by_exit_code[code] for code in codes)
    return rooms


def share(counts: Counter[str]) -> float:
    """How much of what was tried was noticed."""
    tried = sum(counts.values()) - sum(counts[status] for status in NOT_TRIED)
    return sum(counts[status] for status in NOTICED) / tried if tried else 1.0


def report(rooms: dict[str, Counter[str]]) -> float:
    """Print a table, room by room, and return the share of all of them."""
    total: Counter[str] = sum(rooms.values(), Counter())
    print(f"{'room':<12}{'mutants':>9}{'killed':>9}{'timeout':>9}{'not noticed':>13}{'not tried':>11}{'score':>9}")
    for room, counts in [*sorted(rooms.items()), ("all", total)]:
        skipped = sum(counts[status] for status in NOT_TRIED)
        killed, timeout = (counts[status] for status in NOTICED)
        escaped = sum(counts.values()) - skipped - killed - timeout
        row = f"{room:<12}{sum(counts.values()):>9,}{killed:>9,}{timeout:>9,}{escaped:>13,}{skipped:>11,}"
        print(f"{row}{share(counts):>9.1%}")
    return share(total)


def mutmut(*arguments: str) -> int:
    """Run mutmut, and return its exit code."""
    return subprocess.run([sys.executable, "-m", "mutmut", "run", *arguments], check=False, cwd=ROOT).returncode


def drawn(number: int, seed: int) -> list[str]:
    """The names of so many mutants at random; what is drawn depends on the seed and the code alone."""
    metas = [json.loads(path.read_bytes()) for path in sorted(MUTANTS.glob("walee_async/**/*.meta"))]
    names = sorted(name for meta in metas for name in meta["exit_code_by_key"])
    return random.Random(seed).sample(names, min(number, len(names)))


def parsed() -> tuple[argparse.Namespace, list[str]]:
    """What this script is told, and what goes on to mutmut."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    return parser.parse_known_args()


def main() -> int:
    """Run mutmut, and fail when more than is allowed went unnoticed."""
    told, rest = parsed()
    if told.sample is not None:
        mutmut(FIRST)  # which makes all mutants and times all tests
        rest += drawn(told.sample, told.seed)
    ended = mutmut(*rest)
    rooms = results()
    score = report(rooms)
    if told.sample is not None:
        # Of a random sample without the others, the normal approximation: 1.96 standard errors to either side.
        print(f"a sample: of all it is {score:.1%} ± {1.96 * math.sqrt(score * (1 - score) / told.sample):.1%}")
    if ended:
        return ended
    if score < LEAST:
        print(f"{score:.1%} were noticed, at least {LEAST:.0%} must be: `mutmut results` lists the others")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
