"""`walee merge`: several stores into one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from walee_async.cli.exits import Exit
from walee_async.cli.keeping import is_of_report, open_store
from walee_async.cli.screen import Screen
from walee_async.cli.text import clean, plural
from walee_async.errors import ConfigError
from walee_async.store import StoreReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from walee_async.store import Store


def merge(path: Path, sources: Sequence[Path]) -> Exit:
    """Bring all that other stores hold into one.

    Raises:
        ConfigError: there is nothing to bring in.
        StoreError: one of the stores cannot be used, such as because it is being written to.
    """
    screen = Screen()
    stores = list(dict.fromkeys(found for source in sources for found in _stores(source)))
    if not stores:
        raise ConfigError("Name the stores to be merged, or a folder of them")
    if path.exists() and any(source.samefile(path) for source in stores):
        raise ConfigError(f"{path} is to be merged into itself; name another store")
    for source in stores:
        StoreReader.open(source).close()  # before there is a new store, and before anything is brought into it
    with open_store(path, screen, create=True) as store:
        return asyncio.run(merge_all(store, stores, screen))


def _stores(source: Path) -> Iterator[Path]:
    """The stores that an argument names.

    Raises:
        ConfigError: there are none.
    """
    if not source.exists():
        raise ConfigError(f"There is no {source} to be merged")
    if not source.is_dir():
        yield source
        return
    found = sorted(source.glob("*.db"))
    if not found:
        raise ConfigError(f"There is no store in {source}: none of its files is named .db")
    yield from found


async def merge_all(store: Store, sources: Sequence[Path], screen: Screen) -> Exit:
    """Merge one after the other, and say what came of it; the exit code tells of what is damaged there.

    Raises:
        StoreError: one of them cannot be used; those before it are merged.
    """
    reports = attempts = damaged = 0
    for source in sources:
        merged = await store.merge(source)
        reports, attempts = reports + merged.reports, attempts + merged.attempts
        for finding in merged.damaged:
            of_report = is_of_report(finding)
            named = f"Left out of {source}: {finding.handle or 'a report'}, " if of_report else f"{source}: "
            screen.warn(f"{named}{finding.problem}.")
            damaged += finding.damage
    brought = f"{plural(reports, 'report')} and {plural(attempts, 'entry', 'entries')} of the books"
    screen.say(clean(f"{brought} brought from {plural(len(sources), 'store')} into {store.path}."))
    return Exit.STORE if damaged else Exit.FETCHED
