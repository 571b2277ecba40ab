"""`walee report`: one creator, from the store or bought now, as JSON or for reading."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Raw, Struct

from walee_async.cli.exits import Exit, OutputError
from walee_async.cli.keeping import age_of, is_store
from walee_async.cli.keys import find_keys
from walee_async.cli.pagefile import check_page, write_page
from walee_async.cli.portrait import portrait
from walee_async.cli.screen import Screen, console_on
from walee_async.cli.sources import is_list
from walee_async.cli.text import clean, listed, moment
from walee_async.client import WaleeClient
from walee_async.decode import decode
from walee_async.errors import ConfigError, PayloadError, StoreLockedError, StorePathError, WaleeError
from walee_async.events import GatePaused
from walee_async.handles import parse_handle
from walee_async.options import Options
from walee_async.page import About, render
from walee_async.reuse import ReadThrough
from walee_async.scoring import Brief, ScoreView, read_brief, score
from walee_async.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from walee_async.cli.options import AccountOptions, StoreOptions
    from walee_async.events import Event
    from walee_async.outcomes import Payload
    from walee_async.retry import RetryPolicy


class Form(Struct, frozen=True, kw_only=True):
    """What becomes of the report: text for reading, JSON, or a page whose score is by `brief`."""

    json: bool = False
    page: Path | None = None
    brief: Path | None = None


def report(text: str, account: AccountOptions, store: StoreOptions, form: Form, retry: RetryPolicy) -> Exit:
    """Print one report to standard output or make a page of it, the stored one or else a bought one.

    Raises:
        WaleeError: there is none, or it cannot be read; its bytes are then kept, because they were paid for.
        OutputError: the page cannot be written.
    """
    screen = Screen()
    show = _shower(form, screen)
    handle = _one_handle(text)
    try:
        keys = find_keys(account.key_file, screen)
    except ConfigError as missing:  # what is in the store needs none
        show(asyncio.run(_read_beside(handle, store, retry, missing)))
        return Exit.FETCHED

    def hook(event: Event) -> None:
        if isinstance(event, GatePaused):
            screen.say(f"Waiting {event.seconds:.0f} s: {event.reason}.", style="dim")

    options = Options(retry=retry, hook=hook)
    client = WaleeClient(keys.keys, base_url=account.base_url, store=store.path, max_age=age_of(store), options=options)
    try:
        payload = asyncio.run(_fetch(client, handle, store, retry, screen))
    finally:
        if client.ledger.ambiguous:
            screen.warn(
                f"Sent, and no whole answer came; it may have been bought: {listed(list(client.ledger.ambiguous))}."
            )
    try:
        show(payload)
    except PayloadError as error:
        screen.warn(f"The report was bought; its bytes are kept in {store.path or _keep(payload)}.")
        raise error from None
    return Exit.FETCHED


def _one_handle(text: str) -> str:
    """The handle; what `walee fetch` would take for a list is not sent to the gateway as the name of a creator."""
    if is_list(text) and is_store(text):
        use = f"name a handle, and --store {text}. If it is a handle, put an @ before it"
        raise ConfigError(f"{text} is a store, and this is about one creator; {use}")
    if is_list(text):
        use = "use `walee fetch`. If it is a handle, put an @ before it"
        raise ConfigError(f"{text} is a list of handles, and this is about one creator; {use}")
    return parse_handle(text)


def _shower(form: Form, screen: Screen) -> Callable[[Payload], None]:
    """What shows the report, once it is there; whatever is wrong with what was asked is found before it is bought."""
    if form.page is not None:
        if form.json:
            raise ConfigError("--json prints the report and --page makes a page of it; give one of the two")
        return _Pager(form.page, form.brief, screen)
    if form.brief is not None:
        raise ConfigError("--brief is about the page, and there is no --page")
    return _print_json if form.json else _print


class _Pager:
    """Makes a page of one creator."""

    def __init__(self, path: Path, brief: Path | None, screen: Screen) -> None:
        check_page(path)
        self._path = path
        self._brief = read_brief(brief) if brief is not None else Brief()
        self._screen = screen

    def __call__(self, payload: Payload) -> None:
        view: ScoreView = decode(payload, ScoreView)
        found = score(view, self._brief, handle=payload.handle)
        text = render(
            [(found, view)], self._brief, About(title=f"@{payload.handle}", made=datetime.now(UTC), alone=True)
        )
        length = write_page(self._path, text)
        self._screen.say(clean(f"{payload.handle} written to {self._path} ({length}); open it in a browser."))


def _print_json(payload: Payload) -> None:
    sys.stdout.buffer.write(bytes(decode(payload, Raw)) + b"\n")


def _print(payload: Payload) -> None:
    console = console_on(sys.stdout)
    for part in portrait(decode(payload)):
        console.print(part)


async def _fetch(client: WaleeClient, handle: str, store: StoreOptions, retry: RetryPolicy, screen: Screen) -> Payload:
    waiting = screen.console.status(f"Asking for {handle} …", spinner_style="") if screen.lively else nullcontext()
    try:
        async with client as walee:
            with waiting:
                payload = await walee.fetch(handle, fresh=store.fresh)
    except (StoreLockedError, StorePathError) as closed:
        payload = await _read_beside(handle, store, retry, closed)
    if payload.reused:
        screen.say(clean(f"From {store.path}, received {moment(payload.received_at)}; --fresh buys it again."))
    return payload


async def _read_beside(handle: str, options: StoreOptions, retry: RetryPolicy, closed: WaleeError) -> Payload:
    """Look into a store where nothing can be bought; what is not in it fails for that reason."""
    if options.path is None or options.fresh or not options.path.is_file():
        raise closed
    async with await asyncio.to_thread(Store.open, options.path, read_only=True) as store:
        doubts = retry.resend_ambiguous
        source = ReadThrough(_Closed(closed), store, max_age=age_of(options), resend_ambiguous=doubts)
        return await source.fetch(handle)


class _Closed:
    """A source that has nothing, for the reason it was made with."""

    def __init__(self, reason: WaleeError) -> None:
        self._reason = reason

    async def fetch(self, handle: str) -> Payload:
        raise self._reason


def _keep(payload: Payload) -> Path:
    """Write the bytes beside where we are, under a name that is free; only their owner can read them."""
    suffix = {"gzip": ".json.gz", "identity": ".json", "zstd": ".json.zst"}.get(payload.encoding, ".bin")
    number = 0
    while True:
        path = Path(f"{payload.handle}{f'.{number}' if number else ''}{suffix}")
        try:
            with open(path, "xb", opener=_private) as file:
                file.write(payload.body)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise OutputError(str(path), error) from None
        else:
            return path


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
