"""Failures in the words of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from walee_async.cli.text import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS: Final = {
    "AmbiguousError": "broken off",
    "BudgetError": "budget spent",
    "BudgetUnknownError": "budget not known",
    "DeadlineError": "out of time",
    "DecodeError": "unreadable",
    "InflateError": "unreadable",
    "InvalidHandleError": "not a handle",
    "NoReportError": "no report",
    "NotAttemptedError": "not attempted",
    "NotReadyError": "being prepared",
    "NotSentError": "not reached",
    "RateLimitError": "too fast",
    "ServerError": "gateway failed",
    "StoreDamagedError": "damaged in store",
    "StoreError": "store failed",
    "StoreLockedError": "store failed",
    "StorePathError": "store failed",
    "StoreVersionError": "store failed",
    "StoreWriteError": "store failed",
    "UnexpectedAnswerError": "strange answer",
}
"""What an error's class means for its handle; two or three words."""


def kind_of(error: str) -> str:
    """The words for an error's class; a store of somebody else's may name any."""
    return KINDS.get(error) or clean(error.removesuffix("Error"), 30)


def by_kind(failures: Mapping[str, int]) -> list[tuple[str, int]]:
    """Failures by kind, the most frequent first."""
    counts: dict[str, int] = {}
    for error, count in failures.items():
        counts[kind_of(error)] = counts.get(kind_of(error), 0) + count
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
