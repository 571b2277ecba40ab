"""`walee fetch`: the main job, from a list of handles to a file of reports."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from walee_async.cli.buying import Job, Purchase, equip
from walee_async.cli.lines import VIEWS, line_of
from walee_async.cli.reasons import reasons
from walee_async.cli.screen import Screen
from walee_async.cli.sinks import ReportFile, open_sink
from walee_async.cli.sources import HandleList
from walee_async.cli.text import clean, plural, size
from walee_async.errors import ConfigError, NotAttemptedError
from walee_async.outcomes import Failed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from walee_async.bulk import Run
    from walee_async.cli.exits import Exit
    from walee_async.cli.options import FetchOptions
    from walee_async.cli.sinks import Sink
    from walee_async.client import WaleeClient
    from walee_async.handles import Entry
    from walee_async.outcomes import Outcome


class Order(Purchase, frozen=True, kw_only=True):
    """All that a user asks of one `walee fetch`."""

    output: FetchOptions


def fetch(order: Order) -> Exit:
    """Fetch the reports of many creators, and return the exit code.

    Raises:
        ConfigError: something in the order is wrong; nothing was sent.
        OutputError: the output cannot be brought to its end.
        StoreError: the store cannot be used.
    """
    if order.output.scheduler is not None:
        from walee_async.cli.cluster import fetch_on_cluster

        return fetch_on_cluster(order)
    _refuse_cluster(order.output)
    screen = Screen()
    client, pulse = equip(order, screen)
    sink = open_sink(order.output.out, order.output.view, order.store.path)
    try:
        handles = HandleList(order.targets, column=order.lists.column, format=order.lists.format, had=sink.had)
        job = Job(
            order=order,
            client=client,
            pulse=pulse,
            handles=handles,
            total=handles.total(),
            screen=screen,
            file=sink.name if isinstance(sink, ReportFile) else None,
        )
        _tell_beginning(sink, handles, screen, fresh=order.store.fresh)
        code = asyncio.run(_run(job, order, sink))
        if handles.empty:
            screen.say("The list is empty.")
        return code
    finally:
        sink.close()


def _refuse_cluster(options: FetchOptions) -> None:
    for name in ("workers", "redis", "brief", "tables"):
        if getattr(options, name) not in (None, False):
            raise ConfigError(f"--{name} is about a cluster; it goes with --scheduler")


async def _run(job: Job, order: Order, sink: Sink) -> Exit:
    output = order.output

    def begin(client: WaleeClient, entries: AsyncIterator[str | Entry]) -> Run[Any]:
        return client.creator_reports(
            entries,
            view=VIEWS[output.view],
            ordered=output.ordered,
            concurrency=order.pace.concurrency,
            total=job.total,
            fresh=order.store.fresh,
            retry_failed=reasons(order.store.retry_failed),
        )

    async def receive(outcome: Outcome[Any]) -> None:
        # A file is gone on with by the same command; what a run did not come to, time and again, is no news there.
        left = isinstance(outcome, Failed) and isinstance(outcome.error, NotAttemptedError)
        if not left or not isinstance(sink, ReportFile):
            await sink.write(line_of(outcome, output.view))

    def place() -> str:
        return f"{sink.name} ({size(sink.length)})" if isinstance(sink, ReportFile) else sink.name

    return await job.run(begin, receive, place)


def _tell_beginning(sink: Sink, handles: HandleList, screen: Screen, *, fresh: bool) -> None:
    """Say what was found, where it is not what a first run finds."""
    for sentence in handles.guesses():
        screen.say(clean(sentence))
    if isinstance(sink, ReportFile):
        if sink.cut:
            screen.warn(
                f"The last line of {sink.name} was cut off when it was written; its {size(sink.cut)} are taken out."
            )
        if sink.had:
            spared = "not bought again" + (", not with --fresh either: name another file for that" if fresh else "")
            screen.say(clean(f"{sink.name} has {plural(len(sink.had), 'report')} already; they are {spared}."))
        if sink.unreadable:
            screen.warn(
                f"{plural(len(sink.unreadable), 'report')} in {sink.name} cannot be read. What was bought once is not "
                "bought again, unless you delete its line."
            )
    if handles.reads_terminal:
        screen.say("Reading handles from the terminal, one on each line; Ctrl-D ends the list.")
