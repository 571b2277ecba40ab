"""`walee report`: one creator, bought now, as JSON or for reading."""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Raw

from walee_async.cli.exits import Exit, OutputError
from walee_async.cli.keys import find_keys
from walee_async.cli.portrait import portrait
from walee_async.cli.screen import Screen, console_on
from walee_async.cli.text import listed
from walee_async.client import WaleeClient
from walee_async.decode import decode
from walee_async.errors import PayloadError
from walee_async.events import GatePaused
from walee_async.handles import parse_handle

if TYPE_CHECKING:
    from walee_async.cli.options import AccountOptions
    from walee_async.events import Event
    from walee_async.outcomes import Payload


def report(text: str, account: AccountOptions, *, json: bool) -> Exit:
    """Buy one report and print it to standard output.

    Raises:
        WaleeError: there is none, or it cannot be read; its bytes are then in a file, because they were paid for.
    """
    screen = Screen()
    handle = parse_handle(text)
    keys = find_keys(account.key_file, screen)

    def hook(event: Event) -> None:
        if isinstance(event, GatePaused):
            screen.say(f"Waiting {event.seconds:.0f} s: {event.reason}.", style="dim")

    client = WaleeClient(keys.keys, base_url=account.base_url, hook=hook)
    try:
        payload = asyncio.run(_fetch(client, handle, screen))
    finally:
        if client.ledger.ambiguous:
            screen.warn(
                f"Sent, and no whole answer came; it may have been bought: {listed(list(client.ledger.ambiguous))}."
            )
    try:
        if json:
            sys.stdout.buffer.write(bytes(decode(payload, Raw)) + b"\n")
        else:
            console = console_on(sys.stdout)
            for part in portrait(decode(payload)):
                console.print(part)
    except PayloadError as error:
        screen.warn(f"The report was bought; its bytes are kept in {_keep(payload)}.")
        raise error from None
    return Exit.FETCHED


async def _fetch(client: WaleeClient, handle: str, screen: Screen) -> Payload:
    waiting = screen.console.status(f"Asking for {handle} …", spinner_style="") if screen.lively else nullcontext()
    with waiting:
        async with client as walee:
            return await walee.fetch(handle)


def _keep(payload: Payload) -> Path:
    """Write the bytes beside where we are, under a name that is free."""
    suffix = {"gzip": ".json.gz", "identity": ".json", "zstd": ".json.zst"}.get(payload.encoding, ".bin")
    number = 0
    while True:
        path = Path(f"{payload.handle}{f'.{number}' if number else ''}{suffix}")
        try:
            with path.open("xb") as file:
                file.write(payload.body)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise OutputError(str(path), error) from None
        else:
            return path
