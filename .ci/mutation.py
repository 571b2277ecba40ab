"""Change the floors of words, rules and resources in thousands of small ways, and see which changes no test notices.

    python .ci/mutation.py [--max-children N] [NAMES…]

What was tried before is not tried again while neither it nor its tests have changed. `mutmut show NAME` shows a change,
`mutmut tests-for-mutant NAME` the tests that should have noticed it.
"""

from __future__ import annotations

import json
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


def main(arguments: list[str]) -> int:
    """Run mutmut, and fail when more than is allowed went unnoticed."""
    ended = subprocess.run([sys.executable, "-m", "mutmut", "run", *arguments], check=False, cwd=ROOT).returncode
    score = report(results())
    if ended:
        return ended
    if score < LEAST:
        print(f"{score:.1%} were noticed, at least {LEAST:.0%} must be: `mutmut results` lists the others")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
