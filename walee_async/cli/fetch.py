"""`walee fetch`: the main job, from a list of handles to a file of reports."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from walee_async.cli.bar import Bar
from walee_async.cli.digest import Account, Digest, summary
from walee_async.cli.exits import Exit
from walee_async.cli.interrupts import Interrupts
from walee_async.cli.keys import find_keys
from walee_async.cli.lines import VIEWS, line_of
from walee_async.cli.pulse import Pulse
from walee_async.cli.runner import Ending, finish
from walee_async.cli.screen import Screen
from walee_async.cli.sinks import ReportFile, open_sink
from walee_async.cli.sources import HandleList
from walee_async.cli.text import clean, plural, size
from walee_async.client import WaleeClient
from walee_async.retry import RetryPolicy

if TYPE_CHECKING:
    from walee_async.cli.options import AccountOptions, ListOptions, OutputOptions, PaceOptions
    from walee_async.cli.sinks import Sink
    from walee_async.outcomes import Outcome


class Order(Struct, frozen=True, kw_only=True):
    """All that a user asks of one `walee fetch`."""

    targets: tuple[str, ...]
    account: AccountOptions
    pace: PaceOptions
    lists: ListOptions
    output: OutputOptions


def fetch(order: Order) -> Exit:
    """Fetch the reports of many creators, and return the exit code.

    Raises:
        ConfigError: something in the order is wrong; nothing was sent.
        OutputError: the output cannot be brought to its end.
    """
    screen = Screen()
    HandleList(order.targets, column=order.lists.column, format=order.lists.format)
    keys = find_keys(order.account.key_file, screen)
    pulse = Pulse(screen.warn)
    client = open_client(keys.keys, order.account.base_url, order.pace, pulse)
    sink = open_sink(order.output.out, order.output.view)
    try:
        handles = HandleList(order.targets, column=order.lists.column, format=order.lists.format, had=sink.had)
        total = handles.total()
        _tell_beginning(sink, handles, screen)
        return asyncio.run(_fetch(client, handles, sink, order, (total, pulse, screen)))
    finally:
        sink.close()


def open_client(keys: tuple[str, ...], base_url: str, pace: PaceOptions, pulse: Pulse) -> WaleeClient:
    """A client as the options say, that tells the pulse.

    Raises:
        ConfigError: an option cannot be right.
    """
    retry = RetryPolicy(deadline=pace.deadline, resend_ambiguous=pace.resend_ambiguous)
    client = WaleeClient(keys, rate=pace.rate, burst=pace.burst, base_url=base_url, retry=retry, hook=pulse)
    pulse.client = client
    return client


async def _fetch(
    client: WaleeClient, handles: HandleList, sink: Sink, order: Order, show: tuple[int | None, Pulse, Screen]
) -> Exit:
    total, pulse, screen = show
    digest = Digest()

    async def receive(outcome: Outcome[Any]) -> None:
        await sink.write(line_of(outcome, order.output.view))
        digest.add(outcome)

    with Interrupts() as interrupts:
        async with client, aclosing(handles.entries()) as entries:
            run = client.creator_reports(
                entries,
                view=VIEWS[order.output.view],
                ordered=order.output.ordered,
                concurrency=order.pace.concurrency,
                total=total,
            )
            ending = await finish(run, receive, interrupts, Bar(run, pulse, screen), endless=handles.endless)
            speed = pulse.speed(max(0, run.ledger.sent - 1) / ending.seconds if ending.seconds else 0.0)
        if ending.broken is not None:
            raise ending.broken
        account = Account(
            ledger=run.ledger,
            digest=digest,
            ending=ending,
            speed=speed,
            place=sink.name if not isinstance(sink, ReportFile) else f"{sink.name} ({size(sink.length)})",
            skipped=len(handles.skipped),
            again=isinstance(sink, ReportFile),
        )
        for part in summary(account):
            screen.show(part)
        return _exit(ending, run.ledger.failed, interrupts)


def _tell_beginning(sink: Sink, handles: HandleList, screen: Screen) -> None:
    """Say what was found, where it is not what a first run finds."""
    if isinstance(sink, ReportFile):
        if sink.cut:
            screen.warn(f"The last line of {sink.name} was cut off when it was written; its {size(sink.cut)} are taken out.")
        if sink.had:
            screen.say(clean(f"{sink.name} has {plural(len(sink.had), 'report')} already; they are not bought again."))
        if sink.unreadable:
            screen.warn(
                f"{plural(len(sink.unreadable), 'report')} in {sink.name} cannot be read, and is not bought again unless "
                "you delete its line."
            )
    if handles.reads_terminal:
        screen.say("Reading handles from the terminal, one on each line; Ctrl-D ends the list.")


def _exit(ending: Ending, failed: int, interrupts: Interrupts) -> Exit:
    if ending.unwritable is not None:
        return Exit.NO_READER if ending.unwritable.reader_gone else Exit.OUTPUT
    if ending.refused is not None:
        return Exit.ACCOUNT
    if interrupts.exit is not None:
        return interrupts.exit
    return Exit.SOME_FAILED if failed else Exit.FETCHED
