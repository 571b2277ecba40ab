"""The turns of gates and the accounts of budgets, kept in the scheduler's memory: pure rules, no clock of their own.

They answer as redis/gate.lua and redis/budget.lua do, whose heads say what is asked and what is returned. What those do
about a server that forgets, or whose clock is set back, is not needed: the workers of a scheduler end with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MEMBER: Final = 10e6
"""Microseconds without an answer after which a process is taken for dead, and its share given to the others."""
SILENT: Final = 1e6
"""Microseconds without an answer after which the turns of a process are left to it: see `shared/standing.py`."""


class GateBook:
    """What is known of one gate. Times are microseconds of the scheduler's clock."""

    def __init__(self) -> None:
        self.tat = self.pause = self.pace = self.cut = self.changed = 0.0
        """The first turn that is free, the end of the pause, the last cut and its time, when the members changed."""
        self.members: dict[str, float] = {}
        """Who shares it, by the time of the last answer each has received."""

    def answer(self, now: float, asked: Sequence[Any]) -> list[Any]:
        """Reserve turns, take note of pauses and cuts, and tell of those of others."""
        me = asked[0]
        valid, wanted, step, burst, early, patience, seen, tat, pause, cut, knew = map(float, asked[1:12])
        if 0 < valid < now:
            return [now]  # its asker waits no more
        self.tat, self.pause = max(self.tat, tat), max(self.pause, pause)
        if cut > 0:
            self.pace, self.cut = cut, now
        self._count(me, now, seen, leaves=wanted < 0)
        heard = sum(at >= now - SILENT for at in self.members.values())
        step *= max(1, len(self.members)) / max(1, heard)
        turns: list[float] = []
        late = 0
        if wanted > 0 and self.pause <= now:
            first = max(now + early, self.tat - (burst - 1) * step)
            late = int(0 <= patience < first - now)
            turns = [first] if late else self._reserve(int(wanted), now + early, step, (burst - 1) * step)
        names = sorted(self.members) if self.changed != knew else []
        return [now, self.tat, self.pause, self.pace, self.cut, self.changed, late, turns, names]

    def _count(self, me: str, now: float, seen: float, *, leaves: bool) -> None:
        before = set(self.members)
        self.members = {name: at for name, at in self.members.items() if at >= now - MEMBER}
        if leaves:
            self.members.pop(me, None)
        else:
            self.members[me] = min(now, max(seen, now - MEMBER)) if seen > 0 else now
        if set(self.members) != before:
            self.changed = now

    def _reserve(self, wanted: int, earliest: float, step: float, spread: float) -> list[float]:
        turns = []
        for _ in range(wanted):
            turn = max(earliest, self.tat - spread)
            self.tat = max(self.tat, turn) + step
            turns.append(turn)
        return turns


class BudgetBook:
    """One budget: what was bought from it, and what is set aside."""

    def __init__(self) -> None:
        self.spent = 0
        self.aside: dict[str, tuple[float, str]] = {}
        """Reports that are set aside: when their worker is taken for dead at the latest, and its address."""

    def bury(self, who: str) -> None:
        """A worker has gone: what it had set aside is waited for no more, and stays spent."""
        self.aside = {name: (0.0 if one == who else until, one) for name, (until, one) in self.aside.items()}

    def answer(self, now: float, who: str, asked: Sequence[Any]) -> list[Any]:
        """Set a report aside, or say what became of reports set aside earlier."""
        cap, gone, place = float(asked[0]), float(asked[1]), asked[7]
        told = iter(asked[8:])
        for name, bought in zip(told, told, strict=True):
            if self.aside.pop(name, None) is not None:
                self.spent += int(bought)
        said = 1
        if place and place not in self.aside:
            if cap < 0 or self.spent + len(self.aside) < cap:
                self.aside[place] = now + gone, who
            else:
                said = 0 if any(until >= now for until, _ in self.aside.values()) else -1
        return [said, self.spent, len(self.aside), "scheduler", 0]
