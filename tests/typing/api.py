"""What type checkers see of the public names. It is checked by mypy and pyright, and never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, assert_type

from msgspec import Struct

from walee_async import (
    Budget,
    Charge,
    CreatorReport,
    Failed,
    Fetched,
    Headline,
    Ledger,
    Options,
    Outcome,
    Payload,
    RetryPolicy,
    Run,
    Score,
    ScoreView,
    Source,
    Transport,
    WaleeClient,
    WaleeError,
    __version__,
    errors,
)
from walee_async.events import Event
from walee_async.integrations.dask import ClusterRun, Kept, Terms, fetch_on_dask, rescore_on_dask
from walee_async.integrations.opentelemetry import Tracing
from walee_async.integrations.prometheus import Metrics
from walee_async.integrations.redis import SharedBudget, SharedGate
from walee_async.outcomes import Attempt
from walee_async.page import About, render
from walee_async.progress import Progress


class Size(Struct):
    """A view of a user's own."""

    success: bool | None = None


def a_page(score: Score, report: CreatorReport) -> None:
    """Pages take scores with whole reports, or with views of them."""
    assert_type(render([(score, report)], about=About(title="One")), str)
    assert_type(render([(score, ScoreView())]), str)


async def one_report(walee: WaleeClient) -> None:
    """The view decides the type of the report."""
    assert_type(await walee.creator_report("river.kites"), CreatorReport)
    assert_type(await walee.creator_report("river.kites", view=Headline), Headline)
    assert_type(await walee.creator_report("river.kites", view=Size), Size)
    assert_type(await walee.creator_report("river.kites", view=dict), dict[Any, Any])
    assert_type(await walee.fetch("river.kites"), Payload)
    source: Source = walee
    assert_type(await source.fetch("river.kites"), Payload)


async def many_reports(walee: WaleeClient, handles: Sequence[str], more: AsyncIterator[str]) -> None:
    """The view decides the type of every outcome of a run."""
    async with walee.creator_reports(handles) as run:
        assert_type(run, Run[CreatorReport])
        async for outcome in run:
            assert_type(outcome, Fetched[CreatorReport] | Failed)
            match outcome:
                case Fetched(handle=handle, report=report, payload=payload):
                    assert_type(handle, str)
                    assert_type(report, CreatorReport)
                    assert_type(payload, Payload)
                case Failed(handle=handle, error=error):
                    assert_type(handle, str)
                    assert_type(error, WaleeError)
        assert_type(run.ledger, Ledger)
        assert_type(run.progress(), Progress)
        run.stop()
    async with walee.creator_reports(more, view=Headline, ordered=True, concurrency=8, total=9) as small:
        assert_type(small, Run[Headline])
        assert_type([outcome async for outcome in small], list[Fetched[Headline] | Failed])
    outcomes = await walee.creator_reports(handles, view=Size).collect()
    assert_type(outcomes, list[Fetched[Size] | Failed])


async def making_a_client() -> None:
    """Everything has a default; entering gives the client itself."""
    async with WaleeClient() as walee:
        assert_type(walee, WaleeClient)
    WaleeClient(
        ["a", "b"],
        rate="auto",
        store="reports.db",
        max_age=3600.0,
        budget=Budget(max_spend=50.0, price=0.5),
        options=Options(burst=2, retry=RetryPolicy(attempts=5), transport=Transport(connect_timeout=3.0)),
    )


def hooks(events: list[Event]) -> None:
    """A hook is anything that takes an event; several go in a tuple or a list."""
    Options(hook=events.append)
    Options(hook=print)
    Options(hook=(Tracing(), Metrics(), events.append))


async def sharing_a_limit() -> None:
    """A shared gate goes into the options, a shared budget in the place of any other."""
    async with SharedBudget("redis://127.0.0.1/0", "march", max_reports=5) as budget:
        assert_type(budget, SharedBudget)
        WaleeClient(rate=50, budget=budget, options=Options(sharing=SharedGate("redis://127.0.0.1/0")))


def values(payload: Payload, outcome: Outcome[Headline], report: CreatorReport, error: WaleeError) -> None:
    """Values are typed down to their leaves."""
    assert_type(payload.body, bytes)
    assert_type(payload.attempts, tuple[Attempt, ...])
    assert_type(payload.attempts[0].charge, Charge)
    assert_type(outcome, Fetched[Headline] | Failed)
    assert_type(report.cqs_value, float | None)
    if report.user_profile is not None:
        assert_type(report.user_profile.followers, int | None)
        assert_type(report.user_profile.engagement_rate, float | None)
    if isinstance(error, errors.RateLimitError):
        assert_type(error.retry_after, float | None)
    assert_type(__version__, str)


async def a_cluster(client: Any) -> None:
    """A list on a cluster comes out as what is kept and what failed; scores come as they do here."""
    run = fetch_on_dask(client, ["river.kites"], "DIR", Terms(rate=50))
    assert_type(run, ClusterRun)
    async with run:
        async for outcome in run:
            assert_type(outcome, Kept | Failed)
        assert_type(run.progress(), Progress)
    async for score in rescore_on_dask(client, "reports.db"):
        assert_type(score, Score)
