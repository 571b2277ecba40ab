"""Where scores come from: the reports of a store, or a run that buys those that are not there."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack, aclosing
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from rich.live import Live
from rich.text import Text

from walee_async.cli.buying import Job, Purchase, equip
from walee_async.cli.exits import Exit
from walee_async.cli.keeping import tell_lost
from walee_async.cli.reasons import reasons
from walee_async.cli.sources import HandleList
from walee_async.feed import Feed
from walee_async.outcomes import Fetched
from walee_async.rescoring import rescore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator
    from pathlib import Path

    from walee_async.bulk import Run
    from walee_async.cli.options import ScoreOptions
    from walee_async.cli.screen import Screen
    from walee_async.cli.tally import Tally
    from walee_async.client import WaleeClient
    from walee_async.handles import Entry
    from walee_async.outcomes import Outcome
    from walee_async.scoring import Brief, Score
    from walee_async.store import Finding

QUICK: Final = 1.0
"""Seconds of scoring before anything is said of its progress."""
FRAME: Final = 0.1
"""Seconds between two drawings of it."""


class Order(Purchase, frozen=True, kw_only=True):
    """All that a user asks of one `walee score`."""

    score: ScoreOptions


class Rating(Struct, frozen=True, kw_only=True):
    """Scores creators by a brief."""

    order: Order
    brief: Brief
    screen: Screen

    def look_up(self, tally: Tally, store: Path, handles: Iterable[str] | None) -> Exit:
        """Score what is in a store: everybody, or only some; return the exit code. Buys nothing.

        Raises:
            StoreError: it cannot be read.
        """
        wanted = None if handles is None else list(handles)
        met: set[str] = set()

        def miss(finding: Finding) -> None:
            tally.miss(finding)
            met.add(finding.handle or "")

        scores = rescore(store, self.brief, handles=wanted, jobs=self.order.score.jobs, on_trouble=miss)
        for score in counted(scores, self.screen):
            tally.add(score)
            if wanted is not None:
                met.add(score.handle or "")
        tally.missing = [handle for handle in wanted or () if handle not in met]
        return Exit.STORE if tell_lost(store, self.screen) else tally.exit

    def handles(self, targets: Iterable[str]) -> tuple[list[str], list[str]]:
        """The distinct handles that arguments name, in their order, and the entries that are none.

        Raises:
            ConfigError: an argument is no handle and no list that can be read.
        """
        lists = self.order.lists
        return asyncio.run(_distinct(HandleList(list(targets), column=lists.column, format=lists.format)))

    def buy(self, tally: Tally) -> Exit:
        """Fetch what is not in the store and score all of the list, as it comes; return the exit code of the run.

        Raises:
            WaleeError: nothing was sent because the order is wrong, or the run broke.
        """
        order = self.order
        client, pulse = equip(order, self.screen)
        handles = HandleList(order.targets, column=order.lists.column, format=order.lists.format)
        job = Job(
            order=order,
            client=client,
            pulse=pulse,
            handles=handles,
            total=handles.total(),
            screen=self.screen,
        )
        return asyncio.run(self._run(job, tally))

    async def _run(self, job: Job, tally: Tally) -> Exit:
        order = self.order

        def begin(client: WaleeClient, entries: AsyncIterator[str | Entry]) -> Run[Any]:
            return client.scores(
                entries,
                brief=self.brief,
                top=0,  # the tally keeps them
                concurrency=order.pace.concurrency,
                total=job.total,
                fresh=order.store.fresh,
                retry_failed=reasons(order.store.retry_failed),
            )

        async def receive(outcome: Outcome[Score]) -> None:
            if isinstance(outcome, Fetched):
                tally.add(outcome.report)

        return await job.run(begin, receive, lambda: str(order.store.path))


async def _distinct(handles: HandleList) -> tuple[list[str], list[str]]:
    found: list[str] = []
    invalid: list[str] = []
    async with aclosing(handles.entries()) as entries:
        feed = Feed(entries)
        while (entry := await feed.next()) is not None:
            if isinstance(entry, str):
                found.append(entry)
            else:
                invalid.append(entry.handle)
    return found, invalid


def counted(scores: Iterator[Score], screen: Screen) -> Iterator[Score]:
    """The scores, counted on a lively screen once it takes long."""
    began = drawn = time.monotonic()
    live = Live(console=screen.console, auto_refresh=False, transient=True, redirect_stdout=False)
    with ExitStack() as stack:
        for done, score in enumerate(scores, 1):
            yield score
            now = time.monotonic()
            if screen.lively and now - began > QUICK and now - drawn > FRAME:
                if not live.is_started:
                    stack.enter_context(live)
                live.update(Text(f"{done:,} scored, {done / (now - began):,.0f}/s", style="dim"), refresh=True)
                drawn = now
