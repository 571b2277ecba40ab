"""What the commands that use a store have in common."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from walee_async.budget import Budget
from walee_async.cli.digest import NAMED
from walee_async.cli.options import STORE
from walee_async.cli.sources import checked
from walee_async.cli.text import clean, listed, plural
from walee_async.errors import ConfigError, StoreError, StorePathError
from walee_async.store import Store, StoreReader
from walee_async.store.check import lost_commits
from walee_async.store.paths import resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from walee_async.cli.options import SpendOptions, StoreOptions
    from walee_async.cli.screen import Screen
    from walee_async.store import Finding

DAY: Final = 24 * 3600.0
_SUFFIXES: Final = {".db", ".sqlite", ".sqlite3"}
_SQLITE: Final = b"SQLite format 3\0"


def age_of(options: StoreOptions) -> float:
    """The age in seconds up to which a stored report is reused.

    Raises:
        ConfigError: it is none.
    """
    if not options.max_age >= 0:
        raise ConfigError(f"--max-age is {options.max_age:g} days; it must be at least 0")
    return options.max_age * DAY


def budget_of(options: SpendOptions) -> Budget:
    """The budget of a run.

    Raises:
        ConfigError: it cannot be one.
    """
    if options.max_spend is not None and options.price == 0:
        raise ConfigError("--price is 0; with --max-spend it must be above 0, or anything could be bought")
    return Budget(max_reports=options.max_reports, max_spend=options.max_spend, price=options.price)


def named_doubts(store: Store) -> list[str]:
    """The handles that `tell_doubts` names, which are not all where there are many."""
    return list(dict.fromkeys(store.orphans))[:NAMED]


def tell_doubts(store: Store, screen: Screen) -> None:
    """Name the handles of which a run that was killed may have bought reports without delivering them."""
    if store.orphans:
        reports = plural(len(store.orphans), "report")
        handles = list(dict.fromkeys(store.orphans))
        screen.warn(f"{reports} may have been bought when the last run was killed: {listed(handles, NAMED)}.")


def open_store(path: Path, screen: Screen, *, create: bool = False) -> Store:
    """Open a store for writing, and tell what opening it has found.

    Raises:
        StoreError: it cannot be opened; its class says why.
    """
    store = Store.open(path, create=create)
    for remark in store.remarks:
        screen.warn(f"{remark}.")
    tell_doubts(store, screen)
    return store


def tell_lost(path: Path, screen: Screen) -> bool:
    """Tell of what a damaged log keeps from whoever reads a store; whether it is damaged.

    Raises:
        StoreError: the log cannot be read.
    """
    lost = lost_commits(resolve(path, create=False))
    if lost is None:
        return False
    screen.warn(f"{lost.problem}.")
    return lost.damage


def is_of_report(finding: Finding) -> bool:
    """Whether a finding is about one report, rather than the store's tables or its log."""
    return finding.version is not None or finding.handle is not None


def start_over(path: Path, screen: Screen, *, yes: bool) -> None:
    """Remove a store with all that is in it, once somebody has said that this is meant.

    Raises:
        ConfigError: nobody has.
        StoreError: it cannot be removed.
    """
    try:
        with closing(StoreReader.open(path)) as reader:
            lost = plural(reader.totals().reports, "report")
    except StorePathError:
        if not path.exists():
            return
        raise
    except StoreError:
        lost = "all that was bought, of which nothing can be read now"
    confirm(f"--fresh-store removes {path} with {lost}", screen, yes=yes)
    Store.open(path, wipe=True).close()
    screen.say(clean(f"{path} was removed with {lost}."))


def confirm(what: str, screen: Screen, *, yes: bool) -> None:
    """Make sure that something which cannot be undone is meant: by `--yes`, or by asking where somebody can answer.

    Raises:
        ConfigError: it is not meant, or nobody can be asked.
    """
    if yes:
        return
    if sys.stdin is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError(f"{what}; --yes says that this is meant")
    screen.say(clean(f"{what}. Is this meant? Type yes:"))
    if sys.stdin.readline().strip().lower() != "yes":
        raise ConfigError("Nothing was removed")


def find_store(targets: Sequence[str], option: Path) -> tuple[Path, list[str]]:
    """The store among the arguments, else that of `--store`; and the arguments that are handles or lists of them.

    Raises:
        ConfigError: it cannot be told which store is meant, there is none of the name, or an argument is an option.
    """
    stores = [target for target in map(checked, targets) if is_store(target)]
    if not stores:
        return option, list(targets)
    if len(set(stores)) > 1:
        raise ConfigError(f"There can be one store, and there are {' and '.join(stores)}")
    if len(stores) < len(targets):
        raise ConfigError(f"{stores[0]} is a store, and there are handles beside it; say --store {stores[0]}")
    path = Path(stores[0])
    if option not in (STORE, path):
        raise ConfigError(f"There can be one store, and there are {path} and, by --store, {option}")
    if not path.exists():
        raise ConfigError(f"There is no store {path}; a handle of that name is written @{path}")
    return path, []


def is_store(target: str) -> bool:
    """Whether an argument is a store by its name or its first bytes, rather than a handle or a list."""
    path = Path(target)
    if target.startswith("@") or "://" in target:
        return False
    if path.suffix.lower() in _SUFFIXES:
        return True
    try:
        if not path.is_file():  # to look into a pipe would take from it
            return False
        with path.open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False
