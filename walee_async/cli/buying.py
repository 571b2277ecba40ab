"""What the commands that buy have in common: who pays, how fast, what may be spent, and the run to its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from walee_async.checks import check_whole
from walee_async.cli.bar import Bar
from walee_async.cli.digest import Account, Digest, summary
from walee_async.cli.exits import Exit, exit_of
from walee_async.cli.interrupts import Interrupts
from walee_async.cli.keeping import age_of, budget_of, named_doubts, start_over
from walee_async.cli.keys import find_keys
from walee_async.cli.pulse import Pulse
from walee_async.cli.reasons import reasons
from walee_async.cli.runner import Ending, Receive, finish
from walee_async.cli.sources import HandleList
from walee_async.cli.text import clean, plural
from walee_async.client import WaleeClient
from walee_async.errors import ConfigError
from walee_async.options import Options
from walee_async.retry import RetryPolicy

if TYPE_CHECKING:
    from pathlib import Path

    from walee_async.bulk import Run
    from walee_async.cli.options import AccountOptions, ListOptions, PaceOptions, ResumeOptions, SpendOptions
    from walee_async.cli.screen import Screen
    from walee_async.handles import Entry
    from walee_async.ledger import Ledger
    from walee_async.outcomes import Outcome
    from walee_async.plan import Plan

Begin = Callable[[WaleeClient, AsyncIterator["str | Entry"]], "Run[Any]"]
"""Makes the run over the list."""


class Purchase(Struct, frozen=True, kw_only=True):
    """All that a user says of what is to be bought."""

    targets: tuple[str, ...]
    account: AccountOptions
    pace: PaceOptions
    lists: ListOptions
    store: ResumeOptions
    spend: SpendOptions


def equip(order: Purchase, screen: Screen) -> tuple[WaleeClient, Pulse]:
    """Make sure that the order can be carried out, and make the client for it. Nothing is sent.

    Raises:
        ConfigError: something in the order is wrong.
    """
    HandleList(order.targets, column=order.lists.column, format=order.lists.format)
    keys = find_keys(order.account.key_file, screen)
    pulse = Pulse(screen.warn)
    pulse.client = client = _client(keys.keys, order, pulse)
    check_whole("The concurrency", order.pace.concurrency)
    _check(order.store)
    return client, pulse


def _client(keys: tuple[str, ...], order: Purchase, pulse: Pulse) -> WaleeClient:
    pace = order.pace
    retry = RetryPolicy(deadline=pace.deadline, resend_ambiguous=pace.resend_ambiguous)
    return WaleeClient(
        keys,
        rate=pace.rate,
        base_url=order.account.base_url,
        store=order.store.path,
        max_age=age_of(order.store),
        budget=budget_of(order.spend),
        options=Options(burst=pace.burst, retry=retry, hook=pulse),
    )


def _check(options: ResumeOptions) -> None:
    reasons(options.retry_failed)
    if options.path is None and (options.fresh_store or options.retry_failed):
        raise ConfigError("--fresh-store and --retry-failed are about a store, and with --no-store there is none")


class Job(Struct, kw_only=True):
    """One run of a command: what it takes."""

    order: Purchase
    client: WaleeClient
    pulse: Pulse
    handles: HandleList
    total: int | None
    screen: Screen
    file: str | None = None
    """Where outcomes are written, if the same command again leaves out what is in it."""

    @property
    def store(self) -> Path | None:
        """The store's path, if there is one."""
        return self.order.store.path

    async def run(self, begin: Begin, receive: Receive, place: Callable[[], str]) -> Exit:
        """Take the run to its end, say what it came to, and return the exit code. `place` names where outcomes went.

        Raises:
            WaleeError: the run broke.
        """
        digest = Digest()
        new = self._begin()

        async def take(outcome: Outcome[Any]) -> None:
            await receive(outcome)
            digest.add(outcome)

        with Interrupts() as interrupts:
            async with self.client, aclosing(self.handles.entries()) as entries:
                run = begin(self.client, entries)
                await self._tell_known(new=new)
                bar = Bar(run, self.pulse, self.screen)
                ending = await finish(run, take, interrupts, bar, endless=self.handles.endless)
                speed = self.pulse.average(max(0, run.ledger.sent - 1) / ending.seconds)
            if ending.broken is not None:
                raise ending.broken
            account = Account(
                ledger=run.ledger,
                digest=digest,
                ending=ending,
                speed=speed,
                place=place(),
                again=self.file is not None or (self.store is not None and not self.order.store.fresh),
                way=self._way(),
            )
            self._tell(account)
            return exit_after(ending, run.ledger, interrupts)

    def _begin(self) -> bool:
        """Start over where that is asked for, now that everything else is in order; whether the store is a new one."""
        if self.store is None:
            return False
        if self.order.store.fresh_store:
            start_over(self.store, self.screen, yes=self.order.store.yes)
        return not self.store.exists()

    async def _tell_known(self, *, new: bool) -> None:
        """Say what is bought again, before it is: reports that are too old, and those that perhaps were bought."""
        if new:
            self.screen.say(clean(f"{self.store} is new, so there is nothing in it to be reused."))
        store = self.client.store
        if new or store is None:
            return
        of, doubts = "", list(await store.doubts())
        if not self.handles.endless:
            plan = await self._plan()
            of, doubts = "Of what is to be bought now, ", plan.in_doubt
            if plan.stale and not self.order.store.fresh:
                stale = plural(plan.stale, "report is", "reports are")
                self.screen.say(clean(f"In {self.store} {stale} too old by --max-age, to be bought again."))
        told = named_doubts(store)
        if doubts := [handle for handle in doubts if handle not in told]:
            reports = plural(len(doubts), "report")
            self.screen.warn(f"{of}{reports} may have been bought already and did not come: {', '.join(doubts)}.")

    async def _plan(self) -> Plan:
        """What the run will do with the list, which can be read twice."""
        options = self.order.store
        async with aclosing(self.handles.entries()) as entries:
            return await self.client.plan(entries, fresh=options.fresh, retry_failed=reasons(options.retry_failed))

    def _way(self) -> str:
        """How to go on from here."""
        if self.store is None and self.file is None:
            return "With --out FILE, it could go on from here."
        if self.store is None or not self.order.store.fresh:
            return "The same command again goes on from here."
        anew = "everything anew" if self.file is None else f"what is not in {self.file}"
        return f"With --fresh the same command buys {anew}; without it, what is not in {self.store} either."

    def _tell(self, account: Account) -> None:
        account.store = str(self.store or "")
        account.fresh = self.order.store.fresh
        account.price = self.order.spend.price
        account.skipped = len(self.handles.skipped)
        for part in summary(account):
            self.screen.show(part)


def exit_after(ending: Ending, ledger: Ledger, interrupts: Interrupts) -> Exit:
    """The exit code of a run that ended so, with that account."""
    if ending.unwritable is not None:
        return Exit.NO_READER if ending.unwritable.reader_gone else Exit.OUTPUT
    if ending.refused is not None:
        return exit_of(ending.refused)
    if interrupts.exit is not None:
        return interrupts.exit
    if ledger.fetched == ledger.reused and ledger.charges and not ledger.sent:  # it tried, and nobody was there
        return Exit.ACCOUNT
    return Exit.SOME_FAILED if ledger.failed else Exit.FETCHED
