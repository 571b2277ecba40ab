"""`walee plan`: what a run would buy. Nothing is sent, and the store is only read."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from rich.table import Table
from rich.text import Text

from walee_async.cli.exits import Exit
from walee_async.cli.keeping import age_of, budget_of
from walee_async.cli.keys import count_keys
from walee_async.cli.reasons import reasons
from walee_async.cli.screen import Screen, console_on
from walee_async.cli.sources import HandleList
from walee_async.cli.text import clean, duration, money, plural
from walee_async.feed import Feed
from walee_async.pacing import check_rate
from walee_async.plan import Plan, Rules, make_plan
from walee_async.store import Store

if TYPE_CHECKING:
    from rich.console import Console

    from walee_async.budget import Budget
    from walee_async.cli.options import AccountOptions, ListOptions, PaceOptions, ResumeOptions, SpendOptions


class Question(Struct, frozen=True, kw_only=True):
    """The run that is asked about."""

    targets: tuple[str, ...]
    account: AccountOptions
    pace: PaceOptions
    lists: ListOptions
    store: ResumeOptions
    spend: SpendOptions


def plan(question: Question, *, json: bool) -> Exit:
    """Print the plan to standard output; in JSON it is a `walee_async.plan.Plan` with its `cost` and `seconds`.

    Raises:
        ConfigError: something in the question is wrong.
        StoreError: the store cannot be read.
    """
    screen = Screen()
    pace, budget = question.pace, budget_of(question.spend)
    check_rate(pace.rate)
    rules = Rules(
        max_age=age_of(question.store),
        resend_ambiguous=pace.resend_ambiguous,
        fresh=question.store.fresh,
        retry_failed=reasons(question.store.retry_failed),
    )
    keys = count_keys(question.account.key_file, screen)
    handles = HandleList(question.targets, column=question.lists.column, format=question.lists.format)
    rate = None if pace.rate == "auto" else pace.rate * keys
    for sentence in handles.guesses():
        screen.say(clean(sentence))
    made = asyncio.run(_plan(handles, question.store, rules, budget=budget, rate=rate))
    if json:
        answer = msgspec.structs.asdict(made) | {"cost": made.cost, "seconds": made.seconds}
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    else:
        console = console_on(sys.stdout)
        console.print(_table(made, question.store))
        _print_invalid(made, console)
    if handles.empty:
        screen.say("The list is empty.")
    return Exit.FETCHED


async def _plan(
    handles: HandleList, options: ResumeOptions, rules: Rules, *, budget: Budget, rate: float | None
) -> Plan:
    path = options.path
    async with aclosing(handles.entries()) as entries:
        if path is None or options.fresh_store or not path.exists():
            return await make_plan(Feed(entries), None, rules, budget=budget, rate=rate)
        async with await asyncio.to_thread(Store.open, path, read_only=True) as store:
            return await make_plan(Feed(entries), store, rules, budget=budget, rate=rate)


def _print_invalid(made: Plan, console: Console) -> None:
    """Name the first entries that are no handles, as a run does at its end."""
    if not made.first_invalid:
        return
    more = made.invalid - len(made.first_invalid)
    console.print(Text("\nNot a handle:" if not more else "\nThe first of those that are no handle:"))
    for told in made.first_invalid:
        console.print(Text(f"  {clean(told, 160)}", style="dim"), soft_wrap=not console.is_terminal)


def _table(answer: Plan, options: ResumeOptions) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim", ratio=1)
    where = options.path if options.path is not None else "no store"
    there = "" if options.path is None or options.path.exists() else ", which is not there yet"
    stale = f"{answer.stale:,} of them in the store, but too old" if answer.stale and not options.fresh else ""
    rows = [
        ("handles", answer.distinct, f"{plural(answer.duplicates, 'duplicate')} left out" if answer.duplicates else ""),
        ("not a handle", answer.invalid, ""),
        ("in the store", answer.fresh, f"{where}{there}; not bought again"),
        ("parked", answer.parked, "being prepared, and not due yet"),
        ("given up", answer.given_up, "--retry-failed tries them all the same"),
    ]
    for name, count, told in rows:
        table.add_row(name, f"{count:,}", Text(clean(told)))
    table.add_row(Text("to buy", style="bold"), Text(f"{answer.to_buy:,}", style="bold"), stale)
    if answer.in_doubt:
        named = f"of them may have been bought already: {', '.join(answer.in_doubt)}"
        table.add_row("in doubt", f"{len(answer.in_doubt):,}", Text(clean(named)))
    if answer.budget is not None and answer.budget < answer.to_buy:
        table.add_row("budget", f"{answer.budget:,}", "the run ends when it is spent")
    if answer.cost is not None:
        table.add_row("cost", money(answer.cost), f"at {answer.price:g} a report")
    if answer.seconds is not None:
        table.add_row("time", duration(answer.seconds), f"at {answer.rate:g} requests a second")
    else:
        table.add_row("time", "", "the rate is to be found out")
    return table
