"""What a run came to, in numbers and a few examples, and how that is told at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from rich.table import Table
from rich.text import Text

from walee_async.cli.kinds import by_kind, kind_of
from walee_async.cli.text import clean, duration, listed, money, plural
from walee_async.errors import BudgetError, LongPauseError, NotAttemptedError, NotSentError, WaleeError
from walee_async.outcomes import Charge, Failed

if TYPE_CHECKING:
    from rich.console import RenderableType

    from walee_async.cli.runner import Ending
    from walee_async.ledger import Ledger
    from walee_async.outcomes import Outcome

FEW: Final = 5
"""Failed handles that are named one by one."""
NAMED: Final = 20
"""Handles that are named where money may have been lost."""
_WELL: Final = "Run again when the network and the gateway are well."


class Digest:
    """Remembers the first failures, and one of each kind."""

    def __init__(self) -> None:
        self.first: list[Failed] = []
        self.examples: dict[str, WaleeError] = {}

    def add(self, outcome: Outcome[Any]) -> None:
        """Take note of one outcome."""
        if not isinstance(outcome, Failed):
            return
        self.examples.setdefault(kind_of(type(outcome.error).__name__), outcome.error)
        if len(self.first) < FEW and not isinstance(outcome.error, NotAttemptedError):
            self.first.append(outcome)


class Account(Struct, kw_only=True):
    """Everything that the summary tells."""

    ledger: Ledger
    digest: Digest
    ending: Ending
    speed: str
    """The rate over the whole run, against the limit."""
    place: str
    """Where the lines are."""
    skipped: int = 0
    """Handles whose reports were there before."""
    store: str = ""
    """Where the reports are kept, if they are."""
    fresh: bool = False
    """Whether what is stored is of no account."""
    price: float | None = None
    """What one report costs."""
    again: bool = False
    """Whether the same command again would go on from here."""
    way: str = ""
    """How to go on from here, in a sentence."""


def summary(account: Account) -> list[RenderableType]:
    """The summary, to be shown one below the other."""
    ledger = account.ledger
    ending = account.ending
    title = f"{ledger.fetched:,} of {plural(ending.total, 'creator')} fetched in {duration(ending.seconds)}"
    return [Text(""), Text(title, style="bold"), _numbers(account), *_failures(account), *_next(account)]


def _numbers(account: Account) -> Table:
    ledger = account.ledger
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim", ratio=1)
    table.add_row("  fetched", f"{ledger.fetched:,}", Text(clean(f"in {account.place}")))
    if account.skipped:
        table.add_row("  skipped", f"{account.skipped:,}", "there before, not bought again")
    table.add_row("  failed", Text(f"{ledger.failed:,}", style="red" if ledger.failed else ""), "")
    for kind, count in by_kind(ledger.failures):
        example = account.digest.examples.get(kind)
        table.add_row(f"    {kind}", f"{count:,}", Text(example.advice if example else ""))
    if account.ending.total > ledger.outcomes:
        table.add_row("  not attempted", f"{account.ending.total - ledger.outcomes:,}", "")
    table.add_row("  requests", f"{ledger.sent:,}", account.speed)
    _costs(table, account)
    return table


def _costs(table: Table, account: Account) -> None:
    ledger = account.ledger
    table.add_row("  bought", f"{ledger.bought:,}", _not_delivered(ledger))
    doubts = ledger.ambiguous.total()
    if doubts:
        named = f"sent, and no whole answer came: {listed(list(ledger.ambiguous), NAMED)}"
        table.add_row("  maybe bought", f"{doubts:,}", Text(named))
    if account.price is not None:
        most = f"{money((ledger.bought + doubts) * account.price)} if all in doubt were bought" if doubts else ""
        table.add_row("  spent", money(ledger.spent(account.price)), most)
    if account.store:
        table.add_row("  reused", f"{ledger.reused:,}", "read from the store, not bought")
        told = f"`walee status {account.store}` tells what is in it and what it cost"
        table.add_row("  store", "", Text(clean(told)))


def _not_delivered(ledger: Ledger) -> str:
    """Reports that were bought and did not come out whole: those that cannot be read, and those cut off by an end."""
    lost = ledger.bought - (ledger.fetched - ledger.reused)
    return f"{plural(lost, 'report')} of them could not be delivered or read" if lost > 0 else ""


def _failures(account: Account) -> list[RenderableType]:
    first = account.digest.first
    if not first:
        return []
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, max_width=28, overflow="ellipsis")
    table.add_column(ratio=1)
    for failed in first:
        table.add_row(Text(f"  {clean(failed.handle, 64)}"), Text(_reason(failed.error), style="dim"))
    rest = account.ledger.failed - account.ledger.failures["NotAttemptedError"] - len(first)
    heading = "Failed:" if rest <= 0 else f"The first of those that failed; all are in {clean(account.place)}:"
    return [Text(""), Text(heading), table]


def _reason(error: WaleeError) -> str:
    return clean(error.detail, 160)


def _next(account: Account) -> list[RenderableType]:
    """How it ended, and how to go on."""
    ending = account.ending
    if ending.refused is not None:
        cause = ending.refused.__cause__
        why = str(cause.about(None)) if isinstance(cause, WaleeError) else ending.refused.detail
        if isinstance(cause, BudgetError):
            why = f"{why} Each run has as much to spend again."
        charges = account.ledger.charges
        if isinstance(cause, LongPauseError) and not charges[Charge.REJECTED]:  # so it was not too fast for anybody
            why = f"{cause.detail}. {NotSentError.advice if set(charges) == {Charge.NOT_SENT} else _WELL}"
        return [Text(""), Text(f"The run ended before its list: {clean(why)} {account.way}", style="bold")]
    if ending.unwritable is not None and not ending.unwritable.reader_gone:
        return [Text(""), Text(f"Stopped, because {clean(str(ending.unwritable))}. {account.way}", style="bold")]
    if ending.interrupted:
        return [Text(""), Text(f"Interrupted; what had arrived is kept. {account.way}", style="bold")]
    if account.ledger.failed and account.again:
        return [Text(""), Text(_rest(account), style="dim")]
    return []


def _rest(account: Account) -> str:
    if account.fresh or not account.store:
        return "The same command again tries only those that failed."
    parked = account.ledger.failures["NotReadyError"]
    due = f" {plural(parked, 'report')} being prepared will be asked for when due." if parked else ""
    return (
        "The same command again tries only those that failed, save what asking again would not change or might buy "
        f"twice; --retry-failed tries those too.{due}"
    )
