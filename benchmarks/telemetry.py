"""What being watched costs: CPU a report with no hook, with one that does nothing, with OpenTelemetry, with Prometheus.

OpenTelemetry is its own SDK, with every span recorded and handed over in batches to an exporter that throws it away;
`otel api` is the same hook with no SDK behind it. Each contender runs in a process of its own, in turn with the others,
against one server in another process. CPU is user and system time of the process but for its start; ratios are medians
against no hook.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence

from _runner import dump
from _server import KEY, SEED, server

from walee_async import CreatorReport, Fetched, Options, WaleeClient
from walee_async.events import Event
from walee_async.interfaces import Hooks
from walee_async.testing.maker import Maker

AT_ONCE = 32
WARM = 64
"""Reports fetched before the clock starts: connections, decoders and caches are there then."""


def nothing(event: Event) -> None:
    """A hook that costs what telling costs."""


def otel_api() -> Hooks:
    """Spans that nobody records, as in a program without the SDK."""
    from walee_async.integrations.opentelemetry import Tracing

    return Tracing()


def otel() -> Hooks:
    """Spans, recorded and handed over in batches."""
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    from walee_async.integrations.opentelemetry import Tracing

    class Away(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Away()))
    return Tracing(provider)


def prometheus() -> Hooks:
    """Counters and histograms."""
    from prometheus_client import CollectorRegistry

    from walee_async.integrations.prometheus import Metrics

    return Metrics(CollectorRegistry())


HOOKS: dict[str, Callable[[], Hooks | None]] = {
    "no hook": lambda: None,
    "empty hook": lambda: nothing,
    "otel api": otel_api,
    "otel": otel,
    "prometheus": prometheus,
}


async def fetch(hook: Hooks | None, base_url: str, handles: Sequence[str]) -> int:
    """Fetch and decode the reports; how many there were."""
    client = WaleeClient(KEY, rate=1e6, base_url=base_url, options=Options(hook=hook))
    async with client as walee, walee.creator_reports(handles, view=CreatorReport, concurrency=AT_ONCE) as run:
        return sum([isinstance(outcome, Fetched) async for outcome in run])


def cpu() -> float:
    """Seconds of CPU that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure(name: str, base_url: str, reports: int) -> float:
    """Run one contender in this process; seconds of CPU a report."""
    hook, handles = HOOKS[name](), Maker(SEED, creators=reports + WARM).handles()
    asyncio.run(fetch(hook, base_url, handles[:WARM]))
    before = cpu()
    done = asyncio.run(fetch(hook, base_url, handles[WARM:]))
    if done != reports:
        raise SystemExit(f"{name} fetched {done} of {reports} reports")
    return (cpu() - before) / reports


def ask(name: str, base_url: str, reports: int) -> float:
    """Run one contender in a process of its own."""
    command = [sys.executable, __file__, "--measure", name, "--base-url", base_url, "--reports", str(reports)]
    found: float = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--reports", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--measure", choices=HOOKS, help=argparse.SUPPRESS)
    parser.add_argument("--base-url", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        dump(measure(given.measure, given.base_url, given.reports))
        return
    found: dict[str, list[float]] = {name: [] for name in HOOKS}
    with server(given.reports + WARM) as (base_url, kind):
        for _ in range(given.repeats):
            for name, runs in found.items():
                runs.append(1e6 * ask(name, base_url, given.reports))
    print(f"{given.reports:,} reports, {given.repeats} times, from {kind}")
    print(f"{'hook':12}{'CPU µs':>9}{'least':>8}{'most':>8}{'more µs':>9}{'ratio':>8}")
    base = statistics.median(found["no hook"])
    for name, runs in found.items():
        middle = statistics.median(runs)
        print(f"{name:12}{middle:9.0f}{min(runs):8.0f}{max(runs):8.0f}{middle - base:9.0f}{middle / base:8.2f}")


if __name__ == "__main__":
    main()
