"""`walee compare`: creators of a store side by side, as many as fit, the others below them."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from walee_async.cli.exits import Exit
from walee_async.cli.screen import complain, console_on
from walee_async.cli.text import listed
from walee_async.cli.versus import versus
from walee_async.decode import decode
from walee_async.errors import ConfigError
from walee_async.handles import parse_handle
from walee_async.scoring import Brief, ScoreView, read_brief, score
from walee_async.store import StoreReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from walee_async.scoring import Score

LEAST: Final = 2
"""Creators that can be compared."""


class Rival(Struct, frozen=True):
    """One creator, scored, and what it was scored by."""

    score: Score
    report: ScoreView


def compare(texts: Sequence[str], brief: Path | None, store: Path) -> Exit:
    """Print creators side by side to standard output, by the newest report of each.

    Raises:
        ConfigError: there are fewer than two, or the brief is none.
        InvalidHandleError: one is no handle.
        StoreError: the store cannot be read, or a report is damaged.
        PayloadError: a report cannot be read.
    """
    handles = list(dict.fromkeys(parse_handle(text) for text in texts))
    if len(handles) < LEAST:
        raise ConfigError("walee compare takes two creators or more")
    wanted = read_brief(brief) if brief is not None else Brief()
    with closing(StoreReader.open(store)) as reader:
        found = reader.newest(handles)
        missing = [handle for handle in handles if handle not in found]
        if missing:
            be, them = ("is", "it") if len(missing) == 1 else ("are", "them")
            complain(f"{listed(missing)} {be} not in {store}; `walee fetch {' '.join(missing)}` gets {them}.")
            return Exit.SOME_FAILED
        rivals = list(_rivals(reader, handles, wanted))
    console = console_on(sys.stdout)
    for part in versus(rivals, wanted, console.width):
        console.print(part)
    return Exit.FETCHED


def _rivals(reader: StoreReader, handles: Sequence[str], brief: Brief) -> Iterator[Rival]:
    for handle in handles:
        payload = reader.latest(handle)
        assert payload is not None
        view: ScoreView = decode(payload, ScoreView)
        yield Rival(score(view, brief, handle=handle), view)
