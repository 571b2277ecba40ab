from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import get_args

import anyio
import pytest

from walee_async import ConfigError, NoReportError, Options, WaleeClient
from walee_async.events import (
    AttemptEnded,
    Emitter,
    Event,
    GatePaused,
    OutcomeReached,
    ReportEnded,
    ReportStarted,
    RunEnded,
    RunStarted,
)
from walee_async.testing import Gateway

DOCS = Path(__file__).parent.parent / "docs" / "observability.md"


def client(gateway: Gateway, **options: object) -> WaleeClient:
    return WaleeClient(gateway.key, base_url=gateway.base_url, rate=500, options=Options(**options))


def test_a_hook_is_told_of_every_event_in_order() -> None:
    """Events reach the hook as they happen."""
    events: list[Event] = []
    emitter = Emitter(events.append)
    told = [GatePaused("key 1", float(seconds), "test") for seconds in range(5)]
    for event in told:
        emitter.emit(event)
    assert events == told


def test_a_hook_that_raises_is_logged_once_and_dropped(caplog: pytest.LogCaptureFixture) -> None:
    """Telling never costs a report: a broken hook is heard of once and then left alone."""
    calls = []

    def broken(event: Event) -> None:
        calls.append(event)
        raise RuntimeError("the dashboard is down")

    emitter = Emitter(broken)
    with caplog.at_level(logging.ERROR, logger="walee_async"):
        for _ in range(3):
            emitter.emit(GatePaused("key 1", 1.0, "test"))
    assert len(calls) == 1
    assert caplog.messages == ["The hook raised on GatePaused; it is told of nothing more."]
    assert not emitter.listening


def test_a_hook_that_raises_costs_the_others_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Of several hooks only the broken one is dropped; those before and after it hear of everything."""
    first: list[Event] = []
    last: list[Event] = []

    def broken(event: Event) -> None:
        raise RuntimeError("the dashboard is down")

    emitter = Emitter((first.append, broken, last.append))
    told = [GatePaused("key 1", float(seconds), "test") for seconds in range(3)]
    for event in told:
        emitter.emit(event)
    assert first == last == told
    assert len(caplog.records) == 1
    assert emitter.listening


@pytest.mark.parametrize("hook", [3, ("log",), Emitter], ids=["number", "text", "class"])
def test_a_hook_that_cannot_be_called_is_refused_at_once(hook: object) -> None:
    """A slip in the set-up is an error of the set-up, instead of a hook that is dropped at the first event."""
    with pytest.raises(ConfigError, match="it must be something to call with each event"):
        WaleeClient("key", options=Options(hook=hook))  # type: ignore[arg-type]


def test_the_documentation_names_every_event_with_its_fields() -> None:
    """The table of events is that of the code."""
    table = DOCS.read_text("utf-8").partition("## Events")[2].partition("## Spans")[0]
    rows = re.findall(r"^\| `(\w+)` \| .+? \| (.+) \|$", table, re.MULTILINE)
    told = {name: re.findall(r"`(\w+)`", fields) for name, fields in rows}
    assert told == {kind.__name__: list(kind.__struct_fields__) for kind in get_args(Event)}


@pytest.mark.anyio
async def test_a_run_is_told_from_its_beginning_to_its_end(gateway: Gateway) -> None:
    """A run begins, each report begins and ends in it, and its end has the numbers of its ledger."""
    events: list[Event] = []
    handles = [*gateway.handles[:3], "nobody.here"]
    async with client(gateway, hook=events.append) as walee:
        run = walee.creator_reports(handles, total=4)
        await run.collect()
    assert events[0] == RunStarted(run.id, 4)
    assert events[-1] == RunEnded(run=run.id, how="complete", fetched=3, reused=0, failed=1, bought=3, ambiguous=0)
    started = {event.report: event for event in events if isinstance(event, ReportStarted)}
    ended = {event.report: event for event in events if isinstance(event, ReportEnded)}
    assert {event.handle for event in started.values()} == set(handles)
    assert {number: (event.handle, event.run) for number, event in ended.items()} == {
        number: (event.handle, run.id) for number, event in started.items()
    }
    assert {event.handle: event.error for event in ended.values()}["nobody.here"] == "NoReportError"
    for event in events:
        if isinstance(event, AttemptEnded):
            assert event.report is not None
            assert started[event.report].handle == event.attempt.handle


@pytest.mark.anyio
async def test_calls_that_share_a_purchase_are_told_apart(gateway: Gateway) -> None:
    """Each call has a report of its own; the attempt is that of the first."""
    events: list[Event] = []
    gateway.latency = 0.05
    async with client(gateway, hook=events.append) as walee, anyio.create_task_group() as group:
        group.start_soon(walee.fetch, gateway.handles[0])
        group.start_soon(walee.fetch, gateway.handles[0])
    first, second = (event.report for event in events if isinstance(event, ReportStarted))
    assert first != second
    assert [event.report for event in events if isinstance(event, AttemptEnded)] == [first]
    assert {event.report for event in events if isinstance(event, ReportEnded)} == {first, second}


@pytest.mark.anyio
async def test_a_run_that_is_left_tells_the_end_of_all_it_began(gateway: Gateway) -> None:
    """Leaving the block ends every report that was under way, and then the run."""
    events: list[Event] = []
    gateway.latency = 0.05
    async with (
        client(gateway, hook=events.append) as walee,
        walee.creator_reports(gateway.handles, concurrency=4) as run,
    ):
        async for _ in run:
            break
    started = [event.report for event in events if isinstance(event, ReportStarted)]
    ended = [event.report for event in events if isinstance(event, ReportEnded)]
    assert sorted(started) == sorted(ended)
    assert isinstance(events[-1], RunEnded)
    assert events[-1].how == "left"


@pytest.mark.anyio
async def test_what_comes_from_the_store_is_told_as_such(gateway: Gateway, tmp_path: Path) -> None:
    """A report that was bought before is reused, for single calls and for runs."""
    events: list[Event] = []
    handle = gateway.handles[0]
    options = Options(hook=events.append)
    async with WaleeClient(gateway.key, base_url=gateway.base_url, store=tmp_path / "s.db", options=options) as walee:
        await walee.fetch(handle)
        await walee.fetch(handle)
        await walee.creator_reports([handle]).collect()
        with pytest.raises(NoReportError):
            await walee.fetch("nobody.here")
    ended = [(event.run is None, event.error, event.reused) for event in events if isinstance(event, ReportEnded)]
    assert ended == [(True, None, False), (True, None, True), (False, None, True), (True, "NoReportError", False)]
    assert [event.reused for event in events if isinstance(event, OutcomeReached)] == [True]
    assert [(event.reused, event.bought) for event in events if isinstance(event, RunEnded)] == [(1, 0)]
