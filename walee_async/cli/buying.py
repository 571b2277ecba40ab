"""What the commands that buy have in common: who pays, how fast, what may be spent, and the run to its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from walee_async.cli.bar import Bar
from walee_async.cli.digest import Account, Digest, summary
from walee_async.cli.exits import Exit, exit_of
from walee_async.cli.interrupts import Interrupts
from walee_async.cli.keeping import age_of, budget_of, start_over, tell_doubts
from walee_async.cli.keys import find_keys
from walee_async.cli.pulse import Pulse
from walee_async.cli.reasons import reasons
from walee_async.cli.runner import Ending, Receive, finish
from walee_async.cli.sources import HandleList
from walee_async.client import WaleeClient
from walee_async.errors import ConfigError
from walee_async.options import Options
from walee_async.retry import RetryPolicy

if TYPE_CHECKING:
    from walee_async.bulk import Run
    from walee_async.cli.options import AccountOptions, ListOptions, PaceOptions, ResumeOptions, SpendOptions
    from walee_async.cli.screen import Screen
    from walee_async.handles import Entry
    from walee_async.outcomes import Outcome

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
        StoreError: the store is to be started over, and cannot be.
    """
    HandleList(order.targets, column=order.lists.column, format=order.lists.format)
    keys = find_keys(order.account.key_file, screen)
    pulse = Pulse(screen.warn)
    pulse.client = client = _client(keys.keys, order, pulse)
    _prepare(order.store, screen)
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


def _prepare(options: ResumeOptions, screen: Screen) -> None:
    reasons(options.retry_failed)
    if options.path is None and (options.fresh_store or options.retry_failed):
        raise ConfigError("--fresh-store and --retry-failed are about a store, and with --no-store there is none")
    if options.path is not None and options.fresh_store:
        start_over(options.path, screen, yes=options.yes)


class Job(Struct, kw_only=True):
    """One run of a command: what it takes."""

    order: Purchase
    client: WaleeClient
    pulse: Pulse
    handles: HandleList
    total: int | None
    screen: Screen
    again: bool
    """Whether the same command again would go on from where this one ends."""

    async def run(self, begin: Begin, receive: Receive, place: Callable[[], str]) -> Exit:
        """Take the run to its end, say what it came to, and return the exit code. `place` names where outcomes went.

        Raises:
            WaleeError: the run broke.
        """
        digest = Digest()

        async def take(outcome: Outcome[Any]) -> None:
            await receive(outcome)
            digest.add(outcome)

        with Interrupts() as interrupts:
            async with self.client, aclosing(self.handles.entries()) as entries:
                if self.client.store is not None:
                    tell_doubts(self.client.store, self.screen)
                run = begin(self.client, entries)
                bar = Bar(run, self.pulse, self.screen)
                ending = await finish(run, take, interrupts, bar, endless=self.handles.endless)
                speed = self.pulse.average(max(0, run.ledger.sent - 1) / ending.seconds)
            if ending.broken is not None:
                raise ending.broken
            account = Account(
                ledger=run.ledger, digest=digest, ending=ending, speed=speed, place=place(), again=self.again
            )
            self._tell(account)
            return _exit(ending, run.ledger.failed, interrupts)

    def _tell(self, account: Account) -> None:
        account.store = str(self.order.store.path or "")
        account.price = self.order.spend.price
        account.skipped = len(self.handles.skipped)
        for part in summary(account):
            self.screen.show(part)


def _exit(ending: Ending, failed: int, interrupts: Interrupts) -> Exit:
    if ending.unwritable is not None:
        return Exit.NO_READER if ending.unwritable.reader_gone else Exit.OUTPUT
    if ending.refused is not None:
        return exit_of(ending.refused)
    if interrupts.exit is not None:
        return interrupts.exit
    return Exit.SOME_FAILED if failed else Exit.FETCHED
