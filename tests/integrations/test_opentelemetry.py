"""The spans of a client, read back with OpenTelemetry's own SDK."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import anyio
import msgspec
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from walee_async import Failed, NoReportError, Options, RetryPolicy, RunEndedError, WaleeClient, WaleeError
from walee_async.errors import InflateError
from walee_async.events import Event
from walee_async.integrations.opentelemetry import Tracing
from walee_async.interfaces import Hooks
from walee_async.outcomes import Charge
from walee_async.testing import Drop, Garble, Gateway, Slow, Status

pytestmark = pytest.mark.anyio

KEY = "otel-secret-key-a3f9"


class Spans:
    """A provider of one test's own, and what it exported."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = self.provider.get_tracer("test")

    def named(self, name: str) -> Sequence[ReadableSpan]:
        """The spans of that name that have ended, in that order."""
        return [span for span in self._exporter.get_finished_spans() if span.name == name]

    def clear(self) -> None:
        """Let go of the spans."""
        self._exporter.clear()

    def all(self) -> Sequence[ReadableSpan]:
        return self._exporter.get_finished_spans()


@pytest.fixture
def spans() -> Spans:
    return Spans()


def client(gateway: Gateway, hook: Hooks, **given: object) -> WaleeClient:
    options = Options(hook=hook, retry=RetryPolicy(base=0.01, cap=0.02))
    return WaleeClient(gateway.key, base_url=gateway.base_url, rate=500, options=options, **given)  # type: ignore[arg-type]


def attributes(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def is_inside(span: ReadableSpan, parent: ReadableSpan) -> bool:
    """Whether it is its child, in name and in time."""
    assert span.start_time is not None
    assert span.end_time is not None
    named = span.parent is not None and span.parent.span_id == parent.context.span_id
    same = span.context.trace_id == parent.context.trace_id
    return named and same and (parent.start_time or 0) <= span.start_time <= span.end_time <= (parent.end_time or 0)


async def test_attempts_lie_in_reports_and_reports_in_their_run(gateway: Gateway, spans: Spans) -> None:
    """With many under way at once, each attempt is in the span of its report, and that in the span of its run."""
    gateway.latency = 0.01
    again = gateway.handles[3]
    gateway.plan(again, Status(500), Status(503))
    async with client(gateway, Tracing(spans.provider)) as walee, anyio.create_task_group() as group:
        runs = [walee.creator_reports(gateway.handles[part::2], total=10) for part in (0, 1)]
        for run in runs:
            group.start_soon(run.collect)
    trees = {attributes(span)["walee.run"]: span for span in spans.named("walee.run")}
    assert set(trees) == {run.id for run in runs}
    reports = spans.named("walee.report")
    assert {attributes(span)["walee.handle"] for span in reports} == set(gateway.handles)
    for part, run in enumerate(runs):
        inside = [span for span in reports if is_inside(span, trees[run.id])]
        assert {attributes(span)["walee.handle"] for span in inside} == set(gateway.handles[part::2])
    tries = {
        attributes(report)["walee.handle"]: [span for span in spans.named("walee.attempt") if is_inside(span, report)]
        for report in reports
    }
    assert {handle: len(found) for handle, found in tries.items()} == dict.fromkeys(gateway.handles, 1) | {again: 3}
    assert sum(map(len, tries.values())) == len(spans.named("walee.attempt")) == gateway.requests_seen
    assert [attributes(span)["walee.number"] for span in tries[again]] == [1, 2, 3]


async def test_a_run_has_its_numbers(gateway: Gateway, spans: Spans) -> None:
    """The span of a run tells how it ended and what it came to."""
    async with client(gateway, Tracing(spans.provider)) as walee:
        run = walee.creator_reports([*gateway.handles[:2], "nobody.here"], total=3)
        await run.collect()
    (span,) = spans.named("walee.run")
    assert attributes(span) == {
        "walee.run": run.id,
        "walee.total": 3,
        "walee.how": "complete",
        "walee.fetched": 2,
        "walee.reused": 0,
        "walee.failed": 1,
        "walee.bought": 2,
        "walee.ambiguous": 0,
    }
    assert span.status.status_code is StatusCode.UNSET


async def test_an_attempt_has_its_times_and_its_charge(gateway: Gateway, spans: Spans) -> None:
    """The span of an attempt lasts from the send to the answer, and says what it waited and may have cost."""
    gateway.plan(gateway.handles[0], Slow(0.1))
    began = time.time_ns()
    async with client(gateway, Tracing(spans.provider)) as walee:
        payload = await walee.fetch(gateway.handles[0])
    (attempt,) = payload.attempts
    (span,) = spans.named("walee.attempt")
    assert span.kind is SpanKind.CLIENT
    assert attributes(span) == {
        "walee.number": 1,
        "walee.key": attempt.key,
        "walee.charge": "billed",
        "walee.queue_seconds": attempt.queue_seconds,
        "walee.service_seconds": attempt.service_seconds,
        "http.response.status_code": 200,
    }
    assert span.start_time is not None
    assert span.end_time is not None
    assert began <= span.start_time == int(attempt.sent_at * 1e9)
    assert (span.end_time - span.start_time) / 1e9 == pytest.approx(attempt.service_seconds, abs=1e-5)
    assert span.end_time - span.start_time >= 0.1e9


async def test_errors_are_the_status_of_their_spans(gateway: Gateway, spans: Spans) -> None:
    """A span that ended with an error says so, with the name of the error's class."""
    gateway.plan(gateway.handles[0], Drop("request"))
    async with client(gateway, Tracing(spans.provider)) as walee:
        await walee.fetch(gateway.handles[0])
        with pytest.raises(NoReportError):
            await walee.fetch("nobody.here")
    broken, well, refused = spans.named("walee.attempt")
    assert (broken.status.status_code, broken.status.description) == (StatusCode.ERROR, "AmbiguousError")
    assert attributes(broken)["walee.charge"] == Charge.AMBIGUOUS.value
    assert "http.response.status_code" not in attributes(broken)
    assert well.status.status_code is StatusCode.UNSET
    assert attributes(refused)["error.type"] == "NoReportError"
    assert [span.status.description for span in spans.named("walee.report")] == [None, "NoReportError"]


async def test_a_single_call_is_in_the_span_of_its_caller(gateway: Gateway, spans: Spans) -> None:
    """Of calls at the same time, also for one handle, each is in the span that was current where it was made."""
    gateway.latency = 0.05

    async def serve(name: str) -> None:
        with spans.tracer.start_as_current_span(name):
            await walee.creator_report(gateway.handles[0])

    async with client(gateway, Tracing(spans.provider)) as walee, anyio.create_task_group() as group:
        for name in ("GET 1", "GET 2"):
            group.start_soon(serve, name)
    (one,), (two,) = spans.named("GET 1"), spans.named("GET 2")
    reports = spans.named("walee.report")
    assert sorted(is_inside(span, one) for span in reports) == [False, True]
    assert sorted(is_inside(span, two) for span in reports) == [False, True]
    (attempt,) = spans.named("walee.attempt")
    assert is_inside(attempt, next(span for span in reports if is_inside(span, one)))


async def test_an_attempt_outlives_the_call_that_it_was_begun_for(gateway: Gateway, spans: Spans) -> None:
    """When the first of two callers leaves, the attempt stays in the report that it was begun for, and in its trace."""
    gateway.latency = 0.3
    scope = anyio.CancelScope()

    async def leave() -> None:
        with scope:
            await walee.fetch(gateway.handles[0])

    async with client(gateway, Tracing(spans.provider)) as walee, anyio.create_task_group() as group:
        group.start_soon(leave)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(walee.fetch, gateway.handles[0])
        await anyio.wait_all_tasks_blocked()
        scope.cancel()
    left, came = spans.named("walee.report")
    assert [span.status.description for span in (left, came)] == ["CancelledError", None]
    (attempt,) = spans.named("walee.attempt")
    assert attempt.parent == left.context
    assert attempt.context.trace_id == left.context.trace_id != came.context.trace_id


async def test_nothing_is_kept_of_spans_that_have_ended(gateway: Gateway, spans: Spans) -> None:
    """Of reports that came, failed or were left, with an attempt or without, nobody holds the span any more."""
    tracing = Tracing(spans.provider)
    gateway.latency = 0.05

    async def ask(handle: str, patience: float) -> None:
        with anyio.move_on_after(patience), suppress(NoReportError):
            await walee.fetch(handle)

    async with client(gateway, tracing) as walee:
        for handle in (*gateway.handles[:2], "nobody.here"):
            async with anyio.create_task_group() as group:
                for patience in (0.02, 5.0, 0.02):
                    group.start_soon(ask, handle, patience)
        await walee.fetch(gateway.handles[2])
        ended = [weakref.ref(span) for span in spans.all()]
        assert len(spans.named("walee.report")) == 10
        spans.clear()
        gc.collect()
        assert [span() for span in ended if span() is not None] == []


async def test_a_report_that_a_run_cannot_decode_is_seen_in_its_span(gateway: Gateway, spans: Spans) -> None:
    """Decoding comes after the report's own span; the run's span names what could not be decoded."""

    class Wrong(msgspec.Struct):
        user_profile: int

    async with client(gateway, Tracing(spans.provider)) as walee:
        await walee.creator_reports(gateway.handles[:1], view=Wrong).collect()
    (span,) = spans.named("walee.run")
    assert [(event.name, dict(event.attributes or {})) for event in span.events] == [
        ("walee.undecodable", {"walee.handle": gateway.handles[0]})
    ]


async def test_a_stored_report_that_does_not_decompress_is_seen_in_the_span_of_its_run(
    gateway: Gateway, spans: Spans, tmp_path: Path
) -> None:
    """It comes from the store without an error, and only the run that hands it over finds that it cannot be read."""
    gateway.plan(gateway.handles[0], Garble("encoding"))
    store = tmp_path / "reports.db"
    async with client(gateway, (), store=store) as walee:
        await walee.creator_reports(gateway.handles[:1]).collect()
    async with client(gateway, Tracing(spans.provider), store=store) as walee:
        (outcome,) = await walee.creator_reports(gateway.handles[:1]).collect()
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, InflateError)
    (report,), (run,) = spans.named("walee.report"), spans.named("walee.run")
    assert attributes(report)["walee.reused"] is True
    assert report.status.status_code is StatusCode.UNSET
    assert [(event.name, dict(event.attributes or {})) for event in run.events] == [
        ("walee.undecodable", {"walee.handle": gateway.handles[0]})
    ]


async def test_what_was_left_or_never_sent_has_ended_spans(gateway: Gateway, spans: Spans) -> None:
    """Nothing stays open: neither when a run is left, nor where no request could be sent."""
    gateway.latency = 0.05
    tracing = Tracing(spans.provider)
    async with client(gateway, tracing) as walee, walee.creator_reports(gateway.handles, concurrency=4) as run:
        async for _ in run:
            break
    closed = client(gateway, tracing)
    await gateway.aclose()
    async with closed as walee:
        await walee.creator_reports(gateway.handles[:1]).collect()
    left, vain = spans.named("walee.run")
    assert (attributes(left)["walee.how"], left.status.status_code) == ("left", StatusCode.UNSET)
    assert attributes(vain)["walee.failed"] == 1
    assert any(is_inside(span, left) for span in spans.named("walee.report"))
    assert {attributes(span)["walee.charge"] for span in spans.named("walee.attempt")[-3:]} == {"not_sent"}


async def test_the_account_that_ends_a_run_is_its_status(spans: Spans) -> None:
    """A run that was ended by the gateway is an error, of the class that ended it."""
    async with Gateway(creators=2, credits=0) as gateway, client(gateway, Tracing(spans.provider)) as walee:
        with pytest.raises(RunEndedError):
            await walee.creator_reports(gateway.handles).collect()
    (span,) = spans.named("walee.run")
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ExhaustedKeyError")


async def test_spans_hold_the_label_and_never_the_key(spans: Spans, tmp_path: Path) -> None:
    """Whatever happens, exported spans name keys by their labels, and handles only if they may."""
    async with Gateway(creators=3, keys=[KEY]) as gateway:
        gateway.plan(gateway.handles[0], Status(500), Drop(10), Status(401))
        tracing = Tracing(spans.provider, handles=False)
        async with client(gateway, tracing, store=tmp_path / "reports.db") as walee:
            for handle in gateway.handles:
                with suppress(WaleeError):
                    await walee.fetch(handle)
    text = "".join(span.to_json() for span in spans.all())
    assert gateway.requests_seen == 3
    assert "key 1 (\\u2026a3f9)" in text
    assert KEY not in text
    assert not [handle for handle in gateway.handles if handle in text]


async def test_spans_take_no_harm_from_another_hook(gateway: Gateway, spans: Spans) -> None:
    """A hook that raises beside it is dropped, and every span is made."""

    def broken(event: Event) -> None:
        raise RuntimeError("the dashboard is down")

    async with client(gateway, (broken, Tracing(spans.provider))) as walee:
        await walee.fetch(gateway.handles[0])
    assert [span.name for span in spans.all()] == ["walee.attempt", "walee.report"]


def test_without_the_extra_the_sentence_says_what_to_do() -> None:
    """Where the extra is missing, importing the module names it."""
    code = "import sys; sys.modules['opentelemetry'] = None; import walee_async.integrations.opentelemetry"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.stderr.endswith("ConfigError: Traces need an extra: pip install 'walee-async[otel]'.\n")
