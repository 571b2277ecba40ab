"""`walee score`: the creators of a store by how well they suit a brief. Buys only what it is told to."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from rich.text import Text

from walee_async.cli.board import Board, sums
from walee_async.cli.breakdown import breakdown
from walee_async.cli.exits import Exit, OutputError
from walee_async.cli.keeping import find_store
from walee_async.cli.options import STORE, PaceOptions, ResumeOptions, SpendOptions
from walee_async.cli.rating import Order, Rating
from walee_async.cli.scorefile import lines, open_scores
from walee_async.cli.screen import Screen, complain, console_on
from walee_async.cli.tally import Ranked, Tally
from walee_async.cli.text import clean, listed, plural, size
from walee_async.cli.wording import brief_of
from walee_async.errors import ConfigError
from walee_async.handles import parse_handle
from walee_async.scoring import Brief, Top, read_brief
from walee_async.store.paths import check_apart

if TYPE_CHECKING:
    from collections.abc import Iterable

    from walee_async.cli.options import ScoreOptions
    from walee_async.cli.scorefile import ScoreFile
    from walee_async.cli.tally import Kept
    from walee_async.export import Unfit
    from walee_async.scoring import Score

TOP: Final = 50
"""Rows of the table."""
WHOLE: Final = (Exit.FETCHED, Exit.SOME_FAILED, Exit.STORE)
"""How it ends once the list was gone through."""


def score(order: Order) -> Exit:
    """Score creators, show or write the scores, and return the exit code.

    Raises:
        ConfigError: something in the order is wrong; nothing was sent.
        OutputError: the output cannot be brought to its end.
        StoreError: the store cannot be used.
        PayloadError: the report that is to be explained cannot be read.
    """
    _check(order)
    options, screen = order.score, Screen()
    brief = read_brief(options.brief) if options.brief is not None else Brief()
    store, targets = find_store(order.targets, order.store.store)
    if options.buy and len(targets) < len(order.targets):
        raise ConfigError(f"--buy takes handles and lists of them; say --store {store}")
    if not options.buy and not store.exists():
        complain(
            f"There is no store {store}; `walee fetch` makes one, or --buy with handles, or --store names another."
        )
        return Exit.STORE
    rating = Rating(order=order, brief=brief, screen=screen)
    if options.explain is not None:
        if targets:
            raise ConfigError("--explain is about one creator, so no others are named beside it")
        return _explain(rating, store, parse_handle(options.explain))
    with ExitStack() as stack:
        file = _open(order, brief, screen, stack)
        tally = Tally(_kept(options, stack))
        code = rating.buy(tally) if options.buy else _look_up(rating, tally, store, targets)
        tally.warn(store, screen)
        if file is not None and code not in WHOLE:
            screen.say(clean(f"{options.out} is not written, because the list was not gone through."))
        else:
            _show(tally, rating, store, file)
    return code


def _check(order: Order) -> None:
    """Make sure that the options go together."""
    options, store = order.score, order.store
    if options.top is not None and options.top < 0:
        raise ConfigError(f"--top is {options.top}; it must be at least 1, or 0 for all")
    if options.json and options.out is not None:
        raise ConfigError("--json prints the scores and --out writes them to a file; give one of the two")
    if (options.replace or options.bom) and options.out is None:
        raise ConfigError(f"{'--replace' if options.replace else '--bom'} is about a file, and there is no --out")
    if options.explain is not None and (options.out is not None or options.top is not None):
        raise ConfigError("--explain shows one creator; --out and --top are about many")
    if store.no_store:
        raise ConfigError("--no-store keeps nothing, and scores are made of what a store keeps")
    if options.buy:
        if options.jobs is not None:
            raise ConfigError("--jobs is about scoring a store; with --buy each report is scored as it comes")
        return
    if names := _buying(order):
        raise ConfigError(f"{listed(names)}: about buying, and nothing is bought without --buy")


def _buying(order: Order) -> list[str]:
    """The options that were given and are about buying."""
    groups = (
        (order.pace, PaceOptions()),
        (order.spend, SpendOptions()),
        (replace(order.store, store=STORE), ResumeOptions()),
    )
    return [
        f"--{field.name.replace('_', '-')}"
        for given, default in groups
        for field in fields(default)
        if getattr(given, field.name) != getattr(default, field.name)
    ]


def _open(order: Order, brief: Brief, screen: Screen, stack: ExitStack) -> ScoreFile | None:
    options = order.score
    if options.out is None:
        return None
    if options.out.resolve() in {Path(target).resolve() for target in order.targets}:
        raise ConfigError(f"{options.out} is among what is to be scored; name another file")
    check_apart(options.out, order.store.store)

    def tell(unfit: Unfit) -> None:
        screen.warn(f"{unfit.row[1]}: {unfit}.")

    file = open_scores(options.out, brief, replace=options.replace, bom=options.bom, on_unfit=tell)
    stack.callback(file.abort)
    return file


def _kept(options: ScoreOptions, stack: ExitStack) -> Kept:
    """What keeps the scores that are asked for."""
    top = options.top if options.top is not None else 0 if options.out is not None or options.json else TOP
    if top:
        return Top(top)
    ranked = Ranked(options.out.parent if options.out is not None else None)
    stack.callback(ranked.close)
    return ranked


def _look_up(rating: Rating, tally: Tally, store: Path, targets: list[str]) -> Exit:
    handles = None
    if targets:
        handles, tally.invalid = rating.handles(targets)
    return rating.look_up(tally, store, handles)


def _show(tally: Tally, rating: Rating, store: Path, file: ScoreFile | None) -> None:
    options, screen = rating.order.score, rating.screen
    if file is None and not options.json:
        _print(tally, rating, store)
        return
    if file is None:
        _write_lines(tally.kept)
    else:
        assert options.out is not None
        try:
            written = file.write(tally.kept)
            file.close()
        except OSError as error:
            raise OutputError(str(options.out), error) from None
        length = size(options.out.stat().st_size)
        screen.say(clean(f"{plural(written, 'score')} written to {options.out} ({length})."))
    for line in sums(tally, str(store), cut=False):
        screen.say(line)


def _write_lines(scores: Iterable[Score]) -> None:
    for line in lines(scores):
        sys.stdout.buffer.write(line)


def _print(tally: Tally, rating: Rating, store: Path) -> None:
    console = console_on(sys.stdout)
    if tally.scored:
        said = Text(brief_of(rating.brief), style="dim")
        said.truncate(console.width, overflow="ellipsis")
        console.print(said)
        console.print()
        for line in Board(tally.kept, rating.brief, console.width).lines():
            console.print(line)
        console.print()
    elif not tally.missing and not tally.first and not tally.remarks and not tally.invalid:
        listed = any(Path(target) != store for target in rating.order.targets)
        empty = "The list names nobody" if listed else f"{store} holds no report yet"
        console.print(Text(clean(f"{empty}, so there is nobody to score.")))
        return
    for line in sums(tally, str(store), cut=len(tally.kept) < tally.scored):
        console.print(line, soft_wrap=not console.is_terminal)


def _explain(rating: Rating, store: Path, handle: str) -> Exit:
    """Take the score of one creator apart."""
    order, options = rating.order, rating.order.score
    tally, code = Tally(Top(1)), Exit.FETCHED
    if options.buy:
        order = msgspec.structs.replace(order, targets=(handle,))
        code = Rating(order=order, brief=rating.brief, screen=rating.screen).buy(tally)
    else:
        code = rating.look_up(tally, store, [handle])
        tally.warn(store, rating.screen)
    found = next(iter(tally.kept), None)
    if found is None:
        if tally.missing:
            complain(f"{handle} is not in {store}; `walee fetch {handle}` gets it, or --buy.")
            return Exit.STORE if code is Exit.STORE else Exit.SOME_FAILED
        return code
    if options.json:
        sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
        return code
    console = console_on(sys.stdout)
    for part in breakdown(found, rating.brief):
        console.print(part)
    return code
