"""Traces for OpenTelemetry (the extra `otel`): spans of runs, in them those of reports, in them those of attempts.

Importing this raises ConfigError where the extra is not installed.
"""

from __future__ import annotations

from contextvars import ContextVar
from importlib.metadata import version
from typing import TYPE_CHECKING

from walee_async.errors import ConfigError
from walee_async.events import (
    AttemptEnded,
    Event,
    OutcomeReached,
    ReportEnded,
    ReportStarted,
    RunEnded,
    RunStarted,
)

try:
    from opentelemetry.trace import SpanKind, StatusCode, get_tracer, set_span_in_context
except ImportError:
    raise ConfigError("Traces need an extra: pip install 'walee-async[otel]'") from None

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, TracerProvider
    from opentelemetry.util.types import Attributes

    from walee_async.outcomes import Attempt

ALL_IS_WELL = frozenset({"complete", "left"})
"""Ways that a run ends without an error."""
_BEGUN: ContextVar[tuple[Tracing, int, Span] | None] = ContextVar("walee report's span", default=None)
"""The report that is under way here. An attempt that outlives the call it was begun for has a copy of its own, and so
has the span for as long as it is under way itself."""


class Tracing:
    """A hook that makes spans: `Options(hook=Tracing())`. One may serve several clients.

    A run, and a report that a single call asks for, begin in the caller's own current span. An attempt is in the span
    of the report that it was sent for; where two calls share a purchase, that is the first one's.

    Args:
        provider: Where tracers come from; None takes the global one.
        handles: Whether spans name the handles. The key is never in them, only its label.
    """

    def __init__(self, provider: TracerProvider | None = None, *, handles: bool = True) -> None:
        self._tracer = get_tracer("walee_async", version("walee-async"), provider)
        self._handles = handles
        self._runs: dict[str, Span] = {}
        self._reports: dict[int, Span] = {}

    def __call__(self, event: Event) -> None:
        """Begin or end a span."""
        match event:
            case AttemptEnded(attempt=attempt, error=error, report=report):
                self._attempt(attempt, error, _inside(self._reports.get(report or 0) or self._begun(report)))
            case ReportStarted(report=report, handle=handle, run=run):
                parent = _inside(self._runs.get(run or ""))
                span = self._tracer.start_span("walee.report", parent, attributes=self._named(handle))
                self._reports[report] = span
                _BEGUN.set((self, report, span))
            case ReportEnded(report=report, error=error, reused=reused):
                span = self._reports.pop(report)
                _BEGUN.set(None)
                span.set_attribute("walee.reused", reused)
                _end(span, error)
            case RunStarted(run=run, total=total):
                known: Attributes = {"walee.run": run} | ({} if total is None else {"walee.total": total})
                self._runs[run] = self._tracer.start_span("walee.run", attributes=known)
            case OutcomeReached(run=run, handle=handle, error="DecodeError" | "InflateError") if run in self._runs:
                # A run decodes a report when it hands it over: its own span may have ended well by then.
                self._runs[run].add_event("walee.undecodable", self._named(handle))
            case RunEnded():
                self._run_ended(event)
            case _:
                return

    def _named(self, handle: str) -> Attributes:
        return {"walee.handle": handle} if self._handles else {}

    def _begun(self, report: int | None) -> Span | None:
        """The span of a report that is over, as an attempt for it finds it."""
        match _BEGUN.get():
            case (tracing, number, span) if tracing is self and number == report:
                return span
        return None

    def _attempt(self, attempt: Attempt, error: str | None, parent: Context | None) -> None:
        """Make a span of an attempt that is over: its times are known, and nobody needs it while it is under way."""
        started = _nanoseconds(attempt.sent_at) if attempt.sent_at else None  # None is now: it was never sent
        known: dict[str, str | int | float] = {
            "walee.number": attempt.number,
            "walee.key": attempt.key,
            "walee.charge": attempt.charge.value,
            "walee.queue_seconds": attempt.queue_seconds,
            "walee.service_seconds": attempt.service_seconds,
        }
        if attempt.status is not None:
            known["http.response.status_code"] = attempt.status
        span = self._tracer.start_span("walee.attempt", parent, SpanKind.CLIENT, known, start_time=started)
        _end(span, error, None if started is None else _nanoseconds(attempt.sent_at + attempt.service_seconds))

    def _run_ended(self, ended: RunEnded) -> None:
        span = self._runs.pop(ended.run)
        for name in ("how", "fetched", "reused", "failed", "bought", "ambiguous"):
            span.set_attribute(f"walee.{name}", getattr(ended, name))
        _end(span, None if ended.how in ALL_IS_WELL else ended.how)


def _inside(span: Span | None) -> Context | None:
    """The context in that span; None is the current one."""
    return None if span is None else set_span_in_context(span)


def _end(span: Span, error: str | None, at: int | None = None) -> None:
    if error is not None:
        span.set_attribute("error.type", error)
        span.set_status(StatusCode.ERROR, error)
    span.end(at)


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
