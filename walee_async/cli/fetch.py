"""`walee fetch`: the main job, from a list of handles to a file of reports."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from walee_async.cli.bar import Bar
from walee_async.cli.digest import Account, Digest, summary
from walee_async.cli.exits import Exit, exit_of
from walee_async.cli.interrupts import Interrupts
from walee_async.cli.keeping import age_of, budget_of, start_over, tell_doubts
from walee_async.cli.keys import find_keys
from walee_async.cli.lines import VIEWS, line_of
from walee_async.cli.pulse import Pulse
from walee_async.cli.reasons import reasons
from walee_async.cli.runner import Ending, finish
from walee_async.cli.screen import Screen
from walee_async.cli.sinks import ReportFile, open_sink
from walee_async.cli.sources import HandleList
from walee_async.cli.text import clean, plural, size
from walee_async.client import WaleeClient
from walee_async.errors import ConfigError
from walee_async.options import Options
from walee_async.retry import RetryPolicy

if TYPE_CHECKING:
    from walee_async.cli.options import (
        AccountOptions,
        ListOptions,
        OutputOptions,
        PaceOptions,
        ResumeOptions,
        SpendOptions,
    )
    from walee_async.cli.sinks import Sink
    from walee_async.ledger import Ledger
    from walee_async.outcomes import Outcome


class Order(Struct, frozen=True, kw_only=True):
    """All that a user asks of one `walee fetch`."""

    targets: tuple[str, ...]
    account: AccountOptions
    pace: PaceOptions
    lists: ListOptions
    output: OutputOptions
    store: ResumeOptions
    spend: SpendOptions


def fetch(order: Order) -> Exit:
    """Fetch the reports of many creators, and return the exit code.

    Raises:
        ConfigError: something in the order is wrong; nothing was sent.
        OutputError: the output cannot be brought to its end.
        StoreError: the store cannot be used.
    """
    screen = Screen()
    HandleList(order.targets, column=order.lists.column, format=order.lists.format)
    keys = find_keys(order.account.key_file, screen)
    pulse = Pulse(screen.warn)
    pulse.client = _client(keys.keys, order, pulse)
    _prepare(order.store, screen)
    sink = open_sink(order.output.out, order.output.view)
    try:
        handles = HandleList(order.targets, column=order.lists.column, format=order.lists.format, had=sink.had)
        job = _Job(pulse.client, pulse, handles, handles.total(), sink, order, screen)
        _tell_beginning(sink, handles, screen)
        return asyncio.run(job.run())
    finally:
        sink.close()


def _client(keys: tuple[str, ...], order: Order, pulse: Pulse) -> WaleeClient:
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


class _Job(Struct):
    """One run of the command: what it takes and where it goes."""

    client: WaleeClient
    pulse: Pulse
    handles: HandleList
    total: int | None
    sink: Sink
    order: Order
    screen: Screen

    async def run(self) -> Exit:
        output, digest = self.order.output, Digest()

        async def receive(outcome: Outcome[Any]) -> None:
            await self.sink.write(line_of(outcome, output.view))
            digest.add(outcome)

        with Interrupts() as interrupts:
            async with self.client, aclosing(self.handles.entries()) as entries:
                if self.client.store is not None:
                    tell_doubts(self.client.store, self.screen)
                run = self.client.creator_reports(
                    entries,
                    view=VIEWS[output.view],
                    ordered=output.ordered,
                    concurrency=self.order.pace.concurrency,
                    total=self.total,
                    fresh=self.order.store.fresh,
                    retry_failed=reasons(self.order.store.retry_failed),
                )
                bar = Bar(run, self.pulse, self.screen)
                ending = await finish(run, receive, interrupts, bar, endless=self.handles.endless)
                speed = self.pulse.average(max(0, run.ledger.sent - 1) / ending.seconds)
            if ending.broken is not None:
                raise ending.broken
            self._tell_end(run.ledger, digest, ending, speed)
            return _exit(ending, run.ledger.failed, interrupts)

    def _tell_end(self, ledger: Ledger, digest: Digest, ending: Ending, speed: str) -> None:
        sink = self.sink
        account = Account(
            ledger=ledger,
            digest=digest,
            ending=ending,
            speed=speed,
            store=str(self.order.store.path or ""),
            price=self.order.spend.price,
            place=f"{sink.name} ({size(sink.length)})" if isinstance(sink, ReportFile) else sink.name,
            skipped=len(self.handles.skipped),
            again=isinstance(sink, ReportFile) or self.order.store.path is not None,
        )
        for part in summary(account):
            self.screen.show(part)


def _tell_beginning(sink: Sink, handles: HandleList, screen: Screen) -> None:
    """Say what was found, where it is not what a first run finds."""
    if isinstance(sink, ReportFile):
        if sink.cut:
            screen.warn(
                f"The last line of {sink.name} was cut off when it was written; its {size(sink.cut)} are taken out."
            )
        if sink.had:
            screen.say(clean(f"{sink.name} has {plural(len(sink.had), 'report')} already; they are not bought again."))
        if sink.unreadable:
            screen.warn(
                f"{plural(len(sink.unreadable), 'report')} in {sink.name} cannot be read. What was bought once is not "
                "bought again, unless you delete its line."
            )
    if handles.reads_terminal:
        screen.say("Reading handles from the terminal, one on each line; Ctrl-D ends the list.")


def _exit(ending: Ending, failed: int, interrupts: Interrupts) -> Exit:
    if ending.unwritable is not None:
        return Exit.NO_READER if ending.unwritable.reader_gone else Exit.OUTPUT
    if ending.refused is not None:
        return exit_of(ending.refused)
    if interrupts.exit is not None:
        return interrupts.exit
    return Exit.SOME_FAILED if failed else Exit.FETCHED
