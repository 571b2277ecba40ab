"""The progress of a run: a bar where lines can be redrawn, else one plain line every ten seconds."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Protocol

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from walee_async.cli.kinds import by_kind
from walee_async.cli.text import duration, plural

if TYPE_CHECKING:
    from rich.console import RenderableType

    from walee_async.cli.runner import Running
    from walee_async.cli.screen import Screen
    from walee_async.progress import Progress

FRAME: Final = 0.1
"""Seconds between two drawings of the bar."""
LINE: Final = 10.0
"""Seconds between two plain lines."""
SETTLED: Final = 3.0
"""Seconds before a time left is worth telling."""


class Beat(Protocol):
    """How fast a run goes, and what holds it up."""

    async def hold(self, seconds: float) -> None:
        """Let nothing be sent for so long, and wait until all that was sent is answered."""

    def speed(self, rate: float) -> str:
        """The rate, against the limit that holds now."""
        ...

    def pause(self) -> str:
        """Who waits and why; empty when nobody does."""
        ...


class Bar:
    """Shows a run for the length of `watch`, which ends when it is cancelled."""

    def __init__(self, run: Running, pulse: Beat, screen: Screen) -> None:
        self._run = run
        self.pulse = pulse
        self._screen = screen
        self.notice = ""
        """What has been decided about the run as a whole, such as that it is being stopped."""

    async def watch(self) -> None:
        """Draw until cancelled; the last drawing stays."""
        if not self._screen.lively:
            while True:
                await asyncio.sleep(LINE)
                self._screen.say(self.line())
        with ExitStack() as stack:
            live = Live(self._drawing(), console=self._screen.console, auto_refresh=False, redirect_stdout=False)
            stack.enter_context(live)
            stack.callback(lambda: live.update(self._drawing(last=True)))
            while True:
                await asyncio.sleep(FRAME)
                live.update(self._drawing(), refresh=True)

    def line(self) -> str:
        """The progress as one line."""
        now = self._run.progress()
        total = _total(now)
        parts = [
            f"{now.done:,} of {total:,} done" if total is not None else f"{now.done:,} done",
            self._failures(now.failed),
            self.pulse.speed(now.rate),
            self.notice or self.pulse.pause() or _left(now),
        ]
        return ", ".join(part for part in parts if part)

    def _failures(self, failed: int) -> str:
        if not failed:
            return ""
        kinds = by_kind(self._run.ledger.failures)
        told = ", ".join(f"{count:,} {kind}" for kind, count in kinds[:3])
        more = f" and {len(kinds) - 3} other kinds" if len(kinds) > 3 else ""
        return f"{failed:,} failed ({told}{more})" if told else f"{failed:,} failed"

    def _drawing(self, last: bool = False) -> RenderableType:
        now = self._run.progress()
        total = _total(now)
        width = self._screen.console.width
        counted = f"{now.done:,} of {total:,}" if total is not None else plural(now.done, "handle")
        left = "" if last else _left(now)
        row = Table.grid(padding=(0, 2))
        bar = ProgressBar(
            total=total,
            completed=now.done,
            width=max(10, min(40, width - 52)),
            pulse=total is None and not last,
            style="bright_black",
            complete_style="green",
            finished_style="green",
            pulse_style="green",
        )
        cells: list[RenderableType] = [bar, Text(counted), Text(self.pulse.speed(now.rate)), Text(left, style="dim")]
        row.add_row(*cells)
        return Group(row, self._below(now, last))

    def _below(self, now: Progress, last: bool) -> Text:
        failures = self._failures(now.failed)
        text = Text(failures or "no failures", style="red" if failures else "dim", no_wrap=True, overflow="ellipsis")
        held_up = "" if last else self.notice or self.pulse.pause()
        if held_up:
            text = Text.assemble((held_up, "bold"), ("   ", ""), text, no_wrap=True, overflow="ellipsis")
        return text


def _total(now: Progress) -> int | None:
    """Distinct handles, as far as duplicates have been met."""
    return None if now.total is None else max(now.total - now.duplicates, now.done)


def _left(now: Progress) -> str:
    if now.eta is None or now.elapsed < SETTLED or not now.eta:
        return ""
    return f"{duration(now.eta)} left"
