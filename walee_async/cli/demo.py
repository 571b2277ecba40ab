"""`walee demo`: the main job on this machine alone, in under twenty seconds."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from rich.table import Table
from rich.text import Text

from walee_async.cli.bar import Bar
from walee_async.cli.digest import Account, Digest, summary
from walee_async.cli.exits import Exit, OutputError
from walee_async.cli.interrupts import Interrupts
from walee_async.cli.options import ON_PAGE
from walee_async.cli.page import make
from walee_async.cli.pagefile import check_page
from walee_async.cli.pulse import Pulse
from walee_async.cli.runner import finish
from walee_async.cli.screen import Screen
from walee_async.cli.tally import Tally
from walee_async.cli.text import UNKNOWN, big, clean, percent, plural, size
from walee_async.client import WaleeClient
from walee_async.errors import ConfigError
from walee_async.models import Headline
from walee_async.options import Options
from walee_async.outcomes import Fetched
from walee_async.rescoring import rescore
from walee_async.scoring import Brief, Top
from walee_async.testing import Code, Drop, Gateway, Html, Maker, Mix, Quota, Slow, Status
from walee_async.testing.serve import plant_named

if TYPE_CHECKING:
    from rich.console import RenderableType

    from walee_async.outcomes import Outcome

SECONDS: Final = 7
"""About how long it is meant to take; the pauses come on top."""
TROUBLE: Final = (
    Status(500),
    Status(503, retry_after=1),
    Html(502),
    Drop("request"),
    Slow(0.3),
    Code("account_is_private"),
    Code("account_is_private"),
)
"""What goes wrong: most of it mends by trying again; a private account has no report."""
PAGE: Final = Path("walee-demo.html")
"""The page that it ends with, where people work and see it."""
BRIEF: Final = Brief.make(
    name="Women of 18 to 34 in four countries",
    genders=["FEMALE"],
    ages=["18-34"],
    countries=["US", "PK", "EG", "ID"],
    require={"no_flags": ["low_engagement"]},
)
PRICE: Final = 0.5
"""What a report would cost, made up like all the rest."""
BEST: Final = 10
ROOMY: Final = 100
"""Columns from which the table has room for names."""


class Found(Struct, frozen=True):
    """What is kept of a report for the table."""

    score: float
    handle: str
    report: Headline


def demo(creators: int, seed: int) -> Exit:
    """Fetch made-up creators from a gateway of our own, and show what came of it.

    Raises:
        ConfigError: there are to be no creators.
    """
    if creators < 1:
        raise ConfigError(f"The number of creators is {creators}; it must be at least 1")
    # The gateway's limit is a little below the rate asked for, so that it says "too fast" and the gate has work to do.
    limit = max(4.0, creators / SECONDS)
    maker = Maker(seed, creators=creators, created=datetime.now(UTC))
    gateway = Gateway(maker, quota=Quota(limit), faults=Mix(0.04, TROUBLE, seed=seed), latency=0.05)
    handles = plant_named(gateway)
    with gateway.in_thread(), TemporaryDirectory(prefix="walee-demo-") as folder:
        store, screen = Path(folder) / "reports.db", Screen()
        code = asyncio.run(_demo(gateway, handles, limit, store, screen))
        if code is Exit.FETCHED:
            _page(store, screen)
        return code


async def _demo(gateway: Gateway, handles: list[str], limit: float, store: Path, screen: Screen) -> Exit:
    rate = 1.15 * limit
    _introduce(gateway, limit, rate, screen)
    pulse = Pulse(screen.warn)
    digest = Digest()
    found: list[Found] = []

    async def receive(outcome: Outcome[Any]) -> None:
        digest.add(outcome)
        if isinstance(outcome, Fetched) and outcome.report.cqs_value is not None:
            found.append(Found(outcome.report.cqs_value, outcome.handle, outcome.report))

    with Interrupts() as interrupts:
        options = Options(hook=pulse)
        async with WaleeClient(
            gateway.key, rate=rate, base_url=gateway.base_url, store=store, options=options
        ) as walee:
            pulse.client = walee
            run = walee.creator_reports(handles, view=Headline, total=len(handles))
            ending = await finish(run, receive, interrupts, Bar(run, pulse, screen))
            speed = pulse.average(max(0, run.ledger.sent - 1) / ending.seconds)
            account = Account(
                ledger=run.ledger, digest=digest, ending=ending, speed=speed, place="a store", price=PRICE
            )
            _show([*summary(account), *_best(found, screen.console.width), *_compared(gateway)], screen)
            if interrupts.exit is None:
                await _again(walee, handles, screen)
        return interrupts.exit or Exit.FETCHED


def _page(store: Path, screen: Screen) -> None:
    """Write the shortlist, if there can be one."""
    screen.say("")
    try:
        check_page(PAGE)
        tally = Tally(Top(ON_PAGE))
        for found in rescore(store, BRIEF, jobs=1):
            tally.add(found)
        length = make(store, BRIEF, tally, PAGE, PRICE)
    except (ConfigError, OutputError) as error:
        screen.say(f"No page was made of it. {str(error).rstrip('.')}.")
        return
    screen.say(f"All of them as a page, scored by a brief ({length}); open it in a browser: {PAGE.resolve().as_uri()}")


def _introduce(gateway: Gateway, limit: float, rate: float, screen: Screen) -> None:
    screen.say(
        f"A gateway on this machine knows {plural(len(gateway.handles), 'creator')}, all of them made up. Nothing is "
        f"bought. It takes {limit:.3g} requests a second; we ask for {rate:.3g}, as somebody would who does not know. "
        "Some answers go wrong on purpose."
    )
    screen.say("")


def _show(parts: list[RenderableType], screen: Screen) -> None:
    for part in parts:
        screen.show(part)


async def _again(walee: WaleeClient, handles: list[str], screen: Screen) -> None:
    """The same list once more: what was bought is read from the store."""
    began = time.perf_counter()
    async with walee.creator_reports(handles, view=Headline) as run:
        async for _ in run:
            pass
    seconds = time.perf_counter() - began
    assert walee.store is not None
    totals = await walee.store.totals()
    charges = ", ".join(f"{count:,} {charge.value.replace('_', ' ')}" for charge, count in totals.charges.most_common())
    screen.show(Text(""))
    screen.say(
        f"The same list again: {run.ledger.reused:,} of {plural(len(handles), 'report')} read from the store, "
        f"{run.ledger.bought:,} bought, in {seconds:.1f} s."
    )
    screen.say(
        f"Its ledger: {plural(totals.charges.total(), 'request')} ({charges}); "
        f"{plural(totals.reports, 'report')} kept, {size(totals.bytes)} as received."
    )


def _best(found: list[Found], width: int) -> list[RenderableType]:
    found.sort(key=lambda one: (-one.score, one.handle))
    table = Table.grid(padding=(0, 2))
    columns = ["  handle", "name", "from", "followers", "engagement", "quality", "mark"]
    if width < ROOMY:
        columns.remove("name")
    for name in columns:
        table.add_column(justify="right" if name in ("followers", "engagement", "quality") else "left", no_wrap=True)
    table.add_row(*(Text(name, style="dim") for name in columns))
    for one in found[:BEST]:
        row = _row(one)
        table.add_row(*(row[name] for name in columns))
    return [Text(""), Text("The ten best by quality score", style="bold"), table] if found else []


def _row(one: Found) -> dict[str, Text]:
    profile, quality = one.report.user_profile, one.report.cqs
    return {
        "  handle": Text(f"  {clean(one.handle, 30)}"),
        "name": Text(clean((profile.fullname if profile else None) or UNKNOWN, 24)),
        "from": Text(clean((profile.country_code if profile else None) or UNKNOWN, 12)),
        "followers": Text(big(profile.followers if profile else None)),
        "engagement": Text(percent(profile.engagement_rate if profile else None)),
        "quality": Text(f"{one.score:.1f}", style="bold"),
        "mark": Text(clean((quality.mark if quality else None) or "", 12)),
    }


def _compared(gateway: Gateway) -> list[RenderableType]:
    """What the gateway counted by itself; it knows nothing of the client."""
    told = (
        f"The gateway counted {plural(gateway.requests_seen, 'request')} and billed {gateway.billed.total():,}; "
        f"it said too fast {plural(gateway.breaches, 'time')}."
    )
    return [Text(""), Text(told)]
